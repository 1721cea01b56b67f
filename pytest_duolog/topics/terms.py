"""The words of a message that carry its content, cut to stems and weighted.

Stems are rough on purpose: a plural ending goes, and the first letters stand for the rest, which treats the languages
of Europe alike ("reserve", "reservation"; "buchen", "Buchung"). Scripts without spaces, and Korean, give pairs
of neighbouring characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from pytest_duolog.detectors import text
from pytest_duolog.topics import vocabulary

STEM_LETTERS = 5
# No word is longer; what is, is no word, and its beginning is enough.
WORD_LETTERS = 40
# What a word of requests, meetings and politeness counts beside one that names a thing.
GENERIC_WEIGHT = 0.3

_HANGUL = ("\uac00", "\ud7a3")
_HIRAGANA = ("\u3041", "\u309f")


class Term(NamedTuple):
    """A word as it was written (normalised), what stands for it, and how much it says, 0 to 1."""

    stem: str
    word: str
    weight: float


Terms = tuple[Term, ...]


def terms_of(content: str) -> Terms:
    """The terms of a text in order, each stem once; numbers, dates and function words are none.

    A text of function words alone ("How are you?") has no terms. Passages in thinking tags are not read.
    """
    found: dict[str, Term] = {}
    for word in _content_words(text.words(text.normalise(text.without_thinking(content)))):
        stem = stem_of(word)
        if stem not in found:
            found[stem] = Term(
                stem, word[:WORD_LETTERS], GENERIC_WEIGHT if word in vocabulary.GENERIC else 1.0
            )
    return tuple(found.values())


def stem_of(word: str) -> str:
    """The beginning of a word, without a plural `s`."""
    singular = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    return singular[:STEM_LETTERS]


def names_things(terms: Terms) -> bool:
    """Whether a term among them says more than words of requests and politeness do."""
    return any(term.weight > GENERIC_WEIGHT for term in terms)


def weight_of(terms: Iterable[Term]) -> float:
    """How much terms say together."""
    return sum(term.weight for term in terms)


def _content_words(words: Iterable[str]) -> Iterator[str]:
    """The words that carry content; a lone character of an unspaced script is paired with the next."""
    before = ""
    for word in words:
        is_character = len(word) == 1 and ord(word) > 0xE00
        if is_character:
            if before and not _is_grammar(before) and not _is_grammar(word):
                yield before + word
        elif _within(word[0], _HANGUL):
            yield from (one + other for one, other in pairwise(word))
        elif not word[0].isdigit() and len(word) > 1 and word not in vocabulary.FUNCTION_WORDS:
            yield word
        before = word if is_character else ""


def _is_grammar(character: str) -> bool:
    return character in vocabulary.FUNCTION_CHARACTERS or _within(character, _HIRAGANA)


def _within(character: str, script: tuple[str, str]) -> bool:
    return script[0] <= character <= script[1]
