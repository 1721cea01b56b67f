"""Weighs which language a short text of a dialogue may be in: function words and the library together give odds.

`languages` says what language a text is in if the text alone shows it. Here the language of the dialogue is known, and
a few words may still speak for another one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from pytest_duolog.detectors import languages, text
from pytest_duolog.detectors.languages import (
    FEWEST_WORDS,
    HAVING,
    LANGUAGES,
    LANGUAGES_OF,
    TABLES,
    is_same,
    words_of,
)

# A short text leans to another language from so many words on, with these odds for that language, and at most this
# share of them for that of the dialogue.
LEAN_LEAST_WORDS = 3
LEAN_CERTAIN = ((6, 0.6), (4, 0.75), (3, 0.85))
LEAN_LEFT = 0.02
# Odds: each function word makes a language so many times as probable; none is less probable than the floor.
ODDS_OF_WORD = 2.5
ODDS_FLOOR = 0.002
# A language counts as spoken in a short text with these odds.
SPOKEN_SHARE = 0.25
SPOKEN_LEAD = 2.0
# Of another script, so many words are enough.
OTHER_SCRIPT_WORDS = 2
# So many words may be a name, a dish or a title; after a message that asks for one, these are; without such a message.
FEW_WORDS = 12
TITLE_WORDS = 5
NAME_WORDS = 4
# A text is doubtful if the language of the dialogue has this share of the odds of the one that was found.
DOUBT = 0.2

_KIN = {code: language for language, codes in TABLES["kin"].items() for code in codes}
_LINKING = {language: frozenset(words.split()) for language, words in TABLES["linking"].items()}
_TRAVELLING = frozenset(TABLES["travelling"]["words"].split())
_NAMING = frozenset(TABLES["naming"]["words"].split())
_SPANISH_MARK = re.compile("[¿¡]")
_UNSPACED_LANGUAGES = ("zh", "ja", "th")


def is_doubtful(content: str, language: str, expected: str) -> bool:
    """Whether a text of a dialogue in the language `expected` may be in that language, and not in `language`.

    Function words decide if the text is long, or without the library.
    """
    _, words, hits = _of_short(content)
    found = odds(content) if languages.has_library() and len(words) <= FEW_WORDS else {}
    if not found:
        return hits[expected] > 0 and hits[expected] >= max(hits.values())
    return _share(found, expected) >= DOUBT * _share(found, language)


def leaning(content: str, expected: str) -> str | None:
    """The other language that a short text in a dialogue in the language `expected` is in, by the library.

    None if it says nothing else, or is less sure than its number of words asks for.
    """
    folded, words, _ = _of_short(content)
    if script := _other_script(folded, words, expected):
        return script
    n_different = len(set(words))
    is_read = languages.has_library() and n_different >= LEAN_LEAST_WORDS and not text.is_spelled(words)
    found = odds(content) if is_read else {}
    code = _most_probable(found)
    if (
        code is None
        or is_same(code, expected)
        or (code in _UNSPACED_LANGUAGES and n_different < FEWEST_WORDS)
    ):
        return None
    least = next(bound for n_words, bound in LEAN_CERTAIN if n_different >= n_words)
    is_sure = _share(found, code) >= least and _share(found, expected) <= LEAN_LEFT
    return code if is_sure else None


def most_spoken(contents: Iterable[str], language: str) -> str:
    """The language that short texts beside one in `language` are in, by the library; `language` if it is unclear."""
    spoken = Counter[str]()
    for content in contents:
        spoken.update({code: share for code, share in odds(content).items() if share >= SPOKEN_SHARE})
    best = _most_probable(spoken) or language
    return best if spoken[best] > SPOKEN_LEAD * _share(spoken, language) else language


def likeliest(content: str) -> str | None:
    """The language that a text is in, or is the most probable one of a short text."""
    return languages.language_of(content) or _most_probable(odds(content))


def is_borrowed(content: str, language: str, expected: str, *, before: str) -> bool:
    """Whether a few words in `language` may be a name, a dish or a title in talk in the language `expected`.

    `before` is the message that they answer.
    """
    _, words, _ = _of_short(content)
    if len(words) > FEW_WORDS or _SPANISH_MARK.search(content):
        return False
    first = text.words(text.normalise(text.without_asides(content)))[:2]  # capitals there show no name
    theirs, ours = _only_in(words, language, expected), _only_in((*first, *words), expected, language)
    if not ours and len(words) <= TITLE_WORDS and _NAMING & set(text.words(text.normalise(before))):
        return "?" not in content
    if any(word not in _LINKING.get(language, ()) for word in theirs) or language not in _LINKING:
        return False
    return (
        bool(ours) or (len(words) <= NAME_WORDS and "?" not in content) or not _TRAVELLING.isdisjoint(words)
    )


def mixed_words(content: str, one: str, other: str) -> set[str]:
    """The function words of a message that only one of two languages has, if there are some of both.

    Single letters do not count.
    """
    words = [word for word in _of_short(content)[1] if len(word) > 1]
    ours, theirs = _only_in(words, one, other), _only_in(words, other, one)
    return ours | theirs if ours and theirs else set()


def _only_in(words: Iterable[str], one: str, other: str) -> set[str]:
    """The function words of the one language that the other one has not."""
    return ({*words} & words_of(one)) - words_of(other)


@lru_cache(maxsize=256)  # asked several times about the messages of a dialogue
def odds(content: str) -> Mapping[str, float]:
    """How probable each of LANGUAGES is for a short text, from 0 to 1.

    What the library says of a language and its kin, more for each function word of the language. Without the library,
    function words decide.
    """
    folded, _, hits = _of_short(content)
    shares = dict[str, float]() if languages.has_library() else dict.fromkeys(hits, 0.0)
    for named, share in languages.ranked(folded):
        if (code := _KIN.get(named, named)) in LANGUAGES:
            shares[code] = shares.get(code, 0.0) + share
    weights = {code: (share + ODDS_FLOOR) * ODDS_OF_WORD ** hits[code] for code, share in shares.items()}
    total = sum(weights.values())
    return {code: weight / total for code, weight in weights.items()}


def _most_probable(found: Mapping[str, float]) -> str | None:
    return max(found, key=lambda code: found[code], default=None)


def _share(found: Mapping[str, float], language: str) -> float:
    """The probability of a language and of those that a message does not distinguish from it."""
    return sum(share for code, share in found.items() if is_same(code, language))


def _other_script(folded: str, words: Sequence[str], expected: str) -> str | None:
    """The script of a few words, or its only language, if it is not that of the expected language."""
    script = languages.script_of(folded)
    if script is None or script in ("Latin", "Han") or len(words) < OTHER_SCRIPT_WORDS:
        return None
    codes = LANGUAGES_OF[script]
    if expected == script or expected in codes:
        return None
    return codes[0] if len(codes) == 1 else script


@lru_cache(maxsize=256)  # asked several times about the messages of a dialogue
def _of_short(content: str) -> tuple[str, Sequence[str], Counter[str]]:
    """A text folded, its words, and how many different ones of them are function words of each language."""
    own = languages.own_words(text.excerpt(content))
    words = [word for word in text.words(text.normalise(own)) if not word[0].isdigit()]
    return text.fold(own), words, Counter(code for word in set(words) for code in HAVING.get(word, ()))
