"""How many samples it takes to see a failure, or a difference."""

from __future__ import annotations

import math
from statistics import NormalDist

from pytest_duolog.stats.binomial import checked_counts, checked_open_rate


def samples_to_see(failure_rate: float, *, confidence: float = 0.95) -> int:
    """The number of samples in which a failure of this rate occurs at least once, with this confidence; 29 for 10 %.

    Raises ValueError unless both are inside (0, 1).
    """
    checked_open_rate("failure_rate", failure_rate)
    checked_open_rate("confidence", confidence)
    return math.ceil(math.log(1 - confidence) / math.log1p(-failure_rate))


def smoothed_rate(n_passed: int, n: int) -> float:
    """The rate behind a count, drawn a little to the middle, so that it is never 0 or 1 (Jeffreys 1946)."""
    checked_counts(n_passed, n)
    return (n_passed + 0.5) / (n + 1)


def samples_to_tell(rate: float, other: float, *, level: float = 0.05, power: float = 0.9) -> int:
    """The samples of each side with which Fisher's exact test, two-sided, tells two rates apart; 34 for 0.5 and 0.85.

    Raises ValueError for numbers that are not inside (0, 1), or equal rates.
    Source: Fleiss, Tytun and Ury 1980, the normal approximation with a correction for continuity.
    """
    for name, value in (("rate", rate), ("other", other), ("level", level), ("power", power)):
        checked_open_rate(name, value)
    if rate == other:
        raise ValueError(f"both rates are {rate!r}; no number of samples tells them apart")
    middle, gap = (rate + other) / 2, abs(rate - other)
    alike = NormalDist().inv_cdf(1 - level / 2) * math.sqrt(2 * middle * (1 - middle))
    apart = NormalDist().inv_cdf(power) * math.sqrt(rate * (1 - rate) + other * (1 - other))
    n = ((alike + apart) / gap) ** 2
    return math.ceil(n / 4 * (1 + math.sqrt(1 + 4 / (n * gap))) ** 2)
