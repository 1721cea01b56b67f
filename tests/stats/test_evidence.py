"""Bets on the drop: fair under the claim they are placed against, whatever the scenarios are like."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.stats.evidence import PairCounts, log_evidence

some = st.integers(0, 200)
drops = st.floats(0, 0.9)
weights = st.sampled_from([0, 1, 2])

Chances = tuple[float, float, float]


def distribution(scenarios: list[Chances]) -> dict[PairCounts, float]:
    """The exact chances of the counts of one pair from each scenario."""
    known = {PairCounts(): 1.0}
    for chances in scenarios:
        following: dict[PairCounts, float] = {}
        for counts, chance in known.items():
            for place, share in enumerate(chances):
                total = PairCounts(*(n + (place == index) for index, n in enumerate(counts)))
                following[total] = following.get(total, 0.0) + chance * share
        known = following
    return known


@st.composite
def scenario(draw: st.DrawFn) -> Chances:
    worse = draw(st.floats(0, 1))
    better = draw(st.floats(0, 1 - worse))
    return worse, max(0.0, 1 - worse - better), better


@given(st.lists(scenario(), min_size=1, max_size=6), weights)
def test_stakes_do_not_grow_on_average_where_the_claim_is_true(
    scenarios: list[Chances], weight: float
) -> None:
    drop = math.fsum(worse - better for worse, _, better in scenarios) / len(scenarios)
    if drop < 0:
        scenarios, drop = [(better, same, worse) for worse, same, better in scenarios], -drop
    claimed = min(drop, 0.95)
    mean = math.fsum(
        chance * math.exp(log_evidence(*counts, drop=claimed, weight=weight))
        for counts, chance in distribution(scenarios).items()
    )
    assert mean <= 1 + 1e-9


@given(some, some, some, drops, weights)
def test_worse_pairs_lower_it_and_better_ones_raise_it(
    w: int, s: int, b: int, drop: float, weight: float
) -> None:
    now = log_evidence(w, s, b, drop=drop, weight=weight)
    assert log_evidence(w + 1, s, b, drop=drop, weight=weight) < now
    assert log_evidence(w, s, b + 1, drop=drop, weight=weight) > now
    assert log_evidence(w, s + 1, b, drop=drop, weight=weight) >= now


@pytest.mark.parametrize("weight", [0, 1, 2])
def test_no_pairs_are_no_evidence(weight: float) -> None:
    assert log_evidence(0, 0, 0, drop=0.1, weight=weight) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("counts", [(10**6, 0, 0), (0, 10**6, 0), (0, 0, 10**6), (10**6, 10**6, 10**6)])
def test_large_counts_stay_finite(counts: tuple[int, int, int]) -> None:
    assert math.isfinite(log_evidence(*counts, drop=0.1, weight=1))


@pytest.mark.parametrize("drop", [-0.1, 1, 2])
def test_impossible_drops_are_refused(drop: float) -> None:
    with pytest.raises(ValueError, match="drop is"):
        log_evidence(1, 1, 1, drop=drop, weight=0)


@pytest.mark.parametrize(
    ("counts", "drop"),
    [(PairCounts(), 0), (PairCounts(3, 6, 1), 0.2), (PairCounts(0, 0, 4), -1)],
)
def test_the_observed_drop(counts: PairCounts, drop: float) -> None:
    assert counts.drop == pytest.approx(drop)
    assert counts.reversed().drop == pytest.approx(-drop)


def test_how_many_losses_in_a_row_alarm() -> None:
    def losses(n_scenarios: int) -> int:
        wanted = math.log(n_scenarios / 0.025)
        return next(n for n in itertools.count() if log_evidence(0, 0, n, drop=0, weight=2) >= wanted)

    assert [losses(n_scenarios) for n_scenarios in (1, 5, 20, 50)] == [7, 9, 12, 13]
