"""pass^k and pass@k, and the sizes of fixed designs."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.acceptance import acceptance_plan
from pytest_duolog.stats.binomial import binomial_pmf
from pytest_duolog.stats.power import (
    family_failure_rate,
    power_of_fixed_design,
    samples_per_arm,
    samples_to_see,
)
from pytest_duolog.stats.repeats import pass_at_k, pass_hat_k, pass_hat_k_interval, rate_for_pass_hat_k


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
        with pytest.raises(ValueError, match=f"{k} tries cannot be drawn from 5 samples"):
            estimate(4, 5, k)


@given(st.integers(1, 60), st.integers(1, 8))
def test_the_interval_keeps_its_order(n: int, k: int) -> None:
    low, high = pass_hat_k_interval(n, n, k)
    assert 0 <= low < high == 1


@given(st.floats(0.01, 0.99), st.integers(1, 10))
def test_a_bar_for_several_tries_is_a_bar_for_one(pass_hat: float, k: int) -> None:
    assert rate_for_pass_hat_k(pass_hat, k) ** k == pytest.approx(pass_hat)


@pytest.mark.parametrize(("rate", "margin", "n"), [(0.95, 0.10, 59), (0.95, 0.05, 235)])
def test_fixed_designs(rate: float, margin: float, n: int) -> None:
    assert samples_per_arm(rate, margin) == n
    assert power_of_fixed_design(rate, margin, n) >= 0.8
    assert power_of_fixed_design(rate, margin, n - 1) < 0.8


@pytest.mark.parametrize("value", [0, 1])
def test_fixed_designs_refuse_what_has_no_answer(value: float) -> None:
    with pytest.raises(ValueError, match="rate is"):
        samples_per_arm(value, 0.1)
    with pytest.raises(ValueError, match="margin is"):
        power_of_fixed_design(0.9, value, 20)
    with pytest.raises(ValueError, match="failure_rate is"):
        samples_to_see(value)


@pytest.mark.parametrize(
    ("n", "bar", "rate", "family"),
    [(20, 0.9, 0.97, 0.37), (20, 0.9, 0.99, 0.029), (20, 0.8, 0.97, 0.010), (50, 0.9, 0.97, 0.09)],
)
def test_twenty_healthy_tests_and_at_least_one_red(n: int, bar: float, rate: float, family: float) -> None:
    false_fail = 1 - acceptance_plan(n, bar).expect(rate).pass_probability
    assert family_failure_rate([false_fail] * 20) == pytest.approx(family, abs=0.007)
    assert family_failure_rate([]) == 0
