"""The binomial and beta distributions, and root finding for their inverses."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

# Each halving gains one bit; after this many, the bounds of a rate are neighbouring floats.
MAX_HALVINGS = 100
MAX_FRACTION_TERMS = 10_000


def checked_counts(n_passed: int, n: int) -> None:
    """Raises ValueError unless `0 <= n_passed <= n`."""
    if not 0 <= n_passed <= n:
        raise ValueError(f"{n_passed} of {n} is not a count of passes: 0 <= passed <= n is required")


def checked_open_rate(name: str, value: float) -> None:
    """Raises ValueError unless `value` is strictly between 0 and 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value!r}; it must be between 0 and 1, both excluded")


def binomial_pmf(k: int, n: int, p: float) -> float:
    """The probability of exactly `k` passes in `n` independent samples that each pass at rate `p`."""
    if not 0 <= k <= n:
        return 0.0
    if p in {0.0, 1.0}:
        return float(k == n * p)
    log_ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log_ways + k * math.log(p) + (n - k) * math.log1p(-p))


def probability_at_most(k: int, n: int, p: float) -> float:
    """The probability of `k` passes or fewer in `n` samples."""
    return min(1.0, math.fsum(binomial_pmf(i, n, p) for i in range(min(k, n) + 1)))


def probability_at_least(k: int, n: int, p: float) -> float:
    """The probability of `k` passes or more in `n` samples."""
    return min(1.0, math.fsum(binomial_pmf(i, n, p) for i in range(max(k, 0), n + 1)))


def bisect(is_below: Callable[[float], bool], low: float, high: float) -> float:
    """The point in [low, high] where `is_below` changes from true to false, to the nearest float.

    It is `low` if `is_below` is false everywhere, and `high` if it is true everywhere.
    """
    for _ in range(MAX_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if is_below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def regularized_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the probability that a Beta(a, b) variable is below `x`.

    Source: the continued fraction DLMF 8.17.22, evaluated by Lentz's method as Thompson and Barnett (1986) modified it;
    the symmetry DLMF 8.17.4 keeps it in the region of fast convergence.
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - regularized_beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _beta_fraction(x, a, b))


def _beta_fraction(x: float, a: float, b: float) -> float:
    value = c = 1.0
    d = 0.0
    for term in range(1, MAX_FRACTION_TERMS):
        m = (term + 1) // 2
        if term % 2:
            factor = -(a + m - 1) * (a + b + m - 1) * x / ((a + 2 * m - 2) * (a + 2 * m - 1))
        else:
            factor = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + factor * d)
        c = 1 + factor / c
        value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value


@lru_cache(maxsize=4096)
def beta_quantile(share: float, a: float, b: float) -> float:
    """The quantile of a Beta(a, b) distribution: it is below this point with probability `share`."""
    return bisect(lambda x: regularized_beta(x, a, b) < share, 0.0, 1.0)
