"""Kinds of failures: what is put together, and that the order of a log does not matter."""

from __future__ import annotations

import random

from pytest_duolog.mining.kinds import Failure, kinds_of

LAMP = frozenset({"lamp", "broken", "refund", "order"})
FLIGHT = frozenset({"fligh", "seat", "airpo", "delay"})
LOOP = frozenset({"sorry", "repea", "under"})


def failure(
    user: frozenset[str], passage: frozenset[str] = LOOP, *, check: int = 0, place: str = "1"
) -> Failure:
    return Failure(check, place, f"{sorted(user)}{place}", user, passage)


def test_like_failures_are_one_kind_and_others_are_not():
    lamps = [failure(LAMP | {f"word{n}"}, place=str(n)) for n in range(5)]
    flights = [failure(FLIGHT | {f"word{n}"}, frozenset({"goodb"}), place=str(9 + n)) for n in range(2)]
    assert [len(kind) for kind in kinds_of([*flights, *lamps])] == [5, 2]


def test_two_properties_are_two_kinds():
    assert [len(kind) for kind in kinds_of([failure(LAMP), failure(LAMP, check=1)])] == [1, 1]


def test_the_order_of_the_log_does_not_matter():
    words = [f"w{n}" for n in range(30)]
    draw = random.Random(1)
    all_ = [
        failure(frozenset(draw.sample(words, 6)), frozenset(draw.sample(words, 4)), place=str(number))
        for number in range(80)
    ]
    first = kinds_of(all_)
    draw.shuffle(all_)
    assert kinds_of(all_) == first
    assert sum(map(len, first)) == 80


def test_what_a_test_stands_for_is_known_again():
    known = [("tests/mined/no_loops_1", failure(LAMP | {"old"}))]
    found = kinds_of([failure(LAMP | {"new"}), failure(FLIGHT, frozenset())], known)
    assert sorted((kind.test, len(kind)) for kind in found) == [("", 1), ("tests/mined/no_loops_1", 1)]


def test_without_any_words_failures_are_alike():
    nothing: frozenset[str] = frozenset()
    assert [
        len(kind) for kind in kinds_of([failure(nothing, nothing), failure(nothing, nothing, place="2")])
    ] == [2]


def test_nothing_has_no_kinds():
    assert kinds_of([]) == []
