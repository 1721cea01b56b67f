"""Two runs that record one dialogue at once, in every order of their steps on files: nothing finished is lost."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pytest_duolog.errors import CassetteMismatch, UnreadableCassette, UnusedMessages
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.journal_file import Journal, read_journal, write_journal
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.transcripts.transcript import Message, StopKind, StopReason
from tests.interleaving import Interleaving, orders
from tests.recording.builders import chat, facts

N_REPLIES = 3
DIALOGUES = {
    name: chat(N_REPLIES, words=f"as run {name} heard it, in words that are its own") for name in "AB"
}
FINISHED = Journal(
    {}, chat(N_REPLIES, words="as it was recorded before, in words of that time"), {"messages": 4}
)
UNFINISHED = Journal({}, DIALOGUES["A"][:1])


@dataclass
class Run:
    """One run of the test: it asks for what is not recorded, and hears other answers than the other run."""

    folder: Path
    name: str
    mode: RecordMode

    def __call__(self) -> Cassette:
        place = location(self.folder)
        place.check()
        cassette = Cassette(
            place,
            mode=self.mode,
            header={"duolog": 2, "test": place.owner, "recorded": "2026-11-29", "by": self.name},
            redactor=Redactor({}),
            hooks=VcrHooks({}),
            base_urls=[],
            test_argument="test_x.py",
        )
        try:
            for one in DIALOGUES[self.name]:
                self.say(cassette, one)
            cassette.finish(StopReason(kind=StopKind.TURNS), N_REPLIES + 1)
        finally:
            cassette.close()
        return cassette

    def say(self, cassette: Cassette, one: Interaction) -> None:
        cassette.asking(one.message_number, one.speaker)
        if cassette.play(one.request) is None:
            cassette.record(one.request, one.response)
        cassette.said(one.message_number, Message(speaker=one.speaker, content=""))


def location(folder: Path) -> CassetteLocation:
    return CassetteLocation(folder / "test_x", "test_y", ["openai:m"])


PAIRS = {
    "rewrite, rewrite over a recording": (RecordMode.REWRITE, RecordMode.REWRITE, FINISHED),
    "rewrite, rewrite": (RecordMode.REWRITE, RecordMode.REWRITE, None),
    "once, once": (RecordMode.ONCE, RecordMode.ONCE, None),
    "once, rewrite": (RecordMode.ONCE, RecordMode.REWRITE, None),
    "all, new_episodes over a recording": (RecordMode.ALL, RecordMode.NEW_EPISODES, FINISHED),
    "once, once after an interrupted run": (RecordMode.ONCE, RecordMode.ONCE, UNFINISHED),
    "once, rewrite after an interrupted run": (RecordMode.ONCE, RecordMode.REWRITE, UNFINISHED),
}
Pair = tuple[RecordMode, RecordMode, Journal | None]
each_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


def check(folder: Path, monkeypatch: pytest.MonkeyPatch, order: list[int], pair: Pair) -> str:
    """Run both in this order; returns how it ended, in short."""
    place = location(folder)
    before = pair[2]
    if before is not None:
        write_journal(place.path, replace(before, header={"duolog": 2, "test": place.owner, "by": "A"}))
    with monkeypatch.context() as patched:
        runs = [Run(folder, name, mode) for name, mode in zip("AB", pair[:2], strict=True)]
        ends = Interleaving(patched, order).run(*runs)
    finished = [name for name, end in zip("AB", ends, strict=True) if isinstance(end, Cassette)]
    told = [end for end in ends if not isinstance(end, Cassette)]
    assert all(isinstance(end, UnreadableCassette | CassetteMismatch) for end in told), told

    if finished or before is FINISHED:
        journal = read_journal(place.path)
        assert (journal.is_finished, journal.damage, journal.edited) == (True, [], [])
        whole = [DIALOGUES[name] for name in finished] or [FINISHED.interactions]
        assert facts(journal.interactions) in [facts(dialogue) for dialogue in whole]
        if finished:
            assert DIALOGUES[journal.header["by"]] in whole
    left = {path for path in place.folder.iterdir() if path != place.path} if place.folder.exists() else set()
    assert left <= {place.partial_path}
    for path in left:
        assert (read_journal(path).damage, read_journal(path).edited) == ([], [])
    return f"{''.join(finished) or 'none'}{' left' if left else ''}"


@each_pair
def test_nothing_finished_is_lost(tmp_path, monkeypatch, pair):
    ends = {check(tmp_path / str(n), monkeypatch, order, pair) for n, order in enumerate(orders(12, seed=1))}
    assert ends & {"A", "B", "AB", "AB left", "A left", "B left"}


@pytest.mark.slow
@each_pair
def test_nothing_finished_is_lost_in_any_order(tmp_path, monkeypatch, pair):
    for n, order in enumerate(orders(60, seed=2)):
        check(tmp_path / str(n), monkeypatch, order, pair)


@each_pair
def test_a_run_after_both_goes_on_without_a_complaint(tmp_path, monkeypatch, pair):
    for n, order in enumerate(orders(12, seed=3)):
        folder = tmp_path / str(n)
        if check(folder, monkeypatch, order, pair).startswith("none"):
            continue
        for name in "AB":
            with contextlib.suppress(CassetteMismatch, UnusedMessages):
                assert Run(folder, name, RecordMode.ONCE)().counts == (N_REPLIES, 0)
                break
        else:
            pytest.fail(f"nobody's dialogue plays: {sorted(location(folder).folder.iterdir())}")
