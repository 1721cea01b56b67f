"""The budget of one pytest run for asking models; replays are free."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import field
from functools import partial
from threading import Lock

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints.base import ChatRequest, Endpoint, Reply, then
from pytest_duolog.errors import BudgetExceeded
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.transcripts.usage import Usage


@dataclass
class RunBudget:
    """Counts the costs of a run, by unit; units in `limits` are limited, others only counted.

    `seconds` count from the first request on. The check is before a request, so that requests in progress can exceed
    the limit. `advice` says how the limits are raised. `has_refused` says that a request was refused because of the
    budget.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    advice: str = ""
    usage: Usage = field(default_factory=Usage)
    n_dialogues: int = 0
    has_refused: bool = False
    _started: float | None = None
    _lock: Lock = field(default_factory=Lock)
    # Of the finished dialogues that asked models: their number, and the largest costs of one.
    _n_ended: int = 0
    _largest: dict[str, float] = field(default_factory=dict)

    def check(self) -> None:
        """Raises BudgetExceeded if the budget is used up."""
        if self._started is None:
            self._started = CLOCK.seconds()
        if over := self.used_up():
            raise self._refusal(*over)

    def used_up(self) -> tuple[str, float] | None:
        """The first unit of which nothing is left, and how much of it was used; None if there is something of each."""
        if not self.limits:
            return None
        used = {**_amounts(self.usage), "seconds": self._seconds()}
        over = ((unit, n) for unit, n in used.items() if unit in self.limits and n >= self.limits[unit])
        return next(over, None)

    def begin_dialogue(self) -> None:
        """Count one more dialogue that asks a model; raises BudgetExceeded if that is one too many."""
        with self._lock:
            if self.n_dialogues >= self.limits.get("dialogues", float("inf")):
                raise self._refusal("dialogues", self.n_dialogues)
            self.n_dialogues += 1

    def _refusal(self, unit: str, used: float) -> BudgetExceeded:
        self.has_refused = True
        return BudgetExceeded(unit, used=used, limit=self.limits[unit], advice=self.advice)

    def spend(self, usage: Usage) -> None:
        """Add the costs of a reply."""
        with self._lock:
            self.usage += usage

    def unknown(self) -> list[str]:
        """The limited units of which no reply has said anything, although models were asked."""
        amounts = _amounts(self.usage) if self._started is not None else {}
        return [unit for unit in self.limits if amounts.get(unit) == 0]

    def taken(self) -> Usage:
        """The costs so far, which are then counted from nothing again: another process counts them."""
        with self._lock:
            usage, self.usage = self.usage, Usage()
        return usage

    def end_dialogue(self, usage: Usage, seconds: float) -> None:
        """Note that a dialogue ended after `seconds` with the costs `usage`."""
        with self._lock:
            self._n_ended += 1
            for unit, amount in {**_amounts(usage), "seconds": seconds, "dialogues": 1}.items():
                self._largest[unit] = max(self._largest.get(unit, 0), amount)

    def has_room_for(self, n_dialogues: int) -> bool:
        """Whether the budget is likely to be enough for `n_dialogues`, including those that run now.

        Each is assumed to cost as much as the largest so far. Until one has ended, only one may run.
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
        """The seconds since the first request."""
        return round(CLOCK.seconds() - self._started, 1) if self._started is not None else 0


def _amounts(usage: Usage) -> dict[str, float]:
    """The costs by unit."""
    return {"tokens": usage.tokens_read + usage.tokens_written, "cost": round(usage.cost or 0.0, 6)}


@dataclass
class DialogueBudget:
    """A dialogue's access to the budget of the run: call it before asking a model."""

    run: RunBudget
    _has_begun: bool = False

    def __call__(self) -> None:
        """Raises BudgetExceeded if the model may not be asked."""
        if not self._has_begun:
            self.run.begin_dialogue()
            self._has_begun = True
        self.run.check()


class MeteredEndpoint:
    """An endpoint whose live replies count against the budget of the run."""

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
