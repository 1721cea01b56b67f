"""Any file with dialogues: what is read of it, and what `duolog check` says of cassettes and run records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.commands.dialogue_files import FiledDialogue, FileKind, read_dialogues
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.recording.journal_file import Journal, write_journal
from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult
from pytest_duolog.results.record import RunRecord, SampleOutcome
from pytest_duolog.results.store import write_record
from pytest_duolog.transcripts.sources import Unreadable
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue
from tests.recording.builders import HEADER, chat
from tests.run_records import bar_record, gate_record

FULL_HEADER = {
    **HEADER,
    "test": "test_lamp.py::test_talk[brass]",
    "run": "second",
    "sample": 3,
    "turns": 9,
    "stop_on": ["goodbye", "loop"],
    "opener": "0123456789abcdef",
    "speakers": [
        {"name": "Ann", "model": "openai:a", "system": None, "knobs": {"temperature": 0.5, "stop": ["x"]}},
        {"name": "Ben", "model": "openai:b", "system": None, "knobs": {}},
    ],
}
END = {"messages": 5, "stop": {"kind": "turns", "detail": "2 turns"}, "served": []}


RESULT = PropertyResult(property="MaxWords(words=3)", outcome=Outcome.FAILS, explanation="too long")


def spoken(record: RunRecord) -> RunRecord:
    """The record with a dialogue in each of its samples."""
    said = DialogueResult(
        transcript=dialogue("Do you repair lamps?", "We do, on Mondays."), verdicts=(RESULT,)
    )
    samples = tuple(sample.model_copy(update={"dialogues": (said,)}) for sample in record.samples)
    return RunRecord(record.header, samples)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only(path: str) -> FiledDialogue:
    (found,) = read_dialogues(Path(path))
    assert isinstance(found, FiledDialogue), found
    return found


def test_a_cassette_is_read_with_what_its_header_knows():
    write_journal(Path("talk.jsonl"), Journal(FULL_HEADER, chat(4), END))
    found = only("talk.jsonl")
    assert (found.kind, found.test, found.sample) == (FileKind.CASSETTE, "test_lamp.py::test_talk[brass]", 3)
    assert found.source.id == "test_lamp.py::test_talk[brass], dialogue second, sample 3"
    assert found.parameters == {"turns": 9, "stop_on": "goodbye loop", "Ann.temperature": 0.5}
    assert len(found.source.transcript) == 5
    assert str(found.source.transcript.stop_reason) == "turns: 2 turns"
    assert found.cassette == "talk.jsonl"
    assert (found.verdicts, found.outcome, found.notices) == ((), None, ())


def test_a_run_record_is_read_with_outcomes_and_verdicts(tmp_path: Path):
    record = spoken(gate_record({"t.py::t[a]": ("+-", "++")}))
    write_record(Path("run.jsonl"), record)
    found = [entry for entry in read_dialogues(Path("run.jsonl")) if isinstance(entry, FiledDialogue)]
    assert [(entry.arm, entry.sample, entry.outcome) for entry in found] == [
        (sample.arm.value, sample.number, sample.outcome) for sample in record.samples
    ]
    assert {entry.kind for entry in found} == {FileKind.RECORD}
    assert {entry.test for entry in found} == {"t.py::t[a]"}
    lines = Path("run.jsonl").read_text("utf-8").splitlines()
    for entry, sample in zip(found, record.samples, strict=True):
        assert json.loads(lines[entry.source.line - 1])["sample"]["number"] == sample.number
        assert entry.verdicts == sample.dialogues[0].verdicts
    assert found[2].source.id == "t.py::t[a], sample 1 of the candidate"
    assert any(entry.outcome is SampleOutcome.FAILED for entry in found)


def test_transcripts_and_logs_are_read_with_nothing_but_themselves():
    Path("talk.md").write_text(dialogue("Hi.", "Hello.").to_markdown(), "utf-8")
    assert only("talk.md") == FiledDialogue(only("talk.md").source)
    assert only("talk.md").kind is FileKind.TRANSCRIPT


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b'{"duolog": 99}\n', "the cassette has format 99; this version"),
        (b'{"duolog": 1}\n', "the recording has no chat history"),
        (b'{"duolog_record": 99}\n', "the run record has format 99; this version"),
        (b'{"duolog_record": 1}\n', "the header of the run record is damaged"),
        (b'{"duolog": 1}\n<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> x\n', "has an unresolved merge conflict"),
        (
            b"interactions:\n- request:\n    body: x\nversion: 1\n",
            "`duolog cassettes import` converts it",
        ),
        (b"\xff\xfeA\0", "it is UTF-16"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, problem: str):
    Path("file.jsonl").write_bytes(content)
    (found,) = read_dialogues(Path("file.jsonl"))
    assert isinstance(found, Unreadable)
    assert problem in found.problem
    assert "\n" not in found.problem
    assert read_dialogues(Path("none.jsonl")) == [
        Unreadable("none.jsonl", 1, "cannot be read: No such file or directory")
    ]


def test_cassettes_and_records_are_checked(capsys: pytest.CaptureFixture[str]):
    write_journal(Path("talk.jsonl"), Journal(FULL_HEADER, chat(4), END))
    write_record(Path("run.jsonl"), spoken(bar_record({"t.py::t": "+-"})))
    assert main(["check", "--property", "MaxWords(3)", "talk.jsonl", "run.jsonl"]) == 1
    out, err = capsys.readouterr()
    assert (
        "talk.jsonl:1 test_lamp.py::test_talk[brass], dialogue second, sample 3: MaxWords(words=3) fails"
        in out
    )
    assert "run.jsonl:2 t.py::t, sample 1: MaxWords(words=3) fails" in out
    assert out.endswith("3 dialogues checked: 3 with findings\n")
    assert err == ""


def test_what_is_missing_of_a_cassette_is_told_and_the_rest_is_checked(capsys: pytest.CaptureFixture[str]):
    write_journal(Path("talk.jsonl"), Journal(HEADER, chat(4)))
    assert main(["check", "--property", "MaxWords(99)", "talk.jsonl"]) == 0
    assert capsys.readouterr().err == "duolog: talk.jsonl:1: the recording is incomplete\n"
    with Path("talk.jsonl").open("ab") as file:
        file.write(b'{"n": 5, "mess')
    assert main(["check", "--property", "MaxWords(99)", "talk.jsonl"]) == 2
    out, err = capsys.readouterr()
    assert out == "1 dialogue checked: none with findings, 1 could not be read\n"
    assert err.splitlines()[-1] == "duolog: talk.jsonl:6: line 6 is incomplete (14 bytes) and was left out"


def test_bytes_that_are_no_text_cost_a_cassette_one_line():
    write_journal(Path("talk.jsonl"), Journal(HEADER, chat(4), {**END, "messages": 5}))
    lines = Path("talk.jsonl").read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b"Message", b"Mess\xffge")
    Path("talk.jsonl").write_bytes(b"\n".join(lines))
    kinds = {type(entry) for entry in read_dialogues(Path("talk.jsonl"))}
    assert kinds == {FiledDialogue, Unreadable}


def test_a_dialogue_has_the_same_findings_however_it_is_kept(capsys: pytest.CaptureFixture[str]):
    transcript = dialogue(*LIGHTHOUSES, *RITUAL)
    Path("talk.md").write_text(transcript.to_markdown(), "utf-8")
    Path("by hand.txt").write_text(
        "\n".join(f"{message.speaker}: {message.content}" for message in transcript.messages), "utf-8"
    )
    entries = [{"role": message.speaker, "content": message.content} for message in transcript.messages]
    Path("log.json").write_text(json.dumps({"messages": entries}), "utf-8")
    main(["check", "--format", "json", "talk.md", "by hand.txt", "log.json"])
    first, *others = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert first["loops"]
    for other in others:
        assert {**other, "id": "", "file": ""} == {**first, "id": "", "file": ""}
