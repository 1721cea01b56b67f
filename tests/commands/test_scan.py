"""Scans of many dialogues: in order, one by one, and with other processes the same as without."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from multiprocessing import active_children

import pytest

from pytest_duolog.commands import scan
from pytest_duolog.commands.scan import Checked, Entry, Scan
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.sources import Source, Unreadable
from tests.dialogues import dialogue

SCAN = Scan((), None, "text")


def entries(n: int) -> Iterator[Entry]:
    """Dialogues named by their number, every third of which ends well, and every fifth of which cannot be read."""
    for number in range(n):
        if number % 5 == 4:
            yield Unreadable("talk.jsonl", number + 1, "no")
        else:
            texts = ("Hi.", "Goodbye!", "Bye!") if number % 3 else ("Is it?", "It is.", "Is it?")
            yield FiledDialogue(Source(f"talk {number}", "talk.jsonl", number + 1, dialogue(*texts)))


@pytest.mark.parametrize("n", [0, 1, 4, 5, 6, 7, 8, 30])
def test_processes_give_what_one_gives_in_the_same_order(n, monkeypatch):
    expected = [checked for entry in entries(n) for checked in SCAN.checked([entry])]
    monkeypatch.setattr(scan, "FIRST", 4)
    monkeypatch.setattr(scan, "TOGETHER", 2)
    monkeypatch.setattr(scan, "n_processors", lambda: 2)
    found = list(SCAN.each(entries(n)))
    assert found == expected
    assert [isinstance(one, Unreadable) for one in found] == [number % 5 == 4 for number in range(n)]


def test_the_first_is_told_before_the_second_is_read():
    def read() -> Iterator[Entry]:
        yield from entries(1)
        raise AssertionError("nobody has asked for it")

    first = next(iter(SCAN.each(read())))
    assert isinstance(first, Checked)
    assert first.has_findings


@pytest.mark.parametrize("n_processors", [1, 2])
def test_dialogues_are_not_kept(n_processors, monkeypatch):
    """However many there are, only a few more are read than were told."""
    monkeypatch.setattr(scan, "FIRST", 4)
    monkeypatch.setattr(scan, "TOGETHER", 2)
    monkeypatch.setattr(scan, "n_processors", lambda: n_processors)
    n_read = itertools.count()
    ahead = []

    def counted() -> Iterator[Entry]:
        for entry in entries(60):
            next(n_read)
            yield entry

    for n_told, _ in enumerate(SCAN.each(counted()), start=1):
        ahead.append(int(repr(n_read)[6:-1]) - n_told)
    assert n_told == 60
    assert max(ahead) <= (scan.WAITING * n_processors + 2) * 2


def test_what_goes_wrong_in_a_process_is_raised(monkeypatch):
    monkeypatch.setattr(scan, "FIRST", 1)
    monkeypatch.setattr(scan, "TOGETHER", 1)
    monkeypatch.setattr(scan, "n_processors", lambda: 2)
    wrong = Scan((), None, "no such format")
    good = Scan.checked

    def checked(self: Scan, given: Sequence[Entry]) -> list[Checked | Unreadable]:
        return good(SCAN if given[0].source.id == "talk 0" else self, given)  # type: ignore[union-attr]

    monkeypatch.setattr(Scan, "checked", checked)
    with pytest.raises(ModuleNotFoundError):
        list(wrong.each(entries(4)))


def test_processes_in_the_middle_of_their_work_end_with_the_command():
    def interrupted() -> None:
        with scan.processes(2, scan.begin_process) as pool:
            futures = [pool.submit(time.sleep, 3600) for _ in range(4)]  # whoever waits for them hangs
            while not futures[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    before = set(active_children())  # of the tests before, which may be ending
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    # The pool's own thread waits for the killed processes, too, and notes a moment later that they are gone.
    until = time.monotonic() + 30
    while set(active_children()) - before and time.monotonic() < until:
        time.sleep(0.01)
    assert not set(active_children()) - before


def test_long_dialogues_are_not_read_together(monkeypatch):
    monkeypatch.setattr(scan, "MESSAGES_TOGETHER", 6)
    long = FiledDialogue(Source("long", "talk.jsonl", 1, dialogue(*["Is it?"] * 7)))
    groups = list(scan.in_groups([*entries(8), long, *entries(2)]))
    assert [len(group) for group in groups] == [1, 2, 3, 2, 1, 2]
