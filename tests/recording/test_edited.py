"""Cassettes that were changed after they were recorded: never silently."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.errors import CassetteError
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.journal_file import Journal, read_journal, rename_test, write_journal
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.retelling import retold
from pytest_duolog.transcripts.transcript import Message, StopKind, StopReason
from tests.recording.builders import chat
from tests.storage.mutations import mutants

PROJECT = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(a=Speaker("Ann", model="openai:m"), b=Speaker("Ben", model="openai:m"), opener="Hello.", turns=1)
def test_it(dialogue):
    assert dialogue.messages
"""

END = {"stop": {"kind": "turns"}, "messages": 13, "served": ["m"]}


def location(folder: Path) -> CassetteLocation:
    return CassetteLocation(folder / "test_x", "test_y", ["openai:m"])


def replayed(
    place: CassetteLocation, sent: list[Interaction], **options: object
) -> tuple[list[bytes], list[str]]:
    """The replies that a dialogue gets from the cassette, and the notices of its run."""
    cassette = Cassette(
        place,
        mode=RecordMode.NONE,
        header={"duolog": 2, "test": place.owner, "recorded": "2026-11-29"},
        redactor=Redactor({}),
        hooks=VcrHooks({}),
        base_urls=[],
        test_argument="test_x.py",
        **options,  # type: ignore[arg-type]
    )
    replies = []
    for one in sent:
        cassette.asking(one.message_number, one.speaker)
        response = cassette.play(one.request)
        assert response is not None
        replies.append(response.content)
        cassette.said(one.message_number, Message(speaker=one.speaker, content=""))
    cassette.finish(StopReason(kind=StopKind.TURNS), len(sent) + 1)
    return replies, cassette.notices


def check_mutants(folder: Path, n: int, *, seed: int) -> int:
    """Replay `n` changed cassettes; returns how many of them played to the end with a notice."""
    place, made, n_noticed = location(folder), chat(12), 0
    write_journal(
        place.path, Journal({"duolog": 2, "test": place.owner, "recorded": "2026-11-29"}, made, END)
    )
    said, silent = replayed(place, made)
    assert silent == []
    for name, content in mutants(place.path.read_bytes(), n, seed=seed):
        place.path.write_bytes(content)
        try:
            replies, notices = replayed(place, made)
        except CassetteError:
            continue
        assert replies == said or notices, name
        n_noticed += bool(notices)
    return n_noticed


def test_no_words_change_in_silence(tmp_path):
    assert check_mutants(tmp_path, 150, seed=1) > 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 4))
def test_no_words_change_in_silence_whatever_is_done_to_a_file(tmp_path, seed):
    assert check_mutants(tmp_path, 1500, seed=seed) > 300


@pytest.fixture
def cassette(pytester, chat_server) -> Path:
    """The recording of a dialogue of three messages in a project."""
    pytester.makeini("[pytest]\naddopts = -p no:asyncio -p no:cacheprovider\nduolog_stop_on = nothing")
    pytester.makepyfile(test_project=PROJECT)
    chat_server.answer = lambda _: f"Answer {len(chat_server.requests)} is on lamps."
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    chat_server.close()
    (path,) = (pytester.path / "cassettes").rglob("*.jsonl")
    return path


def edit(path: Path, old: bytes, new: bytes, *, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_bytes(b"".join(lines))


def without_checksums(content: bytes) -> bytes:
    return re.sub(rb',"sum":"\w+"', b"", content)


@pytest.mark.parametrize(
    ("line", "old", "new", "name"),
    [
        (3, b"Answer 2", b"Answer 3", "message 3, Ann"),
        (4, b"turns", b"goodbye", "the end"),
        (1, b'"sample":1', b'"sample":2', "the header"),
    ],
)
def test_what_was_changed_is_named(pytester, cassette, line, old, new, name):
    edit(cassette, old, new, line=line)
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            f"test_project.py::test_it: *: line {line} ({name}) was changed after it was recorded (edited by hand?)"
        ]
    )


def test_it_fails_the_test_where_the_ini_file_says_so(pytester, cassette):
    edit(cassette, b"lamps", b"tables", line=3)
    before = cassette.read_bytes()
    result = pytester.runpytest("-o", "duolog_edited_cassettes=fail")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *UnreadableCassette: the cassette was changed after it was recorded",
            "E *changed: *line 3 (message 3, Ann) was changed after it was recorded (edited by hand?)",
            "E *to fix: *record again: pytest --record-mode=rewrite *test_project.py::test_it",
        ]
    )
    assert cassette.read_bytes() == before


def test_a_word_that_means_neither_is_refused(pytester, cassette):
    result = pytester.runpytest("-o", "duolog_edited_cassettes=error")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*duolog_edited_cassettes: unknown value 'error' (accepted: fail, warn)"])


def without_end(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-1])


