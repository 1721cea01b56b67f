"""Permutation tests and intervals of differences, within strata."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.stats.log_rank import log_rank, log_rank_scores
from pytest_duolog.stats.permutation import (
    TwoGroups,
    difference_interval,
    permutation_ps,
    student_t,
    weighted_difference,
)
from pytest_duolog.stats.survival import Observation

values = st.lists(st.integers(-5, 5).map(float), max_size=6).map(tuple)
strata = st.lists(st.builds(TwoGroups, values, values), max_size=4)


@settings(max_examples=40)
@given(strata)
def test_p_value_is_a_chance_that_does_not_depend_on_the_direction(found):
    (p,) = permutation_ps([found], n_exchanges=49)
    assert 0 < p <= 1
    turned = [TwoGroups(tuple(-v for v in one.first), tuple(-v for v in one.second)) for one in found]
    assert permutation_ps([turned], n_exchanges=49) == [p]
    assert weighted_difference(turned) == pytest.approx(-weighted_difference(found))


def test_nothing_to_compare_is_no_evidence():
    assert permutation_ps([]) == []
    assert permutation_ps([[TwoGroups((1.0,), ())]]) == [1.0]
    assert difference_interval([TwoGroups((1.0,), ())]) is None


def test_strata_keep_a_hard_test_from_looking_like_a_worse_model():
    easy, hard = TwoGroups((9.0, 9.1) * 5, (9.0, 9.1)), TwoGroups((1.0, 1.1), (1.0, 1.1) * 5)
    assert weighted_difference([easy, hard]) == pytest.approx(0)
    assert permutation_ps([[easy, hard]], n_exchanges=199)[0] > 0.5


def test_exact_chance_of_three_against_three():
    (p,) = permutation_ps([[TwoGroups((1.0, 2.0, 3.0), (7.0, 8.0, 9.0))]])
    assert p == pytest.approx(0.1, abs=0.02)  # 2 of the 20 ways


def test_many_values_use_the_normal_approximation():
    rng = random.Random(1)
    first, second = (tuple(rng.gauss(shift, 1) for _ in range(1100)) for shift in (0, 0.2))
    assert permutation_ps([[TwoGroups(first, second)]])[0] < 0.001
    assert permutation_ps([[TwoGroups((1.0,) * 1100, (1.0,) * 1100)]]) == [1.0]


def test_interval_is_that_of_welch():
    from scipy import stats

    first, second = (1.0, 4.0, 2.5, 6.0), (7.0, 5.0, 9.5, 6.5, 8.0)
    theirs = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    assert difference_interval([TwoGroups(first, second)]) == pytest.approx(tuple(theirs), abs=1e-9)
    assert student_t(0.95, 10) == pytest.approx(stats.t.ppf(0.975, 10), abs=1e-9)


def test_interval_of_pairs_is_that_of_their_differences():
    from scipy import stats

    first, second = (1.0, 4.0, 2.5, 6.0), (2.0, 4.5, 5.5, 6.5)
    pairs = [TwoGroups((one,), (two,)) for one, two in zip(first, second, strict=True)]
    theirs = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert difference_interval(pairs) == pytest.approx(tuple(theirs), abs=1e-9)
    assert difference_interval(pairs[:1]) is None
    assert difference_interval([TwoGroups((1.0, 1.0), (1.0, 1.0))]) is None


def test_scores_of_a_group_are_what_the_log_rank_test_counts():
    rng = random.Random(3)
    one, two = ([Observation(rng.randint(1, 9), rng.random() < 0.7) for _ in range(12)] for _ in range(2))
    scores = log_rank_scores([*one, *two])
    assert sum(scores) == pytest.approx(0)
    assert (sum(scores[:12]) > 0) == (sum(one_.happened for one_ in one) > _expected(one, two))
    assert log_rank([{"a": one, "b": two}]).freedom == 1


def _expected(one, two):
    both = [*one, *two]
    return sum(
        sum(o.happened for o in both if o.time == time)
        * sum(o.time >= time for o in one)
        / sum(o.time >= time for o in both)
        for time in {o.time for o in both}
    )
