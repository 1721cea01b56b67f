"""Where a dialogue turns to something else, also in short messages; and goodbyes, which turn to nothing."""

from __future__ import annotations

import pytest

from pytest_duolog import StaysOnTopic
from pytest_duolog.topics.assess import assess_topic
from tests.dialogues import LIGHTHOUSES, RITUAL, dialogue

GARDEN = [
    "My tomatoes have brown spots on the leaves.",
    "That sounds like blight. Is the soil wet?",
    "It rained all week, and the beds are muddy.",
    "Cut off the spotted leaves and burn them.",
    "Will the other tomatoes catch it?",
    "If the wind carries the spores, yes. Cover the beds.",
    "I have an old sheet of plastic for the rain.",
    "Good. And water the roots, never the leaves.",
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
]


@pytest.fixture(autouse=True)
def _needs_vectors():
    pytest.importorskip("wordllama", reason="needs the extra topic")


def test_another_subject_in_short_messages_is_found():
    verdict = StaysOnTopic().check(dialogue(*GARDEN, *FLIGHT))
    assert not verdict
    assert 8 <= verdict.evidence[0].message <= 10
    assert "on it leaves what it is about: likeness" in verdict.explanation


@pytest.mark.parametrize("said", [GARDEN, FLIGHT, LIGHTHOUSES], ids=["garden", "flight", "lighthouses"])
def test_one_subject_is_none(said):
    assert assess_topic(dialogue(*said)).turn is None


def test_goodbyes_are_not_compared():
    assert assess_topic(dialogue(*LIGHTHOUSES, *RITUAL)).first_drift is None


def test_a_stricter_threshold_finds_no_less_and_zero_finds_nothing():
    talk = dialogue(*GARDEN, *FLIGHT)
    assert assess_topic(talk, threshold=0.3).first_drift is not None
    assert StaysOnTopic(threshold=0).check(talk)


def test_a_stated_topic_is_what_counts():
    assert (
        assess_topic(dialogue(*GARDEN, *FLIGHT), "tomatoes in the garden, and a flight to Lisbon").turn
        is None
    )
