"""What endpoints are recorded through, whatever it is that they answer for: a message, or a judge's vote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

from pytest_duolog.recording.addresses import Address
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.interaction import Interaction, Response, SentRequest
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.stored_response import is_answer, kept_response, served_model


class Recorder(ABC):
    """Plays recorded responses, each only for an equal request and at most once, and takes fresh ones.

    A subclass says when a model may be asked, and writes what is taken.
    """

    def __init__(self, redactor: Redactor, hooks: VcrHooks) -> None:
        self.redactor = redactor
        self.hooks = hooks
        self._left: list[Interaction] = []
        self._used: list[Interaction] = []
        self._n_recorded = 0

    @property
    def counts(self) -> tuple[int, int]:
        """How many responses were played and how many recorded."""
        return len(self._used) - self._n_recorded, self._n_recorded

    @property
    def n_left(self) -> int:
        """How many recorded responses were not asked for."""
        return len(self._left)

    @abstractmethod
    def address(self, uri: str) -> Address:
        """An address as it is matched and stored."""

    @abstractmethod
    def note_mock(self) -> None:
        """A mock of the test has answered, which is not recorded and to be told."""

    @abstractmethod
    def _check_may_ask(self, sent: SentRequest) -> None:
        """Raises CassetteMismatch, or whatever else forbids it, if the model may not be asked."""

    @abstractmethod
    def _interaction(self, sent: SentRequest, response: Response, latency_ms: float | None) -> Interaction:
        """What is stored for a fresh response."""

    @abstractmethod
    def _on_played(self, interaction: Interaction) -> None:
        """A recorded response was played."""

    @abstractmethod
    def _on_recorded(self, interaction: Interaction) -> None:
        """A fresh response is about to be counted among those used."""

    def has(self, sent: SentRequest) -> bool:
        """Whether the reply to `sent` is recorded; False if the model is to be asked.

        Raises CassetteMismatch if it is not, and the record mode does not allow asking.
        """
        if self.holds(sent):
            return True
        self._check_may_ask(sent)
        return False

    def holds(self, sent: SentRequest) -> bool:
        """Whether the reply to `sent` is recorded and not yet played; never raises."""
        return self._find(sent) is not None

    def play(self, sent: SentRequest) -> Response | None:
        """The recorded response to `sent`, or None if the model is to be asked; raises what `has` raises."""
        index = self._find(sent)
        if index is None:
            self._check_may_ask(sent)
            return None
        interaction = self._left.pop(index)
        if interaction.served is None:  # format 1 did not name the model
            interaction = replace(interaction, served=served_model(interaction.response, sent))
        if interaction.request.is_early:  # nor all of the request
            interaction = replace(interaction, request=sent)
        self._used.append(interaction)
        self._on_played(interaction)
        return interaction.response

    def _find(self, sent: SentRequest) -> int | None:
        places = (at for at, interaction in enumerate(self._left) if interaction.request.same_as(sent))
        return next(places, None)

    def record(self, sent: SentRequest, response: Response, latency_ms: float | None = None) -> Response:
        """Take a fresh response, without its secrets; what is returned is what a replay will return."""
        kept = kept_response(response, self.redactor, answers=sent.answers)
        stored = self.hooks.response(kept) if is_answer(response, sent) else None
        if stored is not None:
            interaction = replace(
                self._interaction(sent, stored, latency_ms), served=served_model(stored, sent)
            )
            self._on_recorded(interaction)
            self._used.append(interaction)
            self._n_recorded += 1
        return stored or kept

    def last_latency_ms(self) -> float | None:
        """How long the response played or recorded last took when it was made."""
        return self._used[-1].latency_ms if self._used else None
