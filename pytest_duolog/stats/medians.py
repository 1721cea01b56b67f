"""The median of a few measured values, with an interval that assumes nothing about their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from pytest_duolog.stats.binomial import checked_open_rate, probability_at_most


class Middle(NamedTuple):
    """A median and the bounds of its interval; the bounds are the extremes if there are too few values for one."""

    median: float
    low: float
    high: float


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> Middle:
    """The median of the values, and the values between which the true one lies with at least this confidence.

    The bounds are two of the values: those that leave out, on each side, as many as half of the values seldom leave
    out by chance. Fewer than 6 values cannot have an interval of 95 %; the bounds are then the smallest and the largest
    value. Raises ValueError without values. Source: Thompson 1936; the sign test inverted.
    """
    checked_open_rate("confidence", confidence)
    if not values:
        raise ValueError("there is no median of nothing")
    ordered = sorted(values)
    n_out = 0
    while probability_at_most(n_out, len(ordered), 0.5) <= (1 - confidence) / 2:
        n_out += 1
    at = max(0, n_out - 1)
    return Middle(float(median(ordered)), float(ordered[at]), float(ordered[-1 - at]))
