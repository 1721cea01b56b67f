"""Transcripts as Markdown: what people read, and what reads back the same."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.markdown import from_markdown, to_markdown
from pytest_duolog.transcripts.transcript import (
    Message,
    StopKind,
    StopReason,
    ToolCall,
    Transcript,
    TranscriptSpeaker,
)

ALICE = TranscriptSpeaker(name="Alice", model="local:smollm2-135m-instruct", system="Be brief.")
BOB = TranscriptSpeaker(name="Bob", model="openai:gpt-x", system="Be kind.")

SMALL = """\
# LLM Dialogue Transcript

Date: 2026-11-23 09:30 UTC
Model A: local:smollm2-135m-instruct
Model B: openai:gpt-x
Speaker A: Alice
Speaker B: Bob
Turns: 2
System prompt A: Be brief.
System prompt B: Be kind.
Opener: Hi.
Topic: tea
Stop reason: stop phrase
Stopped by: Bob
Stop detail: 'bye'

## Conversation

Alice: Hi.

Bob: <think>They greet me.</think>
Hello, Alice.

What about tea?

Alice [truncated]: Tea is a

Bob: Bye.
"""


def small_transcript() -> Transcript:
    return Transcript(
        speakers=(ALICE, BOB),
        messages=(
            Message(speaker="Alice", content="Hi."),
            Message(speaker="Bob", content="Hello, Alice.\n\nWhat about tea?", reasoning="They greet me."),
            Message(speaker="Alice", content="Tea is a", finish="truncated"),
            Message(speaker="Bob", content="Bye."),
        ),
        stop_reason=StopReason(kind=StopKind.STOP_PHRASE, speaker="Bob", detail="'bye'"),
        turns=2,
        opener="Hi.",
        topic="tea",
        recorded_at=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
    )


def test_a_dialogue_is_written_as_people_read_it() -> None:
    assert to_markdown(small_transcript()) == SMALL


def test_what_people_read_is_read_back() -> None:
    assert from_markdown(SMALL) == small_transcript()


CALLS = """\
Bob: <think>Which order?</think>
<call>find_order {"number": 3}</call>
<result>{"state": "sent"}</result>
<call>notify</call>
It is on its way.
"""


def test_tools_stand_before_what_is_said() -> None:
    calls = (
        ToolCall(name="find_order", arguments='{"number": 3}', result='{"state": "sent"}'),
        ToolCall(name="notify"),
    )
    message = Message(speaker="Bob", content="It is on its way.", reasoning="Which order?", tool_calls=calls)
    written = to_markdown(Transcript(speakers=(BOB,), messages=(message,)))
    assert written.endswith(f"## Conversation\n\n{CALLS}")
    assert from_markdown(written).messages == (message,)


MIXED = """\
Bob: Let me look.

<call>look_up {"order_id": "4711"}</call>
<result>{"item": "lamp", "price": 30}</result>
<call>refund {"order": 4711}</call>
<error>order_id: field required</error>

<call agent="Till">refund {"order_id": "4711"}</call>
<result>{"ok": true}</result>
I found your lamp, 30 dollars.

