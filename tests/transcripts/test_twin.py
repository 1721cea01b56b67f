"""The founding JSON: what is written reads back as it was, and the first producer's files read as before."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.transcripts.transcript import (
    Message,
    StopKind,
    StopReason,
    ToolCall,
    Transcript,
    TranscriptSpeaker,
)
from pytest_duolog.transcripts.twin import to_twin
from pytest_duolog.transcripts.usage import Usage

texts = st.text(st.characters(codec="utf-8"))
models = st.none() | texts
names = st.lists(texts.filter(bool), min_size=2, max_size=2, unique=True) | st.just(["Model A", "Model B"])


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    a, b = draw(names)
    said = draw(st.lists(st.tuples(st.sampled_from([a, b]), texts), max_size=5))
    return Transcript(
        speakers=(
            TranscriptSpeaker(name=a, model=draw(models), system=draw(models)),
            TranscriptSpeaker(name=b, model=draw(models), system=draw(models)),
        ),
        messages=tuple(
            Message(
                speaker=speaker,
                content=content,
                reasoning=draw(st.none() | texts.filter(bool)),
                finish=draw(st.sampled_from([None, "end", "truncated"])),
                usage=draw(st.none() | st.builds(Usage, reply_tokens=st.integers(0, 9))),
                latency_ms=draw(st.none() | st.integers(0, 99)),
                tool_calls=draw(st.just(()) | st.tuples(st.builds(ToolCall, name=texts, result=models))),
            )
            for speaker, content in said
        ),
        stop_reason=draw(st.none() | st.builds(StopReason, kind=st.sampled_from(StopKind), speaker=models)),
        turns=draw(st.none() | st.integers(1, 99)),
        opener=draw(st.none() | texts.filter(bool)),
        topic=draw(models),
        recorded_at=draw(st.none() | st.just(datetime(2026, 2, 13, 13, 11, tzinfo=UTC))),
    )


@given(transcript=transcripts())
def test_what_is_written_reads_back_the_same(transcript: Transcript):
    assert Transcript.from_value(json.loads(to_twin(transcript))) == transcript


def test_the_keys_are_those_of_the_first_producer():
    transcript = Transcript(
        speakers=(
            TranscriptSpeaker(name="Model A", model="x", system="S"),
            TranscriptSpeaker(name="Model B", model="y", system="S"),
        ),
        messages=(
            Message(speaker="Model A", content="Hello."),
            Message(speaker="Model B", content="Yes?", reasoning="Hm."),
        ),
        turns=1,
        opener="Hello.",
    )
    value = json.loads(to_twin(transcript))
    assert list(value)[:7] == [
        "timestamp",
        "model_a",
        "model_b",
        "system_prompt",
        "opener",
        "turns",
        "conversation",
    ]
    assert value["conversation"] == [
        {"speaker": "Model A", "model": "x", "content": "Hello.", "turn": 0},
        {"speaker": "Model B", "model": "y", "content": "Yes?", "turn": 1, "reasoning": "Hm."},
    ]
