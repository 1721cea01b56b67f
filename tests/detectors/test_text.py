"""How detectors read a message: what makes no difference goes, what does stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.detectors import text as text_module
from pytest_duolog.detectors.text import (
    READ_LIMIT,
    excerpt,
    n_words,
    ngrams,
    normalise,
    sentences,
    without_thinking,
    words,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Goodbye — for now", "goodbye - for now"),
        ("It’s “fine”", 'it\'s "fine"'),
        ("ＦＵＬＬ width", "full width"),
        ("straße", "STRASSE"),
        ("good\u200bbye\u00ad", "goodbye"),
        ("hel\u0336lo\ufe0f", "hello"),
        ("gооdbye", "goodbye"),  # two Cyrillic letters in a Latin word
        ("[12] again", "[13] again"),
        ("(3/10) again", "(4/10) again"),
        ("10:15 again", "10:16 again"),
        ("2026-11-23 09:30 again", "2026-11-23T09:31:07Z again"),
    ],
)
def test_what_makes_no_difference_to_a_reader_goes(one, other):
    assert normalise(one).split() == normalise(other).split()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("resume", "résumé"),
        ("12 lamps", "13 lamps"),
        ("at 10:15 sharp", "at 10:16 sharp"),
        ("Версия", "Версии"),
        ("well-known", "well known"),
        ("yes!", "yes?"),
    ],
)
def test_what_a_reader_tells_apart_stays_apart(one, other):
    assert normalise(one) != normalise(other)


def test_words_of_another_alphabet_are_not_mended():
    assert normalise("окно") == "окно"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("...", []),
        ("don't panic, 3.5 litres at 10:15", ["don't", "panic", "3.5", "litres", "at", "10:15"]),
        ("snake_case", ["snake", "case"]),
        ("再见 bye", ["再", "见", "bye"]),
        ("สวัสดี"[:2], list("สวัสดี"[:2])),
        ("안녕 친구", ["안녕", "친구"]),
    ],
)
def test_words(text, expected):
    assert list(words(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n ", []),
        ("\x1f\x0b", []),
        ("one. two! three? four", ["one.", "two!", "three?", "four"]),
        ("line one\nline two", ["line one", "line two"]),
        ("再见。明天见！", ["再见。", "明天见！"]),
        ("3.5 litres", ["3.5 litres"]),
        ("- *one*\n- two", ["one", "two"]),
    ],
)
def test_sentences(text, expected):
    assert list(sentences(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>b", "b"),
        ("a<reasoning>x\ny</reasoning>b<think>c", "ab"),
        ("<think>a</thinking>b", ""),
        ("1 < 2", "1 < 2"),
    ],
)
def test_thinking_goes(text, expected):
    assert without_thinking(text) == expected


@pytest.mark.parametrize(
    ("items", "n", "expected"),
    [
        ([], 2, []),
        (["a"], 2, [("a",)]),
        (["a", "b"], 2, [("a", "b")]),
        (["a", "b", "c"], 2, [("a", "b"), ("b", "c")]),
        (["a", "b"], 1, [("a",), ("b",)]),
    ],
)
def test_ngrams(items, n, expected):
    assert ngrams(items, n) == expected


def test_long_text_is_read_from_both_ends():
    text = "a" * READ_LIMIT + "b" * READ_LIMIT
    cut = excerpt(text)
    assert cut == "a" * (READ_LIMIT * 3 // 4) + "\n" + "b" * (READ_LIMIT // 4)
    assert excerpt("a" * READ_LIMIT) == "a" * READ_LIMIT


def test_a_text_that_nobody_cut_is_not_kept():
    kept = (text_module._kept_words, text_module._kept_sentences)
    before = [cache.cache_info().currsize for cache in kept]
    long = "Tea, please. " * READ_LIMIT
    assert n_words(long) == len(words(long)) == 2 * READ_LIMIT
    assert len(sentences(long)) == READ_LIMIT
    assert [cache.cache_info().currsize for cache in kept] == before


@given(
    st.lists(st.sampled_from(["tea", " ", "Ä", "李", "!", "42"]), max_size=9),
    st.sampled_from("\u200b\u00ad\u2060\ufeff"),
)
def test_invisible_characters_hide_nothing(parts, invisible):
    assert normalise(invisible.join(parts)) == normalise("".join(parts))


@given(st.text(st.characters(), max_size=9) | st.text("\x0b\x1c\x85\u2028\u3000 -*a", max_size=9))
def test_neither_words_nor_sentences_are_blank(text):
    assert all(part.strip() for part in [*words(normalise(text)), *sentences(normalise(text))])
