"""Traces of other programs: the spans of requests to models, and the dialogues that these show.

A request repeats the history before it. So the dialogue of a conversation is in the span with the longest history: its
input, and its output. What other spans say is in it already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_duolog.errors import TranscriptError
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.transcript import Message, ToolCall, Transcript

NO_CONTENT = (
    "the trace has no messages: its program did not record what was said (OpenTelemetry: "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT)"
)


@dataclass(frozen=True)
class ChatSpan:
    """One request to a model: its messages as entries of a chat log, oldest first, those of its answer last.

    `conversation` is the id that all requests of one dialogue share, `is_stated` whether the program gave it; otherwise
    it is the trace. `order` sorts spans by time.
    """

    conversation: str
    order: str
    entries: Sequence[Mapping[str, Any]]
    is_stated: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


class ToolRun(NamedTuple):
    """A span of a tool: what it gave back, if known, and whether it failed."""

    result: str | None
    is_error: bool


@dataclass
class Trace:
    """What a file of spans holds. `runs` are the tools' own spans by the id of the call."""

    spans: list[ChatSpan] = field(default_factory=list)
    runs: dict[str, ToolRun] = field(default_factory=dict)

    def dialogues(self) -> list[tuple[str, Transcript]]:
        """The dialogues, each with its id, in the order in which they began.

        Raises TranscriptError if no span has messages, or if some are no messages.
        """
        chosen: dict[str, ChatSpan] = {}
        for span in sorted(self.spans, key=lambda span: span.order):
            before = chosen.get(span.conversation)
            if span.entries and (before is None or len(span.entries) >= len(before.entries)):
                chosen[span.conversation] = span
        made = [(span, self._transcript(span)) for span in chosen.values()]
        made = [(span, transcript) for span, transcript in made if transcript.messages]
        if not made:
            raise TranscriptError(NO_CONTENT)
        repeated = _repeated([transcript for span, transcript in made if not span.is_stated])
        return [
            (span.conversation, found) for span, found in made if span.is_stated or id(found) not in repeated
        ]

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


def _repeated(transcripts: Sequence[Transcript]) -> set[int]:
    """The ids of those that another one begins with: an application may trace each turn apart, with its history."""
    begun: set[int] = set()
    found: set[int] = set()
    for transcript in sorted(transcripts, key=len, reverse=True):
        prefixes = list(_prefixes(transcript))
        if prefixes[-1] in begun:
            found.add(id(transcript))
        begun.update(prefixes)
    return found


def _prefixes(transcript: Transcript) -> Iterator[int]:
    so_far = 0
    for message in transcript.messages:
        so_far = hash((so_far, message.speaker, message.content))
        yield so_far


def value_of(written: Any) -> Any:
    """The value of a field that may hold JSON as text; other text unchanged."""
    if isinstance(written, str) and written.lstrip()[:1] in ("{", "[", '"'):
        try:
            return parsed(written)
        except ValueError:
            return written
    return written
