"""Acceptance sampling with an early stop: how many of n samples must pass, and when the count decides.

"At least 18 of 20" is a sampling plan with two risks, which are known before anything runs: a healthy scenario fails,
or a broken one passes. A scenario with the pass rate `healthy_rate` passes the plan 95 % of the time, one with
`broken_rate` 10 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import NamedTuple

from pytest_duolog.stats.binomial import beta_quantile, probability_at_least

# The probabilities of passing the count rule at the two rates that describe it.
PASS_AT_HEALTHY = 0.95
PASS_AT_BROKEN = 0.10
# The limits of the early stop: its risks at these rates, its largest deviation from the count rule at any rate, the
# number of rates that are checked, and the factor by which its risks shrink until the limits hold.
MOST_FAILED_AT_HEALTHY = 0.055
MOST_PASSED_AT_BROKEN = 0.11
MOST_DEVIATION = 0.0119
N_CHECKED = 50
SHRINK = 0.9
# The risk of proving a rate that the scenario does not have.
PROOF_RISK = 0.05

Rate = float | str | Decimal | Fraction


class Expectation(NamedTuple):
    """The result of a plan for a scenario of a given pass rate: how often it passes, and the mean number of samples."""

    pass_probability: float
    mean_samples: float


class _End(NamedTuple):
    """Counts at which a plan decides, and the logarithm of the number of ways to reach them."""

    n_passed: int
    n_failed: int
    passes: bool
    log_ways: float

    def chance(self, rate: float) -> float:
        """The probability of this end at a pass rate."""
        if (self.n_passed and rate == 0) or (self.n_failed and rate == 1):
            return 0.0
        log_passed = self.n_passed * math.log(rate) if self.n_passed else 0.0
        log_failed = self.n_failed * math.log1p(-rate) if self.n_failed else 0.0
        return math.exp(self.log_ways + log_passed + log_failed)


@dataclass(frozen=True)
class AcceptancePlan:
    """When a count of passes and failures decides, and with which risks.

    `passes_at[d]` is the sample at which it passes with `d` failures; with more failures than the list has, it never
    passes. `fails_until[d]` is the last sample at which it fails with `d` failures; 0 if it never does.
    """

    n_samples: int
    n_needed: int
    healthy_rate: float
    broken_rate: float
    passes_at: tuple[int, ...]
    fails_until: tuple[int, ...]

    def decide(self, n_passed: int, n_failed: int) -> bool | None:
        """True for pass, False for fail, None while more samples are needed."""
        n = n_passed + n_failed
        if n_failed >= len(self.fails_until) or 0 < n <= self.fails_until[n_failed]:
            return False
        return True if n >= self.passes_at[n_failed] else None

    def expect(self, rate: float) -> Expectation:
        """The exact result of the plan for independent samples that pass at this rate: a sum over all its ends."""
        chances = [end.chance(rate) for end in self._ends]
        passed = math.fsum(chance for end, chance in zip(self._ends, chances, strict=True) if end.passes)
        mean = math.fsum(
            chance * (end.n_passed + end.n_failed) for end, chance in zip(self._ends, chances, strict=True)
        )
        return Expectation(passed, mean)

    @cached_property
    def _ends(self) -> list[_End]:
        """The counts at which it decides. The ways to reach them do not depend on the rate."""
        ways, ends = {0: 1}, []
        for n in range(1, self.n_samples + 1):
            reached: dict[int, int] = {}
            for n_failed, n_ways in ways.items():
                reached[n_failed] = reached.get(n_failed, 0) + n_ways
                reached[n_failed + 1] = reached.get(n_failed + 1, 0) + n_ways
            ways = {}
            for n_failed, n_ways in reached.items():
                decision = self.decide(n - n_failed, n_failed)
                if decision is None:
                    ways[n_failed] = n_ways
                else:
                    ends.append(_End(n - n_failed, n_failed, decision, math.log(n_ways)))
        return ends


def passes_needed(n_samples: int, min_pass_rate: Rate) -> int:
    """The smallest number of passes that is at least this rate of `n_samples`, in exact arithmetic.

    A float counts as the decimal number that it prints as, so that 0.55 of 20 is 11.
    """
    return math.ceil(n_samples * exact_rate(min_pass_rate))


def exact_rate(rate: Rate) -> Fraction:
    """The rate as a fraction; a float as the decimal number it prints as. Raises ValueError outside (0, 1]."""
    try:
        exact = rate if isinstance(rate, Fraction) else Fraction(str(rate))
    except ValueError:
        raise ValueError(f"the pass rate {rate!r} is not a number") from None
    if not 0 < exact <= 1:
        raise ValueError(f"the pass rate {rate} must be above 0 and at most 1")
    return exact


def acceptance_plan(n_samples: int, min_pass_rate: Rate) -> AcceptancePlan:
    """The plan "at least `min_pass_rate` of `n_samples` pass" that stops as soon as the count decides.

    At every rate it passes as often as the full count, within 1.2 points, with fewer samples. Raises ValueError for no
    samples or a rate outside (0, 1]. Source: Wald 1947 for the sequential ratio test of the healthy against the broken
    rate; it is truncated by the count rule, and its risks shrink until the exact recursion shows that the limits hold.
    """
    _checked_samples(n_samples)
    return _sequential_plan(n_samples, passes_needed(n_samples, min_pass_rate))


@lru_cache(maxsize=512)
def _sequential_plan(n_samples: int, n_needed: int) -> AcceptancePlan:
    fail_risk, pass_risk = 1 - PASS_AT_HEALTHY, PASS_AT_BROKEN
    while True:
        plan = _cut_plan(n_samples, n_needed, fail_risk, pass_risk)
        deviation = _largest_deviation(plan)
        if deviation > MOST_DEVIATION or _passes(plan, plan.broken_rate) > MOST_PASSED_AT_BROKEN:
            pass_risk *= SHRINK
        elif deviation < -MOST_DEVIATION or 1 - _passes(plan, plan.healthy_rate) > MOST_FAILED_AT_HEALTHY:
            fail_risk *= SHRINK
        else:
            return plan


def _passes(plan: AcceptancePlan, rate: float) -> float:
    return plan.expect(rate).pass_probability


def _largest_deviation(plan: AcceptancePlan) -> float:
    """The largest deviation of the plan from the count rule; positive if the plan passes more often.

    Checked at the rates at which the count rule passes 2 %, 4 %, ... of the time.
    """
    shares = [step / N_CHECKED for step in range(1, N_CHECKED)]
    n_spare = plan.n_samples - plan.n_needed
    deviations = (_passes(plan, beta_quantile(share, plan.n_needed, n_spare + 1)) - share for share in shares)
    return max(deviations, key=abs)


def _cut_plan(n_samples: int, n_needed: int, fail_risk: float, pass_risk: float) -> AcceptancePlan:
    n_spare = n_samples - n_needed
    healthy, broken = _telling_rates(n_samples, n_needed)
    lines = sprt_lines(1 - healthy, 1 - broken, fail_risk, pass_risk)
    passes_at = (min(n_needed + d, max(d + 1, lines.passes_from(d))) for d in range(n_spare + 1))
    fails_until = (max(0, lines.fails_until(d)) for d in range(n_spare + 1))
    return AcceptancePlan(n_samples, n_needed, healthy, broken, tuple(passes_at), (*fails_until, n_samples))


def _telling_rates(n_samples: int, n_needed: int) -> tuple[float, float]:
    """The rates at which the count rule passes 95 % and 10 % of the time."""
    n_spare = n_samples - n_needed
    return (
        beta_quantile(PASS_AT_HEALTHY, n_needed, n_spare + 1),
        beta_quantile(PASS_AT_BROKEN, n_needed, n_spare + 1),
    )


class SprtLines(NamedTuple):
    """Two lines: n samples pass with at most `slope * n + accept` failures, and fail with `slope * n + reject`."""

    slope: float
    accept: float
    reject: float

    def passes_from(self, n_failed: int) -> int:
        """The first sample at which a scenario with this many failures passes."""
        return math.ceil((n_failed - self.accept) / self.slope - 1e-9)

    def fails_until(self, n_failed: int) -> int:
        """The last sample at which a scenario with this many failures fails; below 1 if there is none."""
        return math.floor((n_failed - self.reject) / self.slope + 1e-9)


def sprt_lines(
    healthy_failure_rate: float, broken_failure_rate: float, fail_risk: float, pass_risk: float
) -> SprtLines:
    """The lines between which the sequential ratio test of two failure rates continues.

    `fail_risk` is the risk that the healthy one fails, `pass_risk` the risk that the broken one passes. Source: Wald
    1947, section 5.3.
    """
    log_failed = math.log(broken_failure_rate / healthy_failure_rate)
    log_passed = math.log1p(-healthy_failure_rate) - math.log1p(-broken_failure_rate)
    scale = log_failed + log_passed
    return SprtLines(
        log_passed / scale,
        math.log(pass_risk / (1 - fail_risk)) / scale,
        math.log((1 - pass_risk) / fail_risk) / scale,
    )


def proof_plan(n_samples: int, min_pass_rate: Rate) -> AcceptancePlan:
    """The plan that passes only if the exact lower bound of the pass rate reaches `min_pass_rate`.

    A scenario just below that rate passes at most 5 % of the time. It stops as soon as the remaining samples cannot
    change the decision. Raises ValueError if not even `n_samples` passes would prove it. Source: the one-sided exact
    binomial test.
    """
    _checked_samples(n_samples)
    rate = float(exact_rate(min_pass_rate))
    n_least = samples_to_prove(min_pass_rate)
    if n_samples < n_least:
        raise ValueError(
            f"{n_samples} samples cannot prove a pass rate of {min_pass_rate}: at least {n_least} are needed"
        )
    needed = next(k for k in range(n_samples + 1) if probability_at_least(k, n_samples, rate) <= PROOF_RISK)
    n_spare = n_samples - needed
    healthy, broken = _telling_rates(n_samples, needed)
    passes_at = tuple(needed + d for d in range(n_spare + 1))
    return AcceptancePlan(n_samples, needed, healthy, broken, passes_at, (*[0] * (n_spare + 1), n_samples))


def samples_to_prove(min_pass_rate: Rate) -> int:
    """The fewest samples that prove a pass rate if all of them pass; 29 for 0.9. Raises ValueError for a rate of 1."""
    rate = exact_rate(min_pass_rate)
    if rate == 1:
        raise ValueError("no number of samples can prove a pass rate of 1")
    return math.ceil(math.log(PROOF_RISK) / math.log(rate))


def _checked_samples(n_samples: int) -> None:
    if n_samples < 1:
        raise ValueError(f"a plan needs at least 1 sample, not {n_samples}")
