"""Times until an event when some are not known to the end: Kaplan and Meier's curve, log-rank test, restricted means.

A time is a count of messages. An observation that ends without its event is censored: the event comes later, or never.
All formulas take the observations as independent, and the end of the observation as unrelated to the event.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from pytest_duolog.stats.intervals import Interval, exact_lower_bound, two_sided_z

# Below this share of its diagonal, what is left of a row of the log-rank matrix is rounding.
ROUNDING = 1e-10


class Observation(NamedTuple):
    """One observed time, at least 1, and whether the event happened then; if not, it is censored."""

    time: int
    happened: bool


class Step(NamedTuple):
    """The curve from one time on: how many were at risk just before, how many events and censored ones it has.

    `survival` is the share without the event after this time, in [0, 1].
    """

    time: int
    at_risk: int
    events: int
    censored: int
    survival: float
    interval: Interval


class RestrictedMean(NamedTuple):
    """The mean of the smaller of the time and `until`, its standard error, and its interval."""

    until: int
    mean: float
    error: float
    interval: Interval


@dataclass(frozen=True)
class Curve:
    """The share without the event after each time, for a group of observations."""

    observations: tuple[Observation, ...]
    confidence: float

    @property
    def n(self) -> int:
        """The number of observations."""
        return len(self.observations)

    @property
    def n_events(self) -> int:
        """How many had the event."""
        return sum(observation.happened for observation in self.observations)

    @cached_property
    def last(self) -> int:
        """The largest time; 0 without observations."""
        return max((observation.time for observation in self.observations), default=0)

    @property
    def reach(self) -> float:
        """The time up to which the curve is known: the largest one, or infinity if all ended with the event."""
        return math.inf if self.steps and self.steps[-1].survival == 0 else self.last

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """A step for each time at which an event happened or an observation was censored, in order.

        Source: Kaplan and Meier 1958. The band is pointwise: each interval holds for its own time, not all at once.
        It is the interval of the logarithm of the cumulative hazard, with Greenwood's variance (Kalbfleisch and
        Prentice 1980). This has no width where the curve is 1 or 0; there, the band is the exact bound for those
        that were at risk.
        """
        events = Counter(observation.time for observation in self.observations if observation.happened)
        censored = Counter(observation.time for observation in self.observations if not observation.happened)
        z, one_sided = two_sided_z(self.confidence), (1 + self.confidence) / 2
        at_risk, survival, greenwood = self.n, 1.0, 0.0
        found: list[Step] = []
        for time in sorted(events | censored):
            n_events = events[time]
            survival *= 1 - n_events / at_risk
            if n_events == at_risk:
                survival, interval = (
                    0.0,
                    Interval(0.0, 1 - exact_lower_bound(n_events, n_events, confidence=one_sided)),
                )
            elif survival == 1:
                interval = Interval(exact_lower_bound(at_risk, at_risk, confidence=one_sided), 1.0)
            else:
                greenwood += n_events / (at_risk * (at_risk - n_events))
                reach = z * math.sqrt(greenwood) / math.log(survival)
                interval = Interval(survival ** math.exp(-reach), survival ** math.exp(reach))
            found.append(Step(time, at_risk, n_events, censored[time], survival, interval))
            at_risk -= n_events + censored[time]
        return tuple(found)

    def at_risk(self, time: int) -> int:
        """How many are observed at this time, those included whose event or end it is."""
        return sum(observation.time >= time for observation in self.observations)

    def survival(self, time: int) -> float:
        """The share without the event after this time; that of the last step if the time is larger."""
        return next((step.survival for step in reversed(self.steps) if step.time <= time), 1.0)

    @property
    def median(self) -> int | None:
        """The first time after which at most half are without the event; None if the curve stays above."""
        return next((step.time for step in self.steps if step.survival <= 0.5), None)

    def mean_until(self, until: int) -> RestrictedMean:
        """The mean of the smaller of the time and `until`: the area under the curve.

        The error is that of Irwin 1949, as in Klein and Moeschberger 2003, section 4.5. If the observed times do not
        vary before `until`, it is 0, and the interval is as wide as the exact bound on the share of others allows.
        Raises ValueError for a time that the curve does not reach.
        """
        if not 0 < until <= max(self.reach, 1):
            raise ValueError(f"the curve is known until {self.reach}, not until {until}")
        before = [step for step in self.steps if step.time < until]
        times = [0, *(step.time for step in before), until]
        levels = [1.0, *(step.survival for step in before)]
        areas = [level * (end - begin) for level, (begin, end) in zip(levels, pairwise(times), strict=True)]
        mean = math.fsum(areas)
        variance = math.fsum(
            math.fsum(areas[at:]) ** 2 * step.events / (step.at_risk * (step.at_risk - step.events))
            for at, step in enumerate(before, start=1)
            if 0 < step.events < step.at_risk
        )
        error = math.sqrt(variance)
        if error == 0:
            n_same = self.at_risk(round(mean))
            others = 1 - exact_lower_bound(n_same, n_same, confidence=(1 + self.confidence) / 2)
            return RestrictedMean(
                until, mean, 0.0, Interval(mean - others * (mean - 1), mean + others * (until - mean))
            )
        reach = two_sided_z(self.confidence) * error
        return RestrictedMean(
            until, mean, error, Interval(max(1.0, mean - reach), min(float(until), mean + reach))
        )


def kaplan_meier(observations: Iterable[Observation], *, confidence: float = 0.95) -> Curve:
    """The curve of a group.

    Raises ValueError without observations, for a time below 1, or for a `confidence` outside (0, 1).
    """
    found = tuple(Observation(*observation) for observation in observations)
    two_sided_z(confidence)
    if not found:
        raise ValueError("a curve needs at least 1 observation")
    least = min(observation.time for observation in found)
    if least < 1:
        raise ValueError(f"a time is {least}; it must be at least 1")
    return Curve(found, confidence)


def common_reach(curves: Sequence[Curve]) -> int:
    """The largest time up to which all these curves are known, and after which none has an event."""
    return int(min([*(curve.reach for curve in curves), max(curve.last for curve in curves)]))


class MeanDifference(NamedTuple):
    """A restricted mean minus another, with its interval."""

    until: int
    difference: float
    interval: Interval


def mean_difference(first: Curve, second: Curve) -> MeanDifference:
    """The restricted mean of the first group minus that of the second, up to the largest time that both reach.

    The interval comes from those of the two means. If both vary, it is the usual one: plus and minus z times the root
    of the sum of the squared errors. Source: Zou and Donner 2008 for the combination.
    """
    until = common_reach([first, second])
    one, two = first.mean_until(until), second.mean_until(until)
    z = two_sided_z(first.confidence)
    low_1, high_1 = _reaches(one, z)
    low_2, high_2 = _reaches(two, z)
    difference = one.mean - two.mean
    low, high = difference - math.hypot(low_1, high_2), difference + math.hypot(high_1, low_2)
    most = float(until - 1)
    return MeanDifference(until, difference, Interval(max(-most, low), min(most, high)))


def _reaches(mean: RestrictedMean, z: float) -> tuple[float, float]:
    """How far the interval of a mean goes down and up."""
    if mean.error:
        return z * mean.error, z * mean.error
    return mean.mean - mean.interval.low, mean.interval.high - mean.mean


class LogRank(NamedTuple):
    """The statistic of a log-rank test, its degrees of freedom, and its p-value."""

    chi_squared: float
    freedom: int
    p: float


Group = Sequence[Observation]


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
