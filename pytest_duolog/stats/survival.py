"""Times until an event when some are not known to the end: Kaplan and Meier's curve, and restricted means.

A time is a count of messages. An observation that ends without its event is censored: the event comes later, or never.
All formulas take the observations as independent, and the end of the observation as unrelated to the event. Groups
whose observations come from the same strata (tests) in different shares are compared by standardised curves: each
stratum has one curve in each group, and the same weight in all groups.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import variance
from typing import NamedTuple

from pytest_duolog.stats.intervals import (
    Interval,
    exact_lower_bound,
    two_sided_z,
)
from pytest_duolog.stats.permutation import satterthwaite


class Observation(NamedTuple):
    """One observed time, at least 1, and whether the event happened then; if not, it is censored."""

    time: int
    happened: bool


Group = Sequence[Observation]


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
    """The share without the event after each time, for a group of observations.

    A standardised curve has `parts`, the curves of its strata, and their `weights`, which are 1 together: it is their
    weighted mean. A plain one has itself as its only part.
    """

    observations: tuple[Observation, ...]
    confidence: float
    _strata: tuple[tuple[float, Curve], ...] = ()

    @property
    def parts(self) -> tuple[tuple[float, Curve], ...]:
        """The curve of each stratum with its weight."""
        return self._strata or ((1.0, self),)

    @cached_property
    def inflation(self) -> float:
        """How much the weights make a variance larger than that of as many observations of equal weight (Kish 1965)."""
        return self.n * math.fsum(weight**2 / part.n for weight, part in self.parts)

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
        """The largest time, of a standardised curve that up to which it is known; 0 without observations."""
        largest = max((observation.time for observation in self.observations), default=0)
        return int(min(largest, self.reach)) if self._strata else largest

    @property
    def reach(self) -> float:
        """The time up to which the curve is known: the largest one, or infinity if all ended with the event."""
        if self._strata:
            return min(part.reach for _, part in self._strata)
        return math.inf if self.steps and self.steps[-1].survival == 0 else self.last

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """A step for each time at which an event happened or an observation was censored, in order.

        Source: Kaplan and Meier 1958. The band is pointwise: each interval holds for its own time, not all at once.
        It is the interval of the logarithm of the cumulative hazard, with Greenwood's variance (Kalbfleisch and
        Prentice 1980). This has no width where the curve is 1 or 0; there, the band is the exact bound for those
        that were at risk.

        A standardised curve is the direct-adjusted one of Makuch 1982. Its variance is that of all observations
        together, which is too large rather than too small where strata differ, times the inflation by the weights.
        """
        events = Counter(observation.time for observation in self.observations if observation.happened)
        censored = Counter(observation.time for observation in self.observations if not observation.happened)
        z, one_sided = two_sided_z(self.confidence), (1 + self.confidence) / 2
        at_risk, plain, greenwood = self.n, 1.0, 0.0
        found: list[Step] = []
        known = self.reach if self._strata else math.inf
        for time in sorted(time for time in events | censored if time <= known):
            n_events = events[time]
            plain *= 1 - n_events / at_risk
            survival = self._standardised(time) if self._strata else plain
            if n_events == at_risk:
                survival, interval = (
                    0.0,
                    Interval(0.0, 1 - exact_lower_bound(n_events, n_events, confidence=one_sided)),
                )
            elif survival == 1:
                interval = Interval(exact_lower_bound(at_risk, at_risk, confidence=one_sided), 1.0)
            else:
                greenwood += n_events / (at_risk * (at_risk - n_events))
                error = plain * math.sqrt(greenwood * self.inflation)
                reach = z * error / (survival * math.log(survival))
                interval = Interval(survival ** math.exp(-reach), survival ** math.exp(reach))
            found.append(Step(time, at_risk, n_events, censored[time], survival, interval))
            at_risk -= n_events + censored[time]
        return tuple(found)

    def _standardised(self, time: int) -> float:
        return min(1.0, math.fsum(weight * part.survival(time) for weight, part in self._strata))

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
        mean, squared = self.area(until)
        error = math.sqrt(squared)
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

    def area(self, until: int) -> tuple[float, float]:
        """The area under the curve up to a time that it reaches, and its variance."""
        if self._strata:
            plain = Curve(self.observations, self.confidence)
            mean = math.fsum(weight * part.area(until)[0] for weight, part in self._strata)
            return mean, plain.area(until)[1] * self.inflation
        before = [step for step in self.steps if step.time < until]
        times = [0, *(step.time for step in before), until]
        levels = [1.0, *(step.survival for step in before)]
        areas = [level * (end - begin) for level, (begin, end) in zip(levels, pairwise(times), strict=True)]
        spread = math.fsum(
            math.fsum(areas[at:]) ** 2 * step.events / (step.at_risk * (step.at_risk - step.events))
            for at, step in enumerate(before, start=1)
            if 0 < step.events < step.at_risk
        )
        return math.fsum(areas), spread


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


def standardised(strata: Iterable[Sequence[Group]], *, confidence: float = 0.95) -> list[Curve]:
    """A curve for each group, standardised over the strata in which every group has observations.

    Each stratum is the observations of all groups, in the same order; it counts by its observations. Curves go as far
    as makes the product of time and observations largest; strata of which some group is known less far are left out.
    Empty if no stratum has all groups. Raises ValueError like `kaplan_meier`.
    """
    shared = [
        [kaplan_meier(group, confidence=confidence) for group in groups] for groups in strata if all(groups)
    ]
    longest = max((curve.last for curves in shared for curve in curves), default=0)
    reaches = [min(longest, *(curve.reach for curve in curves)) for curves in shared]
    until = max(set(reaches), default=0, key=lambda time: (time * _n_known(shared, reaches, time), -time))
    known = [curves for curves, reach in zip(shared, reaches, strict=True) if reach >= until]
    if len(known) < 2:
        return known[0] if known else []
    sizes = [sum(curve.n for curve in curves) for curves in known]
    weights = [size / sum(sizes) for size in sizes]
    return [
        Curve(
            tuple(one for part in parts for one in part.observations),
            confidence,
            tuple(zip(weights, parts, strict=True)),
        )
        for parts in zip(*known, strict=True)
    ]


def _n_known(strata: Sequence[Sequence[Curve]], reaches: Sequence[float], time: float) -> int:
    """The observations in strata that are known up to a time."""
    return sum(
        sum(curve.n for curve in curves)
        for curves, reach in zip(strata, reaches, strict=True)
        if reach >= time
    )


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

    Standardised curves have to have the same strata. Within a stratum with at least two observations of each group the
    error is that of the two areas, for a sample as small as it is; the other strata tell theirs by how their
    differences spread. If a group does not vary, the interval comes from those of the two means. Sources: Irwin
    1949 for the errors, Satterthwaite 1946 for their sum; Zou and Donner 2008 for the combination of two intervals.
    """
    until = common_reach([first, second])
    one, two = first.mean_until(until), second.mean_until(until)
    difference = one.mean - two.mean
    reach = _reach_within(first, second, until) if one.error and two.error else None
    if reach is not None:
        low = high = reach
    else:
        z = two_sided_z(first.confidence)
        low_1, high_1 = _reaches(one, z)
        low_2, high_2 = _reaches(two, z)
        low, high = math.hypot(low_1, high_2), math.hypot(high_1, low_2)
    most = float(until - 1)
    return MeanDifference(
        until, difference, Interval(max(-most, difference - low), min(most, difference + high))
    )


def _reach_within(first: Curve, second: Curve, until: int) -> float | None:
    """The half width of the interval of a difference within strata; None if they do not vary enough to tell it."""
    parts: list[tuple[float, int]] = []
    single: list[tuple[float, float]] = []
    for (weight, one), (_, two) in zip(first.parts, second.parts, strict=True):
        (mean_1, variance_1), (mean_2, variance_2) = one.area(until), two.area(until)
        if min(one.n, two.n) < 2:
            single.append((weight, mean_1 - mean_2))
            continue
        for curve, spread in ((one, variance_1), (two, variance_2)):
            parts.append((weight**2 * spread * curve.n / (curve.n - 1), curve.n - 1))
    if len(single) == 1:
        return None
    if single:
        spread = variance([difference for _, difference in single])
        parts.append((math.fsum(weight**2 for weight, _ in single) * spread, len(single) - 1))
    return satterthwaite(parts, first.confidence)


def _reaches(mean: RestrictedMean, z: float) -> tuple[float, float]:
    """How far the interval of a mean goes down and up."""
    if mean.error:
        return z * mean.error, z * mean.error
    return mean.mean - mean.interval.low, mean.interval.high - mean.mean
