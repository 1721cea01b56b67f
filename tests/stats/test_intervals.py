"""Intervals of one rate: what they promise, and where there is little or nothing to go by."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.binomial import (
    beta_quantile,
    binomial_pmf,
    probability_at_least,
    probability_at_most,
    regularized_beta,
)
from pytest_duolog.stats.intervals import (
    Interval,
    clopper_pearson_interval,
    exact_lower_bound,
    exact_upper_bound,
    wilson_interval,
)

ALL = [wilson_interval, clopper_pearson_interval]
every_interval = pytest.mark.parametrize("interval", ALL, ids=lambda function: function.__name__)
IntervalFunction = Callable[..., Interval]


@st.composite
def counts(draw: st.DrawFn, largest: int = 300) -> tuple[int, int]:
    n = draw(st.integers(1, largest))
    return draw(st.integers(0, n)), n


def coverage(interval: IntervalFunction, n: int, rate: float) -> float:
    """The exact chance that the interval of n samples holds the rate."""
    return math.fsum(binomial_pmf(k, n, rate) for k in range(n + 1) if rate in interval(k, n))


@every_interval
@given(counts())
def test_it_holds_the_observed_rate_and_stays_in_range(
    interval: IntervalFunction, data: tuple[int, int]
) -> None:
    n_passed, n = data
    low, high = interval(n_passed, n)
    assert 0 <= low <= n_passed / n <= high <= 1
    assert low < high


@every_interval
@given(counts())
def test_failures_mirror_passes(interval: IntervalFunction, data: tuple[int, int]) -> None:
    n_passed, n = data
    low, high = interval(n_passed, n)
    assert interval(n - n_passed, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@every_interval
@given(counts())
def test_one_more_pass_moves_it_up(interval: IntervalFunction, data: tuple[int, int]) -> None:
    n_passed, n = data
    before, after = interval(n_passed, n + 1), interval(n_passed + 1, n + 1)
    assert before.low < after.low or before.low == 0
    assert before.high < after.high or after.high == 1


@every_interval
@given(counts())
def test_more_confidence_is_wider(interval: IntervalFunction, data: tuple[int, int]) -> None:
    narrow, wide = interval(*data, confidence=0.8), interval(*data, confidence=0.99)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@every_interval
def test_nothing_is_learnt_from_no_samples(interval: IntervalFunction) -> None:
    assert interval(0, 0) == (0, 1)


@every_interval
@pytest.mark.parametrize(("n_passed", "n"), [(2, 1), (-1, 3), (0, -1)])
def test_impossible_counts_are_refused(interval: IntervalFunction, n_passed: int, n: int) -> None:
    with pytest.raises(ValueError, match=f"{n_passed} of {n} is not a count of passes"):
        interval(n_passed, n)


@every_interval
@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_impossible_confidence_is_refused(interval: IntervalFunction, confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence is"):
        interval(1, 2, confidence=confidence)


@given(st.integers(1, 40), st.floats(0.001, 0.999))
def test_clopper_pearson_never_covers_less_than_it_says(n: int, rate: float) -> None:
    assert coverage(clopper_pearson_interval, n, rate) >= 0.95 - 1e-9


@pytest.mark.parametrize("n", [5, 20, 50])
def test_wilson_covers_on_average_what_it_says(n: int) -> None:
    rates = [(i + 0.5) / 400 for i in range(400)]
    mean = math.fsum(coverage(wilson_interval, n, rate) for rate in rates) / len(rates)
    assert mean == pytest.approx(0.95, abs=0.012)


def test_all_passes_give_the_closed_form_bound() -> None:
    assert exact_lower_bound(29, 29) == pytest.approx(0.05 ** (1 / 29), abs=1e-12)
    assert exact_lower_bound(29, 29) >= 0.9
    assert exact_lower_bound(28, 28) < 0.9
    assert exact_lower_bound(0, 9) == 0
    assert exact_upper_bound(9, 9) == 1


@given(counts(80), st.floats(0.01, 0.99))
def test_both_tails_share_the_middle(data: tuple[int, int], rate: float) -> None:
    k, n = data
    whole = probability_at_most(k, n, rate) + probability_at_least(k, n, rate) - binomial_pmf(k, n, rate)
    assert whole == pytest.approx(1, abs=1e-9)


@given(counts(80), st.floats(0.01, 0.99))
def test_the_beta_distribution_is_the_binomial_tail(data: tuple[int, int], rate: float) -> None:
    k, n = data
    tail = probability_at_least(k + 1, n + 1, rate)
    assert regularized_beta(rate, k + 1, n - k + 1) == pytest.approx(tail, abs=1e-10)


@given(st.floats(0.001, 0.999), st.floats(0.5, 300), st.floats(0.5, 300))
def test_the_quantile_inverts_the_beta_distribution(share: float, a: float, b: float) -> None:
    assert regularized_beta(beta_quantile(share, a, b), a, b) == pytest.approx(share, abs=1e-8)


@pytest.mark.parametrize(
    ("k", "p", "chance"), [(0, 0.0, 1), (1, 0.0, 0), (3, 1.0, 1), (2, 1.0, 0), (4, 0.5, 0)]
)
def test_certain_and_impossible_counts(k: int, p: float, chance: float) -> None:
    assert binomial_pmf(k, 3, p) == chance


@pytest.mark.parametrize(("x", "share"), [(-1, 0), (0, 0), (1, 1), (2, 1)])
def test_all_of_a_beta_distribution_is_between_0_and_1(x: float, share: float) -> None:
    assert regularized_beta(x, 2, 3) == share
