"""Finds the content words of a message, cut to stems and weighted.

Stems are simple on purpose: a plural `s` is removed, and only the first letters are compared, which works for all
languages of Europe ("reserve", "reservation"; "buchen", "Buchung"). Scripts without spaces, and Korean, give pairs of
neighbouring characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from pytest_duolog.detectors import text
from pytest_duolog.topics import vocabulary

STEM_LETTERS = 5
# Real words are shorter; of anything longer only the beginning is used.
WORD_LETTERS = 40
# The weight of a word of requests, meetings and politeness; a word that names a thing has the weight 1.
GENERIC_WEIGHT = 0.3

_HANGUL = ("\uac00", "\ud7a3")
_HIRAGANA = ("\u3041", "\u309f")


class Term(NamedTuple):
    """A normalised word, its stem, and its weight, 0 to 1."""

    stem: str
    word: str
    weight: float


Terms = tuple[Term, ...]


def terms_of(content: str) -> Terms:
    """The terms of a text in order, each stem once; numbers, dates and function words are left out.

    A text of function words alone ("How are you?") has no terms. Passages in thinking tags are not read.
    """
    return terms_in(text.heard(content))


def terms_in(normalised: str) -> Terms:
    """The terms of a normalised text, as `terms_of` finds them."""
    words = text.words(normalised)
    found: dict[str, Term] = {}
    for term in map(_content_term, words) if normalised.isascii() else _content_terms(words):
        if term and term.stem not in found:
            found[term.stem] = term
    return tuple(found.values())


def stem_of(word: str) -> str:
    """The first letters of a word, without a plural `s`."""
    singular = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    return singular[:STEM_LETTERS]


def names_things(terms: Terms) -> bool:
    """Whether one of the terms has more weight than words of requests and politeness."""
    return any(term.weight > GENERIC_WEIGHT for term in terms)


def weight_of(terms: Iterable[Term]) -> float:
    """The sum of the weights."""
    return sum(term.weight for term in terms)


@lru_cache(maxsize=8192)
def _term_of(word: str) -> Term:
    return Term(stem_of(word), word[:WORD_LETTERS], GENERIC_WEIGHT if word in vocabulary.GENERIC else 1.0)


@lru_cache(maxsize=8192)
def _content_term(word: str) -> Term | None:
    """The term of a word in a script that parts words with spaces; None for numbers and function words."""
    is_content = not word[0].isdigit() and len(word) > 1 and word not in vocabulary.FUNCTION_WORDS
    return _term_of(word) if is_content else None


def _content_terms(words: Iterable[str]) -> Iterator[Term | None]:
    """The terms of words; a single character of an unspaced script is paired with the next one."""
    before = ""
    for word in words:
        is_character = len(word) == 1 and ord(word) > 0xE00
        if is_character:
            if before and not _is_grammar(before) and not _is_grammar(word):
                yield _term_of(before + word)
        elif _within(word[0], _HANGUL):
            yield from (_term_of(one + other) for one, other in pairwise(word))
        else:
            yield _content_term(word)
        before = word if is_character else ""


def _is_grammar(character: str) -> bool:
    return character in vocabulary.FUNCTION_CHARACTERS or _within(character, _HIRAGANA)


def _within(character: str, script: tuple[str, str]) -> bool:
    return script[0] <= character <= script[1]
