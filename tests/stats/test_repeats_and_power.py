"""pass^k and pass@k, and how many samples show a failure."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.binomial import binomial_pmf
from pytest_duolog.stats.power import samples_to_see
from pytest_duolog.stats.repeats import pass_at_k, pass_hat_k, pass_hat_k_interval


@pytest.mark.parametrize("rate", [0.3, 0.9])
@pytest.mark.parametrize(("n", "k"), [(5, 3), (8, 1), (8, 8)])
def test_both_estimates_are_unbiased(n: int, k: int, rate: float) -> None:
    chances = [binomial_pmf(c, n, rate) for c in range(n + 1)]
    hat = math.fsum(chance * pass_hat_k(c, n, k) for c, chance in enumerate(chances))
    at = math.fsum(chance * pass_at_k(c, n, k) for c, chance in enumerate(chances))
    assert (hat, at) == pytest.approx((rate**k, 1 - (1 - rate) ** k), abs=1e-12)


def test_it_is_the_share_of_draws_that_all_pass() -> None:
    outcomes = [True] * 6 + [False] * 2
    draws = list(itertools.combinations(outcomes, 3))
    assert pass_hat_k(6, 8, 3) == pytest.approx(sum(map(all, draws)) / len(draws))
    assert pass_at_k(6, 8, 3) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize("k", [0, 6, -1])
def test_more_tries_than_samples_cannot_be_estimated(k: int) -> None:
    for estimate in (pass_hat_k, pass_at_k):
        with pytest.raises(ValueError, match=f"k={k} is not between 1 and the number of samples, 5"):
            estimate(4, 5, k)


@given(st.integers(1, 60), st.integers(1, 8))
def test_the_interval_keeps_its_order(n: int, k: int) -> None:
    low, high = pass_hat_k_interval(n, n, k)
    assert 0 <= low < high == 1


@pytest.mark.parametrize(("rate", "n"), [(0.1, 29), (0.5, 5), (0.01, 299)])
def test_a_failure_shows_among_so_many_samples(rate: float, n: int) -> None:
    assert samples_to_see(rate) == n
    assert 1 - (1 - rate) ** n >= 0.95 > 1 - (1 - rate) ** (n - 1)


@pytest.mark.parametrize("value", [0, 1])
def test_impossible_rates_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="failure_rate is"):
        samples_to_see(value)
    with pytest.raises(ValueError, match="confidence is"):
        samples_to_see(0.1, confidence=value)
