"""The rounds of one message: what a model said and called, and the results, before its last words.

A model that may call tools answers one message in several requests. Each request but the last ends with calls, whose
results are part of the next request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from pytest_duolog.transcripts.transcript import ToolCall


class CallsEntry(NamedTuple):
    """The part of a chat history in which the speaker's own model called tools.

    `content` is what it said with the calls. `opaque` is the same in the provider's own form, as JSON text; None if it
    is not known, as after a change of the provider.
    """

    content: str
    calls: tuple[ToolCall, ...]
    opaque: str | None = None


class ResultsEntry(NamedTuple):
    """The part of a chat history with the results of calls, in their order."""

    calls: tuple[ToolCall, ...]


def call_id(number: int) -> str:
    """The id of a dialogue's call in requests; `number` is from 1.

    It is the same in every recording, and has the only form that all providers accept: Mistral wants 9 letters or
    digits.
    """
    return f"call{number:05d}"


def numbered_calls(calls: Sequence[ToolCall], n_before: int) -> tuple[ToolCall, ...]:
    """The calls with the ids that they have in requests, after `n_before` other calls of the dialogue."""
    return tuple(
        call.model_copy(update={"id": call_id(number)}) for number, call in enumerate(calls, n_before + 1)
    )


def rounds_of(
    content: str, calls: Sequence[ToolCall], opaque: Mapping[int, str] | None = None
) -> Iterator[CallsEntry | ResultsEntry]:
    """The entries of a message with these calls, without its last words; `opaque` is by the number of the round."""
    said = 0
    for (number, at), group in groupby(calls, key=lambda call: (call.round, call.at)):
        together = tuple(group)
        yield CallsEntry(content[said:at].strip(), together, (opaque or {}).get(number))
        yield ResultsEntry(together)
        said = max(said, at)


def last_words(content: str, calls: Sequence[ToolCall]) -> str:
    """What was said after the last call."""
    return content[max((call.at for call in calls), default=0) :].strip()
