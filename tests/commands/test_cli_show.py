"""`duolog show`: what people and programs see of dialogues."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.recording.journal_file import Journal, write_journal
from pytest_duolog.reports.dialogue_text import Page, dialogue_lines
from pytest_duolog.reports.tables import write_parquet
from pytest_duolog.results.dialogue_result import Citation, PropertyResult
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.record import RunRecord
from pytest_duolog.results.store import write_record
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript
from pytest_duolog.transcripts.usage import Usage
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue
from tests.hostile import HOSTILE
from tests.recording.builders import HEADER, chat
from tests.run_records import bar_record, header, sample

ECHO = ("See you.", "Goodbye then, and thank you for the talk.")
END = {"messages": 5, "stop": {"kind": "turns", "detail": "2 turns"}, "served": []}
LOOPING = dialogue(*LIGHTHOUSES, *RITUAL, *ECHO * 20)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("looping.md").write_text(LOOPING.to_markdown(), "utf-8")
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["show", *arguments]) == status
    return capsys.readouterr().out


def text_of(transcript: Transcript, page: Page | None = None) -> str:
    filed = FiledDialogue(Source("talk", "talk.md", 1, transcript)).judged([])
    return "\n".join(dialogue_lines(filed, page or Page()))


def test_a_dialogue_tells_its_story_before_its_messages(capsys: pytest.CaptureFixture[str]):
    head, _, talk = shown(capsys, "looping.md").partition("\n\n")
    assert head.splitlines()[1] == "Says goodbye in message 13, then continues for 54 more."
    assert "13 messages of substance, goodbye in 13, 53 messages of ritual (15 to 67)" in head
    assert "NoLoops fails: " in head
    assert "\n  13  Ann  That covers" in talk
    assert talk.count("\n| ") > 10


def test_margins_say_goodbye_loop_and_verdict(capsys: pytest.CaptureFixture[str]):
    lines = shown(capsys, "looping.md").splitlines()
    assert next(line for line in lines if line.startswith("  13")).endswith("goodbye, <- EndsCleanly")
    assert next(line for line in lines if line.startswith("| 15")).endswith("only ritual, <- NoLoops")
    assert any(
        line.startswith("-- nothing new from here on: 53 messages of ritual, 15 to 67 --") for line in lines
    )


def test_a_file_that_is_named_twice_is_used_once(here: Path, capsys: pytest.CaptureFixture[str]):
    Path("link.md").symlink_to("looping.md")
    (here / "folder").mkdir()
    Path("folder/looping.md").symlink_to(here / "looping.md")
    twice = ["looping.md", "./looping.md", "link.md", "*.md", "folder", str(here)]
    once = json.loads(shown(capsys, "looping.md", "--format=json"))
    assert json.loads(shown(capsys, *twice, "--format=json")) == once
    assert main(["report", *twice, "-o", "report.html"]) == 0
    assert capsys.readouterr().out == "report.html: 1 dialogue\n"


def test_repeats_are_folded_unless_all_is_asked_for(capsys: pytest.CaptureFixture[str]):
    short, whole = shown(capsys, "looping.md"), shown(capsys, "looping.md", "--full")
    (fold,) = (line for line in short.splitlines() if "more like it" in line)
    assert "... 35 more like it (32 to 66): repeat messages 28 and 29, 38 messages running" in fold
    assert "\n| 40 " not in short
    assert "\n| 40 " in whole
    assert "more like it" not in whole


def test_a_folded_message_that_a_verdict_quotes_is_shown():
    quoted = PropertyResult(
        property="MentionsNothing(words=3)",
        outcome=Outcome.FAILS,
        explanation="it does",
        evidence=(Citation(message=40, quote="See"),),
    )
    filed = FiledDialogue(Source("talk", "talk.md", 1, LOOPING), verdicts=(quoted,))
    lines = list(dialogue_lines(filed, Page()))
    assert any(line.startswith("| 40 ") and line.endswith("<- MentionsNothing") for line in lines)
    assert any(line.endswith("MentionsNothing: 'See'") for line in lines)
    assert [line.strip("| ").split(":")[0] for line in lines if "more like it" in line] == [
        "... 8 more like it (32 to 39)",
        "... 26 more like it (41 to 66)",
    ]


def test_a_word_without_end_is_shown_whole():
    text = text_of(dialogue("Look: " + "x" * 10_001, "I see."), Page(is_full=True))
    assert text.count("x") == 10_001
    assert max(map(len, text.splitlines())) <= 100


def test_tools_and_reasoning_are_folded():
    message = Message(
        speaker="Ann",
        content="It rains.",
        reasoning="Look at the sky first.",
        tool_calls=(ToolCall(name="weather", arguments='{"city": "Bonn"}', result="rain"),),
        finish="truncated",
    )
    talk = Transcript(messages=(message,))
    text = text_of(talk)
    assert "[reasoning, 5 words]" in text
    assert "[tool weather(...) -> 4 characters]" in text
    assert "[the model stopped: truncated]" in text
    full = text_of(talk, Page(is_full=True))
    assert "Look at the sky first." in full
    assert '[tool weather({"city": "Bonn"}) -> rain]' in full


def test_a_dialogue_without_messages_is_shown():
    assert "The dialogue has no messages." in text_of(Transcript(messages=()))


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_is_wider_than_the_page(width: int):
    text = text_of(LOOPING, Page(width=width))
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("width", [40, 100])
def test_what_models_write_is_only_text(hostile: str, width: int):
    said = (Message(speaker="A", content=hostile), Message(speaker="B", content=f"{'word ' * 9}{hostile}"))
    text = text_of(Transcript(messages=said, topic=hostile), Page(width=width, is_coloured=False))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert not any(line.lstrip(" |").startswith("::") for line in text.splitlines())
    assert "##[" not in text


def test_every_kind_of_file_is_shown(capsys: pytest.CaptureFixture[str]):
    write_journal(Path("talk.jsonl"), Journal(HEADER | {"test": "test_lamp.py::test_talk"}, chat(4), END))
    Path("hand.md").write_text("Alice: Hello.\nBob: Good morning.\n", "utf-8")
    write_record(
        Path("run.jsonl"), RunRecord(header(bar_record({"a": "+"}).header.plan), (sample(says="Hm."),))
    )
    text = shown(capsys)
    for part in ("test_lamp.py::test_talk", "Good morning.", "a, sample 1", "Says goodbye in message 13"):
        assert part in text


def test_names_choose_dialogues(capsys: pytest.CaptureFixture[str]):
    Path("other.md").write_text("Alice: Hello.\nBob: Good morning.\n", "utf-8")
    text = shown(capsys, "-k", "OTH")
    assert "Good morning." in text
    assert "goodbye in message 13" not in text


def test_words_of_a_message_choose_dialogues(capsys: pytest.CaptureFixture[str]):
    Path("other.md").write_text("Alice: Hello.\nBob: A good\nMORNING to you.\n", "utf-8")
    text = shown(capsys, "--says", "good  morning")
    assert "MORNING to you." in text
    assert "goodbye in message 13" not in text
    assert main(["show", "-k", "other", "--says", "nowhere"]) == 2
    assert "no message of 1 dialogue has 'nowhere'" in capsys.readouterr().err


def test_a_name_that_no_dialogue_has_is_an_error(capsys: pytest.CaptureFixture[str]):
    assert main(["show", "-k", "nothing"]) == 2
    assert "none of 1 dialogue has 'nothing' in its name: looping" in capsys.readouterr().err


def test_an_empty_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Path("empty").mkdir()
    assert main(["show", "empty"]) == 2
    assert "there are no dialogues in the files" in capsys.readouterr().err


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(capsys: pytest.CaptureFixture[str]):
    Path("broken.json").write_text("{", "utf-8")
    assert main(["show", "broken.json", "missing.md", "looping.md"]) == 2
    out, err = capsys.readouterr()
    assert "Says goodbye in message 13" in out
    assert "broken.json:1: " in err
    assert "missing.md:1: cannot be read: " in err


def test_other_files_of_a_folder_are_counted(capsys: pytest.CaptureFixture[str]):
    Path("package.json").write_text('{"name": "x"}', "utf-8")
    assert main(["show", "."]) == 0
    assert "no dialogue in 1 other file" in capsys.readouterr().err


def test_a_table_has_a_row_a_dialogue(capsys: pytest.CaptureFixture[str]):
    usage = Usage(prompt_tokens=9, reply_tokens=4, cost=0.5)
    talk = Transcript(messages=(Message(speaker="Ann", content="Hi, there.", usage=usage),), turns=3)
    Path("talk.json").write_text(talk.to_json(), "utf-8")
    first, second = json.loads(shown(capsys, "--format", "json", "looping.md", "talk.json"))
    assert list(first) == list(second)
    assert (first["dialogue"], first["messages"], first["goodbye"]) == ("looping", 67, 13)
    assert (first["loop_first"], first["loop_last"], first["loop_kind"]) == (15, 67, "ritual")
    assert (first["verdict.NoLoops"], second["verdict.NoLoops"]) == ("fails", "holds")
    assert (second["prompt_tokens"], second["reply_tokens"], second["cost"]) == (9, 4, 0.5)
    assert (second["speaker_1"], second["speaker_2"]) == ("Ann", None)


def test_a_table_has_a_row_a_message(capsys: pytest.CaptureFixture[str]):
    rows = [
        json.loads(line) for line in shown(capsys, "--format=jsonl", "--messages", "looping.md").splitlines()
    ]
    assert [row["message"] for row in rows] == list(range(1, 68))
    assert rows[12]["is_goodbye"]
    assert (rows[14]["is_in_loop"], rows[14]["stale"], rows[14]["failed_here"]) == (True, "ritual", "NoLoops")
    assert rows[33]["repeats"] == 28


def test_csv_reads_back(capsys: pytest.CaptureFixture[str]):
    text = shown(capsys, "--format=csv", "--messages", "looping.md")
    assert [row["content"] for row in csv.DictReader(io.StringIO(text))] == [
        m.content for m in LOOPING.messages
    ]


def test_parameters_are_columns(capsys: pytest.CaptureFixture[str]):
    knobs = {"name": "Ann", "model": "openai:a", "system": None, "knobs": {"temperature": 0.5}}
    other = {"name": "Ben", "model": "openai:b", "system": None, "knobs": {}}
    write_journal(
        Path("talk.jsonl"), Journal(HEADER | {"turns": 9, "speakers": [knobs, other]}, chat(4), END)
    )
    (row,) = json.loads(shown(capsys, "--format=json", "talk.jsonl"))
    assert (row["parameter.turns"], row["parameter.Ann.temperature"]) == (9, 0.5)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "md"])
def test_tables_on_stdout_are_only_text(hostile: str, kind: str, capsys: pytest.CaptureFixture[str]):
    Path("talk.json").write_text(dialogue(hostile, "Yes.").to_json(), "utf-8")
    arguments = ["--messages"] if kind != "md" else []
    text = shown(capsys, "--format", kind, *arguments, "talk.json")
    assert all(character.isprintable() or character in "\n\t" for character in text)
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_a_file_gets_every_character(tmp_path: Path):
    Path("talk.json").write_text(dialogue("\x1b[31mred", "Yes.").to_json(), "utf-8")
    assert main(["show", "--format=csv", "--messages", "-o", "rows.csv", "talk.json"]) == 0
    assert "\x1b[31mred" in Path("rows.csv").read_text("utf-8")


def test_markdown_reads_back(capsys: pytest.CaptureFixture[str]):
    Path("copy.md").write_text(shown(capsys, "--format=md", "looping.md"), "utf-8")
    assert Transcript.from_markdown("copy.md").messages == LOOPING.messages


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--messages"], "--messages is for tables"),
        (["--full", "--format=csv"], "--full is for text"),
        (["--format=md", "--property", "NoLoops"], "--property has no effect with --format md"),
        (["--format=parquet"], "-o FILE"),
    ],
)
def test_options_without_effect_are_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["show", "looping.md", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_parquet_needs_pyarrow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["show", "looping.md", "--format=parquet", "-o", "rows.parquet"]) == 2
    says = capsys.readouterr().err
    assert (
        "--format parquet needs pyarrow, which is not installed: pip install 'pytest-duolog[scan]', or"
        in says
    )


def parquet_of(rows: list[dict[str, Any]], path: Path) -> Any:
    table = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    write_parquet(rows, path)
    return table.read_table(path)


def test_parquet_has_the_rows_of_the_other_tables(capsys: pytest.CaptureFixture[str]):
    table = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    for more in ([], ["--messages"]):
        rows = json.loads(shown(capsys, "looping.md", "--format=json", *more))
        shown(capsys, "looping.md", "--format=parquet", "-o", "rows.parquet", *more)
        assert table.read_table("rows.parquet").to_pylist() == rows


@pytest.mark.parametrize(
    ("values", "stored", "kind"),
    [
        ([1, "x"], ["1", "x"], "string"),
        ([1, 1.5], [1.0, 1.5], "double"),
        ([True, 2], ["True", "2"], "string"),
        ([True, None], [True, None], "bool"),
        ([2**70, 1], [str(2**70), "1"], "string"),
        (["\ud800"], ["\\ud800"], "string"),
        ([None], [None], "string"),
    ],
)
def test_parquet_takes_any_parameters(tmp_path: Path, values: list[Any], stored: list[Any], kind: str):
    found = parquet_of([{"parameter.x": value} for value in values], tmp_path / "x.parquet")
    assert found.to_pylist() == [{"parameter.x": value} for value in stored]
    assert str(found.schema.field("parameter.x").type).removeprefix("large_") == kind


def test_parquet_columns_have_one_type_in_every_file(tmp_path: Path):
    full = {"cost": 1, "goodbye": 3, "topic": "x", "is_goodbye": True, "latency_ms": 2.5}
    for rows in ([full], [dict.fromkeys(full)]):
        schema = parquet_of(rows, tmp_path / "x.parquet").schema
        types = [str(schema.field(name).type) for name in full]
        assert types == ["double", "int64", "string", "bool", "double"]
    assert parquet_of([], tmp_path / "x.parquet").to_pylist() == []


def test_a_record_gives_rows():
    record = RunRecord(header(bar_record({"a": "+"}).header.plan), (sample(says="Hm."),))
    write_record(Path("run.jsonl"), record)
    (row,) = RunRecord.read("run.jsonl").to_rows()
    assert (row["test"], row["sample"], row["outcome"], row["messages"]) == ("a", 1, "passed", 1)


class Terminal(io.TextIOWrapper):
    """A terminal that remembers what was written."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode("utf-8")


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Runs the command on a terminal of 500 lines, and gives what it wrote."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "500")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run() -> str:
        made = Terminal()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", made)
            assert main(["show", "looping.md"]) == 0
        return made.text

    return run


