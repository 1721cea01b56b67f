"""Two groups of values in strata: the permutation test of whether they differ, and the interval of the difference.

Values are compared within their stratum only. Strata count by their precision: n1 n2 / (n1 + n2).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

from pytest_duolog.stats.binomial import beta_quantile, checked_open_rate
from pytest_duolog.stats.intervals import Interval

# So many random exchanges give a p-value; with more values than this, the normal approximation is as good.
N_EXCHANGES = 4999
MOST_EXCHANGED = 2000
SEED = 20_260_101
# A sum that is closer than this share of it to the observed one counts as equal, because floats are rounded.
TIE = 1e-9


@dataclass(frozen=True)
class TwoGroups:
    """The values of two groups in one stratum."""

    first: tuple[float, ...]
    second: tuple[float, ...]

    @property
    def is_empty(self) -> bool:
        """Whether one of the groups has no values, so that nothing can be compared."""
        return not (self.first and self.second)

    @property
    def weight(self) -> float:
        """The weight of the stratum, not yet divided by that of all."""
        n_1, n_2 = len(self.first), len(self.second)
        return n_1 * n_2 / (n_1 + n_2) if n_1 and n_2 else 0.0

    @property
    def difference(self) -> float:
        """The mean of the second group minus that of the first."""
        return fmean(self.second) - fmean(self.first)


def weighted_difference(strata: Sequence[TwoGroups]) -> float:
    """The mean of the second group minus that of the first, over all strata; 0 if nothing can be compared."""
    found = [stratum for stratum in strata if not stratum.is_empty]
    total = math.fsum(stratum.weight for stratum in found)
    return math.fsum(stratum.weight * stratum.difference for stratum in found) / total if found else 0.0


def permutation_ps(
    columns: Sequence[Sequence[TwoGroups]], *, n_exchanges: int = N_EXCHANGES, seed: int = SEED
) -> list[float]:
    """The two-sided p-value of each column: the chance of such a difference if group does not matter.

    Each column has the same strata with groups of the same sizes. Values exchange their groups within each stratum, in
    all columns at once. The p-value is never 0: the observed values count as one of the exchanges. Source: Fisher
    1935; for random exchanges Phipson and Smyth 2010. With many values it is the normal approximation of Hoeffding
    1951.
    """
    if not columns:
        return []
    centred = [_centred(strata) for strata in columns]
    sizes = [(len(one.first), len(one.second)) for one in columns[0] if not one.is_empty]
    observed = [_second_sum(values, sizes) for values in centred]
    if sum(map(sum, sizes)) > MOST_EXCHANGED:
        return [_normal_p(total, values, sizes) for total, values in zip(observed, centred, strict=True)]
    rng = random.Random(seed)  # noqa: S311  # the same input gives the same p-value
    limits = [abs(total) * (1 - TIE) for total in observed]
    places = list(_places(sizes))
    n_as_large = [0] * len(columns)
    for _ in range(n_exchanges):
        chosen = [at for within, n in places for at in rng.sample(within, n)]
        for column, values in enumerate(centred):
            if abs(sum(map(values.__getitem__, chosen))) >= limits[column]:
                n_as_large[column] += 1
    return [(1 + n) / (1 + n_exchanges) for n in n_as_large]


def _centred(strata: Sequence[TwoGroups]) -> list[float]:
    """All values in order, first groups before second ones in each stratum, minus the mean of the stratum."""
    found: list[float] = []
    for stratum in strata:
        if not stratum.is_empty:
            both = [*stratum.first, *stratum.second]
            mean = fmean(both)
            found += [value - mean for value in both]
    return found


def _places(sizes: Sequence[tuple[int, int]]) -> list[tuple[range, int]]:
    """The places of the values of each stratum, and how many of them are in the second group."""
    found, at = [], 0
    for n_1, n_2 in sizes:
        found.append((range(at, at + n_1 + n_2), n_2))
        at += n_1 + n_2
    return found


def _second_sum(values: Sequence[float], sizes: Sequence[tuple[int, int]]) -> float:
    """The sum over the second groups: with these weights of the strata it is the whole statistic."""
    return math.fsum(math.fsum(values[within.stop - n : within.stop]) for within, n in _places(sizes))


def _normal_p(total: float, values: Sequence[float], sizes: Sequence[tuple[int, int]]) -> float:
    spread = math.fsum(
        (len(within) - n) * n / len(within) * variance(values[within.start : within.stop])
        for within, n in _places(sizes)
    )
    return min(1.0, 2 * NormalDist().cdf(-abs(total) / math.sqrt(spread))) if spread > 0 else 1.0


def difference_interval(strata: Sequence[TwoGroups], *, confidence: float = 0.95) -> Interval | None:
    """The interval of the weighted difference; None if the values do not vary enough to tell one.

    Within a stratum with at least two values on each side, the error comes from their spread; for the other strata,
    from the spread of their differences. Source: Welch 1947, with Satterthwaite's degrees of freedom.
    """
    checked_open_rate("confidence", confidence)
    found = [stratum for stratum in strata if not stratum.is_empty]
    total = math.fsum(stratum.weight for stratum in found)
    parts: list[tuple[float, int]] = []
    single: list[TwoGroups] = []
    for stratum in found:
        if min(len(stratum.first), len(stratum.second)) < 2:
            single.append(stratum)
            continue
        share = (stratum.weight / total) ** 2
        groups = (stratum.first, stratum.second)
        parts += [(share * variance(group) / len(group), len(group) - 1) for group in groups]
    if len(single) > 1:
        spread = variance([stratum.difference for stratum in single])
        share = math.fsum((stratum.weight / total) ** 2 for stratum in single)
        parts.append((share * spread, len(single) - 1))
    elif single:
        return None
    reach = satterthwaite(parts, confidence)
    if reach is None:
        return None
    middle = weighted_difference(found)
    return Interval(middle - reach, middle + reach)


def satterthwaite(parts: Sequence[tuple[float, int]], confidence: float) -> float | None:
    """The half width of an interval whose squared error is a sum of estimated parts, each with its degrees of freedom.

    None if no part has an error. Source: Satterthwaite 1946.
    """
    error = math.fsum(part for part, _ in parts)
    if error <= 0:
        return None
    freedom = error**2 / math.fsum(part**2 / n for part, n in parts)
    return student_t(confidence, freedom) * math.sqrt(error)


def student_t(confidence: float, freedom: float) -> float:
    """The half width of an interval in standard errors with estimated errors; 2.228 for 0.95 and 10.

    Source: Abramowitz and Stegun 26.5.27, by the beta distribution.
    """
    share = beta_quantile(1 - confidence, freedom / 2, 0.5)
    return math.sqrt(freedom * (1 - share) / share)
