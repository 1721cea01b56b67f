"""Two models at the bakery's counter."""

from __future__ import annotations

import pytest
from bakery.prompts import CLERK, CUSTOMER
from bakery.till import till

from pytest_duolog import Speaker

CUSTOMER_SPEAKER = Speaker("Customer", role="customer", system=CUSTOMER)
CLERK_SPEAKER = Speaker("Clerk", role="clerk", system=CLERK)

# For every test of this module; a test's own marker changes what it names.
pytestmark = pytest.mark.dialogue(
    a=CUSTOMER_SPEAKER,
    b=CLERK_SPEAKER,
    opener="Good morning! Do you have fresh bread?",
    turns=3,
    temperature=0.7,
    seed=7,
    max_tokens=48,
)


def test_the_conversation_is_the_one_we_reviewed(dialogue, duolog_snapshot):
    assert dialogue.transcript == duolog_snapshot


def test_the_clerk_talks_about_what_the_bakery_sells(dialogue):
    said = " ".join(message.content for message in dialogue.messages if message.speaker == "Clerk").lower()
    assert any(ware in said for ware in ("bread", "roll", "cake"))


@pytest.mark.parametrize(
    "opener",
    ["Hello!", "Do you have apple cake?", "I am allergic to nuts."],
    ids=["greeting", "cake", "allergy"],
)
def test_every_opening_gets_an_answer(dialogue, opener):
    assert dialogue.messages[0].content == opener
    assert dialogue.messages[1].speaker == "Clerk"
    assert dialogue.stop_reason.kind == "turns"


@pytest.mark.dialogue(b=Speaker("Till", model=till), turns=8, stop_phrases=["in all"])
def test_the_dialogue_stops_at_the_word_we_wait_for(dialogue):
    assert dialogue.stop_reason.kind == "stop_phrase"
    assert dialogue.messages[-1].content == "That is bread, 3.20 in all. Anything else?"


@pytest.mark.dialogue(b=Speaker("Till", model=till))
def test_a_model_can_talk_to_our_own_program(dialogue):
    answers = [message.content for message in dialogue.messages if message.speaker == "Till"]
    assert answers[0] == "That is bread, 3.20 in all. Anything else?"


@pytest.mark.dialogue(turns=2)
def test_a_later_conversation_starts_afresh(dialogue):
    second = dialogue.run(name="second", opener="Hello, me again. Two rolls, please.")
    assert second.messages[0].content != dialogue.messages[0].content
    assert len(second.messages) == len(dialogue.messages)


@pytest.mark.anyio
@pytest.mark.dialogue(turns=1)
async def test_async_tests_wait_without_blocking(dialogue):
    await dialogue
    assert [message.speaker for message in dialogue.messages] == ["Customer", "Clerk", "Customer"]