def test_a_recording_without_its_checksums_is_told_and_can_be_refused(pytester, cassette, capsys):
    content = without_checksums(cassette.read_bytes())
    for tampered in (content, content.replace(b"lamps", b"tables")):
        cassette.write_bytes(tampered)
        assert main(["cassettes", "list", str(cassette)]) == 1
        assert "its checksums were removed" in capsys.readouterr().out
        result = pytester.runpytest("-o", "duolog_edited_cassettes=fail")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                "E *UnreadableCassette: the cassette was changed after it was recorded",
                "E *changed: *its checksums were removed, so it cannot be told whether somebody changed it: *",
            ]
        )
        assert cassette.read_bytes() == tampered
    cassette.write_bytes(content)
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["test_project.py::test_it: *.jsonl: its checksums were removed, so *=rewrite"]
    )


def test_a_recording_without_the_checksum_of_its_header_is_told(pytester, cassette):
    header, *rest = cassette.read_bytes().splitlines(keepends=True)
    cassette.write_bytes(without_checksums(header) + b"".join(rest))
    pytester.runpytest().stdout.fnmatch_lines(
        ["test_project.py::test_it: *: its checksums were removed, so *"]
    )


def test_format_1_has_no_checksums_and_plays_without_a_notice(tmp_path):
    place, made = location(tmp_path), chat(3)
    write_journal(place.path, Journal({"duolog": 2, "test": place.owner}, made, END))
    first, rest = without_checksums(place.path.read_bytes()).split(b"\n", 1)
    place.path.write_bytes(first.replace(b'"duolog":2', b'"duolog":1') + b"\n" + rest)
    assert read_journal(place.path).edited == []


def test_a_recording_without_its_end_is_told_until_it_is_finished(pytester, cassette):
    content = cassette.read_bytes()
    cassette.write_bytes(without_end(content))
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*: *.jsonl has no end, as if *: pytest --record-mode=once *test_project.py::test_it"]
    )
    assert cassette.read_bytes() == without_end(content)
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*has no end*")
    assert cassette.read_bytes() == content
    pytester.runpytest().stdout.no_fnmatch_line("*has no end*")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_recording_that_an_editor_saved_in_another_encoding_is_refused(pytester, cassette, encoding):
    saved = cassette.read_bytes().decode().encode(encoding)
    cassette.write_bytes(saved)
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *the cassette is not in UTF-8: it is UTF-*", "E *to fix: *iconv -f UTF-*"]
    )
    assert cassette.read_bytes() == saved


def test_line_ends_of_another_system_are_no_change(pytester, cassette):
    cassette.write_bytes(cassette.read_bytes().replace(b"\n", b"\r\n"))
    result = pytester.runpytest("-o", "duolog_edited_cassettes=fail")
    result.assert_outcomes(passed=1)


def test_a_mismatch_says_that_the_recording_was_changed(pytester, cassette):
    edit(cassette, b"lamps", b"tables", line=2)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *CassetteMismatch: message 3 (Ann) has no recorded reply.",
            "E *damage: *line 2 (message 2, Ben) was changed after it was recorded (edited by hand?)",
        ]
    )


def test_moving_a_recording_hides_no_change(tmp_path):
    place = location(tmp_path)
    write_journal(place.path, Journal({"duolog": 2, "test": place.owner}, chat(3), END))
    edit(place.path, b"Message 4", b"Message 5", line=4)
    target = tmp_path / "test_z" / "other.jsonl"
    rename_test(place.path, target, "test_z.py::test_other")
    assert not place.path.exists()
    moved = read_journal(target)
    assert moved.header["test"] == "test_z.py::test_other"
    assert moved.edited == ["line 4 (message 4, Ben) was changed after it was recorded (edited by hand?)"]


def test_a_dialogue_told_from_a_cassette_tells_it(cassette):
    edit(cassette, b"Answer 2", b"Answer 3", line=3)
    assert retold(cassette).notices == (
        "line 3 (message 3, Ann) was changed after it was recorded (edited by hand?)",
    )


def test_list_tells_it(cassette, capsys):
    edit(cassette, b"lamps", b"tables", line=3)
    assert main(["cassettes", "list", str(cassette)]) == 1
    assert (
        "line 3 (message 3, Ann) was changed after it was recorded (edited by hand?)"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda lines: lines.pop(3),
            "line 4 (left out) was recorded as line 5: lines before it were removed, *",
        ),
        (lambda lines: lines.insert(3, lines[3]), "line 5 (message 4, Ben) was recorded as line 4: *"),
        (lambda lines: lines.append(lines.pop(-2)), "line 7 (the end) was recorded as line 8: *"),
    ],
    ids=["removed", "doubled", "swapped"],
)
def test_lines_that_are_not_in_their_place_are_named(tmp_path, change, problem):
    place = location(tmp_path)
    write_journal(place.path, Journal({"duolog": 2, "test": place.owner}, chat(6), END))
    lines = place.path.read_bytes().splitlines(keepends=True)
    change(lines)
    place.path.write_bytes(b"".join(lines))
    assert fnmatchcase(read_journal(place.path).edited[0], problem)


def test_many_changed_lines_are_not_all_named(tmp_path):
    place, made = location(tmp_path), chat(12)
    write_journal(place.path, Journal({"duolog": 2, "test": place.owner}, made, END))
    place.path.write_bytes(place.path.read_bytes().replace(b'"OK"', b'"Fine"'))
    _, notices = replayed(place, made)
    assert notices[-1].endswith(": and 7 more lines")
    assert len(notices) == 6
