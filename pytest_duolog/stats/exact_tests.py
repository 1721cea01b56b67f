"""Exact tests of two groups, and the adjustment of the p-values of many tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from pytest_duolog.stats.binomial import probability_at_most
from pytest_duolog.stats.differences import TwoRates

Alternative = Literal["less", "greater", "two-sided"]

# A table that is likelier than the observed one by up to this factor counts as equally likely, because floats are
# rounded.
TIE = 1 + 1e-7


def fisher_p(counts: TwoRates, *, alternative: Alternative = "two-sided") -> float:
    """The p-value of Fisher's exact test; `greater` asks whether the first group passes more often.

    It is 1 if a group is empty or nothing varies. The two-sided value is the sum over all tables that are not likelier.
    Source: Fisher 1935; the two-sided rule is the one of R's fisher.test.
    """
    n_passed = counts.n_passed_1 + counts.n_passed_2
    lowest, highest = max(0, n_passed - counts.n_2), min(counts.n_1, n_passed)
    total = math.comb(counts.n_1 + counts.n_2, n_passed)
    chances = {
        k: math.comb(counts.n_1, k) * math.comb(counts.n_2, n_passed - k) / total
        for k in range(lowest, highest + 1)
    }
    seen = counts.n_passed_1
    if alternative == "two-sided":
        tail = [chance for chance in chances.values() if chance <= chances[seen] * TIE]
    else:
        tail = [
            chance for k, chance in chances.items() if (k <= seen if alternative == "less" else k >= seen)
        ]
    return min(1.0, math.fsum(tail))


def mcnemar_exact_p(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test for pairs that differ; 1 if none differs.

    Source: McNemar 1947, with the binomial distribution instead of chi squared.
    """
    n = only_first + only_second
    return min(1.0, 2 * probability_at_most(min(only_first, only_second), n, 0.5))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values in the given order, adjusted so that the chance of at least one false alarm is limited.

    Source: Holm 1979.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """The p-values in the given order, adjusted so that the share of false alarms is limited; only for exploring.

    Source: Benjamini and Hochberg 1995, step up.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    adjusted = [0.0] * len(p_values)
    smallest = 1.0
    for place, index in enumerate(order):
        smallest = min(smallest, p_values[index] * (len(p_values) / (len(p_values) - place)))
        adjusted[index] = smallest
    return adjusted


def benjamini_yekutieli(p_values: Sequence[float]) -> list[float]:
    """The same as `benjamini_hochberg`, for tests that depend on each other in any way; larger p-values.

    Source: Benjamini and Yekutieli 2001.
    """
    factor = math.fsum(1 / rank for rank in range(1, len(p_values) + 1))
    return [min(1.0, factor * p) for p in benjamini_hochberg(p_values)]
