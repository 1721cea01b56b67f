"""When a dialogue asked its models and ran its tools: kept only if spans of it are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_duolog.transcripts.usage import Usage


@dataclass(frozen=True)
class Timed:
    """What message it was for and who made it; when it began and ended, in nanoseconds since 1970.

    `is_replayed` says that a recording answered. `error` is the type of the exception that it ended with, or empty.
    """

    message: int
    speaker: str
    began_ns: int
    ended_ns: int
    is_replayed: bool
    error: str


@dataclass(frozen=True)
class TimedRequest(Timed):
    """A request to a model; `model` answered, if it says so, and `finish` is its own reason to stop.

    `latency_ms` is the duration when it was recorded.
    """

    knobs: Mapping[str, Any]
    model: str = ""
    finish: str = ""
    usage: Usage | None = None
    latency_ms: float | None = None


@dataclass(frozen=True)
class TimedCall(Timed):
    """A call of a tool."""

    name: str
    id: str


@dataclass
class Timeline:
    """The requests and calls of a running dialogue in their order, as `steps`.

    `stub` stands before the history of a speaker that begins (see `Perspective`).
    """

    stub: str

    steps: list[TimedRequest | TimedCall] = field(default_factory=list)
    message: int = 0
    speaker: str = ""

    def asking(self, message_number: int, speaker: str) -> None:
        """Called before a message is asked for."""
        self.message, self.speaker = message_number, speaker
