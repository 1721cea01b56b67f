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
from itertools import islice
from multiprocessing import active_children, parent_process
from threading import Thread
from typing import Any, TypeVar

import pytest_duolog.reports
from pytest_duolog.commands.dialogue_files import without_secrets
from pytest_duolog.properties.base import Property
from pytest_duolog.results.examination import examine
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.sources import Unreadable

# The modules of `reports` with this prefix are the report formats. `part_of` makes of each dialogue what the report
# says of it, and `report_lines` makes the report of these parts.
REPORT = "check_"

Given = TypeVar("Given")
Made = TypeVar("Made")

# Processes are started after so many dialogues: they take as long to start as it takes to check these.
FIRST = 100
CHUNK = 20
# Chunks that each process may have waiting.
WAITING = 3


@dataclass(frozen=True)
class Scan:
    """How each dialogue is checked, and for which report."""

    properties: Sequence[Property]
    topic: str | None
    format: str

    def checked(self, entry: FiledDialogue | Unreadable) -> Checked | Unreadable:
        """What comes of one dialogue."""
        safe = without_secrets(entry)
        if isinstance(safe, Unreadable):
            return safe
        dialogue = safe.with_topic(self.topic)
        examination = examine(dialogue.source, self.properties)
        report = import_module(f"{pytest_duolog.reports.__name__}.{REPORT}{self.format}")
        place = f"{dialogue.source.file}:{dialogue.source.line}"
        notices = tuple(f"{place}: {notice}" for notice in dialogue.notices)
        return Checked(report.part_of(examination), bool(examination.findings), notices)

    def each(self, entries: Iterable[FiledDialogue | Unreadable]) -> Iterator[Checked | Unreadable]:
        """What comes of each dialogue, in their order."""
        return on_all_processors(self.checked, entries)


def on_all_processors(work: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """What `work` makes of each, in their order: in this process for a few, else in one for each processor."""
    rest = iter(given)
    yield from map(work, islice(rest, FIRST))
    first = list(islice(rest, CHUNK))
    n_processes = n_processors()
    if len(first) < CHUNK or n_processes == 1:
        yield from map(work, first)
        yield from map(work, rest)
        return
    with processes(n_processes, _begin, work) as pool:
        waiting: deque[Future[list[Any]]] = deque([pool.submit(_work_on, first)])
        while chunk := list(islice(rest, CHUNK)):
            waiting.append(pool.submit(_work_on, chunk))
            if len(waiting) > WAITING * n_processes:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


@dataclass(frozen=True)
class Checked:
    """What comes of one dialogue: its part of the report, whether anything was found, and notices for people."""

    part: Any
    has_findings: bool
    notices: tuple[str, ...]


# What a process of the pool does, which does one thing for all its life.
_works: list[Callable[[Any], Any]] = []


def _begin(work: Callable[[Any], Any]) -> None:
    begin_process()
    _works[:] = [work]


def _work_on(given: list[Any]) -> list[Any]:
    return list(map(_works[0], given))


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
