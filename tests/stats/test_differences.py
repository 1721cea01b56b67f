"""Intervals and tests of two rates, above all where nothing varies: the commonest tables of a gate."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.binomial import binomial_pmf
from pytest_duolog.stats.differences import (
    TwoRates,
    newcombe_interval,
    newcombe_paired_interval,
    restricted_rates,
    score_interval,
    score_z,
)
from pytest_duolog.stats.exact_tests import (
    benjamini_hochberg,
    fisher_p,
    holm,
    mcnemar_exact_p,
)


@st.composite
def two_rates(draw: st.DrawFn, largest: int = 60) -> TwoRates:
    n_1, n_2 = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    return TwoRates(draw(st.integers(0, n_1)), n_1, draw(st.integers(0, n_2)), n_2)


def exchanged(counts: TwoRates) -> TwoRates:
    return TwoRates(counts.n_passed_2, counts.n_2, counts.n_passed_1, counts.n_1)


def log_likelihood(counts: TwoRates, rate_1: float, rate_2: float) -> float:
    terms = [
        (counts.n_passed_1, rate_1),
        (counts.n_1 - counts.n_passed_1, 1 - rate_1),
        (counts.n_passed_2, rate_2),
        (counts.n_2 - counts.n_passed_2, 1 - rate_2),
    ]
    if any(n and rate <= 0 for n, rate in terms):
        return -math.inf
    return math.fsum(n * math.log(rate) for n, rate in terms if n)


@pytest.mark.parametrize(
    "interval", [newcombe_interval, lambda counts: score_interval([counts])], ids=["newcombe", "score"]
)
@given(two_rates())
def test_exchanging_the_groups_mirrors_the_interval(interval, counts: TwoRates) -> None:
    low, high = interval(counts)
    assert -1 <= low <= counts.difference + 1e-9
    assert counts.difference - 1e-9 <= high <= 1
    assert interval(exchanged(counts)) == pytest.approx((-high, -low), abs=1e-9)


@given(two_rates(), st.floats(-0.99, 0.99))
def test_restricted_rates_are_the_likeliest_of_their_line(counts: TwoRates, difference: float) -> None:
    rate_1, rate_2 = restricted_rates(counts, difference)
    assert rate_1 - rate_2 == pytest.approx(difference, abs=1e-9)
    best = log_likelihood(counts, rate_1, rate_2)
    low, high = max(0.0, -difference), min(1.0, 1 - difference)
    for step in range(201):
        other = low + (high - low) * step / 200
        rival = log_likelihood(counts, min(1.0, max(0.0, other + difference)), other)
        assert rival <= best + 1e-6 or best == -math.inf


@given(two_rates())
def test_the_score_falls_as_the_difference_asked_for_grows(counts: TwoRates) -> None:
    scores = [score_z([counts], step / 20) for step in range(-19, 20)]
    assert all(one >= other - 1e-9 for one, other in itertools.pairwise(scores))


@given(two_rates(20), st.integers(2, 5))
def test_equal_strata_agree_with_each_other(counts: TwoRates, n_strata: int) -> None:
    alone, together = score_z([counts], 0.1), score_z([counts] * n_strata, 0.1)
    assert together == pytest.approx(alone * math.sqrt(n_strata), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "difference", "z"),
    [
        (TwoRates(20, 20, 20, 20), 0, 0),
        (TwoRates(0, 20, 0, 20), 0, 0),
        (TwoRates(0, 0, 0, 0), 0.1, 0),
        (TwoRates(0, 0, 3, 3), 0.1, 0),
        (TwoRates(20, 20, 0, 20), 1, 0),
        (TwoRates(20, 20, 20, 20), 1, -math.inf),
        (TwoRates(1, 1, 1, 1), 0.1, -0.1 / math.sqrt(0.09 * 2)),
    ],
    ids=["all passed", "all failed", "no samples", "no baseline", "collapse", "cannot be", "one each"],
)
def test_tables_without_variation(counts: TwoRates, difference: float, z: float) -> None:
    assert score_z([counts], difference) == pytest.approx(z, abs=1e-6)


@pytest.mark.parametrize(
    "counts",
    [TwoRates(20, 20, 20, 20), TwoRates(20, 20, 19, 20), TwoRates(5, 56, 0, 29), TwoRates(1, 1, 1, 1)],
)
def test_little_data_never_gives_an_interval_without_width(counts: TwoRates) -> None:
    for low, high in (newcombe_interval(counts), score_interval([counts])):
        assert high - low > 0.1


def test_without_samples_nothing_is_known_of_the_difference() -> None:
    empty = TwoRates(0, 0, 0, 0)
    assert newcombe_interval(empty) == (-1, 1)
    assert score_interval([empty]) == (-1, 1)
    assert score_interval([]) == (-1, 1)
    assert newcombe_paired_interval(0, 0, 0, 0) == (-1, 1)
    assert newcombe_interval(TwoRates(20, 20, 0, 0)) == pytest.approx((-0.1611, 1), abs=1e-4)


@pytest.mark.parametrize(("rate_1", "rate_2"), [(0.95, 0.95), (0.9, 0.8), (0.6, 0.5), (0.3, 0.05)])
def test_the_score_interval_covers_what_it_says(rate_1: float, rate_2: float) -> None:
    n = 30
    covered = 0.0
    for k_1, k_2 in itertools.product(range(n + 1), repeat=2):
        chance = binomial_pmf(k_1, n, rate_1) * binomial_pmf(k_2, n, rate_2)
        if chance > 1e-7 and abs(score_z([TwoRates(k_1, n, k_2, n)], rate_1 - rate_2)) <= 1.959964:
            covered += chance
    assert 0.93 <= covered <= 0.99


pair_counts = st.tuples(*[st.integers(0, 40)] * 4).filter(any)


@given(pair_counts)
def test_exchanging_the_arms_mirrors_the_paired_interval(pairs: tuple[int, int, int, int]) -> None:
    both, first, second, neither = pairs
    low, high = newcombe_paired_interval(both, first, second, neither)
    assert -1 <= low <= (first - second) / sum(pairs) <= high <= 1
    assert newcombe_paired_interval(both, second, first, neither) == pytest.approx((-high, -low), abs=1e-9)


@given(two_rates(25))
def test_fisher_tails_overlap_in_the_table_seen(counts: TwoRates) -> None:
    less, greater = fisher_p(counts, alternative="less"), fisher_p(counts, alternative="greater")
    assert less + greater >= 1
    assert fisher_p(exchanged(counts), alternative="less") == pytest.approx(greater, abs=1e-9)
    assert fisher_p(counts) <= min(1, 2 * min(less, greater) + 1e-9) or fisher_p(counts) <= 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_does_not_care_which_arm_is_first(one: int, other: int) -> None:
    assert mcnemar_exact_p(one, other) == mcnemar_exact_p(other, one)
    assert 0 < mcnemar_exact_p(one, other) <= 1


def test_no_discordant_pair_is_no_evidence() -> None:
    assert mcnemar_exact_p(0, 0) == 1
    assert mcnemar_exact_p(1, 0) == 1
    assert fisher_p(TwoRates(0, 0, 0, 0)) == 1
    assert fisher_p(TwoRates(20, 20, 20, 20)) == 1


p_values = st.lists(st.floats(0, 1), max_size=12)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg], ids=["holm", "bh"])
@given(p_values)
def test_adjusting_keeps_the_order_and_never_lowers(adjust, values: list[float]) -> None:
    adjusted = adjust(values)
    assert len(adjusted) == len(values)
    assert all(value <= after <= 1 for value, after in zip(values, adjusted, strict=True))
    by_value = [after for _, after in sorted(zip(values, adjusted, strict=True))]
    assert by_value == sorted(by_value)


@given(p_values)
def test_holm_is_stricter_than_benjamini_hochberg(values: list[float]) -> None:
    assert all(h >= b - 1e-12 for h, b in zip(holm(values), benjamini_hochberg(values), strict=True))
