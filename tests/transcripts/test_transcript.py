"""The transcript as a value, and its JSON form."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pytest_duolog.errors import TranscriptError
from pytest_duolog.properties import Outcome
from pytest_duolog.transcripts.stored import storable
from pytest_duolog.transcripts.transcript import (
    Message,
    StopKind,
    StopReason,
    ToolCall,
    ToolDefinition,
    Transcript,
    TranscriptSpeaker,
)
from pytest_duolog.transcripts.usage import Usage
from tests.dialogues import dialogue

FINISHES = st.sampled_from(["end", "truncated", "filtered", "refused", "tool", "error", "other", None])
COUNTS = st.none() | st.integers(min_value=0)
MESSAGES = st.builds(
    Message,
    speaker=st.sampled_from(["Ann", "李雷"]),
    content=st.text(),
    reasoning=st.none() | st.text(),
    finish=FINISHES,
    usage=st.none() | st.builds(Usage, prompt_tokens=COUNTS, reply_tokens=COUNTS),
    latency_ms=st.none() | st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)
TRANSCRIPTS = st.builds(
    Transcript,
    speakers=st.just(
        (TranscriptSpeaker(name="Ann", model="m:x", system="Be brief."), TranscriptSpeaker(name="李雷"))
    ),
    messages=st.lists(MESSAGES, max_size=5).map(tuple),
    stop_reason=st.none()
    | st.builds(
        StopReason,
        kind=st.sampled_from(StopKind),
        speaker=st.none() | st.just("Ann"),
        detail=st.text(max_size=9),
    ),
    turns=st.none() | st.integers(1, 9),
    opener=st.none() | st.text(max_size=9),
    topic=st.none() | st.text(max_size=9),
    recorded_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


CALLS = st.builds(
    ToolCall,
    name=st.just("refund"),
    arguments=st.text(max_size=5),
    result=st.none() | st.text(max_size=5),
    is_error=st.booleans(),
    round=st.integers(0, 2),
    at=st.integers(0, 9),
    id=st.sampled_from(["", "call00001"]),
    agent=st.none() | st.just("Till"),
    latency_ms=st.none() | st.just(2.5),
)
REFUND = ToolDefinition(
    name="refund",
    description="Pay back.",
    parameters={"type": "object", "properties": {"id": {"type": "string"}}},
)


@given(st.lists(CALLS, max_size=2), st.sampled_from([(), (REFUND,)]))
def test_json_holds_tools(calls, tools):
    ann = TranscriptSpeaker(name="Ann", tools=tools)
    message = Message(speaker="Ann", content="Done.", tool_calls=tuple(calls))
    transcript = Transcript(speakers=(ann,), messages=(message,))
    assert Transcript.from_value(json.loads(transcript.to_json())) == transcript


@pytest.mark.parametrize(
    ("speaker", "call", "stop", "version"),
    [
        ({}, {"arguments": "{}", "result": "ok"}, None, 1),
        ({"tools": (REFUND,)}, {}, None, 2),
        ({"has_other_tools": True}, {}, None, 2),
        ({}, {"is_error": True}, None, 2),
        ({}, {"round": 1}, None, 2),
        ({}, {"id": "call00001"}, None, 2),
        ({}, {}, StopReason(kind=StopKind.TOOL_LIMIT), 2),
    ],
)
def test_json_has_format_2_only_where_older_versions_cannot_read_it(speaker, call, stop, version):
    message = Message(speaker="Ann", content="Done.", tool_calls=(ToolCall(name="refund", **call),))
    transcript = Transcript(
        speakers=(TranscriptSpeaker(name="Ann", **speaker),), messages=(message,), stop_reason=stop
    )
    written = json.loads(transcript.to_json())
    assert written["format"] == version
    assert set(written["messages"][0]["tool_calls"][0]) == {"name", "arguments", "result", *call}
    assert set(written["speakers"][0]) == {"name", "model", "system", *speaker}


def test_a_call_stays_in_its_place_where_words_before_it_are_redacted():
    call = ToolCall(name="refund", arguments='{"key": "hunter22"}', at=17)
    said = Transcript(
        messages=(Message(speaker="Ann", content="hunter22, I look.\n\nDone.", tool_calls=(call,)),)
    )

    def redacted(value):
        return json.loads(json.dumps(value).replace("hunter22", "***"))

    (message,) = said.without_secrets(redacted).messages
    assert (message.content[: message.tool_calls[0].at], message.tool_calls[0].arguments) == (
        "***, I look.",
        '{"key": "***"}',
    )


@given(TRANSCRIPTS)
def test_json_holds_everything(tmp_path_factory, transcript):
    path = tmp_path_factory.getbasetemp() / "transcript.json"
    path.write_text(transcript.to_json(), "utf-8")
    assert Transcript.from_json(path) == transcript


def test_json_begins_with_its_format(tmp_path):
    assert json.loads(dialogue("Hi.").to_json())["format"] == 1


def test_twin_of_the_founding_markdown_is_read(tmp_path):
    twin = tmp_path / "twin.json"
    twin.write_text(
        json.dumps(
            {
                "timestamp": "2026-11-23T10:00:00+01:00",
                "model_a": "openai:x",
                "model_b": "openai:y",
                "system_prompt": "Be brief.",
                "opener": "Hi.",
                "turns": 1,
                "conversation": [
                    {"speaker": "A", "model": "x", "content": "Hi.", "turn": 0},
                    {
                        "speaker": "b",
                        "model": "y",
                        "content": "Hello.",
                        "turn": 1,
                        "reasoning": "They greet.",
                    },
                    {"speaker": "Model A", "model": "x", "content": "Bye.", "turn": 1, "reasoning": ""},
                ],
            }
        )
    )
    transcript = Transcript.from_json(twin)
    assert transcript.speakers == (
        TranscriptSpeaker(name="Model A", model="openai:x", system="Be brief."),
        TranscriptSpeaker(name="Model B", model="openai:y", system="Be brief."),
    )
    assert [(message.speaker, message.content, message.reasoning) for message in transcript.messages] == [
        ("Model A", "Hi.", None),
        ("Model B", "Hello.", "They greet."),
        ("Model A", "Bye.", None),
    ]
    assert (transcript.turns, transcript.opener) == (1, "Hi.")
    assert transcript.recorded_at == datetime(2026, 11, 23, 10, tzinfo=timezone(timedelta(hours=1)))


def test_empty_fields_of_the_twin_are_none(tmp_path):
    twin = tmp_path / "twin.json"
    twin.write_text(json.dumps({"conversation": [], "system_prompt": "", "opener": ""}))
    transcript = Transcript.from_json(twin)
    assert (transcript.speakers[0].system, transcript.opener, transcript.recorded_at) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "it is JSON, but not an object"),
        ("3", "it is JSON, but not an object"),
        ("{}", "its format is None, but this version reads 1 and 2"),
        ('{"format": 3, "messages": []}', "its format is 3, but this version reads 1 and 2"),
        ('{"format": 1}', "messages: Field required"),
        ('{"format": 1, "messages": [], "mood": 1}', "mood: Extra inputs are not permitted"),
        ('{"format": 1, "messages": [{"speaker": "A", "content": 3}]}', "messages.0.content: * valid string"),
        ('{"conversation": [{"speaker": "A"}]}', "messages.0.content: * valid string"),
        ('{"conversation": 5}', "its conversation is not a list of objects"),
        ('{"conversation": ["Hi."]}', "its conversation is not a list of objects"),
    ],
)
def test_what_is_not_a_transcript_is_said(tmp_path, content, problem):
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(TranscriptError) as caught:
        Transcript.from_json(path)
    head, _, tail = problem.partition("*")
    assert str(caught.value).startswith(f"{path}: not a transcript: {head}")
    assert tail in str(caught.value)


@pytest.mark.parametrize("read", [Transcript.from_json, Transcript.from_markdown])
def test_unreadable_file_is_said(tmp_path, read):
    with pytest.raises(TranscriptError, match=r"nowhere: cannot be read: No such file or directory$"):
        read(tmp_path / "nowhere")
    with pytest.raises(TranscriptError, match=r"cannot be read: Is a directory$"):
        read(tmp_path)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xef\xbb\xbfok \xff")
    with pytest.raises(
        TranscriptError, match=r"binary: not a text file: byte \d is not UTF-8; .* save it as UTF-8"
    ):
        read(binary)


def test_byte_order_mark_is_not_content(tmp_path: Path):
    path = tmp_path / "transcript.json"
    path.write_text(dialogue("Hi.").to_json(), "utf-8-sig")
    assert Transcript.from_json(path) == dialogue("Hi.")


def test_speakers_are_taken_from_the_messages_in_order():
    assert [speaker.name for speaker in dialogue("Hi.", "Hello.", speakers=("Ben", "Ann")).speakers] == [
        "Ben",
        "Ann",
    ]
    assert Transcript(messages=()).speakers == ()


@pytest.mark.parametrize(
    ("speakers", "problem"),
    [
        (("Ann", "Ann"), "two speakers have the same name: Ann, Ann"),
        (("Ann",), "Ben has messages but is not one of the speakers: Ann"),
    ],
)
def test_messages_belong_to_known_speakers(speakers, problem):
    with pytest.raises(ValidationError, match=problem):
        Transcript(
            speakers=tuple(TranscriptSpeaker(name=name) for name in speakers),
            messages=dialogue("Hi.", "Hello.").messages,
        )


@pytest.mark.parametrize("negative", [{"prompt_tokens": -1}, {"reply_tokens": -1}])
def test_counts_are_not_negative(negative):
    with pytest.raises(ValidationError):
        Usage(**negative)


def test_messages_are_numbered_from_one():
    transcript = dialogue("Hi.", "Hello.")
    assert [(number, message.content) for number, message in transcript.numbered()] == [
        (1, "Hi."),
        (2, "Hello."),
    ]
    assert len(transcript) == 2


@pytest.mark.parametrize(
    ("compare", "problem"),
    [
        (
            lambda talk: "refund" not in talk.messages,
            "a Message .speaker, content, .* is no text, so it never equals",
        ),
        (lambda talk: talk.messages[0] != "Hi.", "a Message .* is no text"),
        (lambda talk: talk.messages != ("Hi.",), "a Message .* is no text"),
        (lambda talk: talk.stop_reason != "loop", r"a StopReason \(kind, speaker, detail\) is no text"),
        (lambda talk: "Model A" not in talk.speakers, "a TranscriptSpeaker .* is no text"),
        (lambda talk: "refund" not in talk, "argument of type 'Transcript'"),
        (lambda talk: "refund" not in talk.messages[0], "argument of type 'Message'"),
    ],
)
def test_comparison_that_is_always_true_is_a_mistake(compare, problem):
    talk = dialogue("Hi.").model_copy(update={"stop_reason": StopReason(kind=StopKind.LOOP)})
    with pytest.raises(TypeError, match=problem):
        compare(talk)


def test_values_are_compared_and_hashed_by_what_they_hold():
    assert dialogue("Hi.") == dialogue("Hi.") != dialogue("Ho.")
    assert dialogue("Hi.").messages[0] in dialogue("Hi.").messages
    assert len({*dialogue("Hi.").messages, *dialogue("Hi.").messages}) == 1
    assert dialogue("Hi.").messages[0] is not None
    assert dialogue("Hi.").messages[0] != 7


def test_word_is_compared_with_words_alone():
    assert StopKind.LOOP == "loop" != StopKind.TURNS
    assert {StopKind.LOOP: 1}["loop"] == {"loop": 1}[StopKind.LOOP]
    assert StopKind.LOOP != None  # noqa: E711  # as a test may write it
    with pytest.raises(ValueError, match="'goal reached' is no StopKind; did you mean 'goal_reached'"):
        assert StopKind.LOOP != "goal reached"
    with pytest.raises(ValueError, match="'failed' is no Outcome; did you mean 'fails'"):
        assert Outcome.HOLDS != "failed"


def test_transcript_does_not_change():
    with pytest.raises(AttributeError, match="cannot assign"):
        dialogue("Hi.").turns = 3


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (StopReason(kind=StopKind.TURNS), "turns"),
        (StopReason(kind=StopKind.EMPTY_REPLY, speaker="Ben"), "empty reply (Ben)"),
        (StopReason(kind=StopKind.STOP_PHRASE, speaker="Ben", detail="'bye'"), "stop phrase (Ben): 'bye'"),
        (StopReason(kind=StopKind.TURNS, detail="3 turns"), "turns: 3 turns"),
    ],
)
def test_stop_reason_reads_as_words(reason, words):
    assert str(reason) == words


def test_lone_surrogates_become_question_marks():
    assert storable("a\ud800b\U0001f600") == "a?b\U0001f600"
    assert Message(speaker="Ann", content="\udfff").content == "?"
