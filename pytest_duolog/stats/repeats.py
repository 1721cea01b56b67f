"""The chances of a user who tries several times: pass^k and pass@k."""

from __future__ import annotations

import math

from pytest_duolog.stats.binomial import checked_counts
from pytest_duolog.stats.intervals import Interval, clopper_pearson_interval


def pass_hat_k(n_passed: int, n: int, k: int) -> float:
    """Unbiased estimate of pass^k, the chance that `k` tries all pass: C(passed, k) / C(n, k).

    The plain power `(passed / n) ** k` is too high. Raises ValueError unless `1 <= k <= n`.
    Source: Yao, Shinn, Razavi and Narasimhan 2024 (tau-bench).
    """
    _checked_tries(n_passed, n, k)
    return math.comb(n_passed, k) / math.comb(n, k)


def pass_at_k(n_passed: int, n: int, k: int) -> float:
    """Unbiased estimate of pass@k, the chance that one of `k` tries passes: 1 - C(failed, k) / C(n, k).

    Raises ValueError unless `1 <= k <= n`. Source: Chen et al. 2021.
    """
    _checked_tries(n_passed, n, k)
    return 1 - math.comb(n - n_passed, k) / math.comb(n, k)


def pass_hat_k_interval(n_passed: int, n: int, k: int, *, confidence: float = 0.95) -> Interval:
    """Interval for pass^k: the bounds of Clopper and Pearson to the power `k`, which keeps their order."""
    low, high = clopper_pearson_interval(n_passed, n, confidence=confidence)
    return Interval(low**k, high**k)


def _checked_tries(n_passed: int, n: int, k: int) -> None:
    checked_counts(n_passed, n)
    if not 1 <= k <= n:
        raise ValueError(f"k={k} is not between 1 and the number of samples, {n}")
