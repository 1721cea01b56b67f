"""What asking models may cost in one pytest run. Replays are free."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import partial

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

    def check(self) -> None:
        """Raises BudgetExceeded if nothing may be asked any more."""
        if self._started is None:
            self._started = CLOCK.seconds()
        used = {
            "tokens": self.usage.tokens_read + self.usage.tokens_written,
            "seconds": round(CLOCK.seconds() - self._started, 1),
            "cost": round(self.usage.cost or 0.0, 6),
        }
        for unit, amount in used.items():
            if unit in self.limits and amount >= self.limits[unit]:
                raise self._refusal(unit, amount)

    def begin_dialogue(self) -> None:
        """One more dialogue asks a model; raises BudgetExceeded if that is one too many."""
        if self.n_dialogues >= self.limits.get("dialogues", float("inf")):
            raise self._refusal("dialogues", self.n_dialogues)
        self.n_dialogues += 1

    def _refusal(self, unit: str, used: float) -> BudgetExceeded:
        self.has_refused = True
        return BudgetExceeded(unit, used=used, limit=self.limits[unit])

    def spend(self, usage: Usage) -> None:
        """Add what a reply cost."""
        self.usage += usage


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
