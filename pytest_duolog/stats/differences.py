"""The difference of two pass rates: Newcombe's intervals, and the score test with its interval.

Differences are first minus second, in [-1, 1]. For a drop from a baseline, the baseline is first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_duolog.stats.binomial import bisect, checked_counts
from pytest_duolog.stats.intervals import Interval, two_sided_z, wilson_interval


@dataclass(frozen=True)
class TwoRates:
    """Passes and samples of two independent groups; one stratum of a stratified test."""

    n_passed_1: int
    n_1: int
    n_passed_2: int
    n_2: int

    def __post_init__(self) -> None:
        checked_counts(self.n_passed_1, self.n_1)
        checked_counts(self.n_passed_2, self.n_2)

    @property
    def is_empty(self) -> bool:
        """Whether one of the groups has no samples, so that there is no difference."""
        return self.n_1 == 0 or self.n_2 == 0

    @property
    def difference(self) -> float:
        """The observed rate of the first group minus that of the second."""
        return self.n_passed_1 / self.n_1 - self.n_passed_2 / self.n_2


def newcombe_interval(counts: TwoRates, *, confidence: float = 0.95) -> Interval:
    """Interval for the difference of two independent rates, from their two Wilson intervals.

    With an empty group it is as wide as the other group allows.
    Source: Newcombe 1998 (Statistics in Medicine 17:873-890), method 10.
    """
    low_1, high_1 = wilson_interval(counts.n_passed_1, counts.n_1, confidence=confidence)
    low_2, high_2 = wilson_interval(counts.n_passed_2, counts.n_2, confidence=confidence)
    if counts.is_empty:
        return Interval(low_1 - high_2, high_1 - low_2)
    rate_1, rate_2 = counts.n_passed_1 / counts.n_1, counts.n_passed_2 / counts.n_2
    difference = counts.difference
    return Interval(
        max(-1.0, difference - math.hypot(rate_1 - low_1, high_2 - rate_2)),
        min(1.0, difference + math.hypot(high_1 - rate_1, rate_2 - low_2)),
    )


def newcombe_paired_interval(
    both: int, only_first: int, only_second: int, neither: int, *, confidence: float = 0.95
) -> Interval:
    """Interval for the difference of two rates measured on the same pairs.

    The counts are pairs that passed on both sides, on one side only, and on neither. Without pairs it is the
    whole range, -1 to 1. Where one side never varies, the two are taken as uncorrelated.
    Source: Newcombe 1998 (Statistics in Medicine 17:2635-2650), method 10.
    """
    n = both + only_first + only_second + neither
    if n == 0:
        return Interval(-1.0, 1.0)
    rate_1, rate_2 = (both + only_first) / n, (both + only_second) / n
    low_1, high_1 = wilson_interval(both + only_first, n, confidence=confidence)
    low_2, high_2 = wilson_interval(both + only_second, n, confidence=confidence)
    phi = _paired_correlation(both, only_first, only_second, neither)
    difference = (only_first - only_second) / n
    return Interval(
        max(-1.0, difference - _correlated_reach(rate_1 - low_1, high_2 - rate_2, phi)),
        min(1.0, difference + _correlated_reach(high_1 - rate_1, rate_2 - low_2, phi)),
    )


def _correlated_reach(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def _paired_correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    n = both + only_first + only_second + neither
    product = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if product == 0:
        return 0.0
    excess = both * neither - only_first * only_second
    corrected = max(excess - n / 2, 0) if excess > 0 else excess
    return corrected / math.sqrt(product)


def restricted_rates(counts: TwoRates, difference: float) -> tuple[float, float]:
    """The likeliest two rates among those that differ by exactly `difference`.

    The likelihood is concave along that line, so its maximum is where the slope changes sign, or at an end, where the
    usual closed form is wrong. `difference` is in [-1, 1]. Source: the definition in Miettinen and Nurminen 1985 and
    Farrington and Manning 1990.
    """
    rate_2 = bisect(
        lambda rate: _slope(counts, rate + difference, rate) > 0,
        max(0.0, -difference),
        min(1.0, 1 - difference),
    )
    return min(1.0, max(0.0, rate_2 + difference)), rate_2


def _slope(counts: TwoRates, rate_1: float, rate_2: float) -> float:
    """The slope of the log likelihood along the line; a group without passes (or failures) has no such term."""
    slope = 0.0
    for n_passed, n, rate in (
        (counts.n_passed_1, counts.n_1, rate_1),
        (counts.n_passed_2, counts.n_2, rate_2),
    ):
        if n_passed:
            slope += n_passed / rate if rate > 0 else math.inf
        if n_passed < n:
            slope -= (n - n_passed) / (1 - rate) if rate < 1 else math.inf
    return slope


def score_z(strata: Sequence[TwoRates], difference: float, *, corrected: bool = True) -> float:
    """The distance of the mean difference over the strata from `difference`, in standard errors; positive above it.

    Every stratum has the same weight. The standard error is that of the likeliest rates if each stratum had exactly
    this difference. `corrected` applies the factor N/(N-1) to each stratum. Strata with an empty group are left out;
    the result is 0 if none is left, or if nothing varies and the observed difference equals `difference`. Source:
    Miettinen and Nurminen 1985 (corrected), Farrington and Manning 1990 (not corrected).
    """
    measured = [counts for counts in strata if not counts.is_empty]
    distance = math.fsum(counts.difference - difference for counts in measured)
    variance = math.fsum(  # many scenarios of a suite have the same counts
        n_alike * _restricted_variance(counts, difference, corrected=corrected)
        for counts, n_alike in Counter(measured).items()
    )
    if variance <= 0:
        return math.copysign(math.inf, distance) if abs(distance) > 1e-12 else 0.0
    return distance / math.sqrt(variance)


def _restricted_variance(counts: TwoRates, difference: float, *, corrected: bool) -> float:
    rate_1, rate_2 = restricted_rates(counts, difference)
    variance = rate_1 * (1 - rate_1) / counts.n_1 + rate_2 * (1 - rate_2) / counts.n_2
    n = counts.n_1 + counts.n_2
    return variance * n / (n - 1) if corrected else variance


def score_interval(
    strata: Sequence[TwoRates], *, confidence: float = 0.95, corrected: bool = True
) -> Interval:
    """The differences that the score test does not reject; for one stratum or the mean over several.

    It is the whole range, -1 to 1, if no stratum has samples on both sides.
    Source: Miettinen and Nurminen 1985; without the correction it is Mee's (1984).
    """
    z = two_sided_z(confidence)
    if all(counts.is_empty for counts in strata):
        return Interval(-1.0, 1.0)
    return Interval(
        bisect(lambda difference: score_z(strata, difference, corrected=corrected) > z, -1.0, 1.0),
        bisect(lambda difference: score_z(strata, difference, corrected=corrected) > -z, -1.0, 1.0),
    )
