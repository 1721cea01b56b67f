"""Asks for the next message at every turn of recorded dialogues: candidate and baseline, several times each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pytest_duolog.commands.continuations import ContinuationsStopped, Wanted, continued
from pytest_duolog.commands.shrink_trials import plain
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.gate.screen import FEWEST_ANSWERS, Spoken, Turn
from pytest_duolog.results.acts import read_act
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import TalkFolder
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import Model, Speaker
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
        changed = changed_speakers(self.baseline, self.candidate)
        n_given = max(1, len(self.baseline.history))
        for number, message in self.transcript.numbered():
            if number > n_given and message.speaker in changed:
                yield number


class NextMessages(NamedTuple):
    """The answers at each turn of each dialogue, by its name: what they do, and what is said, by message.

    `missing` is a sentence on the answers that are missing; empty if none is.
    """

    turns: list[tuple[str, list[Turn]]]
    spoken: dict[str, dict[int, Spoken]]
    missing: str


def changed_speakers(baseline: Scenario, candidate: Scenario) -> frozenset[str]:
    """The names of the speakers that differ between the arms: they are asked, the others are not."""
    return frozenset(
        baseline.speaker(side).name for side in SIDES if baseline.speaker(side) != candidate.speaker(side)
    )


def asked_models(baseline: Scenario, candidate: Scenario) -> Iterator[Model]:
    """The models of both arms that a screen asks."""
    changed = changed_speakers(baseline, candidate)
    for arm in (baseline, candidate):
        for side in SIDES:
            speaker = arm.speaker(side)
            if speaker.name in changed and speaker.model is not None:
                yield speaker.model


def screened_turns(
    session: Session, folder: TalkFolder, dialogues: Sequence[Recorded], n_samples: int
) -> NextMessages:
    """The answers of both arms at every turn of each dialogue.

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

    def safe(message: Message) -> Message:
        return Message.model_validate(session.redactor.json(message.model_dump(mode="json")))

    answers, recordings = iter(found.transcripts), iter(found.recordings)
    turns: dict[str, list[Turn]] = {recorded.name: [] for recorded in dialogues}
    spoken: dict[str, dict[int, Spoken]] = {recorded.name: {} for recorded in dialogues}
    for recorded, number in places:
        before = recorded.transcript.messages[: number - 1]
        said = recorded.transcript.messages[number - 1]
        arms = [
            tuple(
                _answer(answer, said.speaker, number)
                for _ in range(n_samples)
                if (answer := next(answers)) is not None
            )
            for _ in range(2)
        ]
        if min(map(len, arms)) < FEWEST_ANSWERS:
            raise ContinuationsStopped(found.missing_words)
        source = " ".join(next(recordings) for _ in range(2 * n_samples))
        heard = [tuple(read_act(message, before) for message in arm) for arm in arms]
        turns[recorded.name].append(Turn(number, heard[0], heard[1], source))
        ours, theirs = (tuple(map(safe, arm)) for arm in arms)
        spoken[recorded.name][number] = Spoken(safe(before[-1]), safe(said), ours, theirs)
    return NextMessages(list(turns.items()), spoken, found.missing_words)


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


def _answer(answer: Transcript, speaker: str, number: int) -> Message:
    """Message `number` of an answer; an empty one if the model said nothing, or refused without a word."""
    if len(answer) >= number:
        return answer.messages[number - 1]
    is_refused = answer.stop_reason is not None and answer.stop_reason.kind is StopKind.REFUSAL
    return Message(speaker=speaker, content="", finish="refused" if is_refused else None)
