"""Two processes that record one dialogue at once, in forced orders of their steps on files, and one that is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import portalocker.portalocker
import pytest

from pytest_duolog.errors import CassetteMismatch, UnreadableCassette, UnusedMessages
from pytest_duolog.recording.journal_file import read_journal, write_journal
from pytest_duolog.recording.record_mode import RecordMode
from tests.interleaving import STEPS, orders
from tests.recording.builders import facts
from tests.recording.test_interleaved import DIALOGUES, FINISHED, N_REPLIES, PAIRS, Pair, Run, location

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

FINISHED_RUN, KILLED = "finished", "killed"
WAITS, ENDS, GO = b"w", b"e", b"g"


class Process:
    """A function in a process of its own, which waits before each of its steps on files until it may go on."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.end = ""
        self._said, says = os.pipe()
        hears, self._tells = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self._work(function, os.read, os.write, hears, says)
        os.close(says)
        os.close(hears)
        self._hear()

    def _work(self, function: Callable[[], Any], read: Any, write: Any, hears: int, says: int) -> None:
        def stopping(step: Callable[..., Any]) -> Callable[..., Any]:
            def stop(*arguments: Any, **options: Any) -> Any:
                write(says, WAITS)
                if read(hears, 1) != GO:
                    os._exit(1)
                return step(*arguments, **options)

            return stop

        for name in STEPS:
            setattr(os, name, stopping(getattr(os, name)))
        portalocker.portalocker.LOCKER = stopping(portalocker.portalocker.LOCKER)  # type: ignore[attr-defined]
        end = FINISHED_RUN
        try:
            function()
        except BaseException as error:  # noqa: BLE001  # the parent looks at it
            end = type(error).__name__
        write(says, ENDS + end.encode())
        os._exit(0)

    def _hear(self) -> None:
        said = os.read(self._said, 100)
        if said != WAITS:
            self._over(said.removeprefix(ENDS).decode())

    def go_on(self) -> None:
        """Let it take one step."""
        os.write(self._tells, GO)
        self._hear()

    def kill(self) -> None:
        """Kill it where it is, with no chance to tidy up."""
        os.kill(self.pid, signal.SIGKILL)
        self._over(KILLED)

    def _over(self, end: str) -> None:
        self.end = end
        os.waitpid(self.pid, 0)
        os.close(self._said)
        os.close(self._tells)


def interleaved(functions: Sequence[Callable[[], Any]], order: Sequence[int], kill_at: int = -1) -> list[str]:
    """How each ended; before step `kill_at` of both, counted from 0, the one whose step it is is killed."""
    processes = [Process(function) for function in functions]
    wanted = iter(order)
    step = 0
    while going := [process for process in processes if not process.end]:
        process = processes[next(wanted, 0)]
        process = process if process in going else going[0]
        if step == kill_at:
            process.kill()
        else:
            process.go_on()
        step += 1
    return [process.end for process in processes]


def check(folder: Path, order: list[int], pair: Pair, *, kill_at: int = -1) -> list[str]:
    """Run both in this order and look at the files; returns how the runs ended."""
    place, before = location(folder), pair[2]
    if before is not None:
        write_journal(place.path, replace(before, header={"duolog": 2, "test": place.owner, "by": "A"}))
    runs = [Run(folder, name, mode) for name, mode in zip("AB", pair[:2], strict=True)]
    ends = interleaved(runs, order, kill_at)
    expected = {FINISHED_RUN, KILLED, UnreadableCassette.__name__, CassetteMismatch.__name__}
    assert set(ends) <= expected, ends
    finished = [name for name, end in zip("AB", ends, strict=True) if end == FINISHED_RUN]
    if finished or before is FINISHED:
        journal = read_journal(place.path)
        assert (journal.is_finished, journal.damage, journal.edited) == (True, [], [])
        # Who was killed may have put the whole recording in its place just before.
        whole = [*DIALOGUES.values(), FINISHED.interactions] if KILLED in ends else _whole(finished)
        assert facts(journal.interactions) in list(map(facts, whole))
    return ends


def _whole(finished: Sequence[str]) -> list[Any]:
    return [DIALOGUES[name] for name in finished] or [FINISHED.interactions]


def goes_on(folder: Path) -> bool:
    """Whether a later run can play or finish what is there, for one of the two; or the old recording is whole."""
    path = location(folder).path
    # Who is killed before the first line leaves an empty file, and a later run begins in it.
    has_lines = path.exists() and path.stat().st_size
    if has_lines and facts(read_journal(path).interactions) == facts(FINISHED.interactions):
        return read_journal(path).is_finished
    for name in "AB":
        with contextlib.suppress(CassetteMismatch, UnusedMessages):
            return sum(Run(folder, name, RecordMode.ONCE)().counts) == N_REPLIES
    return False


each_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


@each_pair
def test_nothing_finished_is_lost(tmp_path: Path, pair: Pair):
    for n, order in enumerate(orders(3, seed=4)):
        check(tmp_path / str(n), order, pair)
        assert goes_on(tmp_path / str(n))


@each_pair
def test_kill_of_one_leaves_what_the_other_or_a_later_run_can_use(tmp_path: Path, pair: Pair):
    for n, order in enumerate(orders(3, seed=5)):
        assert KILLED in check(tmp_path / str(n), order, pair, kill_at=6 + 7 * n)
        assert goes_on(tmp_path / str(n))


@pytest.mark.slow
@each_pair
def test_nothing_is_lost_in_any_order_of_two_processes(tmp_path: Path, pair: Pair):
    rng = random.Random(6)
    for n, order in enumerate(orders(40, seed=7)):
        check(tmp_path / str(n), order, pair, kill_at=rng.randrange(60) if n % 2 else -1)
        assert goes_on(tmp_path / str(n))
