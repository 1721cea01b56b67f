"""The customer by rules: what it says to honest, lying, refusing and silly shops, and that it always ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_duolog import ConfigurationError, Persona, Script, Speaker
from pytest_duolog.endpoints.customer import customer
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.endpoints.scripted import SCRIPTED
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.transcript import Transcript

ANN = Persona(
    "Ann",
    goal="the money back for a broken lamp",
    facts={"order number": "4711", "name": "Ann Lee"},
    secrets={"budget": "80 dollars"},
    model="scripted:customer",
)


def talk(
    shop: Callable[..., Any], *, opener: str | None = None, persona: Persona = ANN, **values: Any
) -> Transcript:
    """A dialogue of the customer with a shop, without a recording."""
    given = {"a": persona, "b": Speaker("Bob", model=shop), "opener": opener, "turns": 20, **values}
    run = DialogueRun(Settings().cast(Scenario.build(given)))
    run.finish({"a": FunctionEndpoint(customer), "b": FunctionEndpoint(shop)}, lambda awaited: awaited)  # type: ignore[arg-type,return-value]
    return run.transcript()


def said(transcript: Transcript) -> list[str]:
    return [message.content for message in transcript.messages if message.speaker == "Ann"]


def test_with_an_honest_shop_it_reaches_its_goal():
    shop = Script(
        "Sure. What is your order number, please?", "Shall I refund it?", "I have refunded it.", "Goodbye!"
    )
    transcript = talk(shop)
    assert said(transcript) == [
        "I need your help with this: the money back for a broken lamp.",
        "The order number is 4711.",
        "Yes, please.",
        "Thank you very much, goodbye!",
    ]
    assert transcript.messages[-1].content == "Goodbye!"
    assert transcript.reaches_goal() & transcript.tells_when_asked() & transcript.keeps_secrets()
    assert transcript.ends_cleanly() & transcript.has_no_loops() & transcript.stays_in_role()


@pytest.mark.parametrize("opener", ["Hello.", "Good morning, Bob!"])
def test_after_an_opener_it_states_its_goal(opener):
    assert said(talk(Script("Yes?", "It is done."), opener=opener))[1].startswith("I need your help")


@pytest.mark.parametrize(
    ("heard", "answer"),
    [
        ("Your name and order number, please.", "The order number is 4711. The name is Ann Lee."),
        ("What is your budget?", "I would rather not say."),
        ("The budget of the shop is small.", "Good, I am waiting."),
        ("Is that correct?", "Yes, please."),
        ("I'm sorry, we cannot do that.", "Is there nothing that you can do?"),
        ("What colour was it?", "I do not know that, sorry."),
        ("Once it is refunded, you get a letter.", "Good, I am waiting."),
        ("It has not been refunded.", "Good, I am waiting."),
        ("Has it been refunded?", "I do not know that, sorry."),
        ("Your money is on its way.", "Thank you very much, goodbye!"),
        ("Here you are: a new lamp.", "Thank you very much, goodbye!"),
        (
            "I see that your lamp was shipped on Monday. Tell me your order number.",
            "The order number is 4711.",
        ),
        ("I see that your lamp has been shipped.", "Good, I am waiting."),
        ("You have ordered two lamps. Which one is broken?", "I do not know that, sorry."),
        ("You've ordered two lamps.", "Good, I am waiting."),
        ("I have changed my mind.", "Good, I am waiting."),
        ("The lamp was delivered.", "Good, I am waiting."),
        ("Sorry, your refund is denied, the order was delivered.", "Is there nothing that you can do?"),
        ("Your order is confirmed. Your refund is denied.", "Is there nothing that you can do?"),
        ("I can\u2019t do that.", "Is there nothing that you can do?"),
        ("It hasn\u2019t been refunded.", "Good, I am waiting."),
        ("I\u2019ve refunded it.", "Thank you very much, goodbye!"),
        ("It\u2019s refunded.", "Thank you very much, goodbye!"),
        ("You have been refunded.", "Thank you very much, goodbye!"),
        ("Your money was just sent.", "Thank you very much, goodbye!"),
        ("Sorry for the trouble! We have refunded it.", "Thank you very much, goodbye!"),
        ("Your lamp has been refunded. Is there anything else?", "Thank you very much, goodbye!"),
        ("I refunded it. If you need anything else, tell me.", "Thank you very much, goodbye!"),
    ],
)
def test_it_answers_what_it_hears(heard, answer):
    assert said(talk(Script(heard)))[1] == answer


@pytest.mark.parametrize("name", [name for name in SCRIPTED if name != "customer"])
def test_with_every_scripted_model_it_ends_by_itself_or_by_the_other_side(name):
    transcript = talk(SCRIPTED[name], stop_on=())
    assert transcript.stop_reason.kind in ("gave_up", "refusal", "empty_reply")
    assert len(set(said(transcript))) == len(said(transcript))


def test_two_customers_end_as_well():
    both = {"a": ANN, "b": ANN.model_copy(update={"name": "Bob"}), "stop_on": (), "opener": None}
    run = DialogueRun(Settings().cast(Scenario.build(both)))
    endpoint = FunctionEndpoint(customer)
    run.finish({"a": endpoint, "b": endpoint}, lambda awaited: awaited)  # type: ignore[arg-type,return-value]
    assert run.stop_reason.kind == "gave_up"


def test_it_gives_up_after_as_many_messages_as_it_may():
    persona = Persona("Ann", goal="a lamp", gives_up_after=3, model="scripted:customer")
    transcript = talk(SCRIPTED["counter"], persona=persona)
    assert (len(said(transcript)), transcript.stop_reason.kind) == (3, "gave_up")


@pytest.mark.parametrize(
    ("speaker", "problem"),
    [
        (
            Speaker("Ann", system="You are a customer."),
            "scripted:customer plays a Persona, but Ann is none: Persona('Ann', goal='...', model='scripted:customer')",
        ),
        (
            Persona("Ann", goal="eine Lampe", language="de"),
            "scripted:customer speaks English only, but Ann has language='de'",
        ),
    ],
)
def test_it_plays_english_personas_only(speaker, problem):
    with pytest.raises(ConfigurationError) as caught:
        Settings(overrides={"Ann": "scripted:customer"}).cast(Scenario.build({"a": speaker}))
    assert str(caught.value) == problem
