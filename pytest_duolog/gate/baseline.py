"""Decides whether stored samples can be used as the baseline, so that only the candidate costs money."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from pytest_duolog.display import counted, listed
from pytest_duolog.results.plan import FIRST_CANARY, RunPlan, roles_words
from pytest_duolog.results.record import RunRecord

# Providers change models without changing their names, so older samples are not used.
MAX_AGE = timedelta(days=30)
# The required evidence that the baseline has changed, and that it has not.
LOG_MOVED = math.log(1 / 0.025)
LOG_STEADY = math.log(1 / 0.05)
# Rates are assumed to stay within these limits.
LOWEST_RATE, HIGHEST_RATE = 0.005, 0.995
# The largest number of stored samples for each sample of the candidate.
MOST_STORED_PER_PAIR = 3
# So many scenarios that are run anew are named.
MOST_NAMED = 3


def reasons_against(stored: RunRecord, plan: RunPlan, *, plugin: str, now: datetime) -> list[str]:
    """Why a stored record is no baseline for a run with this plan, in words; empty if it is one for some scenario."""
    header = stored.header
    age = now - header.created
    reasons = []
    if not stored_scenarios(stored, plan):
        if header.plan.baseline != plan.baseline:
            old, new = roles_words(header.plan.baseline), roles_words(plan.baseline)
            reasons.append(f"it was run with {old}, but the baseline is {new}")
        reasons += anew_words(stored, plan)
    if header.shard and any(not stored.measured(scenario) for scenario in header.plan.scenarios):
        reasons.append(f"it is shard {header.shard} of a run (duolog merge makes one record of all shards)")
    if header.plugin != plugin:
        reasons.append(f"it was judged by pytest-duolog {header.plugin}, but this is {plugin}")
    if age > MAX_AGE:
        reasons.append(f"it is {age.days} days old, more than {MAX_AGE.days}")
    return reasons


def stored_scenarios(stored: RunRecord, plan: RunPlan) -> dict[str, int]:
    """The scenarios of a plan that a stored record is a baseline for: those that are still the same.

    For each, how many stored samples stand against one of the candidate, so that they last for all rounds; at least 1.
    """
    assert plan.gate is not None
    n_stored = {
        scenario: sum(number < FIRST_CANARY for number in stored.measured(scenario))
        for scenario in plan.scenarios
        if _is_same(stored, plan, scenario)
    }
    return {
        scenario: max(1, min(MOST_STORED_PER_PAIR, n // plan.gate.max_rounds))
        for scenario, n in n_stored.items()
        if n
    }


def anew_words(stored: RunRecord, plan: RunPlan) -> list[str]:
    """Which scenarios a stored record is no baseline for, and why; the baseline of these is run anew."""
    missing = [scenario for scenario in plan.scenarios if not stored.measured(scenario)]
    changed = [
        scenario
        for scenario in plan.scenarios
        if stored.measured(scenario) and not _is_same(stored, plan, scenario)
    ]
    all_ = counted(len(plan.scenarios), "scenario")
    return [
        f"{len(names)} of {all_} {why}: {listed(names, MOST_NAMED)}"
        for names, why in (
            (changed, "had other models, prompts, properties or source"),
            (missing, "are not in it" if len(missing) > 1 else "is not in it"),
        )
        if names
    ]


def _is_same(stored: RunRecord, plan: RunPlan, scenario: str) -> bool:
    """Whether a scenario is what it was; records of programs may have one key for all scenarios."""
    old = stored.header.plan
    return (old.key, old.keys.get(scenario)) == (plan.key, plan.keys.get(scenario)) and (
        bool(plan.keys) or old.baseline == plan.baseline
    )


class Canary(NamedTuple):
    """A new sample of a stored baseline, and how many of the stored samples of its scenario passed."""

    scenario: str
    n_passed: int
    n_stored: int
    passed: bool

    @property
    def rate(self) -> float:
        """The pass rate of the stored samples, never 0 or 1, because that would be certainty."""
        return (self.n_passed + 0.5) / (self.n_stored + 1)


@dataclass(frozen=True)
class Guard:
    """Decides from canaries whether the baseline still passes as often as its stored samples.

    It tests for a change of the whole suite by `margin` in both directions, and for a change of a single scenario. Each
    test compares two claims and may be checked after every canary (Wald 1945): for each direction, an unchanged
    baseline is found to have changed in at most 2.5 % of runs, and one that has changed by the margin is accepted in at
    most 5 %.
    """

    canaries: Sequence[Canary]
    margin: float

    @property
    def has_moved(self) -> bool:
        """Whether the suite's pass rate has changed, up or down."""
        return any(self._log_ratio(shift) >= LOG_MOVED for shift in (self.margin, -self.margin))

    @property
    def is_steady_below(self) -> bool:
        """Whether the baseline has not become better, so that the stored samples still show how good it is."""
        has_room = 1 - self._n_passed / max(1, self._n_stored) >= self.margin / 2
        return bool(self.canaries) and (not has_room or self._log_ratio(self.margin) <= -LOG_STEADY)

    @property
    def is_steady_above(self) -> bool:
        """Whether the baseline has not become worse, so that the candidate is the cause of lost pairs."""
        return bool(self.canaries) and self._log_ratio(-self.margin) <= -LOG_STEADY

    def is_steady_in(self, scenario: str, rate: float) -> bool:
        """Whether one scenario's baseline has not fallen to `rate`, the pass rate of the blamed candidate."""
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
        """The mean rate over the canaries; the rate of a single scenario is too uncertain to compare with."""
        return (self._n_passed + 0.5) / (self._n_stored + 1)

    def _log_ratio(self, shift: float) -> float:
        """The evidence that the mean rate has changed by `shift`, compared with no change.

        All scenarios have the same number of canaries; if their rates differ, outcomes vary less than assumed here.
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
    """The natural logarithm of the likelihood ratio of an outcome: `other` to `rate`."""
    return math.log(other / rate) if passed else math.log((1 - other) / (1 - rate))
