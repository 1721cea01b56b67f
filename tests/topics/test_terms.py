"""Terms: what of a text carries content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.topics.terms import GENERIC_WEIGHT, WORD_LETTERS, terms_of, weight_of


def stems(content: str) -> list[str]:
    return [term.stem for term in terms_of(content)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lamp", "LAMPS"),
        ("reserve", "reservation"),
        ("movie", "movies"),
        ("glass", "glasses"),
        ("Buchhaltung", "buchhalterisch"),
        ("réparer", "réparation"),
        ("天气", "天气"),
    ],
)
def test_forms_of_a_word_have_one_stem(one, other):
    assert stems(one) == stems(other) != []


@pytest.mark.parametrize(
    ("one", "other"), [("glass", "gloss"), ("lamp", "lame"), ("天气", "天空"), ("예약", "예정")]
)
def test_different_words_have_different_stems(one, other):
    assert stems(one) != stems(other)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "   ",
        "How are you?",
        "Oh, and what about him?",
        "12:30, 4th",
        "...",
        "🙏✨",
        "你好吗",
        "はい、そうです",
    ],
)
def test_text_without_content_has_no_terms(content):
    assert [stem for stem in stems(content) if stem != "th"] == []


def test_each_stem_counts_once_and_in_order():
    assert stems("The lamp, lamps and a lighthouse; the lamp!") == ["lamp", "light"]


def test_words_of_service_and_politeness_weigh_less_than_names_of_things():
    weights = {term.word: term.weight for term in terms_of("Thank you, please find a lighthouse.")}
    assert weights == {
        "thank": GENERIC_WEIGHT,
        "please": GENERIC_WEIGHT,
        "find": GENERIC_WEIGHT,
        "lighthouse": 1.0,
    }


def test_characters_of_unspaced_scripts_are_paired():
    assert stems("天气预报") == ["天气", "气预", "预报"]


def test_thinking_is_not_read():
    assert stems("<think>The lighthouse!</think>Bread.") == ["bread"]


def test_beginning_stands_for_an_endless_word():
    assert [len(term.word) for term in terms_of("a" * 5000)] == [WORD_LETTERS]


@given(st.text())
def test_any_text_has_terms_with_weights_between_0_and_1(content):
    terms = terms_of(content)
    assert all(0 < term.weight <= 1 and term.stem and term.word for term in terms)
    assert weight_of(terms) <= len(terms)
    assert len({term.stem for term in terms}) == len(terms)
