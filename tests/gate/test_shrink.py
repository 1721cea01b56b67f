"""The shortest beginning from which a failure follows, on simulated bots."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_duolog.gate.shrink import (
    CONFIRM,
    RISK,
    SCREEN,
    Ended,
    History,
    Step,
    failures_needed,
    sentences,
    shrink,
    takes_turns,
    without,
)
from pytest_duolog.transcripts.transcript import Message


def talk(*contents: str) -> History:
    return tuple(Message(speaker="AB"[at % 2], content=content) for at, content in enumerate(contents))


def bot(rate_of: Callable[[History], float], seed: object, held: list[tuple[History, int]] | None = None):
    """A bot whose continuation of a beginning fails at a rate; the same sample always ends in the same way."""

    def hold(history: History, numbers: range) -> list[bool | None]:
        found: list[bool | None] = []
        for number in numbers:
            if held is not None:
                held.append((history, number))
            said = "".join(message.content for message in history)
            key = hashlib.sha256(f"{seed} {said} {number}".encode()).digest()
            found.append(random.Random(key).random() < rate_of(history))
        return found

    return hold


def ignored(_: Step) -> None:
    """Nobody watches."""


LONG = talk(
    *(f"Filler {n}. More filler {n}." for n in range(12)), "Some talk. The trigger. And more.", *"defgh"
)


def triggered(history: History) -> float:
    return 0.95 if any("trigger" in message.content for message in history) else 0.05


def test_only_what_matters_is_left():
    found = shrink(LONG, 15, bot(triggered, 1), watch=ignored)
    assert found.ended is Ended.FOUND
    assert [message.content for message in found.history] == ["The trigger."]
    assert found.proof.n_failed == len(found.numbers) >= failures_needed(CONFIRM, 0.5, RISK / 2)
    assert found.at_least >= 0.5


def test_two_messages_that_matter_both_stay():
    def rate(history: History) -> float:
        said = " ".join(message.content for message in history)
        return 0.95 * ("Filler 3." in said and "trigger" in said)

    found = shrink(LONG, 15, bot(rate, 2), watch=ignored)
    said = [message.content for message in found.history]
    assert (said[0], said[-1]) == ("Filler 3.", "The trigger.")
    assert takes_turns(found.history)
    assert found.history[-1].speaker == "A"
    assert len(said) == 2 or len(said) == 4


@pytest.mark.parametrize(("rate", "ended"), [(0.0, Ended.DOES_NOT_FOLLOW), (0.3, Ended.DOES_NOT_FOLLOW)])
def test_a_failure_that_does_not_follow_is_said(rate, ended):
    found = shrink(LONG, None, bot(lambda _: rate, 3), watch=ignored)
    assert (found.ended, found.history) == (ended, ())
    assert found.proof.n_failed < found.proof.n


def test_errors_are_no_outcomes():
    found = shrink(LONG, None, lambda history, numbers: [None for _ in numbers], watch=ignored)
    assert found.ended is Ended.UNANSWERED


def test_errors_of_a_confirmation_are_not_taken_for_a_lower_rate():
    def hold(history: History, numbers: range) -> list[bool | None]:
        return [True if number <= SCREEN else None for number in numbers]

    found = shrink(talk("Hello.", "Hi.", "Hi."), 3, hold, watch=ignored)
    assert (found.ended, found.history) == (Ended.UNANSWERED, ())


def test_the_opener_alone_may_be_enough():
    found = shrink(talk("Hello.", "Hi.", "Hi."), 3, bot(lambda _: 1.0, 4), watch=ignored)
    assert [message.content for message in found.history] == ["Hello."]


def test_no_continuation_is_held_twice_and_those_of_the_proof_are_new():
    held: list[tuple[History, int]] = []
    shrink(LONG, 15, bot(triggered, 5, held), watch=ignored)
    assert len({(tuple(m.content for m in history), number) for history, number in held}) == len(held)


@pytest.mark.parametrize("rate", [0.0, 1.0, 0.99])
def test_a_rate_that_cannot_be_shown_is_refused(rate):
    with pytest.raises(ValueError, match="rate is"):
        shrink(LONG, None, bot(triggered, 6), rate=rate, watch=ignored)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(3, 24),
    base=st.floats(0, 0.5),
    weights=st.lists(st.floats(0, 0.5), min_size=24, max_size=24),
)
def test_whatever_the_bot_the_answer_is_a_part_of_the_dialogue_and_was_confirmed(seed, n, base, weights):
    messages = talk(*(f"One {at}. Two {at}." for at in range(n)))

    def rate(history: History) -> float:
        return min(1.0, base + sum(weights[int(m.content.split()[1].rstrip("."))] for m in history))

    steps: list[Step] = []
    found = shrink(messages, None, bot(rate, seed), watch=steps.append)
    assert tuple(steps) == found.steps
    if found.ended is Ended.FOUND:
        whole = [message.content for message in messages]
        parts = [
            next(at for at, said in enumerate(whole) if message.content in said) for message in found.history
        ]
        assert parts == sorted(parts)
        assert takes_turns(found.history)
        assert found.steps[-1].is_kept


@pytest.mark.parametrize(
    ("stated", "n"),
    [
        (0.5, 90),
        pytest.param(0.5, 300, marks=pytest.mark.slow),
        pytest.param(0.7, 300, marks=pytest.mark.slow),
    ],
)
def test_answers_keep_the_failure_at_the_stated_rate(stated, n):
    """Rates of beginnings are drawn around the stated one, where a search is fooled most easily."""
    n_found = n_kept = 0
    for seed in range(n):
        drawn = random.Random(seed)
        worth = {at: drawn.uniform(0, 0.35) for at in range(10)}
        base = drawn.uniform(stated - 0.4, stated)

        def rate(history: History, base=base, worth=worth) -> float:
            return min(0.98, base + sum(worth[int(m.content.split()[1].rstrip("."))] for m in history) / 3)

        messages = talk(*(f"One {at}. Two {at}." for at in range(10)))
        found = shrink(messages, None, bot(rate, seed), rate=stated, watch=ignored)
        if found.ended is Ended.FOUND:
            n_found += 1
            n_kept += rate(found.history) >= stated
    assert n_found >= n / 3
    assert n_kept >= 0.95 * n_found


@given(st.text(alphabet="aB .!?\n…", max_size=60))
def test_sentences_are_together_the_message(content):
    assert "".join(sentences(content)) == content


def test_a_message_keeps_a_sentence():
    assert [m.content for m in without(talk("One. Two.", "Three."), 0, 3)] == ["One.", "Three."]
    assert [m.content for m in without(talk("One. Two.", "Three."), 1, 1)] == ["One.", "Three."]
