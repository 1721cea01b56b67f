"""Holds continuations of recorded dialogues, each with a recording of its own, many at once.

All of them are independent of each other, so whoever asks gives all at once, and whoever answers may answer in any
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from pytest_duolog.errors import TranscriptError
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import Ended, Holding, Talk, TalkFolder
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.transcript import Transcript

CELL = "continuation"


class ContinuationsStopped(Exception):
    """The budget is used up, or nobody answers; what is recorded is kept. The text says why."""


class Wanted(NamedTuple):
    """Sample `number` of a scenario that has its models and, as its history, what was said before."""

    scenario: Scenario
    number: int


def continued(session: Session, folder: TalkFolder, wanted: Sequence[Wanted]) -> list[Transcript | None]:
    """The transcript of each; None for one that ended in an error.

    Those that are in the folder already are read from it, so a run that was stopped goes on where it was. Raises
    ContinuationsStopped if no further one may be held, or none could be.
    """
    found: dict[int, Transcript] = {}
    talks: list[Talk] = []
    places: dict[int, int] = {}
    for place, (scenario, number) in enumerate(wanted):
        location = folder.location(CELL, scenario, number)
        held = None
        with suppress(TranscriptError):
            held = folder.held(location, topic=scenario.topic)
        if held is None:
            talks.append(Talk(CELL, number, scenario.for_sample(number), location))
            places[id(talks[-1])] = place
        else:
            found[place] = held
    problems: list[str] = []
    for event in Holding(session, folder, talks).events() if talks else ():
        if isinstance(event, Ended) and event.transcript is not None:
            found[places[id(event.talk)]] = event.transcript
        elif isinstance(event, Ended):
            problems.append(event.problem)
    if session.budget.has_refused:
        raise ContinuationsStopped("the budget is used up")
    if problems and not found:
        raise ContinuationsStopped(problems[0])
    return [found.get(place) for place in range(len(wanted))]