It is paid back.
"""


def test_calls_stand_where_they_were_made_with_errors_and_rounds() -> None:
    calls = (
        ToolCall(
            name="look_up",
            arguments='{"order_id": "4711"}',
            result='{"item": "lamp", "price": 30}',
            round=1,
            at=12,
        ),
        ToolCall(
            name="refund",
            arguments='{"order": 4711}',
            result="order_id: field required",
            is_error=True,
            round=1,
            at=12,
        ),
        ToolCall(
            name="refund",
            arguments='{"order_id": "4711"}',
            result='{"ok": true}',
            round=2,
            at=12,
            agent="Till",
        ),
    )
    content = "Let me look.\n\nI found your lamp, 30 dollars.\n\nIt is paid back."
    message = Message(speaker="Bob", content=content, tool_calls=calls)
    written = to_markdown(Transcript(speakers=(BOB,), messages=(message,)))
    assert written.endswith(f"Format: duolog 2\n\n## Conversation\n\n{MIXED}")
    assert from_markdown(written).messages == (message,)


@pytest.mark.parametrize(
    ("calls", "content", "version"),
    [
        ([ToolCall(name="a")], "Yes.", 1),
        ([ToolCall(name="a"), ToolCall(name="b")], "Yes.", 1),
        ([ToolCall(name="a", round=1), ToolCall(name="b", round=2)], "Yes.", 1),
        ([ToolCall(name="a", round=1, id="call00001", latency_ms=2.5)], "Yes.", 1),
        ([ToolCall(name="a", round=1), ToolCall(name="b", round=1)], "Yes.", 2),
        ([ToolCall(name="a", is_error=True)], "Yes.", 2),
        ([ToolCall(name="a", at=4)], "Yes.", 2),
        ([ToolCall(name="a")], "", 2),
    ],
)
def test_format_2_is_written_only_for_what_format_1_cannot_say(
    calls: list[ToolCall], content: str, version: int
) -> None:
    written = to_markdown(
        Transcript(messages=(Message(speaker="A", content=content, tool_calls=tuple(calls)),))
    )
    assert f"Format: duolog {version}\n" in written


def test_the_tags_of_format_2_are_ordinary_text_in_format_1() -> None:
    text = 'Format: duolog 1\n\n## Conversation\n\nModel A: <call at="1">x</call>\n\n<call>y</call>\n<error>z</error>'
    (message,) = from_markdown(text).messages
    assert (message.content.split("\n")[0], message.tool_calls) == ('<call at="1">x</call>', ())
    (message,) = from_markdown(text.replace('<call at="1">x', "<call>x")).messages
    assert [call.is_error for call in message.tool_calls] == [False, False]
    assert message.content == "<error>z</error>"


def test_tags_of_tools_in_a_foreign_file_are_ordinary_text() -> None:
    (message,) = from_markdown("## Conversation\n\nModel A: <call>x</call>Hm.").messages
    assert (message.content, message.tool_calls) == ("<call>x</call>Hm.", ())


TOKENS = [
    "Alice:", "Bob: ", "Model A:", "Bob [truncated]: x", "## Conversation", "# LLM Dialogue Transcript", "<think>",
    "</think>", "<call>", "</call>", "<result>", "</result>", "&#10;", "&#38;", "&amp;", "Format: duolog 1", "\n",
    "<error>", "</error>", "<error/>", '<call at="1">', "Format: duolog 2", "\n\n<call>x</call>\n", '"',
    "\n\n", " ", "\t", "\r", "\r\n", "\x0b",
    "\x0c", "\x1b[31m", "\x1c", "\x85", "\u2028", "\0", "\ud83d", "\\", "x", "…", "🙂", "\ufeff", "::error::", "\u3000",
]  # fmt: skip
hostile_text = st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=8)), max_size=8).map("".join)
any_text = st.one_of(hostile_text, st.text(max_size=40))
names = st.lists(any_text, min_size=1, max_size=4, unique=True)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    speakers = tuple(
        TranscriptSpeaker(name=name, model=draw(st.none() | any_text), system=draw(st.none() | any_text))
        for name in draw(names)
    )
    call = st.builds(
        ToolCall,
        name=any_text,
        arguments=any_text,
        result=st.none() | any_text,
        is_error=st.booleans(),
        round=st.integers(0, 3),
        at=st.sampled_from([0, 0, 1, 2, 5, 9]),
        agent=st.none() | any_text,
    )
    plain_call = st.builds(ToolCall, name=any_text, arguments=any_text, result=st.none() | any_text)
    message = st.builds(
        Message,
        speaker=st.sampled_from([speaker.name for speaker in speakers]),
        content=any_text,
        reasoning=st.none() | any_text,
        tool_calls=st.lists(draw(st.sampled_from([call, plain_call])), max_size=3).map(tuple),
        finish=st.sampled_from([None, "truncated", "filtered", "refused", "tool", "error", "other"]),
    )
    stop = st.builds(
        StopReason, kind=st.sampled_from(StopKind), speaker=st.none() | any_text, detail=any_text
    )
    minutes = st.datetimes(min_value=datetime(1900, 1, 1)).map(
        lambda date: date.replace(second=0, microsecond=0)
    )
    return Transcript(
        speakers=speakers,
        messages=tuple(draw(st.lists(message, max_size=6))),
        stop_reason=draw(st.none() | stop),
        turns=draw(st.none() | st.integers(0, 10_000)),
        opener=draw(st.none() | any_text),
        topic=draw(st.none() | any_text),
        recorded_at=draw(st.none() | minutes | minutes.map(lambda date: date.replace(tzinfo=UTC))),
    )


def as_told(transcript: Transcript) -> Transcript:
    """A call that is alone in its message has no round beside another: 0 and 1 are the same."""
    messages = [
        message.model_copy(
            update={
                "tool_calls": tuple(
                    call.model_copy(update={"round": call.round or 1}) for call in message.tool_calls
                )
            }
        )
        if len(message.tool_calls) == 1
        else message
        for message in transcript.messages
    ]
    return transcript.model_copy(update={"messages": tuple(messages)})


CONFLICT = "a\n<<<<<<< HEAD\nAlice: mine\n=======\nAlice: theirs\n>>>>>>> other\n"


@given(transcripts())
@example(Transcript(speakers=(), messages=()))
@example(
    Transcript(
        speakers=(ALICE, BOB),
        messages=(
            Message(speaker="Alice", content=CONFLICT, reasoning=CONFLICT),
            Message(
                speaker="Bob",
                content=CONFLICT,
                tool_calls=(ToolCall(name="merge", arguments=CONFLICT, result=CONFLICT),),
            ),
        ),
    )
)
def test_whatever_was_said_reads_back_the_same(transcript: Transcript) -> None:
    assert as_told(from_markdown(to_markdown(transcript))) == as_told(transcript)


@given(transcripts())
def test_a_record_and_its_markdown_say_the_same(transcript: Transcript) -> None:
    read = from_markdown(to_markdown(transcript))
    assert [message.said() for message in read.messages] == [
        message.said() for message in transcript.messages
    ]


@pytest.mark.parametrize("content", ["", "Done."])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_round_of_a_lone_call_says_nothing(content: str, number: int) -> None:
    calls = [ToolCall(name="refund", round=number, at=at) for at in {0, len(content)}]
    for call in calls:
        message = Message(speaker="Ann", content=content, tool_calls=(call,))
        (read,) = from_markdown(to_markdown(Transcript(messages=(message,)))).messages
        plain = call.model_copy(update={"round": 0})
        assert read.said() == message.said() == message.model_copy(update={"tool_calls": (plain,)}).said()


@given(transcripts(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_file_survives_the_way_to_disk_and_other_line_ends(transcript: Transcript, line_end: str) -> None:
    on_disk = to_markdown(transcript).encode("utf-8").decode("utf-8")
    assert as_told(from_markdown(on_disk.replace("\n", line_end))) == as_told(transcript)


@given(any_text)
def test_no_control_character_reaches_a_terminal_raw(text: str) -> None:
    written = to_markdown(Transcript(messages=(Message(speaker="A", content=text),)))
    assert not [character for character in written if ord(character) < 32 and character not in "\n\t"]
    assert "\x1b" not in written


@given(st.text(max_size=200))
def test_any_text_is_a_transcript_or_a_clear_error(text: str) -> None:
    with suppress(TranscriptError):
        from_markdown(text)


LENIENT = {
    "blank lines around messages": "\n\nModel A: Hello.\n\n\n\nModel B:\n\nHi.\n\n\n",
    "windows line ends": "Model A: Hello.\r\n\r\nModel B: Hi.\r\n",
    "byte order mark": "\ufeffModel A: Hello.\n\nModel B: Hi.",
    "no heading": "Date: 2026-02-13 13:11\nTurns: 50\n\nModel A: Hello.\n\nModel B: Hi.",
    "no header": "## Conversation\n\nModel A: Hello.\n\nModel B: Hi.",
    "unknown field": "Mood: calm\nTurns: 2\n\n## Conversation\n\nModel A: Hello.\n\nModel B: Hi.",
}


@pytest.mark.parametrize("text", LENIENT.values(), ids=LENIENT.keys())
def test_reading_forgives(text: str) -> None:
    assert [(message.speaker, message.content) for message in from_markdown(text).messages] == [
        ("Model A", "Hello."),
        ("Model B", "Hi."),
    ]


def test_a_speaker_line_inside_a_paragraph_is_not_a_new_message() -> None:
    assert len(from_markdown("## Conversation\n\nModel A: He said:\nModel B: hi\n\nModel B: Yes.")) == 2


def test_entities_of_a_foreign_file_are_ordinary_text() -> None:
    assert from_markdown("## Conversation\n\nModel A: &#65;").messages[0].content == "&#65;"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: not a transcript"),
        ("just a note\n", "line 1: expected a speaker's name and a colon"),
        ("Turns: 2\n\n## Conversation\n\nEve: hi", "line 5: expected two messages"),
        ("Speaker A: Eve\n\n## Conversation\n\nAda: hi", "line 5: expected 'Eve:', found 'Ada: hi'"),
        (
            SMALL.replace("Alice [truncated]: Tea is a\n", CONFLICT),
            f"line {SMALL[: SMALL.index('Alice [')].count(chr(10)) + 2}: an unresolved merge conflict begins here",
        ),
        (
            f"<<<<<<< HEAD\n{SMALL}=======\n{SMALL}>>>>>>> b\n",
            "line 1: an unresolved merge conflict begins here",
        ),
        ("Format: duolog 99\n\n## Conversation\n\nModel A: hi", "unknown format 'duolog 99'"),
    ],
    ids=["empty", "prose", "alone", "stranger", "conflict", "whole conflict", "newer format"],
)
def test_what_is_not_a_transcript_is_said(text: str, said: str) -> None:
    with pytest.raises(TranscriptError, match=r"line|format") as raised:
        from_markdown(text)
    assert said in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bulk",
    [
        " " * 3_000_000,
        "&#" * 1_000_000,
        "<think>" * 500_000,
        "<call>" * 500_000,
        "\nAlice:" * 300_000,
        "\n" * 3_000_000,
        "\n\n<call x>" * 300_000,
        "\n\n<call>a</call>\n<result>" * 150_000,
    ],
)
def test_a_huge_message_takes_linear_time(bulk: str) -> None:
    calls = (ToolCall(name="a", is_error=True, round=1), ToolCall(name="b", round=1, at=5))
    message = Message(speaker="Bob", content=f"x{bulk}y", tool_calls=calls)
    transcript = Transcript(speakers=(ALICE, BOB), messages=(message,))
    started = time.process_time()
    assert from_markdown(to_markdown(transcript)) == transcript
    from_markdown(f"Format: duolog 2\n\n## Conversation\n\nModel A: x{bulk}</call>")
    assert time.process_time() - started < 30, "quadratic time would be minutes"


def test_files_are_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "dialogue.md"
    path.write_text(small_transcript().to_markdown(), "utf-8")
    assert Transcript.from_markdown(path) == small_transcript()
    with pytest.raises(TranscriptError, match="cannot be read"):
        Transcript.from_markdown(tmp_path / "missing.md")
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(TranscriptError, match="not a text file"):
        Transcript.from_markdown(str(path))


@given(transcripts())
def test_json_keeps_everything(transcript: Transcript) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dialogue.json"
        path.write_text(transcript.to_json(), "utf-8")
        assert Transcript.from_json(path) == transcript
