"""Dialogues and messages as rows of plain values for pandas, polars and spreadsheets.

All rows of a table have the same columns, with None for unknown values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.transcript import Message
from pytest_duolog.transcripts.usage import Usage

Row = dict[str, Any]

# The columns that hold no text; those of parameters have the types of their values.
COLUMN_TYPES: Mapping[str, type] = {
    **dict.fromkeys(
        (
            *("line", "sample", "message", "messages", "words", "new_words", "goodbye", "repeats"),
            *("loop_first", "loop_last", "messages_in_loops"),
            *(field.name for field in fields(Usage) if field.name != "cost"),
        ),
        int,
    ),
    **dict.fromkeys(("cost", "latency_ms", "on_topic"), float),
    **dict.fromkeys(("is_in_loop", "is_goodbye"), bool),
}


def dialogue_rows(dialogues: Iterable[FiledDialogue]) -> list[Row]:
    """One row for each dialogue.

    `parameter.NAME` is a value of the scenario, `verdict.PROPERTY` the outcome of a property. Message numbers count
    from 1; `cost` is in the provider's currency.
    """
    return _even(map(_dialogue_row, dialogues))


def message_rows(dialogues: Iterable[FiledDialogue]) -> list[Row]:
    """One row for each message; the first columns identify its dialogue, as in `dialogue_rows`."""
    return _even(row for dialogue in dialogues for row in _message_rows(dialogue))


def _even(rows: Iterable[Row]) -> list[Row]:
    found = list(rows)
    columns = dict.fromkeys(column for row in found for column in row)
    # The columns that depend on the dialogues come last.
    names = sorted(
        columns, key=lambda name: name.startswith(("speaker_", "model_", "parameter.", "verdict."))
    )
    return [{name: row.get(name) for name in names} for row in found]


def _place(dialogue: FiledDialogue) -> Row:
    return {
        "dialogue": dialogue.source.id,
        "file": dialogue.source.file,
        "line": dialogue.source.line,
        "test": dialogue.test or None,
        "sample": dialogue.sample,
        "arm": dialogue.arm or None,
    }


def _dialogue_row(dialogue: FiledDialogue) -> Row:
    transcript, reading = dialogue.source.transcript, dialogue.reading
    stop, loop = transcript.stop_reason, reading.main_loop
    recorded_at = transcript.recorded_at
    return {
        **_place(dialogue),
        "kind": dialogue.kind.value,
        "outcome": dialogue.outcome.value if dialogue.outcome else None,
        "problem": dialogue.problem or None,
        "cassette": dialogue.cassette,
        "topic": transcript.topic,
        "recorded_at": recorded_at.isoformat() if recorded_at else None,
        "stop_reason": stop.kind.value if stop else None,
        "stop_speaker": stop.speaker if stop else None,
        "stop_detail": (stop.detail or None) if stop else None,
        "messages": len(transcript),
        "words": sum(reading.words),
        "new_words": sum(reading.new),
        "goodbye": reading.goodbye,
        "loop_first": loop.first if loop else None,
        "loop_last": loop.last if loop else None,
        "loop_kind": loop.kind if loop else None,
        "messages_in_loops": sum(map(len, reading.loops)),
        "tool_calls": sum(len(message.tool_calls) for message in transcript.messages),
        **_usage(transcript.usage),
        **{
            f"{field}_{number}": value
            for number, speaker in enumerate(transcript.speakers, start=1)
            for field, value in (("speaker", speaker.name), ("model", speaker.model))
        },
        **_prefixed("parameter", dialogue.parameters),
        **_prefixed("verdict", {verdict.property: verdict.outcome.value for verdict in dialogue.verdicts}),
    }


def _prefixed(kind: str, values: Mapping[str, Any]) -> Row:
    return {f"{kind}.{name}": value for name, value in values.items()}


def _message_rows(dialogue: FiledDialogue) -> Iterator[Row]:
    transcript, reading = dialogue.source.transcript, dialogue.reading
    models = {speaker.name: speaker.model for speaker in transcript.speakers}
    for number, message in transcript.numbered():
        stale = reading.stale[number - 1]
        yield {
            **_place(dialogue),
            "message": number,
            "speaker": message.speaker,
            "model": models.get(message.speaker),
            "content": message.content,
            "reasoning": message.reasoning,
            "tool_calls": _tool_calls(message),
            "finish": message.finish,
            "words": reading.words[number - 1],
            "new_words": reading.new[number - 1],
            "stale": stale.value if stale else None,
            "repeats": reading.repeats[number - 1],
            "is_in_loop": reading.is_inside(number),
            "is_goodbye": number == reading.goodbye,
            "on_topic": reading.topic[number - 1] if reading.topic else None,
            "latency_ms": message.latency_ms,
            **_usage(message.usage or Usage()),
            "failed_here": ", ".join(
                verdict.property
                for verdict in dialogue.broken
                if any(citation.message == number for citation in verdict.evidence)
            )
            or None,
        }


def _tool_calls(message: Message) -> str | None:
    """The calls as a JSON list, because a cell of a table cannot hold a list."""
    calls = [call.model_dump(mode="json") for call in message.tool_calls]
    return json.dumps(calls, ensure_ascii=False) if calls else None


def _usage(usage: Usage) -> Row:
    return usage.model_dump(mode="json")
