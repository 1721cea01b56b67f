"""Base class for recording endpoints: the replies of a dialogue, or the votes of judges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from pytest_duolog.recording.addresses import Address
from pytest_duolog.recording.draws import draw_of
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.interaction import Interaction, Response, SentRequest
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.stored_response import is_answer, kept_response, served_model


class Recorder(ABC):
    """Replays recorded responses, each only for an equal request and at most once, and records new ones.

    A subclass decides when a model may be asked, and writes new responses.
    """

    def __init__(self, redactor: Redactor, hooks: VcrHooks) -> None:
        self.redactor = redactor
        self.hooks = hooks
        self._left: list[Interaction] = []
        self._used: list[Interaction] = []
        self._n_recorded = 0
        self._n_calls = [0, 0]  # of tools, replayed and recorded

    @property
    def counts(self) -> tuple[int, int]:
        """How many responses of models were replayed and how many recorded, without the results of tools."""
        n_calls_replayed, n_calls_recorded = self._n_calls
        n_replayed = len(self._used) - self._n_recorded - n_calls_replayed
        return n_replayed, self._n_recorded - n_calls_recorded

    @property
    def n_used(self) -> int:
        """How many responses were used so far, replayed or recorded."""
        return len(self._used)

    def used_since(self, n_used: int) -> Sequence[Interaction]:
        """The interactions that were used after the first `n_used`, in order."""
        return self._used[n_used:]

    @property
    def draws(self) -> tuple[str, ...]:
        """The draws of all responses of models (see `recording.draws`); empty if one may not be a new one."""
        found = [interaction.draw for interaction in self._used if interaction.request.called_tool is None]
        known = tuple(draw for draw in found if draw is not None)
        return known if len(known) == len(found) else ()

    @property
    def n_left(self) -> int:
        """How many recorded responses were not used."""
        return len(self._left)

    @abstractmethod
    def address(self, uri: str) -> Address:
        """An address as it is matched and stored."""

    @abstractmethod
    def note_mock(self) -> None:
        """Note that a mock of the test has answered: it is not recorded, and a notice says so."""

    @abstractmethod
    def _check_may_ask(self, sent: SentRequest) -> None:
        """Raises CassetteMismatch or another error if the model may not be asked."""

    @abstractmethod
    def _interaction(self, sent: SentRequest, response: Response, latency_ms: float | None) -> Interaction:
        """The interaction to store for a new response."""

    @abstractmethod
    def _on_played(self, interaction: Interaction) -> None:
        """Called after a recorded response was replayed."""

    @abstractmethod
    def _on_recorded(self, interaction: Interaction) -> None:
        """Called before a new response is counted as used."""

    def has(self, sent: SentRequest) -> bool:
        """Whether the reply to `sent` is recorded; False if the model must be asked.

        Raises CassetteMismatch if it is not recorded and the record mode forbids asking.
        """
        if self.holds(sent):
            return True
        self._check_may_ask(sent)
        return False

    def holds(self, sent: SentRequest) -> bool:
        """Whether the reply to `sent` is recorded and was not replayed yet; never raises."""
        return self._find(sent) is not None

    def play(self, sent: SentRequest) -> Response | None:
        """The recorded response to `sent`, or None if the model must be asked; raises the errors of `has`."""
        index = self._find(sent)
        if index is None:
            self._check_may_ask(sent)
            return None
        interaction = self._left.pop(index)
        if interaction.served is None:  # format 1 does not have the model
            interaction = replace(interaction, served=served_model(interaction.response, sent))
        if interaction.request.is_early:  # nor the complete request
            interaction = replace(interaction, request=sent)
        self._used.append(interaction)
        self._n_calls[0] += interaction.request.called_tool is not None
        self._on_played(interaction)
        return interaction.response

    def _find(self, sent: SentRequest) -> int | None:
        places = (at for at, interaction in enumerate(self._left) if interaction.request.same_as(sent))
        return next(places, None)

    def record(self, sent: SentRequest, response: Response, latency_ms: float | None = None) -> Response:
        """Record a new response and return it without its secrets, exactly as a replay will return it."""
        kept = kept_response(response, self.redactor, answers=sent.answers)
        stored = self.hooks.response(kept) if is_answer(response, sent) else None
        if stored is not None:
            interaction = replace(
                self._interaction(sent, stored, latency_ms),
                served=served_model(stored, sent),
                draw=None if sent.called_tool else draw_of(response, sent),
            )
            self._on_recorded(interaction)
            self._used.append(interaction)
            self._n_recorded += 1
            self._n_calls[1] += sent.called_tool is not None
        return stored or kept

    def last_latency_ms(self) -> float | None:
        """The duration in ms of the last replayed or recorded response when it was made."""
        return self._used[-1].latency_ms if self._used else None
