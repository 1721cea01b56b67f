"""Finds the messages of a dialogue that are in another language than the rest, by all that the dialogue shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import chain, islice
from typing import NamedTuple

from pytest_duolog.detectors.asked_languages import asked_languages
from pytest_duolog.detectors.language_odds import (
    is_borrowed,
    is_doubtful,
    leaning,
    likeliest,
    mixed_words,
    most_spoken,
)
from pytest_duolog.detectors.languages import Guess, guess_language, is_same, language_of, words_of

# About so many messages of a dialogue the library for languages is asked; the tables know most of the others, too.
MOST_ASKED = 5_000
# So many messages tell what is spoken beside the odd one, and whether two languages are mixed.
MOST_COMPARED = 200
# With fewer messages whose language is recognised, all are read as one text, too.
FEW_SHOWN = 3
# A dialogue mixes languages if at least this many of its messages do; if only function words tell, this share as well.
MIXTURES = 2
MIXED_MESSAGES = 0.25


class Changes(NamedTuple):
    """The languages of a dialogue."""

    expected: str
    """The language of the dialogue, as one of LANGUAGES; empty if it is not known."""
    others: Mapping[int, str]
    """The messages in other languages, by their numbers."""
    n_spoken: int
    """The number of messages whose language is known."""
    is_recognised: bool
    """Whether a message is long enough to tell its language by itself."""


def find_changes(own: Mapping[int, str], expected: str | None) -> Changes:
    """The messages in another language than `expected`; by default than the first one that is recognised.

    `own` are the messages in order, by their numbers.
    """
    guesses = {
        number: guess_language(content, asks_library=at < MOST_ASKED)
        for at, (number, content) in enumerate(own.items())
    }
    wanted = expected or _first_language(own, guesses)
    spoken = _spoken(own, guesses, wanted)
    others = _others(own, guesses, spoken, wanted)
    asked = _asked_before(own) if others else {}
    may_be_asked_for = any(_is_any(wanted, languages) for languages in asked.values())
    if may_be_asked_for:
        rest = {
            number: content
            for number, content in islice(own.items(), MOST_COMPARED)
            if number not in asked or not _is_any(likeliest(content), asked[number])
        }
        wanted = expected or _first_language(rest, {number: guesses[number] for number in rest})
        spoken = _spoken(own, guesses, wanted)
        others = _others(own, guesses, spoken, wanted)
    if asked:
        others = {
            number: language
            for number, language in others.items()
            if number not in asked or not _is_any(language, asked[number])
        }
    is_recognised = any(guess.language for guess in guesses.values())
    return Changes(wanted, others, len(spoken), is_recognised)


def _first_language(own: Mapping[int, str], guesses: Mapping[int, Guess]) -> str:
    """The first language that is recognised; if that message may be in the one of most messages, or of all, this.

    If twice as many messages are too short, the language of these: it may be that only the odd one is long enough.
    """
    shown = {number: guess.language for number, guess in guesses.items() if guess.language}
    together = language_of("\n".join(own.values())) if len(shown) < FEW_SHOWN else None
    if not shown:
        return together or most_spoken(_compared(own), "")
    first, language = next(iter(shown.items()))
    is_mixed = any(guess.mixed for guess in guesses.values())
    if len(own) - len(shown) >= 2 * len(shown) and first not in list(own)[:1] and not is_mixed:
        short = (content for number, content in own.items() if number not in shown)
        return most_spoken(islice(short, MOST_COMPARED), language)
    most = together or Counter(shown.values()).most_common(1)[0][0]
    others = [other for other in dict.fromkeys((most, *shown.values())) if not is_same(other, language)]
    return next((other for other in others if is_doubtful(own[first], language, other)), language)


def _spoken(own: Mapping[int, str], guesses: Mapping[int, Guess], expected: str) -> dict[int, str]:
    """The languages of the messages whose language is known; short ones count unless the dialogue mixes languages."""
    spoken = {number: guess.language for number, guess in guesses.items()}
    if not any(guess.mixed for guess in guesses.values()):
        unsure = [number for number, language in spoken.items() if language is None][:MOST_ASKED]
        spoken.update((number, leaning(own[number], expected)) for number in unsure)
    return {number: language for number, language in spoken.items() if language}


def _others(
    own: Mapping[int, str], guesses: Mapping[int, Guess], spoken: Mapping[int, str], expected: str
) -> dict[int, str]:
    """The languages of the messages that are surely in another one than expected; none if that is not known."""
    if not expected:
        return {}
    mixtures = [guess.mixed for guess in guesses.values() if guess.mixed]
    allowed = {expected, *(chain.from_iterable(mixtures) if len(mixtures) >= MIXTURES else ())}
    before = dict(zip(own, ("", *own.values()), strict=False))
    others = {
        number: language
        for number, language in spoken.items()
        if not _is_any(language, allowed)
        and not is_doubtful(own[number], language, expected)
        and not is_borrowed(own[number], language, expected, before=before[number])
    }
    mixed = {language for language in set(others.values()) if _mixes(_compared(own), language, expected)}
    return {number: language for number, language in others.items() if language not in mixed}


def _mixes(contents: Collection[str], one: str, other: str) -> bool:
    """Whether these messages use two languages side by side, by several function words of each."""
    mixed = [words for content in contents if (words := mixed_words(content, one, other))]
    if len(mixed) < max(MIXTURES, MIXED_MESSAGES * len(contents)):
        return False
    n_ours = len(words_of(one) & set().union(*mixed))
    return min(n_ours, len(set().union(*mixed)) - n_ours) >= MIXTURES


def _compared(own: Mapping[int, str]) -> list[str]:
    return list(islice(own.values(), MOST_COMPARED))


def _is_any(language: str | None, allowed: Iterable[str]) -> bool:
    return language is not None and any(is_same(language, one) for one in allowed)


def _asked_before(own: Mapping[int, str]) -> dict[int, frozenset[str]]:
    """The languages that earlier messages ask for, by the number of a message; only for messages after such a one."""
    asked = dict[int, frozenset[str]]()
    so_far = frozenset[str]()
    for number, content in own.items():
        if so_far:
            asked[number] = so_far
        so_far |= asked_languages(content)
    return asked
