"""`duolog diff`: what two dialogues share, and where they part."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog.cli import main
from pytest_duolog.reports.dialogue_diff import DialogueDiff
from pytest_duolog.reports.dialogue_text import Page
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.store import write_record
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript, TranscriptSpeaker
from tests.dialogues import dialogue
from tests.hostile import HOSTILE
from tests.reports.pages import spoken
from tests.run_records import bar_record

TALK = ("Hello.", "Can I help you?", "I want a refund for the lamp.", "Send me the number.", "4711.", "Done.")


def compared(one: Transcript, two: Transcript, page: Page | None = None) -> list[str]:
    diff = DialogueDiff(
        *(FiledDialogue(Source(name, "", 1, said)) for name, said in (("a", one), ("b", two)))
    )
    assert diff.is_same == any(line.startswith("the same: ") for line in diff.lines(Page()))
    return list(diff.lines(page or Page()))


def signs(lines: list[str]) -> list[str]:
    """The sign and the number of each message line."""
    return [" ".join(line.split()[:2]) for line in lines if line[:1] in "-+" and line[2:3].isdigit()]


def test_the_same_dialogue_is_the_same():
    assert compared(dialogue(*TALK), dialogue(*TALK))[-1] == "the same: 6 messages"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (TALK[:5], ["- 6"]),
        ((*TALK, "Bye."), ["+ 7"]),
        ((*TALK[:3], "Which lamp?", *TALK[4:]), ["- 4", "+ 4"]),
        (("Well.", *TALK[1:]), ["- 1", "+ 1"]),
        (tuple(reversed(TALK)), None),
        ((), None),
    ],
)
def test_messages_that_only_one_has_are_marked(texts: tuple[str, ...], expected: list[str] | None):
    lines = compared(dialogue(*TALK), dialogue(*texts))
    found = signs(lines)
    assert found if expected is None else found == expected


def test_a_message_between_moves_the_others_and_marks_only_itself():
    said = [Message(speaker="Ann", content=text) for text in TALK]
    more = [*said[:2], Message(speaker="Ann", content="One moment."), *said[2:]]
    lines = compared(Transcript(messages=tuple(said)), Transcript(messages=tuple(more)))
    assert signs(lines) == ["+ 3"]
    assert any("3 (4)  Ann: I want a refund" in line for line in lines)


def test_words_that_differ_are_listed_and_equal_stretches_are_folded():
    long = [f"Message {number} about the lamp." for number in range(1, 21)]
    other = [*long[:10], "Message 11 about the other lamp.", *long[11:]]
    lines = compared(dialogue(*long), dialogue(*other))
    assert "  ... 8 messages the same" in lines
    assert "  ... 7 messages the same" in lines
    assert any("only: + 'other'" in line for line in lines)
    assert lines[-1] == "20 messages and 20 messages, 19 the same"
    full = compared(dialogue(*long), dialogue(*other), Page(is_full=True))
    assert not any("..." in line for line in full)


def test_models_instructions_end_and_tools_count():
    said = dialogue("Hello.", "Hello.")
    speakers = tuple(TranscriptSpeaker(name=name, model="m2", system="Be kind.") for name in ("Ann", "Ben"))
    lines = compared(said, said.model_copy(update={"speakers": speakers}))
    assert "model of Ann: not known -> m2" in lines
    assert "Ben was told: 'nothing' -> 'Be kind.'" in lines
    call = ToolCall(name="look_up", arguments='{"n": 1}', result="lamp")
    asked = said.model_copy(
        update={"messages": (said.messages[0], Message(speaker="Ben", content="Hello.", tool_calls=(call,)))}
    )
    assert any('[tool look_up({"n": 1}) -> lamp]' in line for line in compared(said, asked))


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("width", [20, 80])
def test_what_models_wrote_is_only_text(hostile: str, width: int):
    lines = compared(dialogue(hostile, "Yes."), dialogue("No.", hostile), Page(width=width))
    text = "\n".join(lines)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert not any(line.lstrip().startswith("::") for line in lines)


def test_the_command_compares_two_files_or_two_dialogues_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("a.md").write_text(dialogue(*TALK).to_markdown(), "utf-8")
    Path("b.md").write_text(dialogue(*TALK[:4]).to_markdown(), "utf-8")
    write_record(Path("run.jsonl"), spoken(bar_record({"t.py::test_a": "+-", "t.py::test_b": "+"})))
    assert main(["diff", "a.md", "a.md"]) == 0
    assert main(["diff", "a.md", "b.md"]) == 1
    assert "- 5  Ann: 4711." in capsys.readouterr().out
    assert main(["diff", "run.jsonl", "-k", "test_a"]) == 1
    assert "- t.py::test_a, sample 1 (run.jsonl:2)" in capsys.readouterr().out
    assert main(["diff", "run.jsonl"]) == 2
    assert "two dialogues can be compared, and these are 3 dialogues: t.py::test_a" in capsys.readouterr().err
    assert main(["diff", "a.md", "missing.md"]) == 2
