"""The log-rank test of whether groups have an event equally soon, within strata."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pytest_duolog.stats.survival import Group

# Below this share of its diagonal, what is left of a row of the log-rank matrix is rounding.
ROUNDING = 1e-10


class LogRank(NamedTuple):
    """The statistic of a log-rank test, its degrees of freedom, and its p-value."""

    chi_squared: float
    freedom: int
    p: float


def log_rank(strata: Iterable[Mapping[str, Group]]) -> LogRank:
    """The test of whether groups have the event equally soon; groups are compared within each stratum.

    Without anything to compare (one group, no event, or events only where no choice was left) p is 1. It is the
    chi-squared approximation, which is rough with few events. Source: Mantel 1966 and Peto and Peto 1972; for strata
    Klein and Moeschberger 2003, section 7.5.
    """
    scores: dict[str, float] = {}
    covariances: dict[tuple[str, str], float] = {}
    for groups in strata:
        _add_stratum(groups, scores, covariances)
    names = [name for name in scores if covariances.get((name, name), 0.0) > 0]
    chi_squared, rank = _quadratic_form(names[:-1], scores, covariances)
    return LogRank(chi_squared, rank, chi_squared_p(chi_squared, rank))


def _add_stratum(
    groups: Mapping[str, Group], scores: dict[str, float], covariances: dict[tuple[str, str], float]
) -> None:
    """Add the observed minus expected events of each group, and their covariances."""
    happened = {name: Counter(one.time for one in group if one.happened) for name, group in groups.items()}
    for time in sorted(set().union(*happened.values())):
        at_risk = {name: sum(one.time >= time for one in group) for name, group in groups.items()}
        n, events = sum(at_risk.values()), sum(found[time] for found in happened.values())
        weight = events * (n - events) / (n - 1) if n > 1 else 0.0
        for name, n_here in at_risk.items():
            scores[name] = scores.get(name, 0.0) + happened[name][time] - events * n_here / n
            for other, n_other in at_risk.items():
                share = n_here / n * ((name == other) - n_other / n)
                covariances[name, other] = covariances.get((name, other), 0.0) + weight * share


def _quadratic_form(
    names: Sequence[str], scores: Mapping[str, float], covariances: Mapping[tuple[str, str], float]
) -> tuple[float, int]:
    """The scores times the inverse of their covariances times the scores, and the rank: by elimination."""
    rows = [[covariances.get((name, other), 0.0) for other in names] + [scores[name]] for name in names]
    total, rank = 0.0, 0
    for at, name in enumerate(names):
        pivot = rows[at][at]
        if pivot <= ROUNDING * covariances[name, name]:
            continue  # it follows from the rows before
        total += rows[at][-1] ** 2 / pivot
        rank += 1
        for below in rows[at + 1 :]:
            factor = below[at] / pivot
            below[at:] = [
                mine - factor * theirs for mine, theirs in zip(below[at:], rows[at][at:], strict=True)
            ]
    return total, rank


def log_rank_scores(observations: Group) -> list[float]:
    """For each observation how much it has of the event beyond what is expected of all together up to its time.

    Positive where the event came soon. The sum over a group is its observed minus its expected events in the log-rank
    test, so an exchange of the scores between groups is the log-rank test as a permutation test. Source: Peto and Peto
    1972.
    """
    hazard: dict[int, float] = {}
    total = 0.0
    for time in sorted({one.time for one in observations}):
        events = sum(one.happened for one in observations if one.time == time)
        total += events / sum(one.time >= time for one in observations)
        hazard[time] = total
    return [one.happened - hazard[one.time] for one in observations]


def chi_squared_p(statistic: float, freedom: int) -> float:
    """The probability that a chi-squared variable is at least this large; 1 without degrees of freedom.

    Source: the closed forms for whole degrees of freedom, Abramowitz and Stegun 26.4.4 and 26.4.5.
    """
    if freedom < 1 or statistic <= 0:
        return 1.0
    half = statistic / 2
    if freedom % 2:
        total, term, first = math.erfc(math.sqrt(half)), math.sqrt(half / math.pi) * 2 * math.exp(-half), 3
    else:
        total, term, first = math.exp(-half), half * math.exp(-half), 4
    for degrees in range(first, freedom + 1, 2):
        total += term
        term *= statistic / degrees
    return min(1.0, total)
