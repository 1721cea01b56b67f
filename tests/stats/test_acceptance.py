"""The plan behind "18 of 20": decided like the count, sooner, with the risks it states."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.stats.acceptance import (
    AcceptancePlan,
    acceptance_plan,
    exact_rate,
    passes_needed,
    proof_plan,
    samples_to_prove,
)
from pytest_duolog.stats.binomial import probability_at_least
from pytest_duolog.stats.intervals import exact_lower_bound

RATES = [i / 100 for i in range(101)]


@pytest.mark.parametrize(
    ("n", "needed", "healthy", "broken", "passes_at"),
    [
        (5, 5, 0.990, 0.631, (5,)),
        (10, 9, 0.963, 0.663, (8, 10)),
        (15, 14, 0.976, 0.764, (12, 15)),
        (20, 18, 0.958, 0.755, (12, 19, 20)),
        (30, 27, 0.953, 0.791, (15, 24, 29, 30)),
        (50, 45, 0.946, 0.822, (20, 30, 39, 48, 49, 50)),
    ],
    ids=str,
)
def test_plans_for_nine_in_ten(
    n: int, needed: int, healthy: float, broken: float, passes_at: tuple[int, ...]
) -> None:
    plan = acceptance_plan(n, 0.9)
    assert (plan.n_needed, plan.passes_at) == (needed, passes_at)
    assert (round(plan.healthy_rate, 3), round(plan.broken_rate, 3)) == (healthy, broken)


@pytest.mark.parametrize("rate", ["0.8", "0.9", "0.95"])
@pytest.mark.parametrize("n", [5, 8, 12, 17, 20, 27, 35, 41, 50])
def test_stopping_early_decides_like_the_full_count(n: int, rate: str) -> None:
    plan = acceptance_plan(n, rate)
    assert plan.expect(plan.broken_rate).pass_probability <= 0.11
    assert 1 - plan.expect(plan.healthy_rate).pass_probability <= 0.055
    for true_rate in RATES:
        full = probability_at_least(plan.n_needed, n, true_rate)
        assert plan.expect(true_rate).pass_probability == pytest.approx(full, abs=0.012)


@pytest.mark.parametrize(("n", "rate", "most"), [(20, 1.0, 12), (50, 1.0, 20), (20, 0.5, 5)])
def test_clear_cases_take_few_samples(n: int, rate: float, most: int) -> None:
    assert acceptance_plan(n, 0.9).expect(rate).mean_samples <= most


@pytest.mark.parametrize(("n", "rate"), [(1, 0.5), (6, 0.6), (10, 0.9), (12, 0.7)])
def test_the_recursion_is_the_sum_over_all_sequences(n: int, rate: float) -> None:
    plan = acceptance_plan(n, rate)
    passed = mean = 0.0
    for sequence in itertools.product([True, False], repeat=n):
        chance = math.prod(0.83 if outcome else 0.17 for outcome in sequence)
        decision, used = play(plan, sequence)
        passed += chance * decision
        mean += chance * used
    assert plan.expect(0.83) == pytest.approx((passed, mean), abs=1e-9)


def play(plan: AcceptancePlan, outcomes: tuple[bool, ...]) -> tuple[bool, int]:
    """What the plan says of outcomes in this order, and how many it looked at."""
    n_passed = n_failed = 0
    for outcome in outcomes:
        n_passed, n_failed = n_passed + outcome, n_failed + (not outcome)
        decision = plan.decide(n_passed, n_failed)
        if decision is not None:
            return decision, n_passed + n_failed
    raise AssertionError("a whole sequence always decides")


@settings(max_examples=25)
@given(st.integers(1, 60), st.decimals("0.01", "1", places=2))
def test_every_plan_is_sound(n: int, rate: Decimal) -> None:
    plan = acceptance_plan(n, rate)
    assert Decimal(plan.n_needed) >= n * rate > plan.n_needed - 1
    assert 0 < plan.broken_rate < plan.healthy_rate < 1
    assert all(one < other for one, other in itertools.pairwise(plan.passes_at))
    assert all(passes > fails for passes, fails in zip(plan.passes_at, plan.fails_until, strict=False))
    chances = [plan.expect(true_rate).pass_probability for true_rate in RATES]
    assert all(one <= other + 1e-12 for one, other in itertools.pairwise(chances))
    assert play(plan, (True,) * n)[0]
    assert not play(plan, (False,) * n)[0]


@pytest.mark.parametrize(
    ("n", "rate", "needed"),
    [(20, 0.55, 11), (100, 0.07, 7), (20, "0.9", 18), (15, Decimal("0.9"), 14), (3, "2/3", 2), (20, 1, 20)],
)
def test_needed_passes_are_counted_exactly(n: int, rate: float | str | Decimal, needed: int) -> None:
    assert passes_needed(n, rate) == needed


@pytest.mark.parametrize("rate", [0, -0.5, 1.5, "much", math.nan, math.inf])
def test_rates_that_are_none_are_refused(rate: float | str) -> None:
    with pytest.raises(ValueError, match="the pass rate"):
        exact_rate(rate)


def test_a_plan_needs_samples() -> None:
    with pytest.raises(ValueError, match="at least 1 sample, not 0"):
        acceptance_plan(0, 0.9)
    with pytest.raises(ValueError, match="at least 1 sample, not 0"):
        proof_plan(0, 0.9)


@pytest.mark.parametrize("rate", ["0.5", "0.8", "0.9", "0.95"])
@pytest.mark.parametrize("n", [60, 75, 100])
def test_a_proof_is_an_exact_lower_bound(rate: str, n: int) -> None:
    plan = proof_plan(n, rate)
    assert exact_lower_bound(plan.n_needed, n) >= float(rate)
    assert exact_lower_bound(plan.n_needed - 1, n) < float(rate)
    assert plan.expect(float(rate)).pass_probability <= 0.05
    for true_rate in (0.4, float(rate), 0.97, 1.0):
        exact = probability_at_least(plan.n_needed, n, true_rate)
        assert plan.expect(true_rate).pass_probability == pytest.approx(exact)


def test_a_proof_is_decided_at_the_first_sample_that_settles_it() -> None:
    plan = proof_plan(60, "0.9")
    n_spare = plan.n_samples - plan.n_needed
    assert plan.decide(plan.n_needed - 1, 0) is None
    assert plan.decide(plan.n_needed, 0) is True
    assert plan.decide(0, n_spare) is None
    assert plan.decide(0, n_spare + 1) is False


def test_proving_takes_enough_samples() -> None:
    assert samples_to_prove(0.9) == 29
    assert proof_plan(29, 0.9).n_needed == 29
    with pytest.raises(
        ValueError, match=r"28 samples cannot prove a pass rate of 0\.9: at least 29 are needed"
    ):
        proof_plan(28, 0.9)
    with pytest.raises(ValueError, match="no number of samples can prove a pass rate of 1"):
        proof_plan(1000, 1)
