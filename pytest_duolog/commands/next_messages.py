"""Asks for the next message at every turn of recorded dialogues: candidate and baseline, several times each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_duolog.commands.continuations import ContinuationsStopped, Wanted, continued
from pytest_duolog.commands.shrink_trials import plain
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.gate.screen import FEWEST_ANSWERS, Turn
from pytest_duolog.results.acts import Heard, read_act
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import TalkFolder
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.scenarios.steps import reply
from pytest_duolog.scenarios.tools import Tool
from pytest_duolog.transcripts.transcript import Message, StopKind, Transcript

NOT_RUN = "not run: only the next message is asked for"


@dataclass(frozen=True)
class Recorded:
    """A recorded dialogue of the baseline, with the scenario of both arms."""

    name: str
    transcript: Transcript
    baseline: Scenario
    candidate: Scenario

    @property
    def numbers(self) -> Iterator[int]:
        """The messages, from 1, that the candidate would write instead of the baseline; not the first one."""
        changed = {
            self.baseline.speaker(side).name
            for side in SIDES
            if self.baseline.speaker(side) != self.candidate.speaker(side)
        }
        n_given = max(1, len(self.baseline.history))
        for number, message in self.transcript.numbered():
            if number > n_given and message.speaker in changed:
                yield number


def screened_turns(
    session: Session, folder: TalkFolder, dialogues: Sequence[Recorded], n_samples: int
) -> tuple[list[tuple[str, list[Turn]]], str]:
    """The answers of both arms at every turn of each dialogue, and which are missing: a sentence, empty if none is.

    Tools do not run: a call gets an answer that says so, and counts as a call. Raises ContinuationsStopped if the
    budget is used up, if some were not even asked for because others failed, or if a turn has too few to be compared;
    and ConfigurationError for tools of a server, which cannot be kept from running.
    """
    places = [(recorded, number) for recorded in dialogues for number in recorded.numbers]
    wanted = [
        Wanted(_next_only(arm, recorded.transcript, number), sample)
        for recorded, number in places
        for arm in (recorded.baseline, recorded.candidate)
        for sample in range(1, n_samples + 1)
    ]
    found = continued(session, folder, wanted)
    if found.gave_up:
        raise ContinuationsStopped(found.missing_words)
    answers, recordings = iter(found.transcripts), iter(found.recordings)
    turns: dict[str, list[Turn]] = {recorded.name: [] for recorded in dialogues}
    for recorded, number in places:
        arms = [
            tuple(
                heard
                for _ in range(n_samples)
                if (heard := _heard(next(answers), recorded.transcript, number)) is not None
            )
            for _ in range(2)
        ]
        if min(map(len, arms)) < FEWEST_ANSWERS:
            raise ContinuationsStopped(found.missing_words)
        source = " ".join(next(recordings) for _ in range(2 * n_samples))
        turns[recorded.name].append(Turn(number, arms[0], arms[1], source))
    return list(turns.items()), found.missing_words


def _next_only(scenario: Scenario, transcript: Transcript, number: int) -> Scenario:
    """The scenario that ends with message `number`, after the recorded ones before it."""
    changes: dict[str, Any] = {side: _without_running(scenario.speaker(side)) for side in SIDES}
    history = plain(transcript.messages[: number - 1])
    return scenario.model_copy(
        update={**changes, "history": history, "opener": None, "steps": (reply(),) * number}
    )


def _without_running(speaker: Speaker) -> Speaker:
    if not speaker.tools:
        return speaker
    tools = [tool for tool in speaker.tools if isinstance(tool, Tool)]
    if len(tools) < len(speaker.tools):
        raise ConfigurationError(
            f"{speaker.name} has the tools of a server, which a screen would have to run: leave its tests out (-k)"
        )
    return speaker.model_copy(update={"tools": tuple(map(_inert, tools))})


def _inert(tool: Tool) -> Tool:
    told = tool.definition
    return Tool(_not_run, name=told.name, description=told.description, schema=told.parameters)


def _not_run(**_arguments: object) -> str:
    return NOT_RUN


def _heard(answer: Transcript | None, recorded: Transcript, number: int) -> Heard | None:
    if answer is None:
        return None
    before = recorded.messages[: number - 1]
    said = answer.messages[number - 1] if len(answer) >= number else None
    if said is None and answer.stop_reason and answer.stop_reason.kind is StopKind.REFUSAL:
        said = Message(speaker=recorded.messages[number - 1].speaker, content="", finish="refused")
    return read_act(said, before)
