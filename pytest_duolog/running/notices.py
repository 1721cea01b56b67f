"""What a user is told about a dialogue beside its result, also if the test passes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from pytest_duolog.recording.votes import Votes
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.values import ScenarioValues
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.transcript import Message


def unused_votes(votes: Votes) -> list[str]:
    """A notice about recorded votes that nobody asked for; empty if there are none."""
    n_left = votes.n_left
    return [f"{n_left} recorded votes of a judge were not used"] if n_left else []


def cut_short(messages: Sequence[Message], fresh: Collection[int]) -> list[str]:
    """A notice about live messages that ended at a token limit; empty if there are none."""
    cut = [number for number, message in enumerate(messages, 1) if message.finish == "truncated"]
    numbers = [str(number) for number in cut if number in fresh]
    if not numbers:
        return []
    names = f"message {numbers[0]} was" if len(numbers) == 1 else f"messages {', '.join(numbers)} were"
    return [f"{names} cut short by a token limit (max_tokens)"]


def unsent(values: ScenarioValues, scenario: Scenario, settings: Settings) -> Iterator[str]:
    """Notices about settings that are not sent to a speaker's model.

    A value for both speakers is reported only if neither model gets it.
    """
    found = settings.unsent(scenario)
    for side, name in found:
        other = "b" if side == "a" else "a"
        if (other, name) in found or values.is_own(side, name):
            speaker = scenario.speaker(side)
            yield f"{name} of {speaker.name} is not sent: {speaker.model_label} does not support it"


def limiting_nothing(run: DialogueRun, fresh: Collection[int], limits: Mapping[str, float]) -> Iterator[str]:
    """Notices about budgets in units that no reply reports; `limits` is the budget of the whole run."""
    scenario = run.scenario
    asked = [message for number, message in enumerate(run.messages, start=1) if number in fresh]
    said_nothing = "has no effect: no reply reported"
    if scenario.token_budget and run.n_asked and not run.spent.tokens_written:
        yield f"token_budget {said_nothing} how many tokens it has"
    if scenario.cost_budget and run.n_asked and run.spent.cost is None:
        yield f"cost_budget {said_nothing} what it cost"
    if "tokens" in limits and asked and not any(message.usage for message in asked):
        yield f"--duolog-budget tokens={limits['tokens']:g} {said_nothing} how many tokens it has"
    if "cost" in limits and asked and not any(message.usage and message.usage.cost for message in asked):
        yield f"--duolog-budget cost={limits['cost']:g} {said_nothing} what it cost"
