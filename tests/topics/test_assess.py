"""Assessments: the score against a stated topic, the curve, and the stretches that drifted."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_duolog.topics import assess
from pytest_duolog.topics.assess import WINDOW, assess_topic
from pytest_duolog.topics.terms import terms_of
from tests.dialogues import BREAD, LIGHTHOUSES, RITUAL, dialogue

ABOUT_LIGHTHOUSES = "the automation of lighthouses"
ABOUT_BREAD = "baking bread at home"


@pytest.mark.parametrize(
    ("texts", "own", "foreign"),
    [(LIGHTHOUSES, ABOUT_LIGHTHOUSES, ABOUT_BREAD), (BREAD, ABOUT_BREAD, ABOUT_LIGHTHOUSES)],
    ids=["lighthouses", "bread"],
)
def test_own_topic_scores_far_above_a_foreign_one(method, texts, own, foreign):
    near, far = (assess_topic(dialogue(*texts), statement).score for statement in (own, foreign))
    assert near > 0.3
    assert far < 0.1


def test_method_says_how_it_was_measured(method):
    assert assess_topic(dialogue(*BREAD)).method.startswith(method)


def test_drift_begins_where_the_subject_changes(method):
    found = assess_topic(dialogue(*LIGHTHOUSES[:8], *BREAD))
    assert found.first_drift == 8
    assert found.stretches == ((8, 13),)


def test_stretch_ends_where_the_topic_comes_back(method):
    found = assess_topic(dialogue(*LIGHTHOUSES[:8], *BREAD, *LIGHTHOUSES[8:]), ABOUT_LIGHTHOUSES)
    assert found.stretches == ((8, 13),)


def test_coming_to_the_stated_topic_is_no_drift(method):
    assert assess_topic(dialogue(*LIGHTHOUSES[:8], *BREAD), ABOUT_BREAD).first_drift is None


def test_dialogue_about_something_else_is_off_topic_from_its_first_words(method):
    assert assess_topic(dialogue("Hello!", *BREAD), ABOUT_LIGHTHOUSES).stretches == ((1, 6),)


def test_goodbyes_are_no_drift(method):
    assert assess_topic(dialogue(*LIGHTHOUSES, *RITUAL)).first_drift is None


def test_small_talk_before_the_topic_is_no_drift(method):
    greetings = ("Hi, how are you today?", "Fine, thank you. And you?", "Great, thanks.", "Glad to hear.")
    assert assess_topic(dialogue(*greetings, *LIGHTHOUSES), ABOUT_LIGHTHOUSES).first_drift is None


def test_acknowledgements_are_no_drift(method):
    texts = [text for told in LIGHTHOUSES for text in (told, "Uh-huh.")]
    assert assess_topic(dialogue(*texts)).first_drift is None


def test_odd_remark_is_no_drift(method):
    remark = ("Excuse me, I need to close the window, do you mind the rain?",)
    assert assess_topic(dialogue(*LIGHTHOUSES[:8], *remark, *LIGHTHOUSES[8:])).first_drift is None


def test_drift_without_a_phrase_that_announces_it_is_found_in_long_messages(method):
    lights = [" ".join(LIGHTHOUSES[at : at + 6]) for at in range(7)]
    silent = [text.removeprefix("By the way, do you bake? I want to learn how to make ") for text in BREAD]
    bread = [" ".join(text for text in silent if "?" not in text)] * 6
    assert assess_topic(dialogue(*lights, *lights[1:], *bread * 2)).first_drift in range(11, 14)


def test_curve_has_a_value_or_none_for_each_message(method):
    found = assess_topic(dialogue(*LIGHTHOUSES, *RITUAL))
    assert len(found.curve) == len(LIGHTHOUSES + RITUAL)
    assert found.curve[:3] == (None, None, None)
    assert set(found.curve[-len(RITUAL) :]) == {None}
    assert all(value is None or 0 <= value <= 1 for value in found.curve)
    assert any(value is not None for value in found.curve)


def test_higher_threshold_finds_more(method):
    texts = (*LIGHTHOUSES[:8], *BREAD)
    assert assess_topic(dialogue(*texts), threshold=0.0).first_drift is None
    assert assess_topic(dialogue(*texts), threshold=0.2).first_drift is not None


@pytest.mark.parametrize("texts", [(), ("Hello.",), ("", "  ", "\n"), ("How are you?", "...")])
def test_nothing_to_measure_has_no_score(method, texts):
    for statement in (None, ABOUT_BREAD):
        found = assess_topic(dialogue(*texts), statement)
        assert (found.score, found.stretches) == (None, ())


def test_statement_without_content_has_no_score(method):
    assert assess_topic(dialogue(*LIGHTHOUSES), "how are you").score is None


def test_chinese_topic_is_measured(method):
    weather = (
        "明天北京的天气怎么样？",
        "北京明天有大雨，气温十二度。",
        "后天还下雨吗？",
        "后天雨停，天气转晴。",
    )
    near = assess_topic(dialogue(*weather), "北京的天气预报").score
    far = assess_topic(dialogue(*weather), "信用卡账单查询").score
    assert near > far + 0.2


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.one_of(st.text(max_size=60), st.sampled_from(LIGHTHOUSES + BREAD)), max_size=20),
    st.none() | st.text(max_size=20),
)
def test_any_dialogue_has_an_assessment_in_range(method, texts, statement):
    found = assess_topic(dialogue(*texts), statement)
    assert found.score is None or 0 <= found.score <= 1
    assert all(value is None or 0 <= value <= 1 for value in found.curve)
    assert all(0 <= first <= last < len(texts) for first, last in found.stretches)


def test_hash_seed_makes_no_difference(pytester):
    pytester.makepyfile(
        probe=f"""
        from pytest_duolog import Message, Transcript
        from pytest_duolog.topics.assess import assess_topic
        texts = {LIGHTHOUSES[:8] + BREAD!r}
        transcript = Transcript(messages=[Message(speaker="AB"[n % 2], content=text) for n, text in enumerate(texts)])
        print(assess_topic(transcript), assess_topic(transcript, "lighthouses and keepers"))
        """
    )
    seen = set()
    for seed in ("1", "2"):
        pytester._monkeypatch.setenv("PYTHONHASHSEED", seed)
        seen.add(pytester.runpython("probe.py").stdout.str())
    [shown] = seen
    assert "stretches=((8, 13),)" in shown


def test_cost_of_a_message_does_not_grow_with_the_dialogue(method, monkeypatch):
    read = []
    monkeypatch.setattr("pytest_duolog.topics.assess.weight_of", lambda terms: read.append(1) or 20.0)
    costs = []
    for n in (10, 20):
        read.clear()
        assess_topic(dialogue(*LIGHTHOUSES * n))
        costs.append(len(read))
    assert costs[1] <= 2 * costs[0] + 10 * WINDOW


class _Heard:
    """Stands for the vectors, and keeps the words that it is asked for."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def sum_of(self, terms):
        self.words += [term.word for term in terms]
        return [0.0]


def test_only_so_many_words_are_compared_by_meaning(monkeypatch):
    monkeypatch.setattr(assess, "MOST_WORDS", 3)
    heard = _Heard()
    topic = assess._TopicByVectors(terms_of("bread"), heard)
    for content in ("flour and yeast", "ovens", "bread ovens cost money"):
        topic.sum_of(terms_of(content))
    assert heard.words == ["bread", "flour", "yeast", "bread"]
