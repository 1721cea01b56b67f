"""Where a pass rate changed, although somebody looks after every build: exact tests with a budget of false alarms.

After each build, the last 1, 2, 3, 4, 6, 8, 12, 16 and 24 builds are compared with all earlier ones since the last
change: if nothing changed, their passes are those of samples drawn from all of them without replacement, whatever the
rate is. A test alarms at the risk of its look divided by the number of windows. By Boole's inequality the chance of a
false alarm is at most the sum of the risks of all looks, also with few samples and with other numbers of samples in
each build. An e-process needs more builds to see the same drop (`benchmarks/history.py` compares them).

It takes samples as independent, with one rate until a change. The builds after a change are compared with those since
the estimated place of the change, so that the bound is exact up to the first alarm and measured after it.

Sources: Fisher 1935 for the test; Hinkley 1970 for the likelihood estimate of the place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

WINDOWS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
# The sum of a tail ends at terms that are this small a part of it.
NEGLIGIBLE = 1e-12


class Count(NamedTuple):
    """How many of `n` samples passed; both are at least 0."""

    n_passed: int
    n: int

    @property
    def rate(self) -> float:
        """The share that passed, in [0, 1]; 0 without samples."""
        return self.n_passed / self.n if self.n else 0.0


class Risk(NamedTuple):
    """The chances of a false alarm that one look may take: of a fall and of a rise."""

    fall: float
    rise: float


@dataclass(frozen=True)
class Shift:
    """A change of a rate: it began in build `began` and was found after build `found`, both indices from 0.

    `before` are the samples since the last change, `after` those of builds `began` to `found`. `p` is the p-value of
    the test, and `limit` what it had to stay below.
    """

    began: int
    found: int
    before: Count
    after: Count
    p: float
    limit: float

    @property
    def is_fall(self) -> bool:
        """Whether the rate fell."""
        return self.after.rate < self.before.rate

    def lasts_in(self, later: Count) -> bool:
        """Whether later samples still differ from those before it in its direction, by the same test and limit."""
        before, later = (self.before, later) if self.is_fall else (_failed(self.before), _failed(later))
        return fall_p(before, later, self.limit) <= self.limit


def find_shifts(counts: Sequence[Count], risk_of: Callable[[int], Risk]) -> list[Shift]:
    """The changes of a rate in builds, in order of time.

    `counts` are the samples of each build; `risk_of` says what the look after a build, an index, may risk. Builds are
    only appended: earlier changes stay as they are.
    """
    sums = _Sums(counts)
    found: list[Shift] = []
    first = 0
    for last in range(1, len(counts)):
        shift = _look(sums, first, last, risk_of(last))
        if shift is not None:
            found.append(shift)
            first = shift.began
    return found


class _Sums:
    """The samples of consecutive builds, in no time."""

    def __init__(self, counts: Sequence[Count]) -> None:
        self._passed = [0, *accumulate(count.n_passed for count in counts)]
        self._n = [0, *accumulate(count.n for count in counts)]

    def between(self, first: int, end: int) -> Count:
        """The samples of builds `first` to `end`, `end` excluded."""
        return Count(self._passed[end] - self._passed[first], self._n[end] - self._n[first])


def _look(sums: _Sums, first: int, last: int, risk: Risk) -> Shift | None:
    """The change that the look after build `last` finds, in builds since `first`."""
    end = last + 1
    for window in WINDOWS:
        begin = end - window
        if begin <= first:
            return None
        earlier, recent = sums.between(first, begin), sums.between(begin, end)
        if not earlier.n or not recent.n or earlier.rate == recent.rate:
            continue
        is_fall = recent.rate < earlier.rate
        limit = (risk.fall if is_fall else risk.rise) / len(WINDOWS)
        p = fall_p(earlier, recent, limit) if is_fall else fall_p(_failed(earlier), _failed(recent), limit)
        if p <= limit:
            began = max(
                range(first + 1, end), key=lambda place: _split(sums, first, place, end, is_fall=is_fall)
            )
            return Shift(began, last, sums.between(first, began), sums.between(began, end), p, limit)
    return None


def _failed(count: Count) -> Count:
    return Count(count.n - count.n_passed, count.n)


def fall_p(earlier: Count, recent: Count, limit: float = 1.0) -> float:
    """The chance of so few passes in `recent`, given those of both together; 1 if it is clearly above `limit`.

    The one-sided p-value of Fisher's exact test, without large integers.
    """
    n_passed, n = earlier.n_passed + recent.n_passed, earlier.n + recent.n
    least = max(0, recent.n - (n - n_passed))
    log_ways = _log_ways(n_passed, recent.n_passed) + _log_ways(n - n_passed, recent.n - recent.n_passed)
    chance = math.exp(log_ways - _log_ways(n, recent.n))
    if chance > limit:
        return 1.0
    term = total = 1.0
    for k in range(recent.n_passed, least, -1):  # the chances of one pass less each
        term *= k * (n - n_passed - recent.n + k) / ((n_passed - k + 1) * (recent.n - k + 1))
        total += term
        if term < NEGLIGIBLE * total:
            break
    return min(1.0, chance * total)


def _log_ways(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _split(sums: _Sums, first: int, place: int, end: int, *, is_fall: bool) -> float:
    """The log likelihood of one rate before `place` and another after; minus infinity for the wrong direction."""
    before, after = sums.between(first, place), sums.between(place, end)
    if not before.n or not after.n or (after.rate < before.rate) != is_fall:
        return -math.inf
    return math.fsum(_log_likelihoods(before, after))


def _log_likelihoods(*counts: Count) -> Iterator[float]:
    for count in counts:
        for part in (count.n_passed, count.n - count.n_passed):
            if part:
                yield part * math.log(part / count.n)
