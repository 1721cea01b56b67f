"""StaysOnTopic: what its verdict says, and against which topic."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from pytest_duolog import Outcome, StaysOnTopic
from pytest_duolog.topics import assess
from tests.dialogues import BREAD, LIGHTHOUSES, dialogue

STRAYED = (*LIGHTHOUSES[:8], *BREAD)


@pytest.fixture
def without_extra(monkeypatch):
    monkeypatch.setattr(assess, "load_vectors", lambda: None)


def test_drift_names_the_stretch_and_quotes_where_it_begins(without_extra):
    verdict = dialogue(*STRAYED).stays_on_topic()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation.startswith(
        "messages 9 to 14 leave what it is about: 0.01 from message 9 on, at least 0.1"
    )
    assert [evidence.message for evidence in verdict.evidence] == [9, 10]
    assert "message 9 (Ann): 'By the way, do you bake?" in repr(verdict)


def test_stated_topic_stands_in_the_verdict(without_extra):
    verdict = dialogue(*STRAYED).stays_on_topic("lighthouses and their keepers")
    assert "messages 9 to 14 leave 'lighthouses and their keepers'" in verdict.explanation


def test_dialogue_about_something_else_fails_with_its_score(without_extra):
    verdict = dialogue(*BREAD).stays_on_topic("lighthouses and their keepers")
    assert verdict.outcome is Outcome.FAILS
    assert "it is not about 'lighthouses and their keepers': 0.00, at least 0.1" in verdict.explanation
    assert [evidence.message for evidence in verdict.evidence] == [1, 2]


def test_score_stands_beside_its_bound_where_it_holds(without_extra):
    verdict = dialogue(*LIGHTHOUSES).stays_on_topic("lighthouses and their keepers")
    assert verdict
    assert verdict.explanation.startswith(
        "1.00 for 'lighthouses and their keepers' (at least 0.1), and no message leaves it"
    )


def test_own_opening_is_the_topic_where_none_is_stated(without_extra):
    verdict = dialogue(*LIGHTHOUSES).stays_on_topic()
    assert verdict
    assert "no message leaves what it is about, in 13 messages" in verdict.explanation
    assert "without a stated topic, most changes of subject are not seen" in verdict.explanation


def test_a_stated_topic_leaves_nothing_unsaid(without_extra):
    assert "not seen" not in dialogue(*LIGHTHOUSES).stays_on_topic("lighthouses").explanation


def test_scenario_topic_is_used_and_yields_to_the_one_given(without_extra):
    transcript = dialogue(*BREAD, topic="lighthouses and their keepers")
    assert not transcript.stays_on_topic()
    assert transcript.stays_on_topic("baking bread")


def test_lexical_fallback_says_that_it_is_one(without_extra):
    for texts in (STRAYED, LIGHTHOUSES):
        explanation = dialogue(*texts).stays_on_topic().explanation
        assert "by equal words only; pip install 'pytest-duolog[topic]' to compare meanings" in explanation


def test_vectors_are_named():
    pytest.importorskip("wordllama", reason="needs the extra topic")
    verdict = dialogue(*STRAYED).stays_on_topic()
    assert verdict.outcome is Outcome.FAILS
    assert "(by vectors (wordllama" in verdict.explanation


@pytest.mark.parametrize("topic", [None, "lighthouses"])
def test_too_little_to_measure_is_neither(topic):
    verdict = dialogue("Hello.", "Hi, how are you?").stays_on_topic(topic)
    assert verdict.outcome is Outcome.UNMEASURED
    assert "too little is said" in verdict.explanation


def test_short_dialogue_is_told_to_state_a_topic():
    assert "state a topic" in dialogue(*LIGHTHOUSES[:3]).stays_on_topic().explanation


def test_threshold_is_in_the_verdict_and_in_the_name(without_extra):
    verdict = dialogue(*LIGHTHOUSES).stays_on_topic("lighthouses", threshold=0.5)
    assert verdict.property == "StaysOnTopic(topic='lighthouses', threshold=0.5)"
    assert "at least 0.5" in verdict.explanation


def test_property_and_method_say_the_same():
    transcript = dialogue(*STRAYED)
    assert repr(StaysOnTopic().check(transcript)) == repr(transcript.stays_on_topic())


def test_documented_example_is_true():
    page = Path(__file__).parents[2] / "docs" / "topic.md"
    results = doctest.testfile(str(page), module_relative=False)
    assert results.attempted >= 4
    assert results.failed == 0
