"""Intervals for one pass rate."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from pytest_duolog.stats.binomial import beta_quantile, checked_counts, checked_open_rate


class Interval(NamedTuple):
    """Two bounds, low first."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        """Whether a number lies between the bounds or on one."""
        return isinstance(value, int | float) and self.low <= value <= self.high


WHOLE_RANGE = Interval(0.0, 1.0)


def two_sided_z(confidence: float) -> float:
    """The half width of an interval of this confidence in standard errors; 1.96 for 0.95."""
    checked_open_rate("confidence", confidence)
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson_interval(n_passed: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Interval for the pass rate behind `n_passed` of `n` samples.

    Bounds are rates in [0, 1]. With `n == 0` it is the whole range. On average over all rates it covers the true rate
    with this confidence, also near 0 and 1, where the plus-minus interval does not; at some rates it covers a little
    less.

    Raises ValueError if `n_passed > n` or `confidence` is not inside (0, 1).
    Source: Wilson 1927; compared with others in Brown, Cai and DasGupta 2001.
    """
    checked_counts(n_passed, n)
    z = two_sided_z(confidence)
    if n == 0:
        return WHOLE_RANGE
    rate = n_passed / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if n_passed == 0 else max(0.0, centre - reach)
    high = 1.0 if n_passed == n else min(1.0, centre + reach)
    return Interval(low, high)


def clopper_pearson_interval(n_passed: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Interval that contains the pass rate with at least this confidence, at every rate.

    Bounds are rates in [0, 1]; the whole range with `n == 0`. Each bound is wrong with a probability of at most `(1 -
    confidence) / 2`. Raises ValueError like `wilson_interval`. Source: Clopper and Pearson 1934, through the beta
    quantiles.
    """
    checked_open_rate("confidence", confidence)
    beyond = (1 + confidence) / 2
    return Interval(
        exact_lower_bound(n_passed, n, confidence=beyond), exact_upper_bound(n_passed, n, confidence=beyond)
    )


def exact_lower_bound(n_passed: int, n: int, *, confidence: float = 0.95) -> float:
    """The lower bound of the pass rate with at least this confidence; 0 without passes.

    Source: the one-sided bound of Clopper and Pearson 1934; `(1 - confidence) ** (1 / n)` if all passed.
    """
    checked_counts(n_passed, n)
    checked_open_rate("confidence", confidence)
    return beta_quantile(1 - confidence, n_passed, n - n_passed + 1) if n_passed else 0.0


def exact_upper_bound(n_passed: int, n: int, *, confidence: float = 0.95) -> float:
    """The upper bound of the pass rate with at least this confidence; 1 without failures."""
    checked_counts(n_passed, n)
    return 1 - exact_lower_bound(n - n_passed, n, confidence=confidence)
