"""What another clerk must not do worse; see "May another clerk take over?" in the README."""

from __future__ import annotations

import pytest
from bakery.prompts import CLERK

from pytest_duolog import Speaker

pytestmark = pytest.mark.dialogue(
    a=Speaker("Customer", model="scripted:farewell"),
    b=Speaker("Clerk", role="clerk", system=CLERK, max_tokens=48),
    turns=1,
    temperature=0.7,
    seed=7,
)


@pytest.mark.parametrize(
    "opener",
    [
        "What does your apple cake taste like?",
        "Is the bread still warm?",
        "How many rolls do I need for four people?",
        "Is there butter in the cake?",
        "What is the price of a loaf?",
    ],
    ids=["taste", "warm", "rolls", "butter", "price"],
)
def test_the_clerk_finishes_a_sentence(opener, dialogue):
    assert dialogue.messages[0].content == opener
    answer = dialogue.messages[1].content
    assert any(mark in answer for mark in ".!?")
