"""Times until an event: ties, everything censored, a single observation, and what the numbers promise."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.log_rank import chi_squared_p, log_rank
from pytest_duolog.stats.survival import (
    Observation,
    common_reach,
    kaplan_meier,
    mean_difference,
    standardised,
)

observations = st.builds(Observation, st.integers(1, 12), st.booleans())
groups = st.lists(observations, min_size=1, max_size=25)


def all_at(times: Sequence[int], *, happened: bool = True) -> list[Observation]:
    return [Observation(time, happened) for time in times]


@given(groups)
def test_curve_falls_inside_its_band(found):
    curve = kaplan_meier(found)
    levels = [1.0, *(step.survival for step in curve.steps)]
    assert levels == sorted(levels, reverse=True)
    for step in curve.steps:
        assert 0 <= step.interval.low <= step.survival <= step.interval.high <= 1
        assert step.interval.high > step.interval.low
        assert step.at_risk == curve.at_risk(step.time)
    assert sum(step.events for step in curve.steps) == curve.n_events
    assert sum(step.events + step.censored for step in curve.steps) == curve.n


@given(st.lists(st.integers(1, 12), min_size=1, max_size=25))
def test_with_nothing_censored_it_is_the_plain_share(times):
    curve = kaplan_meier(all_at(times))
    for time in range(1, 14):
        assert curve.survival(time) == pytest.approx(sum(one > time for one in times) / len(times))
    mean = curve.mean_until(20)
    assert mean.mean == pytest.approx(sum(times) / len(times))
    variance = sum((time - mean.mean) ** 2 for time in times) / len(times) ** 2
    assert mean.error == pytest.approx(math.sqrt(variance), abs=1e-7)


@given(groups, groups)
def test_order_of_the_observations_does_not_matter(one, two):
    assert kaplan_meier(one).steps == kaplan_meier(one[::-1]).steps
    there, back = log_rank([{"a": one, "b": two}]), log_rank([{"b": two[::-1], "a": one[::-1]}])
    assert there.p == pytest.approx(back.p, abs=1e-9)
    difference = mean_difference(kaplan_meier(one), kaplan_meier(two))
    other = mean_difference(kaplan_meier(two), kaplan_meier(one))
    assert difference.difference == pytest.approx(-other.difference)
    assert difference.interval.low == pytest.approx(-other.interval.high)


@given(groups, groups)
def test_mean_lies_inside_its_interval_which_has_a_width(one, two):
    first, second = kaplan_meier(one), kaplan_meier(two)
    until = common_reach([first, second])
    for curve in (first, second):
        mean = curve.mean_until(until)
        assert 1 - 1e-9 <= mean.mean <= until + 1e-9
        assert mean.interval.low - 1e-9 <= mean.mean <= mean.interval.high + 1e-9
        assert mean.interval.high > mean.interval.low or until == 1
    difference = mean_difference(first, second)
    assert difference.interval.low - 1e-9 <= difference.difference <= difference.interval.high + 1e-9


@given(st.lists(st.integers(1, 12), min_size=1, max_size=25))
def test_with_everything_censored_nothing_falls_and_nothing_differs(times):
    curve = kaplan_meier(all_at(times, happened=False))
    assert {step.survival for step in curve.steps} == {1.0}
    assert curve.median is None
    until = curve.mean_until(curve.last)
    assert until.mean == pytest.approx(curve.last)
    assert until.interval.low < curve.last or curve.last == 1
    assert log_rank([{"a": all_at(times, happened=False), "b": all_at(times, happened=False)}]).p == 1


@given(groups)
def test_a_group_does_not_differ_from_itself(found):
    assert log_rank([{"a": found, "b": found}]).chi_squared == pytest.approx(0, abs=1e-9)
    assert mean_difference(kaplan_meier(found), kaplan_meier(found)).difference == pytest.approx(0)


@given(groups, groups, groups)
def test_an_empty_group_and_a_stratum_without_a_choice_change_nothing(one, two, alone):
    plain = log_rank([{"a": one, "b": two}])
    more = log_rank([{"a": one, "b": two, "c": []}, {"a": alone}])
    assert more.freedom == plain.freedom
    assert more.p == pytest.approx(plain.p, abs=1e-9)


@pytest.mark.parametrize("happened", [True, False])
def test_one_observation(happened):
    curve = kaplan_meier([Observation(5, happened)])
    assert curve.survival(4) == 1
    assert curve.survival(5) == (0 if happened else 1)
    (step,) = curve.steps
    assert step.interval.low == pytest.approx(0 if happened else 0.025)
    assert step.interval.high == pytest.approx(0.975 if happened else 1)
    assert log_rank([{"a": [Observation(5, happened)], "b": []}]) == (0, 0, 1)


def test_an_event_comes_before_a_censoring_at_the_same_message():
    curve = kaplan_meier([Observation(3, happened=True), Observation(3, happened=False)])
    assert curve.steps[0].at_risk == 2
    assert curve.survival(3) == 0.5
    assert curve.median == 3


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(ValueError, match="at least 1 observation"):
        kaplan_meier([])
    with pytest.raises(ValueError, match="a time is 0; it must be at least 1"):
        kaplan_meier([Observation(0, happened=True)])
    with pytest.raises(ValueError, match="confidence is 1"):
        kaplan_meier([Observation(1, happened=True)], confidence=1)
    with pytest.raises(ValueError, match="known until 4, not until 9"):
        kaplan_meier([Observation(4, happened=False)]).mean_until(9)


def test_chi_squared_of_nothing_is_no_evidence():
    assert chi_squared_p(3.0, 0) == 1
    assert chi_squared_p(0.0, 2) == 1


def drawn(rng: random.Random, n: int, rate: float) -> list[Observation]:
    """Times with a constant chance at each message, up to a cap of 20."""
    found = []
    for _ in range(n):
        time = next((at for at in range(1, 21) if rng.random() < rate), 0)
        found.append(Observation(time or 20, bool(time)))
    return found


def test_an_easy_test_does_not_make_its_model_look_better():
    easy, hard = all_at([19, 20] * 6), all_at([2, 3] * 6)
    one, two = standardised([(easy, easy[:2]), (hard[:2], hard)])
    assert one.mean_until(20).mean == pytest.approx(two.mean_until(20).mean) == pytest.approx(11)
    assert mean_difference(one, two).difference == pytest.approx(0)
    assert 0 in mean_difference(one, two).interval
    plain = mean_difference(kaplan_meier([*easy, *hard[:2]]), kaplan_meier([*easy[:2], *hard]))
    assert plain.interval.low > 0


@given(st.lists(st.tuples(groups, groups), min_size=1, max_size=4))
def test_standardised_curves_fall_inside_their_bands_and_have_a_difference(strata):
    one, two = standardised(strata)
    for curve in (one, two):
        levels = [1.0, *(step.survival for step in curve.steps)]
        assert levels == sorted(levels, reverse=True)
        assert all(0 <= s.interval.low <= s.survival <= s.interval.high <= 1 for s in curve.steps)
        assert sum(weight for weight, _ in curve.parts) == pytest.approx(1)
    found = mean_difference(one, two)
    assert found.interval.low - 1e-9 <= found.difference <= found.interval.high + 1e-9
    assert found.interval.high > found.interval.low or found.until == 1
    assert mean_difference(two, one).difference == pytest.approx(-found.difference)


def test_one_stratum_is_the_plain_curve_and_without_a_common_one_there_is_none():
    one, two = all_at([3, 4, 9]), all_at([2, 8], happened=False)
    assert standardised([(one, two), (one, [])]) == [kaplan_meier(one), kaplan_meier(two)]
    assert standardised([(one, []), ([], two)]) == []


def test_a_stratum_that_ends_long_before_most_is_left_out():
    long, short = all_at([20] * 8, happened=False), all_at([3], happened=False)
    one, _ = standardised([(long, long), (long, long), (short, short)])
    assert (one.n, one.reach, len(one.parts)) == (16, 20, 2)


TRUTHS = {
    "one test": ([12, 12], [(0.05, 0.05)]),
    "few events": ([20, 20], [(0.004, 0.004)]),
    "four tests, one model holds more of the hard ones": ([6, 14], [(0.02, 0.02), (0.3, 0.3)] * 2),
    "pairs": ([1, 1], [(0.02, 0.02), (0.1, 0.1), (0.3, 0.3)] * 5),
    "different": ([12, 8], [(0.02, 0.1), (0.1, 0.3)]),
}


@pytest.mark.parametrize("n", [60, pytest.param(400, marks=pytest.mark.slow)], ids=["some", "many"])
@pytest.mark.parametrize("truth", TRUTHS)
def test_intervals_of_differences_hold_as_often_as_stated(truth: str, n: int):
    (n_1, n_2), rates = TRUTHS[truth]
    rng, held = random.Random(truth), 0
    for _ in range(n):
        strata, real = [], []
        for at, (one, two) in enumerate(rates):
            sizes = (n_1, n_2) if at % 2 == 0 else (n_2, n_1)
            strata.append((drawn(rng, sizes[0], one), drawn(rng, sizes[1], two)))
            real.append(sum((1 - one) ** k - (1 - two) ** k for k in range(20)))
        curves = standardised(strata)
        found = mean_difference(*curves)
        if found.until == 20:
            held += sum(real) / len(real) in found.interval
        else:  # everything ended before, in both groups
            held += 1
    assert held / n >= 0.95 - (0.02 if n == 400 else 0.08)


def test_false_alarms_are_as_rare_as_stated():
    rng, n, alarms, missed = random.Random(5), 200, 0, 0
    for _ in range(n):
        one, two = drawn(rng, 20, 0.05), drawn(rng, 20, 0.05)
        alarms += log_rank([{"a": one, "b": two}]).p <= 0.05
        missed += 0 not in mean_difference(kaplan_meier(one), kaplan_meier(two)).interval
    assert alarms / n <= 0.09  # 5 %, and two and a half standard errors
    assert missed / n <= 0.09
