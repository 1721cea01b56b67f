"""Evidence about a mean drop that stays valid if it is checked after every round: a mixture of fixed bets.

A pair is one sample of each arm; it is worse (only the baseline passed), same, or better. A bet of size l against "the
mean drop is at least d" multiplies its stake by 1 + l(d - 1), 1 + l d or 1 + l(1 + d). Under that claim the expected
stake does not grow over a complete round, whatever the drops of the single scenarios are: the scenarios are
independent, and a product of factors is at most the power of their mean. So the stake exceeds x with a probability of
at most 1/x, however often it is checked. It depends only on the counts, so parts can be added in any order.

Sources: Ville 1939; Waudby-Smith and Ramdas 2024 for betting on means; the mixture over 32 bets is this package's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

N_BETS = 32
# No bet stakes everything, so a single loss cannot reduce it to zero.
LARGEST_BET = 0.9999


class PairCounts(NamedTuple):
    """The numbers of pairs that got worse, stayed the same, and got better."""

    worse: int = 0
    same: int = 0
    better: int = 0

    @property
    def n(self) -> int:
        """The number of pairs."""
        return sum(self)

    @property
    def drop(self) -> float:
        """The mean drop, in [-1, 1]; 0 without pairs."""
        return (self.worse - self.better) / self.n if self.n else 0.0

    def reversed(self) -> PairCounts:
        """The counts with the two arms exchanged."""
        return PairCounts(self.better, self.same, self.worse)


def log_evidence(worse: float, same: float, better: float, *, drop: float, weight: float) -> float:
    """The logarithm of the value to which a stake of 1 against "the mean drop is at least `drop`" has grown.

    Large if the true drop is smaller. For evidence that there is a drop at all, exchange `worse` and `better` and take
    `drop=0`. `weight` 0 spreads the stake evenly over the bets; 1 and 2 put more on the larger ones. The counts may be
    fractions, for projections. `drop` is in [0, 1).
    """
    return evidence_of_drops(((1.0, worse), (0.0, same), (-1.0, better)), drop=drop, weight=weight)


def evidence_of_drops(drops: Iterable[tuple[float, float]], *, drop: float, weight: float) -> float:
    """The same for fractional drops: `drops` are differences in [-1, 1], each with its number of pairs.

    Such a difference comes from a candidate's sample that is compared with the mean of several stored samples.
    """
    logs = list(_shares(weight))
    for difference, n in drops:
        if n:
            factors = _factors(drop, difference)
            logs = [log + n * factor for log, factor in zip(logs, factors, strict=True)]
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(log - largest) for log in logs))


def _places() -> list[float]:
    return [(index + 0.5) / N_BETS for index in range(N_BETS)]


@lru_cache(maxsize=64)
def _shares(weight: float) -> list[float]:
    """The logarithm of each bet's share of the stake."""
    whole = math.fsum(place**weight for place in _places())
    return [math.log(place**weight / whole) for place in _places()]


@lru_cache(maxsize=1024)
def _factors(drop: float, difference: float) -> list[float]:
    """The logarithm of the factor by which a pair with this difference multiplies each bet."""
    if not 0 <= drop < 1:
        raise ValueError(f"drop is {drop!r}; it must be at least 0 and below 1")
    return [math.log1p(LARGEST_BET * place / (1 - drop) * (drop - difference)) for place in _places()]
