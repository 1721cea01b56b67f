"""A customer with a goal at the counter for ordered cakes; it is played by rules, so no model is asked."""

from __future__ import annotations

import pytest
from bakery.pickup import pickup

from pytest_duolog import Persona, Speaker

CUSTOMER = Persona(
    "Customer",
    goal="the cake that I have ordered",
    facts={"order number": "4711"},
    gives_up_after=5,
    model="scripted:customer",
)

pytestmark = pytest.mark.dialogue(a=CUSTOMER, b=Speaker("Counter", model=pickup), opener=None)


def test_the_customer_gets_what_it_ordered(dialogue):
    assert dialogue.reaches_goal() & dialogue.tells_when_asked()
    # The customer believes what it hears, so look at what was handed out as well.
    assert dialogue.mentions("Here you are: an apple cake", speaker="Counter")
    assert dialogue.ends_cleanly()


def test_without_the_order_number_there_is_no_cake(dialogue):
    stranger = dialogue.run(a={"facts": {"name": "Ann"}})
    assert stranger.stop_reason.kind == "gave_up"
    assert stranger.never_says("Here you are", speaker="Counter")
