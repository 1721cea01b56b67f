"""Cassette files: what is finished is on disk, and damage costs what was damaged, and is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.journal import FORMAT
from pytest_duolog.recording.journal_file import (
    Journal,
    JournalWriter,
    read_header,
    read_journal,
    write_journal,
)
from tests.recording.builders import HEADER, chat, facts


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    """Six recorded messages, finished."""
    path = tmp_path / "cassettes" / "test_x" / "test_y.jsonl"
    writer = JournalWriter(path, header=HEADER)
    writer.append(writer.lines_for(chat(6)))
    writer.finish({"stop": {"kind": "turns"}, "messages": 7, "served": ["m"]})
    writer.close()
    return path


def test_every_message_is_on_disk_when_it_is_finished(tmp_path):
    made = chat(4)
    writer = JournalWriter(tmp_path / "c.jsonl", header=HEADER)
    size = 0
    for n_written, one in enumerate(made, start=1):
        writer.append(writer.lines_for([one]))
        journal = read_journal(writer.path)
        assert facts(journal.interactions) == facts(made[:n_written])
        assert journal.damage == []
        assert not journal.is_finished
        assert writer.path.stat().st_size > size
        size = writer.path.stat().st_size
    writer.finish({"messages": 5})
    writer.close()
    assert read_journal(writer.path).end == {"messages": 5}


def test_append_changes_nothing_that_was_written(cassette):
    before = cassette.read_bytes()
    journal = read_journal(cassette)
    writer = JournalWriter(cassette, header=None, journal=journal)
    writer.append(writer.lines_for(chat(7)[6:]))
    writer.close()
    assert cassette.read_bytes().startswith(before)
    assert facts(read_journal(cassette).interactions) == facts(chat(7))


def test_cut_at_every_byte_keeps_every_finished_message(cassette):
    made = chat(3)
    write_journal(cassette, Journal(HEADER, made, end={"messages": 4}))
    content, made = cassette.read_bytes(), facts(made)
    ends = [at for at, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(ends[0] + 1, len(content)):
        cassette.write_bytes(content[:cut])
        journal = read_journal(cassette)
        n_whole = sum(end < cut for end in ends) - 1
        assert facts(journal.interactions) == made[:n_whole]
        assert not journal.is_finished
        is_torn = content[cut - 1] != ord("\n")
        assert bool(journal.damage) is is_torn
        if is_torn:
            assert journal.damage[0].startswith(f"line {n_whole + 2} is incomplete (")


@pytest.mark.parametrize("lost", [1, 60, 200])
def test_writing_goes_on_after_a_torn_line(cassette, lost):
    whole = cassette.read_bytes().rpartition(b'{"end"')[0]
    cassette.write_bytes(whole[:-lost])
    journal = read_journal(cassette)
    n_kept = len(journal.interactions)
    assert n_kept == 5
    writer = JournalWriter(cassette, header=None, journal=journal)
    writer.append(writer.lines_for(chat(6)[n_kept:]))
    writer.close()
    assert cassette.read_bytes() == whole


def test_cut_inside_the_header_is_no_cassette(cassette):
    content = cassette.read_bytes()
    for cut in range(content.index(b"\n")):
        cassette.write_bytes(content[:cut])
        with pytest.raises(UnreadableCassette, match="the run that began it ended at once") as raised:
            read_journal(cassette)
        assert raised.value.cassette_path == cassette
        assert "restore it from version control" in str(raised.value)


@pytest.mark.parametrize("line", [2, 4, 7])
def test_damaged_line_is_named_and_the_rest_is_kept(cassette, line):
    lines = cassette.read_bytes().split(b"\n")
    lines[line - 1] = lines[line - 1][:-5]
    cassette.write_bytes(b"\n".join(lines))
    journal = read_journal(cassette)
    assert journal.damage[0].startswith(f"line {line} cannot be read (")
    assert journal.is_finished
    kept = facts(journal.interactions)
    assert all(one in facts(chat(6)) for one in kept)
    assert len(kept) + len(journal.damage) == 6


def test_lines_that_stand_on_a_lost_one_are_named_too(cassette):
    lines = cassette.read_bytes().split(b"\n")
    del lines[2]
    cassette.write_bytes(b"\n".join(lines))
    journal = read_journal(cassette)
    assert len(journal.interactions) == 1
    assert journal.damage[0].startswith("line 3 refers to ")
    assert len(journal.damage) == 4


@pytest.mark.parametrize(
    "line",
    [
        "null", "1", '"end"', "[]", "{}", '{"end": 1}', '{"n": 1}', '{"n": Infinity}', '{"n": "x"}',
        '{"n": 9, "texts": [1]}', '{"n": 9, "texts": 1}', '{"n": 9, "request": [], "response": []}',
        '{"n": 9, "request": {"method": 1, "uri": 1, "headers": {"a": 1}, "json": {}}, "response": {}}',
        '{"n": 9, "request": {"method": "", "uri": "", "headers": {}, "json": {"$": []}}, "response": {}}',
        '{"n": 9, "request": {"headers": {}, "json": {"messages": {"like": 1, "keep": 1, "then": 1}}}, "response": {}}',
        "[" * 100_000, "1" * 5000, "\udcff", "{" * 10,
        '{"n": 9, "message": 2, "speaker": "", "latency_ms": "x", "request": {}, "response": {}}',
    ],
    ids=lambda line: line[:40],
)  # fmt: skip
def test_any_line_from_a_stranger_is_damage_and_no_crash(cassette, line):
    whole = read_journal(cassette)
    cassette.write_bytes(cassette.read_bytes() + line.encode("utf-8", "surrogateescape") + b"\n")
    journal = read_journal(cassette)
    assert facts(journal.interactions) == facts(whole.interactions)
    assert len(journal.damage) == 1
    assert journal.damage[0].startswith("line 9 ")
    assert len(journal.damage[0]) < 300


def test_line_of_many_megabytes_is_read(cassette, tmp_path):
    made = chat(1, words="x" * 5_000_000)
    writer = JournalWriter(tmp_path / "c.jsonl", header=HEADER)
    writer.append(writer.lines_for(made))
    writer.close()
    assert facts(read_journal(writer.path).interactions) == facts(made)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "{}",
        "[]\n",
        "null\n",
        '{"duolog": "x"}\n',
        '{"duolog": Infinity}\n',
        "\x00\x01\n",
        "interactions: []\n",
    ],
    ids=repr,
)
def test_what_is_not_a_cassette_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "c.jsonl"
    path.write_text(content)
    for reader in (read_journal, read_header):
        with pytest.raises(
            UnreadableCassette, match=r"line 1 of the cassette is not a header|the cassette is empty"
        ):
            reader(path)


def test_pointer_of_git_lfs_says_how_to_fetch_the_recording(tmp_path):
    path = tmp_path / "test_it.jsonl"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n")
    with pytest.raises(UnreadableCassette, match=r"only a pointer of Git LFS[\s\S]*git lfs pull"):
        read_journal(path)


@pytest.mark.parametrize(
    "marker", ["<<<<<<< HEAD", "||||||| 1a2b3c4", "=======", "=======\r", ">>>>>>> theirs"]
)
def test_any_marker_that_is_left_of_a_merge_conflict_is_told(cassette, marker):
    lines = cassette.read_text("utf-8").split("\n")
    lines.insert(2, marker)
    cassette.write_text("\n".join(lines), "utf-8", newline="")
    with pytest.raises(UnreadableCassette, match="unresolved merge conflict, from line 3 on"):
        read_journal(cassette)


def test_newer_format_asks_for_an_upgrade(cassette):
    cassette.write_text(json.dumps(HEADER | {"duolog": FORMAT + 1}) + "\n")
    with pytest.raises(
        UnreadableCassette, match=f"format {FORMAT + 1}; this version of pytest-duolog reads up to {FORMAT}"
    ) as raised:
        read_journal(cassette)
    assert "upgrade pytest-duolog" in str(raised.value)


@pytest.mark.parametrize("reader", [read_journal, read_header])
def test_folder_in_the_place_of_a_cassette(tmp_path, reader):
    with pytest.raises(UnreadableCassette, match="cannot be read: Is a directory"):
        reader(tmp_path)


def test_place_that_cannot_be_written(tmp_path):
    (tmp_path / "cassettes").write_text("a file")
    with pytest.raises(UnreadableCassette, match="the cassette cannot be written: File exists"):
        JournalWriter(tmp_path / "cassettes" / "c.jsonl", header=HEADER)


def test_full_disk_is_said_and_earlier_messages_stay(cassette, monkeypatch):
    journal = read_journal(cassette)
    before = cassette.read_bytes()
    writer = JournalWriter(cassette, header=None, journal=journal)
    lines = writer.lines_for(chat(7)[6:])

    def no_space(*args: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("pytest_duolog.storage.line_file.os.write", no_space)
    with pytest.raises(UnreadableCassette, match="cannot be written: No space left on device"):
        writer.append(lines)
    writer.close()
    assert cassette.read_bytes() == before


def test_two_runs_cannot_record_one_cassette(cassette):
    journal = read_journal(cassette)
    writer = JournalWriter(cassette, header=None, journal=journal)
    with pytest.raises(UnreadableCassette, match="another run is recording this cassette right now"):
        JournalWriter(cassette, header=HEADER)
    writer.close()
    assert facts(read_journal(cassette).interactions) == facts(chat(6))


def test_recording_that_went_on_elsewhere_is_not_cut_back(cassette):
    mine, theirs = read_journal(cassette), read_journal(cassette)
    writer = JournalWriter(cassette, header=None, journal=theirs)
    writer.append(writer.lines_for(chat(7)[6:]))
    writer.close()
    with pytest.raises(UnreadableCassette, match="another run has recorded"):
        JournalWriter(cassette, header=None, journal=mine)
    assert len(read_journal(cassette).interactions) == 7


def test_place_without_locks_is_recorded_to(tmp_path, monkeypatch):
    def not_supported(*args: object) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr("portalocker.portalocker.LOCKER", not_supported)
    JournalWriter(tmp_path / "c.jsonl", header=HEADER).close()
    assert read_journal(tmp_path / "c.jsonl").header == HEADER


def test_whole_file_is_replaced_only_by_a_whole_one(cassette, monkeypatch):
    before = cassette.read_bytes()
    journal = read_journal(cassette)
    with monkeypatch.context() as broken:
        broken.setattr("pytest_duolog.storage.line_file.LineFile.append", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_journal(cassette, journal)
    assert cassette.read_bytes() == before
    assert list(cassette.parent.iterdir()) == [cassette]
    write_journal(cassette, journal)
    assert facts(read_journal(cassette).interactions) == facts(chat(6))
