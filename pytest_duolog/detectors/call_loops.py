"""Finds loops of tool calls: one speaker makes the same call again and again, and gets the same result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pytest_duolog.detectors.loops import Loop
from pytest_duolog.transcripts.call_keys import call_key
from pytest_duolog.transcripts.transcript import Message, ToolCall

# So many equal calls of one speaker with equal results, with no other call of it between them, are a loop. Calls whose
# results are not known are none.
EQUAL_CALLS = 3
CALLS = "calls"


def call_loops(messages: Sequence[Message]) -> list[Loop]:
    """The loops of calls in these messages, in the order of their first calls."""
    speakers = dict.fromkeys(message.speaker for message in messages if message.tool_calls)
    found = [loop for speaker in speakers for loop in _loops_of(speaker, messages)]
    return sorted(found, key=lambda loop: (loop.onset, loop.end))


def _loops_of(speaker: str, messages: Sequence[Message]) -> Iterator[Loop]:
    made = (
        (at, call)
        for at, message in enumerate(messages)
        if message.speaker == speaker
        for call in message.tool_calls
    )
    for (_, result, _), group in groupby(made, key=lambda item: _facts(item[1])):
        places = [at for at, _ in group]
        if result is not None and len(places) >= EQUAL_CALLS:
            yield Loop(places[0], places[-1], CALLS, (speaker,), None)


def _facts(call: ToolCall) -> tuple[tuple[str, bytes], str | None, bool]:
    return call_key(call), call.result, call.is_error
