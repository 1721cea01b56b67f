"""The median and its interval."""

from __future__ import annotations

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.medians import median_interval


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], (7, 7, 7)),
        ([1, 9], (5, 1, 9)),
        ([5, 4, 3, 2, 1], (3, 1, 5)),  # too few for an interval: the extremes
        (range(1, 7), (3.5, 1, 6)),
        (range(1, 10), (5, 2, 8)),  # P(at most 1 of 9 below the median) = 0.0195
        (range(1, 21), (10.5, 6, 15)),  # tables of the sign test: ranks 6 and 15
    ],
)
def test_known_intervals(values, expected):
    assert median_interval(values) == expected


def test_there_is_no_median_of_nothing():
    with pytest.raises(ValueError, match="median of nothing"):
        median_interval([])


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40))
def test_bounds_are_values_around_the_median(values):
    found = median_interval(values)
    assert found.median == median(values)
    assert found.low in values
    assert found.high in values
    assert found.low <= found.median <= found.high


def test_it_covers_the_true_median_as_often_as_it_says():
    drawn = random.Random(7)
    covered = [
        low <= 1 <= high
        for _, low, high in (
            median_interval([drawn.expovariate(0.6931) for _ in range(12)]) for _ in range(600)
        )
    ]
    assert sum(covered) >= 0.93 * 600
