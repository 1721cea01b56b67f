"""What was said, by whom, and why it stopped.

A transcript is a value: it is built by the runner or read from a file, and never changed. Messages
are numbered from 1 wherever a person reads a number; `messages[0]` is message 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FinishReason = Literal["end", "truncated", "filtered", "refused", "tool", "error", "other"]

DEFAULT_NAMES = ("Model A", "Model B")


class Record(BaseModel):
    """Frozen, and an unknown field is an error: what comes from a file is not trusted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StopKind(StrEnum):
    """Why a dialogue ended."""

    TURNS = "turns"
    STOP_PHRASE = "stop_phrase"
    EMPTY_REPLY = "empty_reply"
    REFUSAL = "refusal"
    BUDGET = "budget"
    ERROR = "error"


class StopReason(Record):
    """Why a dialogue ended, and who caused it (`speaker` is None where nobody did)."""

    kind: StopKind
    speaker: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        words = self.kind.value.replace("_", " ")
        caused = f"{words} ({self.speaker})" if self.speaker else words
        return f"{caused}: {self.detail}" if self.detail else caused


class Usage(Record):
    """Tokens of one reply as its provider counted them; None where it did not say."""

    prompt_tokens: int | None = Field(default=None, ge=0)
    reply_tokens: int | None = Field(default=None, ge=0)


class Message(Record):
    """One speaker's contribution.

    `reasoning` was never shown to the other side. `finish` is why the model stopped writing, in this
    package's words; None for a message that no model wrote, such as the opener.
    """

    speaker: str
    content: str
    reasoning: str | None = None
    finish: FinishReason | None = None
    usage: Usage | None = None
    latency_ms: float | None = Field(default=None, ge=0)


class TranscriptSpeaker(Record):
    """One side as the record knows it: its name, the model asked, its system prompt."""

    name: str
    model: str | None = None
    system: str | None = None


class Transcript(Record):
    """A finished dialogue: the messages in order, with the reason it stopped.

    `turns` is the cap it ran under (one turn is one reply from each speaker). `opener` is the text the
    first message was given, None where a model wrote it. `recorded_at` is when the models were asked.
    """

    speakers: tuple[TranscriptSpeaker, ...]
    messages: tuple[Message, ...]
    stop_reason: StopReason | None = None
    turns: int | None = None
    opener: str | None = None
    topic: str | None = None
    recorded_at: datetime | None = None

    def __len__(self) -> int:
        return len(self.messages)

    def numbered(self) -> Iterator[tuple[int, Message]]:
        """The messages with their numbers, from 1."""
        return enumerate(self.messages, start=1)
