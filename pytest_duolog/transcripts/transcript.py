"""The transcript of a dialogue: its messages, their speakers, and why it stopped.

A transcript is a value: the runner builds it or it is read from a file, and it never changes. Numbers of messages that
people read count from 1: `messages[0]` is message 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from pytest_duolog.display import wrong_fields
from pytest_duolog.errors import TranscriptError
from pytest_duolog.properties import PropertyMethods
from pytest_duolog.storage.json_text import canonical, parsed
from pytest_duolog.transcripts.stored import Record, Text, Word, adapter, stored
from pytest_duolog.transcripts.text_file import read_text
from pytest_duolog.transcripts.usage import Usage

# Format history of the JSON form: 1, the first; 2, with what a tool call has besides name, arguments and result, with
# the tools of speakers, and with the stop reasons `tool_limit`, `goal_reached`, `gave_up` and `steps`. A file without
# these is still written as format 1.
JSON_FORMATS = (1, 2)

FinishReason = Literal["end", "truncated", "filtered", "refused", "tool", "error", "other"]
# A model or its provider refused to say more: the calls in such a reply do not run, and a token in it means nothing.
WITHHELD: tuple[FinishReason, ...] = ("refused", "filtered")

DEFAULT_NAMES = ("Model A", "Model B")


def build_models() -> None:
    """Build what pydantic builds at the first use, before threads share it: older versions do so without a lock."""
    for kind in (StopReason, Usage, ToolCall, ToolDefinition, Message, TranscriptSpeaker, Transcript):
        adapter(kind)


class StopKind(Word):
    """Why a dialogue ended."""

    TURNS = "turns"
    GOODBYE = "goodbye"
    LOOP = "loop"
    STOP_PHRASE = "stop_phrase"
    EMPTY_REPLY = "empty_reply"
    REFUSAL = "refusal"
    BUDGET = "budget"
    ERROR = "error"
    TOOL_LIMIT = "tool_limit"
    GOAL_REACHED = "goal_reached"
    GAVE_UP = "gave_up"
    STEPS = "steps"


# Reasons to stop that format 1 does not have.
KINDS_OF_FORMAT_2 = (StopKind.TOOL_LIMIT, StopKind.GOAL_REACHED, StopKind.GAVE_UP, StopKind.STEPS)


@stored
class StopReason(Record):
    """Why a dialogue ended, and which speaker caused it (`speaker` is None if neither did)."""

    kind: StopKind
    speaker: Text | None = None
    detail: Text = ""

    def __str__(self) -> str:
        words = self.kind.value.replace("_", " ")
        caused = f"{words} ({self.speaker})" if self.speaker else words
        return f"{caused}: {self.detail}" if self.detail else caused


@stored
class ToolCall(Record):
    """A tool that a speaker used for its message: its name, its arguments as JSON text, and its result.

    `result` is None if it is not known. `is_error` says that the tool failed; the result is then its error. `round` is
    the request of the message, from 1, whose answer asked for the call; calls of one round were asked for together, and
    0 means that the round is not known. `at` is the number of characters of the message's content that were said before
    the call. `id` is the call's id in its protocol. `agent` is who made the call, if it was another agent than the
    speaker, as after a handoff. `latency_ms` is the time that the tool took.
    """

    name: Text
    arguments: Text = ""
    result: Text | None = None
    is_error: bool = False
    round: Annotated[int, Field(ge=0)] = 0
    at: Annotated[int, Field(ge=0)] = 0
    id: Text = ""
    agent: Text | None = None
    latency_ms: Annotated[float | None, Field(ge=0)] = None

    @model_serializer(mode="wrap")
    def _as_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields of format 1, and the others that are set."""
        return _without_defaults(
            self, handler(self), ("is_error", "round", "at", "id", "agent", "latency_ms")
        )


@stored
class ToolDefinition(Record):
    """A tool that a speaker could use: its name, what it is for, and the JSON schema of its arguments."""

    name: Text
    description: Text = ""
    parameters: dict[str, Any] = Field(default={})

    @field_validator("parameters")
    @classmethod
    def _is_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        stored: dict[str, Any] = parsed(canonical(value))
        return stored

    def __hash__(self) -> int:
        return hash((self.name, self.description, canonical(self.parameters)))