def test_a_terminal_has_colours(on_terminal: Callable[[], str]):
    text = on_terminal()
    assert "\x1b[36mAnn\x1b[0m" in text
    assert "\x1b[35mBen\x1b[0m" in text


def test_colours_can_be_refused(on_terminal: Callable[[], str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_terminal()


@pytest.mark.skipif(os.name == "nt", reason="the pager of this test is a shell script")
def test_what_is_longer_than_the_screen_goes_through_the_pager(
    on_terminal: Callable[[], str], monkeypatch: pytest.MonkeyPatch
):
    pager = Path("pager")
    pager.write_text("#!/bin/sh\ncat > paged.txt\n", "utf-8")
    pager.chmod(0o755)
    monkeypatch.setenv("PAGER", str(pager.resolve()))
    monkeypatch.setenv("LINES", "24")
    assert on_terminal() == ""
    assert "Says goodbye in message 13" in Path("paged.txt").read_text("utf-8")


def test_without_a_pager_everything_is_printed(
    on_terminal: Callable[[], str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PAGER", "no-such-program")
    monkeypatch.setenv("LINES", "24")
    assert "goodbye in message 13" in on_terminal()


def test_a_dialogue_in_several_files_of_one_name_is_shown_once(capsys: pytest.CaptureFixture[str]):
    folder = Path("talks")
    folder.mkdir()
    folder.joinpath("one.1.md").write_text(LOOPING.to_markdown(), "utf-8")
    folder.joinpath("one.1.json").write_text(LOOPING.to_json(), "utf-8")
    folder.joinpath("two.1.md").write_text(LOOPING.to_markdown(), "utf-8")
    folder.joinpath("two.1.json").write_text(dialogue("Hello.", "Other words.").to_json(), "utf-8")
    rows = json.loads(shown(capsys, "talks", "--format", "json"))
    assert [row["file"] for row in rows] == ["talks/one.1.json", "talks/two.1.json", "talks/two.1.md"]


def test_an_empty_file_is_called_empty(capsys: pytest.CaptureFixture[str]):
    Path("nothing.md").write_text(" \n", "utf-8")
    assert main(["show", "nothing.md"]) == 2
    assert "nothing.md:1: the file is empty" in capsys.readouterr().err
