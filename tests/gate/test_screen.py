"""The screen of a candidate's next messages: order, divergence, and how often chance alone raises an alarm."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.gate.screen import Turn, distance, screen, split_of
from pytest_duolog.results.acts import Act, Heard, Stance

ASK, ANSWER, END = (Heard(act, n_words=20) for act in (Act.ASK, Act.ANSWER, Act.END))


def turn(number: int, baseline: Sequence[Heard], candidate: Sequence[Heard]) -> Turn:
    return Turn(number, tuple(baseline), tuple(candidate))


def test_the_dialogue_that_differs_comes_first_with_the_turn_to_read():
    same = [turn(2 * n, [ASK, ANSWER, ASK], [ASK, ASK, ANSWER]) for n in range(1, 7)]
    other = [*same[:3], turn(8, [ANSWER] * 3, [END] * 3), *same[4:]]
    found = screen([("same", same), ("other", other)])
    assert [dialogue.name for dialogue in found.dialogues] == ["other", "same"]
    first = found.dialogues[0]
    assert (first.divergence, first.to_read[0].number) == (8, 8)
    assert [one.number for one in first.turns if not first.is_scored(one)] == [10, 12]


def test_turns_after_a_divergence_are_not_scored():
    turns = [turn(2, [ANSWER] * 3, [END] * 3), turn(4, [ANSWER] * 3, [ASK] * 3)]
    (found,) = screen([("it", turns)]).dialogues
    assert found.excess == split_of([ANSWER] * 3, [END] * 3).excess == 1
    assert [one.number for one in found.to_read] == [2]


def test_turns_without_two_answers_of_each_side_are_left_out():
    (found,) = screen([("it", [turn(2, [ASK], [END] * 3), turn(4, [ASK] * 2, [ASK] * 2)])]).dialogues
    assert [one.number for one in found.turns] == [4]
    with pytest.raises(ValueError, match="no turn has two answers"):
        screen([("it", [turn(2, [ASK], [END] * 3)])])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ASK, ASK, 0),
        (ASK, END, 1),
        (Heard(Act.CALL, ("refund",)), Heard(Act.CALL, ("look_up",)), 1),
        (Heard(Act.ANSWER, stance=Stance.AGREES), Heard(Act.ANSWER, stance=Stance.DECLINES), 0.5),
        (Heard(Act.ANSWER, n_words=9), Heard(Act.ANSWER, n_words=39), 0.5),
        (Heard(Act.ANSWER, n_words=9), Heard(Act.ANSWER, n_words=19), 0.25),
    ],
    ids=["same", "act", "tools", "stance", "four times as long", "twice as long"],
)
def test_what_a_difference_weighs(one, other, expected):
    assert distance(one, other) == pytest.approx(expected)


def test_many_answers_are_divided_in_some_ways_only():
    turns = [turn(2, [ASK, ANSWER] * 6, [END] * 12)]
    found = screen([("it", turns)])
    assert found.is_suspicious
    assert found == screen([("it", turns)])


HEARD = st.builds(Heard, st.sampled_from(Act), st.just(()), st.integers(0, 60), st.sampled_from(Stance))


@given(st.lists(HEARD, min_size=2, max_size=4), st.lists(HEARD, min_size=2, max_size=4))
def test_the_excess_has_no_side(ours, theirs):
    assert split_of(ours, theirs).excess == pytest.approx(split_of(theirs, ours).excess)


def simulated(drawn: random.Random, *, n_dialogues: int, changed: Sequence[int] = (), share: float = 0.3):
    """Dialogues of four turns with three answers of each side; in the changed ones the candidate says goodbye early."""
    dialogues = []
    for at in range(n_dialogues):
        turns = []
        for number in range(2, 10, 2):
            weights = [drawn.random() for _ in range(3)]
            length = drawn.randint(8, 60)

            def answer(weights=weights, length=length) -> Heard:
                (act,) = drawn.choices((Act.ASK, Act.ANSWER, Act.END), weights)
                return Heard(act, n_words=max(0, round(drawn.gauss(length, length / 3))))

            ours, theirs = ([answer() for _ in range(3)] for _ in range(2))
            if at in changed and drawn.random() < share:
                theirs = [Heard(Act.REFUSE, n_words=12)] * 3
            turns.append(turn(number, ours, theirs))
        dialogues.append((f"d{at}", turns))
    return screen(dialogues, n_permutations=99)


def test_one_model_on_both_sides_raises_few_alarms():
    drawn = random.Random(1)
    alarms = sum(simulated(drawn, n_dialogues=3).is_suspicious for _ in range(400))
    assert alarms <= 0.05 * 400


def test_a_turn_that_dialogues_share_is_one_turn():
    drawn = random.Random(3)
    alarms = 0
    for _ in range(60):
        sides = [
            [Heard(drawn.choice([ASK, ANSWER]).act, n_words=drawn.randint(3, 30)) for _ in range(5)]
            for _ in "12"
        ]
        shared = replace(turn(2, *sides), source="first")
        alone = screen([("0", [shared])], n_permutations=99)
        found = screen([(f"{n}", [shared]) for n in range(10)], n_permutations=99)
        assert (found.p_sum, found.p_most) == (alone.p_sum, alone.p_most)
        alarms += found.is_suspicious
    assert alarms <= 4


def test_a_dialogue_in_which_the_candidate_refuses_is_found_and_comes_first():
    drawn = random.Random(2)
    found = [simulated(drawn, n_dialogues=6, changed=[4], share=0.5) for _ in range(60)]
    assert sum(one.dialogues[0].name == "d4" for one in found) >= 40
    assert sum(one.is_suspicious for one in found) >= 20