@stored
class Message(Record):
    """One message of a dialogue.

    `reasoning` and `tool_calls` are stored, but the other side did not see them. `finish` is why the model stopped
    writing, as one of this package's finish reasons; None for a message that no model wrote, such as the opener.
    """

    speaker: Text
    content: Text
    reasoning: Text | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: FinishReason | None = None
    usage: Usage | None = None
    latency_ms: Annotated[float | None, Field(ge=0)] = None

    def said(self) -> tuple[str, str, tuple[ToolCall, ...]]:
        """Speaker, words and calls, without what differs between two recordings of the same: ids and times.

        The round of a call without others says nothing.
        """
        plain: dict[str, Any] = {"id": "", "latency_ms": None}
        if len(self.tool_calls) == 1:
            plain["round"] = 0
        return self.speaker, self.content, tuple(call.model_copy(update=plain) for call in self.tool_calls)

    def in_order(self) -> Iterator[str | ToolCall]:
        """The words and the tool calls in the order in which they were said and made.

        Words have no blank space around them, and there are no empty ones.
        """
        begin = 0
        for call in self.tool_calls:
            if call.at > begin:
                yield from filter(None, [self.content[begin : call.at].strip()])
                begin = call.at
            yield call
        yield from filter(None, [self.content[begin:].strip()])


