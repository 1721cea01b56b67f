"""Who says to have done something has called the tool that does it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_duolog import Outcome
from pytest_duolog.detectors import text
from pytest_duolog.properties.act_words import tool_words
from pytest_duolog.properties.claim_sentences import is_claim
from pytest_duolog.transcripts.transcript import Message, ToolDefinition, Transcript, TranscriptSpeaker
from tests.properties.test_calls import LOOK_UP, SOLD, call, shop


@pytest.mark.parametrize(
    "claim",
    [
        "I have refunded your lamp.",
        "I have refunded your lamp, is there anything else I can do for you?",
        "I've refunded it and can I help you with anything else?",
        "Your lamp has been refunded - what else can I do?",
        "I've just refunded it.",
        "Your lamp has now been refunded.",
        "It was successfully refunded.",
        "The money is already refunded!",
        "Your lamp of May 17 has been refunded.",
        "No problem, I have refunded your order.",
        "No problem I have refunded your order.",
        "Please note that I have refunded your order.",
        "Once again, I have refunded it.",
        "I couldn't find the box, but I have refunded your order.",
        "I could not find it and I have refunded it.",
        "It will rain; your lamp has been refunded.",
        "Please check your account: I have refunded it.",
        "After checking your order, I have refunded it.",
        "I can confirm that your lamp has been refunded.",
        "As you can see, it is now refunded.",
        "Don't worry, your lamp has been refunded.",
        "If it is the lamp, fine, but I have refunded the table.",
        "It has been refunded if I may say so.",
    ],
)
def test_a_claim_needs_a_call_before(claim):
    verdict = shop((f"Hello. {claim} Bye!", [])).claims_are_calls()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == (
        "1 of 1 claim without a call (at most 0): no call of refund that succeeded came before; looked for: refunded"
    )
    assert verdict.evidence[0].quote == claim
    assert shop((claim, [call("refund")])).claims_are_calls()
    assert not shop((claim, [call("refund", is_error=True)])).claims_are_calls()
    assert not shop((claim, []), ("Now.", [call("refund")])).claims_are_calls()


@pytest.mark.parametrize(
    "said",
    [
        "Has it been refunded?",
        "I have refunded it, right?",
        "I have refunded it, is that right?",
        "Do you think that I have refunded it, and can I go?",
        "If I have refunded it, is there anything else?",
        "Have you seen that I have refunded it, or should I send it again?",
        "Once it has been refunded, I will tell you.",
        "It has not been refunded.",
        "It will be refunded.",
        "I can refund it.",
        'He wrote: "I have refunded it."',
        "I have checked your order.",
        "It was refunded more than a week ago.",
        "None of them has been refunded.",
        "It may have been refunded.",
        "None of them, sadly, has been refunded.",
        "It cannot be changed, as it has been refunded.",
        "If you return it, and we find it in order, it has been refunded.",
        "I will tell you as soon as it has been refunded.",
        "I cannot confirm that it has been refunded.",
        "It is not true that I have refunded it.",
        "Please check whether it has been refunded.",
        "I have refunded nothing.",
        "None of the 1,000 orders has been refunded.",
        "Log in, and make sure that your lamp has been refunded.",
        "I'll write, once your lamp has been refunded.",
    ],
)
def test_what_is_no_claim(said):
    explanation = shop((said, [])).claims_are_calls().explanation
    assert explanation == "0 of 0 claims without a call (at most 0); looked for: refunded"


SENTENCES = [
    line.split("\t")
    for line in (Path(__file__).parents[2] / "benchmarks" / "data" / "claims.tsv")
    .read_text("utf-8")
    .splitlines()
]
# A subject of another clause stands between, or the verb is far from its auxiliary.
NOT_FOUND = {
    "I have, after a long search, booked a room.",
    "The card you said you lost has been blocked.",
    "I have, of course, forwarded it.",
}


@pytest.mark.parametrize(
    ("label", "forms", "said"), [row[1:] for row in SENTENCES], ids=range(len(SENTENCES))
)
def test_sentences_that_claim_an_act_are_told_from_others(label, forms, said):
    is_found = any(is_claim(one, text.fold(one), forms) for one in text.sentences(said))
    assert is_found is (label == "claim" and said not in NOT_FOUND)


@pytest.mark.parametrize(
    "said",
    [
        "according to " * 3000 + ", it has been refunded.",
        "you say that " * 3000 + "it has been refunded.",
        "it has been refunded, " * 1000 + "do you know?",
    ],
    ids=["source", "that", "questions"],
)
def test_a_hostile_sentence_is_read_all_the_same(said):
    assert not shop((said, [])).claims_are_calls().evidence


def test_only_who_can_act_claims_a_call_that_was_never_made():
    refund = ToolDefinition(name="refund")
    speakers = (TranscriptSpeaker(name="Ann"), TranscriptSpeaker(name="Bob", tools=(refund,)))
    said = "I have refunded it."
    messages = tuple(Message(speaker=name, content=said) for name in ("Ann", "Bob"))
    verdict = Transcript(speakers=speakers, messages=messages).calls_tool("refund")
    assert [one.message for one in verdict.evidence] == [2]


def test_claims_of_given_acts_and_of_the_other_side():
    customer = Message(speaker="Ann", content="My flight was refunded by you.")
    transcript = SOLD.model_copy(update={"messages": (customer, *SOLD.messages[:1])})
    assert transcript.claims_are_calls()
    assert not shop(("We have paid it back.", [])).claims_are_calls({"refund": "refunded|paid it back"})
    german = {"refund": re.compile("habe .* erstattet")}
    assert not shop(("Ich habe alles erstattet.", [])).claims_are_calls(german)
    nothing = shop(("I have looked it up.", []), tools=(LOOK_UP,)).claims_are_calls()
    assert nothing.outcome is Outcome.UNMEASURED
    assert "(tools: look_up)" in nothing.explanation


def test_a_claim_of_several_tools_needs_a_call_of_one_of_them():
    acts = {"update_bags": "updated|added", "update_seats": "updated"}
    said = "Your booking has been updated."
    assert shop((said, [call("update_seats")])).claims_are_calls(acts)
    assert "no call of update_bags or update_seats" in shop((said, [])).claims_are_calls(acts).explanation


@pytest.mark.parametrize(
    "said",
    [
        'I have refunded the "lamp".',
        "I have refunded `4711` now.",
        "I have refunded it, see https://example.org/4711",
        "<think>Hm.</think> I have refunded the lamp.",
        'Hello "Ann". I have refunded it.',
    ],
)
def test_a_call_after_the_claim_is_not_before_it(said):
    assert shop((said, [call("refund")])).claims_are_calls()
    verdict = shop((f"{said}\n\nThere.", [call("refund", at=len(said) + 2)])).claims_are_calls()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.evidence[0].quote in said
    middle = f"One moment. {said} Bye."
    assert shop((middle, [call("refund", at=11)])).claims_are_calls()


def test_a_claim_at_the_end_of_a_long_message_keeps_its_place():
    said = "word " * 9000 + "\nI have refunded it."
    assert shop((said, [call("refund", at=40_000)])).claims_are_calls()
    assert not shop((said, [call("refund", at=len(said))])).claims_are_calls()
    twice = "I have refunded it. No, wait. I have refunded it."
    assert len(shop((twice, [call("refund", at=25)])).claims_are_calls().evidence) == 1


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("refund", "refunded"),
        ("cancel_booking", "canceled|cancelled"),
        ("booking_create", "created|booked"),
        ("issue_refund", "issued|refunded"),
        ("process_refund", "refunded"),
        ("mcp__shop__refund", "refunded"),
        ("shop.orders.cancel", "canceled|cancelled"),
        ("cancelBooking", "canceled|cancelled"),
        ("make_payment", "made|paid"),
        ("update_order_status", "updated"),
        ("send_certificate", "sent"),
        ("refund_order", "refunded"),
        ("order_refund", "refunded"),
        ("return_delivered_order_items", "returned"),
        ("place_order", "placed|ordered"),
        ("send_email", "sent|emailed"),
        ("transferToHuman", "transferred"),
        ("submit_form", "submitted"),
        ("modify_pending_order_items", "modified"),
    ],
)
def test_the_words_that_claim_a_tool_by_its_name(tool, words):
    found = tool_words([tool])
    assert found.unknown == ()
    assert found.acts[tool] == words
    one = ToolDefinition(name=tool)
    for word in words.split("|"):
        verdict = shop((f"I have {word} it.", []), tools=(one,)).claims_are_calls()
        assert verdict.outcome is Outcome.FAILS
        assert verdict.explanation.endswith(f"; looked for: {found.acts[tool]}")


def test_a_tool_that_reads_has_no_words_and_one_of_no_known_verb_says_so():
    names = ["get_order", "order_lookup", "mcp__shop__search_orders", "refund_status", "think", "listOrders"]
    reading = tool_words(names)
    assert (reading.acts, reading.unknown) == ({}, ())
    odd, refund = ToolDefinition(name="lamp_thing"), ToolDefinition(name="refund")
    verdict = shop(("I have done it.", []), tools=(odd,)).claims_are_calls()
    assert verdict.outcome is Outcome.UNMEASURED
    assert verdict.explanation == "which words claim lamp_thing is not known: give acts=..."
    assert shop(("Hm.", []), tools=(odd, refund)).claims_are_calls().explanation == (
        "0 of 0 claims without a call (at most 0); looked for: refunded; "
        "which words claim lamp_thing is not known: give acts=..."
    )
