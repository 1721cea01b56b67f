"""What holds for every conversation at the counter, whatever is said in it."""

from __future__ import annotations

import pytest
from bakery.prompts import CLERK

from pytest_duolog import Script, Speaker

ORDER = Script(
    "Good morning!",
    "Two loaves of bread, please.",
    "Do you have apple cake, too?",
    "That is all. Thank you, goodbye!",
)

pytestmark = pytest.mark.dialogue(
    a=Speaker("Customer", model=ORDER),
    b=Speaker("Clerk", role="clerk", system=CLERK, temperature=0.7, seed=3, max_tokens=48),
    opener=None,
    turns=10,
)


def test_ends_cleanly(dialogue):
    assert dialogue.ends_cleanly()


def test_has_no_loops(dialogue):
    assert dialogue.has_no_loops()


def test_stays_on_topic(dialogue):
    assert dialogue.stays_on_topic("bread, rolls and apple cake in a bakery")


def test_terminates_within_six_turns(dialogue):
    assert dialogue.terminates_within(6)


# The same small model on both sides, with nothing to talk about. It has room for 50 turns and is stopped long before.
ALONE = Speaker(
    system="You are an AI and talk with another AI. Choose one topic and keep to it.",
    temperature=0.8,
    seed=3,
    max_tokens=80,
)


@pytest.mark.dialogue(a=ALONE, b=ALONE, opener="Hello.", turns=50)
def test_two_copies_of_a_small_model_go_round_in_circles(dialogue):
    assert dialogue.stop_reason.kind == "loop"
    assert len(dialogue.messages) < 20
    assert dialogue.has_no_loops().outcome == "fails"
