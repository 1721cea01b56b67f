"""How tests are dealt to shards, and which of these a record lacks."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import RunRecord, merge
from pytest_duolog.results.shard import Shard, missing_shards
from tests.run_records import header, sample

PLAN_OF_FIVE = RunPlan(dict.fromkeys("abcde"), GatePlan())
NAMES = st.sets(st.text(max_size=5), max_size=30)


@given(NAMES, NAMES, st.integers(1, 12), st.randoms(use_true_random=False))
def test_every_test_is_in_one_share_and_shares_are_alike(
    scenarios: set[str], others: set[str], n_shards: int, rng: random.Random
) -> None:
    def shuffled(names: set[str]) -> list[str]:
        return rng.sample(sorted(names), len(names))

    shares = [
        Shard(n, n_shards).share(shuffled(scenarios), shuffled(scenarios | others))
        for n in range(1, n_shards + 1)
    ]
    assert sorted(name for share in shares for name in share) == sorted(scenarios | others)
    for of_what in (scenarios, scenarios | others):
        sizes = [len(of_what.intersection(share)) for share in shares]
        assert max(sizes) - min(sizes) <= 1
    alone = [Shard(n, n_shards).share(scenarios) for n in range(1, n_shards + 1)]
    assert [[name for name in share if name in scenarios] for share in shares] == alone


def test_tests_are_dealt_like_cards() -> None:
    shares = [Shard(n, 2).share(["t3", "t1", "t2"], ["a", "b", "t1"]) for n in (1, 2)]
    assert shares == [["t1", "t3", "b"], ["t2", "a"]]


@pytest.mark.parametrize(
    ("text", "expected"), [("1/1", Shard(1, 1)), ("2/3", Shard(2, 3)), ("30/30", Shard(30, 30))]
)
def test_shard_is_read_and_written(text: str, expected: Shard) -> None:
    assert Shard.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text", ["", "x", "1", "0/3", "4/3", "0/0", "-1/3", "1/-3", " 1/3", "1/3/4", "1.0/3", "²/3"]
)
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^duolog_shard: '.*' is not I/N, the number of this shard"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("labels", "missing", "expected"),
    [
        (["1/2"], ["b", "d"], {"2/2": ["b", "d"]}),
        (["1/3"], ["e", "c", "b"], {"2/3": ["b", "e"], "3/3": ["c"]}),
        (["1/2", "2/2"], ["d"], {"2/2": ["d"]}),
        (["1/2", "2/2"], [], {}),
        (["", "north"], ["a"], {}),
        ([], ["a"], {}),
        (["1/999999"], ["e"], {"5/999999": ["e"]}),
    ],
    ids=["other half", "two", "ended early", "none", "other labels", "no shard", "many"],
)
def test_missing_shards_are_those_that_were_dealt_what_is_missing(
    labels: list[str], missing: list[str], expected: dict[str, list[str]]
) -> None:
    assert missing_shards(labels, missing, "edcba") == expected


def test_merged_record_names_the_shards_that_it_lacks() -> None:
    shards = [
        RunRecord(
            header(PLAN_OF_FIVE, shard=f"{n}/2"),
            tuple(map(sample, Shard(n, 2).share(PLAN_OF_FIVE.scenarios))),
        )
        for n in (1, 2)
    ]
    assert merge(shards).damage == ()
    assert merge(shards[:1]).damage == ("shard 2/2 is missing or ended early: it has no samples of b, d",)
