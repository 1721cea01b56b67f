"""Holds the live continuations of a beginning, each with a recording, and says whether the failure followed."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_duolog.commands.continuations import CELL, ContinuationsStopped, Wanted, continued
from pytest_duolog.gate.shrink import History
from pytest_duolog.properties.base import Property, judge
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import TalkFolder
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.transcript import Message, Transcript


@dataclass
class Trials:
    """The continuations of beginnings of one dialogue, in one folder.

    `scenario` has its models. Those that are in the folder already are read from it, so an interrupted search goes on
    where it stopped. Raises ContinuationsStopped if no further one may be held, or none was answered so far.
    """

    session: Session
    folder: TalkFolder
    scenario: Scenario
    check: Property
    texts: dict[History, set[tuple[str, ...]]] = field(default_factory=dict)

    def __call__(self, history: History, numbers: range) -> list[bool | None]:
        """Whether the failure followed in these samples; None is an error."""
        scenario = with_history(self.scenario, history)
        found = continued(self.session, self.folder, [Wanted(scenario, number) for number in numbers])
        if found.problems and not (self.texts or any(found.transcripts)):
            raise ContinuationsStopped(found.problems[0])
        for transcript in filter(None, found.transcripts):
            said = tuple(message.content for message in transcript.messages[len(history) :])
            self.texts.setdefault(history, set()).add(said)
        return [None if one is None else follows(self.check, one, len(history)) for one in found.transcripts]

    def location(self, scenario: Scenario, number: int) -> CassetteLocation:
        """Where a continuation is recorded."""
        return self.folder.location(CELL, scenario, number)


def with_history(scenario: Scenario, history: History) -> Scenario:
    """The scenario that continues after these messages."""
    return scenario.model_copy(update={"history": history, "opener": None})


def plain(messages: tuple[Message, ...]) -> History:
    """The messages without what their replies cost, as a history."""
    taken = {"usage": None, "latency_ms": None, "finish": None, "reasoning": None}
    return tuple(message.model_copy(update=taken) for message in messages)


def follows(check: Property, transcript: Transcript, n_before: int) -> bool | None:
    """Whether a property fails because of the messages after the first `n_before`; None if it cannot be measured.

    It fails because of them if it fails on the whole dialogue and either not on the beginning alone, or on the rest
    alone.
    """
    whole = judge(check, transcript).outcome
    if whole is not Outcome.FAILS:
        return None if whole is Outcome.UNMEASURED else False
    before = transcript.model_copy(update={"messages": transcript.messages[:n_before], "stop_reason": None})
    if judge(check, before).outcome is not Outcome.FAILS:
        return True
    rest = transcript.model_copy(update={"messages": transcript.messages[n_before:]})
    return judge(check, rest).outcome is Outcome.FAILS
