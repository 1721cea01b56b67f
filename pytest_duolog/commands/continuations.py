"""Holds continuations of recorded dialogues, each with a recording of its own, many at once.

All of them are independent of each other, so whoever asks gives all at once, and whoever answers may answer in any
order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from pytest_duolog.display import counted
from pytest_duolog.errors import TranscriptError
from pytest_duolog.running.batch_queue import BatchesPending, BatchQueue
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


class Continued(NamedTuple):
    """The transcript of each that was wanted, None for one that is missing, and why: a problem for each of those.

    Those that ask the same have one recording, whose name is in `recordings`, and are held once. `gave_up` says that
    some were not even begun, because the ones before them failed.
    """

    transcripts: tuple[Transcript | None, ...]
    recordings: tuple[str, ...]
    problems: tuple[str, ...]
    gave_up: bool

    @property
    def missing_words(self) -> str:
        """`2 of 12 answers are missing: why`; empty if none is."""
        if not self.problems:
            return ""
        n_missing = len(self.problems)
        answers = f"{n_missing} of {counted(len(set(self.recordings)), 'answer')}"
        return f"{answers} {'is' if n_missing == 1 else 'are'} missing: {self.problems[0]}"


def continued(session: Session, folder: TalkFolder, wanted: Sequence[Wanted]) -> Continued:
    """Hold them, or read them from the folder, so that a run that was stopped goes on where it was.

    Raises ContinuationsStopped if the budget is used up.
    """
    found: dict[str, Transcript] = {}
    talks: dict[str, Talk] = {}
    recordings = []
    for scenario, number in wanted:
        location = folder.location(CELL, scenario, number)
        recordings.append(location.path.name)
        if location.path.name in found or location.path.name in talks:
            continue
        finished = None
        with suppress(TranscriptError):
            finished = folder.held(location, topic=scenario.topic)
        if finished is None:
            talks[location.path.name] = Talk(CELL, number, scenario.for_sample(number), location)
        else:
            found[location.path.name] = finished
    held, problems, gave_up = _held(session, folder, talks)
    found |= held
    if session.budget.has_refused:
        raise ContinuationsStopped("the budget is used up")
    return Continued(tuple(map(found.get, recordings)), tuple(recordings), tuple(problems), gave_up)


def _held(
    session: Session, folder: TalkFolder, talks: Mapping[str, Talk]
) -> tuple[dict[str, Transcript], list[str], bool]:
    """The finished dialogues by the names of their recordings, the problems of the others, and whether it gave up.

    With a queue of batches, all dialogues run until each has asked; then again, with their answers, until nobody asks
    any more.
    """
    queue = session.batch_queue
    found: dict[str, Transcript] = {}
    problems: dict[str, str] = {}
    gave_up = False
    left = dict(talks)
    while left:
        for event in Holding(session, folder, list(left.values()), gives_up=queue is None).events():
            if isinstance(event, Ended) and event.transcript is not None:
                found[event.talk.location.path.name] = event.transcript
            elif isinstance(event, Ended):
                problems[event.talk.location.path.name] = event.problem
                gave_up = gave_up or not event.was_begun
        left = {
            name: talk
            for name, talk in left.items()
            if queue and name not in found and queue.is_pending(name)
        }
        if queue and left:
            _submitted(session, queue)
            for name in left:
                problems.pop(name)
    if queue and all(name in found or queue.has_refused(name) for name in talks):
        queue.forget_read()
    return found, list(problems.values()), gave_up


def _submitted(session: Session, queue: BatchQueue) -> None:
    if queue.n_new and session.budget.used_up():
        raise ContinuationsStopped("the budget is used up")
    try:
        session.scheduler.perform(queue.submit_and_wait)
    except BatchesPending as error:
        raise ContinuationsStopped(str(error)) from None
