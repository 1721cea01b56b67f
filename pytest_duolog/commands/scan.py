"""Checks many dialogues one after the other: on all processors if they are many, and without keeping them."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import chain, islice
from multiprocessing import active_children, parent_process
from threading import Thread
from typing import Any, TypeVar

import pytest_duolog.reports
from pytest_duolog.commands.dialogue_files import without_secrets
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.loops import MESSAGES_TOGETHER, TOGETHER
from pytest_duolog.results.examination import Examination, examine_together
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.sources import Unreadable

# The modules of `reports` with this prefix are the report formats. `part_of` makes of each dialogue what the report
# says of it, and `report_lines` makes the report of these parts.
REPORT = "check_"

Entry = FiledDialogue | Unreadable
Made = TypeVar("Made")

# Processes are started after so many dialogues, if so many groups are left: they take as long to start as it takes to
# check these.
FIRST = 100
FEWEST_GROUPS = 2
# Groups that each process may have waiting.
WAITING = 3


@dataclass(frozen=True)
class Scan:
    """How each dialogue is checked, and for which report."""

    properties: Sequence[Property]
    topic: str | None
    format: str

    def checked(self, entries: Sequence[Entry]) -> list[Checked | Unreadable]:
        """What comes of some dialogues, at most TOGETHER."""
        return [
            one if isinstance(one, Unreadable) else self._told(*one)
            for one in examined(entries, self.properties, self.topic)
        ]

    def _told(self, dialogue: FiledDialogue, examination: Examination) -> Checked:
        report = import_module(f"{pytest_duolog.reports.__name__}.{REPORT}{self.format}")
        place = f"{dialogue.source.file}:{dialogue.source.line}"
        notices = tuple(f"{place}: {notice}" for notice in dialogue.notices)
        return Checked(report.part_of(examination), bool(examination.findings), notices)

    def each(self, entries: Iterable[Entry]) -> Iterator[Checked | Unreadable]:
        """What comes of each dialogue, in their order."""
        return on_all_processors(self.checked, entries)


def examined(
    entries: Sequence[Entry], properties: Sequence[Property], topic: str | None
) -> Iterator[tuple[FiledDialogue, Examination] | Unreadable]:
    """Each dialogue, at most TOGETHER, without secrets and with its verdicts; `topic` is for those that state none."""
    safe = [
        one if isinstance(one, Unreadable) else one.with_topic(topic) for one in map(without_secrets, entries)
    ]
    sources = [one.source for one in safe if not isinstance(one, Unreadable)]
    examinations = examine_together(sources, properties)
    for one in safe:
        yield one if isinstance(one, Unreadable) else (one, next(examinations))


def on_all_processors(
    work: Callable[[Sequence[Entry]], list[Made]], entries: Iterable[Entry]
) -> Iterator[Made]:
    """What `work` makes of each, in their order: in this process for a few, else in one for each processor."""
    groups = in_groups(entries)
    n_done = 0
    while n_done < FIRST and (group := next(groups, None)):
        yield from work(group)
        n_done += len(group)
    n_processes = n_processors()
    rest = list(islice(groups, FEWEST_GROUPS))
    if len(rest) < FEWEST_GROUPS or n_processes == 1:
        for group in chain(rest, groups):
            yield from work(group)
        return
    with processes(n_processes, _begin, work) as pool:
        waiting: deque[Future[list[Any]]] = deque()
        for group in chain(rest, groups):
            waiting.append(pool.submit(_work_on, group))
            if len(waiting) > WAITING * n_processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def in_groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Groups for `find_together`. The first is one dialogue, so that what is found in it can be told at once."""
    group: list[Entry] = []
    most, n_messages = 1, 0
    for entry in entries:
        n_more = 0 if isinstance(entry, Unreadable) else len(entry.source.transcript)
        if group and n_messages + n_more > MESSAGES_TOGETHER:
            yield group
            group, n_messages = [], 0
        group.append(entry)
        n_messages += n_more
        if len(group) >= most:
            yield group
            group, n_messages, most = [], 0, min(TOGETHER, 2 * most)
    if group:
        yield group


@dataclass(frozen=True)
class Checked:
    """What comes of one dialogue: its part of the report, whether anything was found, and notices for people."""

    part: Any
    has_findings: bool
    notices: tuple[str, ...]


# What a process of the pool does, which does one thing for all its life.
_works: list[Callable[[Any], list[Any]]] = []


def _begin(work: Callable[[Any], list[Any]]) -> None:
    begin_process()
    _works[:] = [work]


def _work_on(given: list[Any]) -> list[Any]:
    return _works[0](given)


@contextmanager
def processes(n: int, begin: Callable[..., None], *given: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool that starts its processes when they are needed; `begin(*given)` calls `begin_process` in each.

    If the block ends with an error or Ctrl-C, they are killed in the middle of their work.
    """
    before = active_children()
    pool = ProcessPoolExecutor(n, initializer=begin, initargs=given)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in active_children():
            if child not in before:
                child.kill()
                child.join()
        raise
    pool.shutdown()


def begin_process() -> None:
    """Prepare a process of a pool: Ctrl-C ends the command, which ends its processes, and so does whoever kills it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the command was killed; the pool would wait for it for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def n_processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
