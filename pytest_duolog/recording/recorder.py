"""What endpoints are recorded through, whatever it is that they answer for: a message, or a judge's vote."""

from __future__ import annotations

from typing import Protocol

from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.interaction import Response, SentRequest
from pytest_duolog.recording.redaction import Redactor


class Recorder(Protocol):
    """Plays recorded responses and takes fresh ones."""

    redactor: Redactor
    hooks: VcrHooks

    @property
    def counts(self) -> tuple[int, int]:
        """How many responses were played and how many recorded."""
        ...

    def uri(self, uri: str) -> str:
        """An address as it is matched and stored."""
        ...

    def has(self, sent: SentRequest) -> bool:
        """Whether the reply to `sent` is recorded; raises CassetteMismatch if it is not and may not be asked for."""
        ...

    def holds(self, sent: SentRequest) -> bool:
        """Whether the reply to `sent` is recorded and not yet played; never raises."""
        ...

    def play(self, sent: SentRequest) -> Response | None:
        """The recorded response to `sent`, or None if it is to be asked for; raises what `has` raises."""
        ...

    def record(self, sent: SentRequest, response: Response, latency_ms: float | None = None) -> Response:
        """Take a fresh response; what is returned is what a replay will return."""
        ...

    def last_latency_ms(self) -> float | None:
        """How long the response played or recorded last took when it was made."""
        ...
