"""What asking models may cost in one pytest run. Replays are free."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from pytest_duolog.endpoints.base import ChatRequest, Endpoint, Reply, then
from pytest_duolog.errors import BudgetExceeded
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.transcripts.transcript import Usage


@dataclass
class RunBudget:
    """Counts what a run's models cost, against `limits` by unit; what has no limit is only counted.

    `seconds` pass from the first request on. The check comes before a request, so that what is being answered may
    take the sum over its limit. `has_refused` says that something was not asked because of it.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    n_dialogues: int = 0
    has_refused: bool = False
    _started: float | None = None
    _lock: Lock = field(default_factory=Lock)
    # Of the dialogues that have asked models and come to their end: how many there are, and the most that one took.
    _n_ended: int = 0
    _largest: dict[str, float] = field(default_factory=dict)

    def check(self) -> None:
        """Raises BudgetExceeded if nothing may be asked any more."""
        if self._started is None:
            self._started = CLOCK.seconds()
        used = {**_amounts(self.usage), "seconds": self._seconds()}
        for unit, amount in used.items():
            if unit in self.limits and amount >= self.limits[unit]:
                raise self._refusal(unit, amount)

    def begin_dialogue(self) -> None:
        """One more dialogue asks a model; raises BudgetExceeded if that is one too many."""
        with self._lock:
            if self.n_dialogues >= self.limits.get("dialogues", float("inf")):
                raise self._refusal("dialogues", self.n_dialogues)
            self.n_dialogues += 1

    def _refusal(self, unit: str, used: float) -> BudgetExceeded:
        self.has_refused = True
        return BudgetExceeded(unit, used=used, limit=self.limits[unit])

    def spend(self, usage: Usage) -> None:
        """Add what a reply cost."""
        with self._lock:
            self.usage += usage

    def end_dialogue(self, usage: Usage, seconds: float) -> None:
        """A dialogue that asked models for `usage` has come to its end after `seconds`."""
        with self._lock:
            self._n_ended += 1
            for unit, amount in {**_amounts(usage), "seconds": seconds, "dialogues": 1}.items():
                self._largest[unit] = max(self._largest.get(unit, 0), amount)

    def has_room_for(self, n_dialogues: int) -> bool:
        """Whether so many dialogues, those that run among them, can end before the budget does.

        Each is taken to be as large as the largest so far. Before one has ended there is room for one alone.
        """
        if n_dialogues <= 1 or not self.limits:
            return True
        if not self._n_ended:
            return False
        used = {**_amounts(self.usage), "seconds": self._seconds(), "dialogues": self._n_ended}
        return all(
            used[unit] + self._largest[unit] * (1 if unit == "seconds" else n_dialogues) <= limit
            for unit, limit in self.limits.items()
        )

    def _seconds(self) -> float:
        """How long ago the first request was."""
        return round(CLOCK.seconds() - self._started, 1) if self._started is not None else 0


def _amounts(usage: Usage) -> dict[str, float]:
    """What was used, by unit."""
    return {"tokens": usage.tokens_read + usage.tokens_written, "cost": round(usage.cost or 0.0, 6)}


@dataclass
class DialogueBudget:
    """A dialogue's access to the budget of the run: calling it asks for leave to ask a model."""

    run: RunBudget
    _has_begun: bool = False

    def __call__(self) -> None:
        """Raises BudgetExceeded if the model may not be asked."""
        if not self._has_begun:
            self.run.begin_dialogue()
            self._has_begun = True
        self.run.check()


class MeteredEndpoint:
    """An endpoint whose fresh replies are paid for from the budget of the run."""

    def __init__(self, endpoint: Endpoint, recorder: Recorder, budget: RunBudget) -> None:
        self._endpoint = endpoint
        self._recorder = recorder
        self._budget = budget

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The endpoint's reply."""
        paid = partial(self._paid, self._recorder.counts[1])
        return then(self._endpoint.reply(request), paid)

    def _paid(self, n_recorded: int, reply: Reply) -> Reply:
        if self._recorder.counts[1] > n_recorded and reply.usage:
            self._budget.spend(reply.usage)
        return reply
