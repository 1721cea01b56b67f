"""Changes of rates: exact p-values, the place of a drop, and how often nothing is taken for a change."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.changes import Count, Risk, Shift, fall_p, find_shifts

RISK = Risk(0.03 / 1000, 0.01 / 1000)

COUNTS = st.lists(st.integers(0, 30).flatmap(lambda n: st.builds(Count, st.integers(0, n), st.just(n))))


def shifts(counts: list[Count], risk: Risk = RISK) -> list[Shift]:
    return find_shifts(counts, lambda _: risk)


def builds(passed: list[int], n: int = 20) -> list[Count]:
    return [Count(one, n) for one in passed]


def drawn(rng: random.Random, rate: float, n_builds: int, n: int = 20) -> list[Count]:
    return [Count(sum(rng.random() < rate for _ in range(n)), n) for _ in range(n_builds)]


def test_p_value_is_that_of_scipy():
    from scipy.stats import hypergeom

    rng = random.Random(5)
    for _ in range(200):
        earlier, recent = (Count(rng.randint(0, n), n) for n in (rng.randint(1, 3000), rng.randint(1, 300)))
        both = earlier.n_passed + recent.n_passed
        theirs = hypergeom.cdf(recent.n_passed, earlier.n + recent.n, both, recent.n)
        assert fall_p(earlier, recent) == pytest.approx(theirs, rel=1e-8, abs=1e-300)


def test_drop_is_found_where_it_began():
    (found,) = shifts(builds([18, 19] * 20 + [13, 14, 13, 14, 13, 14]))
    assert (found.began, found.is_fall) == (40, True)
    assert 40 < found.found < 46
    assert found.before == Count(740, 800)
    assert found.p <= found.limit == RISK.fall / 9


def test_rise_and_the_drop_after_it_are_two_changes():
    found = shifts(builds([12] * 30 + [19] * 30 + [12] * 30))
    assert [(one.began, one.is_fall) for one in found] == [(30, False), (60, True)]


@pytest.mark.parametrize(
    "counts",
    [
        [],
        builds([20]),
        builds([20] * 300),
        builds([0] * 300),
        builds([0] * 300, 0),
        builds([18, 17, 19] * 100),
        [*builds([20] * 5), Count(0, 1)],
    ],
    ids=["nothing", "one build", "all pass", "all fail", "no samples", "one rate", "one sample"],
)
def test_no_change_is_claimed_without_evidence(counts: list[Count]):
    assert shifts(counts) == []


@given(COUNTS, st.integers(0, 40))
def test_claims_stay_as_they_are_when_builds_are_added(counts: list[Count], n: int):
    risk = Risk(0.05, 0.05)
    assert shifts(counts[:n], risk) == [shift for shift in shifts(counts, risk) if shift.found < n]


@given(COUNTS)
def test_passes_and_failures_are_alike(counts: list[Count]):
    risk = Risk(0.05, 0.05)
    failed = [Count(count.n - count.n_passed, count.n) for count in counts]
    places = [(one.began, one.found, not one.is_fall) for one in shifts(failed, risk)]
    assert places == [(one.began, one.found, one.is_fall) for one in shifts(counts, risk)]


def test_place_is_near_that_of_ruptures():
    rpt = pytest.importorskip("ruptures")
    import numpy as np

    rng = random.Random(3)
    for _ in range(5):
        counts = drawn(rng, 0.95, 60) + drawn(rng, 0.6, 20)
        (found,) = shifts(counts)
        rates = np.array([count.rate for count in counts])
        (theirs, _) = rpt.Binseg(model="l2", min_size=1, jump=1).fit(rates).predict(n_bkps=1)
        assert abs(found.began - theirs) <= 1
        assert abs(found.began - 60) <= 1


@pytest.mark.slow
def test_chance_of_a_false_alarm_is_below_the_budget():
    rng = random.Random(11)
    wrong = sum(bool(shifts(drawn(rng, 0.9, 1000))) for _ in range(100))
    assert wrong <= 4


@pytest.mark.slow
def test_drop_of_20_points_is_found_within_12_builds():
    rng = random.Random(12)
    histories = [drawn(rng, 0.9, 50) + drawn(rng, 0.7, 12) for _ in range(200)]
    found = sum(any(shift.is_fall and shift.found >= 50 for shift in shifts(one)) for one in histories)
    assert found >= 180
