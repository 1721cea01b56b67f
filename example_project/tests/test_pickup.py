"""A customer with a goal, and a clerk with tools, at the counter for ordered cakes.

Both are played by rules: no model is asked, nothing is recorded, and the clerk's tools run in every test.
"""

from __future__ import annotations

import pytest
from bakery.pickup import Clerk, Shelf

from pytest_duolog import Persona, Speaker

CUSTOMER = Persona(
    "Customer",
    goal="the cake that I have ordered",
    facts={"order number": "4711"},
    gives_up_after=5,
    model="scripted:customer",
)

pytestmark = pytest.mark.dialogue(a=CUSTOMER, b=Speaker("Counter"), opener=None)


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def duolog_scenario(shelf):
    return {"b": Speaker("Counter", model=Clerk(shelf))}


def test_the_customer_gets_what_it_ordered(dialogue, shelf):
    assert dialogue.reaches_goal() & dialogue.tells_when_asked()
    # The customer believes what it hears, so look at what was done as well.
    assert dialogue.calls_in_order("look_up", "hand_out")
    assert dialogue.calls_tool("hand_out", order_number="4711", times=1, after="shall I")
    assert shelf.handed_out == ["4711"]
    assert dialogue.ends_cleanly()


def test_without_the_order_number_there_is_no_cake(dialogue):
    stranger = dialogue.run(a={"facts": {"name": "Ann"}}, b={"model": Clerk(Shelf())})
    assert stranger.stop_reason.kind == "gave_up"
    assert stranger.never_calls("hand_out")


def test_a_careless_clerk_makes_the_customer_happy_and_does_nothing(dialogue):
    careless = dialogue.run(b={"model": Clerk(Shelf(), is_careless=True)})
    assert careless.reaches_goal()
    assert ~careless.calls_tool("hand_out")
