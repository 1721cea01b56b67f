"""Traces of other programs: the spans of requests to models, and the dialogues that these show.

A request repeats the history before it. So the dialogue of a conversation is in the span with the longest history: its
input, and its output. What other spans say is in it already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

from pytest_duolog.display import counted
from pytest_duolog.errors import TranscriptError
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript

NO_CONTENT = (
    "the trace has no messages: its program did not record what was said (OpenTelemetry: "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT)"
)
NO_ID = "without a trace or a gen_ai.conversation.id: nobody can tell which of them are one conversation"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The attribute in which `reports/spans.py` writes a dialogue as JSON.
OWN_TRANSCRIPT = "duolog.transcript"
# More than any time in nanoseconds has.
MOST_DIGITS = 25


@dataclass(frozen=True)
class ChatSpan:
    """One request to a model: its messages as entries of a chat log, oldest first, those of its answer last.

    `conversation` is the id that all requests of one dialogue share; if the program gave none, it is the trace's.
    `began` is the time when it began, as `began` tells it.
    """

    conversation: str
    began: int | None
    entries: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)


class RecordKey(NamedTuple):
    """What log records share that are about the same: their trace and span, or else their conversation."""

    trace: str
    span: str
    conversation: str


class ToolRun(NamedTuple):
    """A span of a tool: what it gave back, if known, and whether it failed."""

    result: str | None
    is_error: bool


@dataclass
class Trace:
    """What a file of spans holds. `runs` are the tools' own spans by the id of the call.

    `whole` has the dialogues that this package wrote, with all that is known of them, by conversation.
    """

    spans: list[ChatSpan] = field(default_factory=list)
    whole: dict[str, Transcript] = field(default_factory=dict)
    # Why a conversation cannot be read from the spans, or as this package wrote it, by conversation.
    cut: dict[str, str] = field(default_factory=dict)
    cut_whole: dict[str, str] = field(default_factory=dict)
    records: dict[RecordKey, list[Mapping[str, Any]]] = field(default_factory=dict)
    # Log records that nothing tells to which conversation they belong.
    n_lost: int = 0
    runs: dict[str, ToolRun] = field(default_factory=dict)

    def dialogues(self) -> list[tuple[str, Transcript | TranscriptError]]:
        """The dialogues, each with its id, in the order in which they began; an error for each that cannot be read.

        Raises TranscriptError if no span has messages.
        """
        chosen: dict[str, ChatSpan] = {}
        ordered = sorted(self.spans, key=lambda span: (span.began is None, span.began or 0))
        for number, span in enumerate(ordered, start=1):
            id_ = span.conversation or f"span {number}"  # what has no id at all is not put together
            before = chosen.get(id_)
            if span.entries and (before is None or len(span.entries) >= len(before.entries)):
                chosen[id_] = span
        known = dict.fromkeys([*chosen, *self.whole, *self.cut, *self.cut_whole])
        made = [(id_, self._dialogue(id_, chosen.get(id_))) for id_ in known]
        made = [(id_, found) for id_, found in made if isinstance(found, TranscriptError) or found.messages]
        if self.n_lost:
            made.append(("", TranscriptError(f"{counted(self.n_lost, 'log record')} {NO_ID}")))
        if not made:
            raise TranscriptError(NO_CONTENT)
        return made

    def _dialogue(self, id_: str, span: ChatSpan | None) -> Transcript | TranscriptError:
        if id_ in self.whole:
            return self.whole[id_]
        problem = self.cut.get(id_) or ("" if span else self.cut_whole.get(id_))
        if problem or span is None:
            return TranscriptError(problem or NO_CONTENT)
        try:
            return self._transcript(span)
        except TranscriptError as error:
            return error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return TranscriptError(f"not a trace that can be read: {error}")

    def _transcript(self, span: ChatSpan) -> Transcript:
        transcript = transcript_of(list(span.entries), span.facts)
        if not self.runs:
            return transcript
        messages = [self._with_runs(message) for message in transcript.messages]
        return transcript.model_copy(update={"messages": tuple(messages)})

    def _with_runs(self, message: Message) -> Message:
        calls = tuple(self._with_run(call) for call in message.tool_calls)
        return message.model_copy(update={"tool_calls": calls})

    def _with_run(self, call: ToolCall) -> ToolCall:
        run = self.runs.get(call.id)
        if run is None:
            return call
        result = run.result if call.result is None else call.result
        return call.model_copy(update={"result": result, "is_error": call.is_error or run.is_error})


def began(span: Mapping[str, Any], *keys: str) -> int | None:
    """When a span began, from the first of these fields that it has; None if it cannot be told.

    It is a number as the file has it, or of a date the nanoseconds since 1970, so that spans of a file can be compared.
    """
    told = next((span[key] for key in keys if span.get(key) is not None), None)
    if isinstance(told, int | float):
        return int(told) if isfinite(told) else None
    if not isinstance(told, str):
        return None
    if told.isascii() and told.isdigit() and len(told) < MOST_DIGITS:
        return int(told)
    try:
        date = datetime.fromisoformat(told.removesuffix(" UTC"))
    except ValueError:
        return None
    return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1) * 1000


def value_of(written: Any) -> Any:
    """The value of a field that may hold JSON as text; other text unchanged."""
    if isinstance(written, str) and written.lstrip()[:1] in ("{", "[", '"'):
        try:
            return parsed(written)
        except ValueError:
            return written
    return written