@stored
class TranscriptSpeaker(Record):
    """One speaker of a transcript: its name, its model, its system prompt, and the tools it could use, if known.

    `has_other_tools` says that it could use more tools than these, such as a provider's own.
    """

    name: Text
    model: Text | None = None
    system: Text | None = None
    tools: tuple[ToolDefinition, ...] = ()
    has_other_tools: bool = False

    @model_serializer(mode="wrap")
    def _as_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The fields of format 1, and the tools if there are any."""
        return _without_defaults(self, handler(self), ("tools", "has_other_tools"))


def _without_defaults(value: Record, dumped: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    known = (field for field in fields(value) if field.name in names)
    unset = {field.name for field in known if getattr(value, field.name) == field.default}
    return {name: item for name, item in dumped.items() if name not in unset}


@stored
class Transcript(Record, PropertyMethods):
    """A finished dialogue: the messages in order, with the reason it stopped.

    `turns` is the limit it ran with (one turn is one reply from each speaker). `opener` is the given text of the first
    message, None if a model wrote it. `recorded_at` is when the models were asked. If `speakers` is not given, they are
    taken from the messages, in the order in which they first spoke.
    """

    speakers: tuple[TranscriptSpeaker, ...] = ()
    messages: tuple[Message, ...]
    stop_reason: StopReason | None = None
    turns: int | None = None
    opener: Text | None = None
    topic: Text | None = None
    recorded_at: datetime | None = None

    @model_validator(mode="after")
    def _everybody_is_known(self) -> Self:
        known = set(map(_NAME, self.speakers))
        if len(known) == len(self.speakers) and known.issuperset(map(_SPEAKER, self.messages)):
            return self
        names = [speaker.name for speaker in self.speakers]
        if len(known) != len(names):
            raise ValueError(f"two speakers have the same name: {', '.join(names)}")
        strangers = dict.fromkeys(
            [message.speaker for message in self.messages if message.speaker not in names]
        )
        if strangers and names:
            raise ValueError(
                f"{', '.join(strangers)} has messages but is not one of the speakers: {', '.join(names)}"
            )
        if strangers:
            speakers = tuple(TranscriptSpeaker(name=name) for name in strangers)
            object.__setattr__(self, "speakers", speakers)  # pydantic's way to complete a frozen value
        return self

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def usage(self) -> Usage:
        """The sum of the usage of all messages, as far as their providers reported it."""
        return sum((message.usage for message in self.messages if message.usage), Usage())

    def _checked(self) -> Transcript:
        return self

    @classmethod
    def from_markdown(cls, path: str | Path) -> Transcript:
        """The transcript in a Markdown file; raises TranscriptError if it is not one."""
        from pytest_duolog.transcripts.markdown import from_markdown  # noqa: PLC0415  # it builds transcripts itself

        return from_markdown(read_text(Path(path)))

    def to_markdown(self) -> str:
        """The text of a Markdown file that reads back as this transcript.

        It has no usage, no latency, no ids of tool calls and no definitions of tools.
        """
        from pytest_duolog.transcripts.markdown import to_markdown  # noqa: PLC0415

        return to_markdown(self)

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """The transcript in a file that `to_json` wrote, or in the JSON form of the first published dialogues.

        Raises TranscriptError if it is neither.
        """
        text = read_text(Path(path))
        try:
            return cls.from_value(parsed(text))
        except ValueError as error:
            problem = error if isinstance(error, TranscriptError) else f"not a transcript: {error}"
            raise TranscriptError(f"{path}: {problem}") from error

    @classmethod
    def from_trace(cls, path: str | Path, *, conversation: str | None = None) -> Transcript:
        """The dialogue in a file of another program: messages of any provider, or spans of a trace.

        `conversation` chooses one of several by its id. Raises TranscriptError if there is none, or not just one.
        """
        from pytest_duolog.transcripts.sources import dialogue_of  # noqa: PLC0415  # it builds transcripts itself

        return dialogue_of(Path(path), conversation)

    @classmethod
    def from_cassette(cls, path: str | Path) -> Transcript:
        """The dialogue that is recorded in a cassette; runs no test and asks no model.

        Raises CassetteError if the file is not a cassette, and TranscriptError if it holds no readable dialogue. A
        cassette does not store the topic; recordings of older versions also lack the last message if a function wrote
        it.
        """
        from pytest_duolog.recording.retelling import retold  # noqa: PLC0415  # cassettes are above transcripts

        return retold(Path(path)).transcript

    @classmethod
    def from_value(cls, value: Any) -> Self:
        """The transcript in the parsed JSON of such a file; raises TranscriptError if it has none."""
        try:
            return cls.model_validate(_json_fields(value))
        except ValidationError as error:
            raise TranscriptError(f"not a transcript: {wrong_fields(error)}") from error
        except (TypeError, ValueError) as error:
            raise TranscriptError(f"not a transcript: {error}") from error

    def to_json(self) -> str:
        """The text of a JSON file that reads back as exactly this transcript."""
        value = {"format": self._json_format(), **self.model_dump(mode="json")}
        return json.dumps(value, ensure_ascii=False, indent=1) + "\n"

    def _json_format(self) -> int:
        """The oldest format that has everything."""
        plain = set(ToolCall(name="").model_dump())
        is_new = (
            any(speaker.tools or speaker.has_other_tools for speaker in self.speakers)
            or any(
                call.model_dump().keys() - plain for message in self.messages for call in message.tool_calls
            )
            or (self.stop_reason is not None and self.stop_reason.kind in KINDS_OF_FORMAT_2)
        )
        return JSON_FORMATS[is_new]

    def without_secrets(self, redacted: Callable[[Any], Any]) -> Transcript:
        """The same without secrets; `redacted` replaces them in plain data."""
        said = self.model_dump(mode="json", exclude_defaults=True)  # defaults hold none
        safe = redacted(said)
        if safe == said:
            return self
        for message, dumped in zip(self.messages, safe.get("messages", ()), strict=True):
            for call in dumped.get("tool_calls", ()):
                if call.get("at") and dumped["content"] != message.content:
                    call["at"] = min(len(redacted(message.content[: call["at"]])), len(dumped["content"]))
        return Transcript.model_validate(safe)

    def numbered(self) -> Iterator[tuple[int, Message]]:
        """The messages with their numbers, from 1."""
        return enumerate(self.messages, start=1)


# Records of runs have many transcripts.
_NAME, _SPEAKER = attrgetter("name"), attrgetter("speaker")


def _json_fields(value: Any) -> dict[str, Any]:
    """The fields of a transcript from a JSON file's value."""
    if not isinstance(value, dict):
        raise TypeError("it is JSON, but not an object")
    if "conversation" in value:
        from pytest_duolog.transcripts.twin import fields_of_twin  # noqa: PLC0415  # it knows transcripts itself

        return fields_of_twin(value)
    fields = dict(value)
    found = fields.pop("format", None)
    if isinstance(found, bool) or found not in JSON_FORMATS:
        known = " and ".join(map(str, JSON_FORMATS))
        raise ValueError(f"its format is {found!r}, but this version reads {known}")
    return fields
