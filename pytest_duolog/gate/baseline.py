"""Whether stored baseline samples may stand in for new ones, so that only the candidate costs money."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from pytest_duolog.results.plan import MOST_SAMPLES, RunPlan
from pytest_duolog.results.record import RunRecord

# Providers change models behind one name; older samples than this are not compared with.
MAX_AGE = timedelta(days=30)
# Evidence that the baseline has moved, and that it has not.
LOG_MOVED = math.log(1 / 0.025)
LOG_STEADY = math.log(1 / 0.05)
# Rates are not assumed to move beyond these.
LOWEST_RATE, HIGHEST_RATE = 0.005, 0.995
# So many stored samples stand against one of the candidate where there are enough of them.
MOST_STORED_PER_PAIR = 3
# Samples of the baseline that are run anew have the last hundred numbers, and so recordings of their own.
FIRST_CANARY = MOST_SAMPLES - 99


def reasons_against(stored: RunRecord, plan: RunPlan, *, plugin: str, now: datetime) -> list[str]:
    """Why a stored record is no baseline for a run with this plan, in words; empty if it is one."""
    header = stored.header
    age = now - header.created
    reasons = []
    if header.plan.baseline != plan.baseline:
        reasons.append(
            f"it was run with {dict(header.plan.baseline)}, and the baseline is {dict(plan.baseline)}"
        )
    if header.plan.key != plan.key:
        reasons.append("its tests (-k chooses others), prompts or judges were others")
    if header.plugin != plugin:
        reasons.append(f"it was judged by pytest-duolog {header.plugin}, and this is {plugin}")
    if age > MAX_AGE:
        reasons.append(f"it is {age.days} days old, more than {MAX_AGE.days}")
    missing = [scenario for scenario in plan.scenarios if not stored.measured(scenario)]
    if missing:
        reasons.append(f"it has no samples of {', '.join(missing)}")
    return reasons


def stored_per_pair(stored: RunRecord, plan: RunPlan) -> int:
    """How many stored samples stand against one of the candidate, so that they last for all rounds; at least 1."""
    assert plan.gate is not None
    fewest = min(
        sum(number < FIRST_CANARY for number in stored.measured(scenario)) for scenario in plan.scenarios
    )
    return max(1, min(MOST_STORED_PER_PAIR, fewest // plan.gate.max_rounds))


class Canary(NamedTuple):
    """A sample of the baseline that was run anew, and how often the stored ones of its scenario passed."""

    scenario: str
    n_passed: int
    n_stored: int
    passed: bool

    @property
    def rate(self) -> float:
        """The pass rate of the stored samples, kept off 0 and 1, for nobody can be as sure."""
        return (self.n_passed + 0.5) / (self.n_stored + 1)


@dataclass(frozen=True)
class Guard:
    """What canaries say of the baseline: whether it still passes as often as its stored samples did.

    A move of the whole suite by `margin` is looked for in both directions, and one of a single scenario. Each test
    weighs two claims against each other and may be looked at after every canary (Wald 1945): a baseline that has not
    changed is said to have moved in at most 2.5 % of runs a direction; one that did move by the margin is taken for
    steady in at most 5 %.
    """

    canaries: Sequence[Canary]
    margin: float

    @property
    def has_moved(self) -> bool:
        """Whether the suite's pass rate has moved, up or down."""
        return any(self._log_ratio(shift) >= LOG_MOVED for shift in (self.margin, -self.margin))

    @property
    def is_steady_below(self) -> bool:
        """Whether the baseline has not become better, so that a candidate that equals its stored samples equals it."""
        has_room = 1 - self._n_passed / max(1, self._n_stored) >= self.margin / 2
        return bool(self.canaries) and (not has_room or self._log_ratio(self.margin) <= -LOG_STEADY)

    @property
    def is_steady_above(self) -> bool:
        """Whether the baseline has not become worse, so that a candidate that lost pairs lost them itself."""
        return bool(self.canaries) and self._log_ratio(-self.margin) <= -LOG_STEADY

    def is_steady_in(self, scenario: str, rate: float) -> bool:
        """Whether one scenario's baseline has not fallen to `rate`, that of the candidate which is blamed."""
        return self._log_ratio_in(scenario, rate) <= -LOG_STEADY

    def has_moved_in(self, scenario: str, rate: float) -> bool:
        """Whether one scenario's baseline has fallen to `rate`."""
        return self._log_ratio_in(scenario, rate) >= LOG_MOVED

    @property
    def _n_passed(self) -> int:
        return sum(canary.n_passed for canary in self.canaries)

    @property
    def _n_stored(self) -> int:
        return sum(canary.n_stored for canary in self.canaries)

    @property
    def _rate(self) -> float:
        """The mean rate over the canaries; that of one scenario is known too badly to be compared with."""
        return (self._n_passed + 0.5) / (self._n_stored + 1)

    def _log_ratio(self, shift: float) -> float:
        """The evidence that the mean rate has moved by `shift`, against that it has not.

        Every scenario has equally many canaries, and where their rates differ outcomes vary less than is assumed here.
        """
        rate, other = self._rate, _moved(self._rate, shift)
        return math.fsum(_log_ratio(canary.passed, rate, other) for canary in self.canaries)

    def _log_ratio_in(self, scenario: str, rate: float) -> float:
        today = min(HIGHEST_RATE, max(LOWEST_RATE, rate))
        return math.fsum(
            _log_ratio(canary.passed, canary.rate, today)
            for canary in self.canaries
            if canary.scenario == scenario
        )


def _moved(rate: float, shift: float) -> float:
    return min(max(HIGHEST_RATE, rate), max(min(LOWEST_RATE, rate), rate + shift))


def _log_ratio(passed: bool, rate: float, other: float) -> float:
    """How much likelier an outcome is at the other rate, in natural logarithms."""
    return math.log(other / rate) if passed else math.log((1 - other) / (1 - rate))
