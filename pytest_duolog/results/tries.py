"""What pass rates mean for a user who tries several times: pass^k and pass@k beside the rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from pytest_duolog.stats.repeats import pass_at_k, pass_hat_k

N_TRIES = 3


@dataclass(frozen=True)
class Tries:
    """The chances that all of `k` tries pass (pass^k), and that one of them does (pass@k); means over the scenarios."""

    k: int
    all_pass: float
    one_passes: float


def tries_of(counts: Iterable[tuple[int, int]], k: int = N_TRIES) -> Tries | None:
    """The chances behind the samples that passed, and all samples, of each scenario.

    None without scenarios, or if one has fewer than `k` samples.
    """
    found = list(counts)
    if min((n for _, n in found), default=0) < k:
        return None
    return Tries(
        k,
        fmean(pass_hat_k(n_passed, n, k) for n_passed, n in found),
        fmean(pass_at_k(n_passed, n, k) for n_passed, n in found),
    )
