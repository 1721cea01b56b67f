"""Where a dialogue turns to something else, also in short messages; and goodbyes, which turn to nothing."""

from __future__ import annotations

import pytest

from pytest_duolog import StaysOnTopic
from pytest_duolog.topics import assess
from pytest_duolog.topics.assess import assess_topic
from tests.dialogues import BREAD, LIGHTHOUSES, RITUAL, dialogue

GARDEN = [
    "My tomatoes have brown spots on the leaves.",
    "That sounds like blight. Is the soil wet?",
    "It rained all week, and the beds are muddy.",
    "Cut off the spotted leaves and burn them.",
    "Will the other tomatoes catch it?",
    "If the wind carries the spores, yes. Cover the beds.",
    "I have an old sheet of plastic for the rain.",
    "Good. And water the roots, never the leaves.",
    "Should I feed them, or are they too weak?",
    "Wait until new leaves come, then give them compost.",
    "There is compost in the shed from last autumn.",
    "Spread a hand of it round each stem, and straw on top.",
]
FLIGHT = [
    "The airline moved our flight to Lisbon to Friday.",
    "Then we miss the wedding. Is there a night train?",
    "Only as far as Madrid, and no seats are left.",
    "A hire car from Madrid takes six hours to Lisbon.",
    "The motorway has tolls, and you hate driving at night.",
    "My brother could drive if he flies to Madrid.",
    "His plane lands at eleven at the same airport.",
    "Then book the car for noon, with the airline's voucher.",
    "The voucher only pays for hotels, says the small print.",
    "So one night near the airport, and we set off at dawn.",
    "Mother wants to know when to expect us at the church.",
    "Tell her two o'clock, if the ferry over the Tagus runs.",
]


@pytest.fixture
def vectors():
    pytest.importorskip("wordllama", reason="needs the extra topic")


@pytest.mark.usefixtures("vectors")
def test_another_subject_in_short_messages_is_found():
    verdict = StaysOnTopic().check(dialogue(*GARDEN, *FLIGHT))
    assert not verdict
    assert 12 <= verdict.evidence[0].message <= 14
    assert "on it leaves what it is about: 99% of its words were not said before" in verdict.explanation


@pytest.mark.parametrize(
    "hello", ["Hello, how can I help you?", "Guten Tag, was kann ich tun?", "您好，请问有什么事？"]
)
def test_a_greeting_in_the_middle_begins_another_dialogue(hello, monkeypatch):
    monkeypatch.setattr(assess, "load_vectors", lambda: None)
    verdict = StaysOnTopic().check(dialogue(*GARDEN[:8], hello, *FLIGHT[:8]))
    assert not verdict
    assert verdict.evidence[0].message in (9, 10)


def test_small_signs_of_listening_say_nothing_about_the_subject():
    told = [
        "I got hooked on that war.",
        "It starts on a farm.",
        "Then the letters come.",
        "A major wrote them.",
    ]
    more = ["My wife cried.", "The ending is sad.", "We taped it all.", "You can borrow it."]
    heard = ["Uh-huh.", "Oh, right.", "Yeah.", "Oh, my."]
    talk = [said for pair in zip(told + more, heard * 2, strict=True) for said in pair]
    assert assess_topic(dialogue(*talk)).turn is None


def test_hey_only_calls_for_attention(monkeypatch):
    monkeypatch.setattr(assess, "load_vectors", lambda: None)
    talk = [*GARDEN[:8], "Hey, the shed is open, and somebody took my spade.", *GARDEN[9:]]
    assert assess_topic(dialogue(*talk)).first_drift is None
    talk[8] = talk[8].replace("Hey", "Hello")
    assert assess_topic(dialogue(*talk)).first_drift == 8


@pytest.mark.parametrize("call", ["Hello?", "Hallo, Anna?"])
def test_a_call_for_the_other_one_is_no_greeting(call):
    talk = dialogue(*GARDEN[:6], call, *FLIGHT[:8])
    assert "greeting" not in str(StaysOnTopic().check(talk))


@pytest.mark.parametrize("announced", ["By the way, ", "Oh, on a different note: ", "Übrigens, "])
def test_another_subject_that_is_announced_is_found_by_words_in_a_short_dialogue(announced, monkeypatch):
    monkeypatch.setattr(assess, "load_vectors", lambda: None)
    opening, *others = BREAD
    bread = opening.removeprefix("By the way, ")
    found = assess_topic(dialogue(*LIGHTHOUSES[:8], announced + bread, *others))
    assert found.first_drift == 8
    assert assess_topic(dialogue(*LIGHTHOUSES[:8], bread, *others)).first_drift is None


def test_a_few_words_in_common_do_not_make_an_announced_subject_of_the_same_one():
    assert StaysOnTopic().check(dialogue(*GARDEN[:6], "By the way, " + GARDEN[6], *GARDEN[7:], *GARDEN[:4]))


def test_small_talk_that_goes_from_one_thing_to_the_next_is_no_drift(method):
    talk = [
        "I teach chemistry in Bergen, with pupils who hate formulas.",
        "Mine was physics. Our teacher dropped eggs from the roof.",
        "Did one survive the pavement?",
        "Wrapped in bread, yes. What does your city smell of?",
        "Rain and herring. My flat looks at the harbour.",
        "I live above a baker, so I wake up hungry.",
        "Lucky you. Our ferry horn wakes me at five.",
        "Then you see the sunrise with your tea.",
        "Do you play an instrument? I try the cello.",
        "Drums, badly. The baker knocks on the ceiling.",
        "My cat leaves when I take the bow.",
        "Clever cat. I had a parrot who sang opera.",
        "Do you have a summer house? We rent one on an island.",
        "Only a tent, and a lake with too many midges.",
    ]
    assert assess_topic(dialogue(*talk)).first_drift is None


def test_a_greeting_before_the_same_subject_does_not():
    assert StaysOnTopic().check(dialogue(*GARDEN[:6], "Hello? Are you there?", *GARDEN[6:], *GARDEN[:4]))


@pytest.mark.parametrize("said", [GARDEN, FLIGHT, LIGHTHOUSES], ids=["garden", "flight", "lighthouses"])
def test_one_subject_is_none(said):
    assert assess_topic(dialogue(*said)).turn is None


def test_goodbyes_are_not_compared():
    assert assess_topic(dialogue(*LIGHTHOUSES, *RITUAL)).first_drift is None


def test_a_stricter_threshold_finds_no_less_and_zero_finds_nothing():
    talk = dialogue(*GARDEN[:8], *FLIGHT[:8])
    assert StaysOnTopic().check(talk)
    assert assess_topic(talk, threshold=0.3).first_drift is not None
    assert StaysOnTopic(threshold=0).check(talk)


def test_a_stated_topic_is_what_counts():
    assert (
        assess_topic(dialogue(*GARDEN, *FLIGHT), "tomatoes in the garden, and a flight to Lisbon").turn
        is None
    )


def test_a_greeting_is_named():
    hello = "Guten Tag, was kann ich tun?"
    assert "and it begins with a greeting" in str(
        StaysOnTopic().check(dialogue(*GARDEN[:8], hello, *FLIGHT[:8]))
    )
