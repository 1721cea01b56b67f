"""The social phrases and words of `lexicon.toml`, compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import cached_property, lru_cache
from importlib import resources

from pytest_duolog.detectors import languages, text
from pytest_duolog.detectors.phrases import any_of

# A message longer than this, in characters, has more to say than that it cannot answer.
_LONGEST_DEFLECTION = 200

_TABLES = tomllib.loads(resources.files(__package__).joinpath("lexicon.toml").read_text("utf-8"))


def _filled(phrase: str) -> str:
    for slot, words in _TABLES["slots"].items():
        phrase = phrase.replace(f"{{{slot}}}", words)
    return phrase


class Phrases:
    """Families of the table as one pattern.

    It is compiled when it is first used: all of them take longer than most dialogues take to replay.
    """

    def __init__(self, *families: str) -> None:
        self._families = families

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return any_of(_filled(phrase) for family in self._families for phrase in _TABLES[family])

    @cached_property
    def search(self) -> Callable[[str], re.Match[str] | None]:
        """As of a compiled pattern."""
        return self._pattern.search

    @cached_property
    def sub(self) -> Callable[[str, str], str]:
        """As of a compiled pattern."""
        return self._pattern.sub

    @cached_property
    def subn(self) -> Callable[[str, str], tuple[str, int]]:
        """As of a compiled pattern."""
        return self._pattern.subn


FAREWELL = Phrases("farewell")
ENOUGH = Phrases("enough")
LOOKING_BACK = Phrases("looking_back")
OFFER = Phrases("offer")
_ASKS = Phrases("asks")
NO = Phrases("no")
GREETING = Phrases("greeting")
POLITE = Phrases("farewell", "enough", "looking_back", "thanks", "welcome")
_DEFLECTION = Phrases("deflection")

SOCIAL = frozenset(_TABLES["social"].split())
FUNCTION_WORDS = (
    frozenset(_TABLES["function_words"].split())
    | frozenset("".join(_TABLES["function_characters"].split()))
    | (languages.FUNCTION_WORDS - SOCIAL)
)
LISTENING = frozenset(_TABLES["listening"].split())
SYMBOLS = frozenset(_TABLES["symbols"])
SAYS_LITTLE = SOCIAL | frozenset(_TABLES["small_talk"].split())
# What English appends to a word without making another idea of it.
_ENDINGS = ("s", "es", "d", "ed", "ing", "ly")


def _says_little(word: str) -> bool:
    """Whether a word, or the word that it is an English form of, belongs to social talk."""
    if word in SAYS_LITTLE:
        return True
    stems = (
        word.removesuffix(ending)
        for ending in _ENDINGS
        if len(word) > len(ending) + 2 and word.endswith(ending)
    )
    return any(stem in SAYS_LITTLE or f"{stem}e" in SAYS_LITTLE for stem in stems)


@lru_cache(maxsize=8192)
def is_news(word: str) -> bool:
    """Whether a word belongs neither to grammar nor to social talk."""
    return word not in FUNCTION_WORDS and not _says_little(word)


def deflects(normalised: str) -> bool:
    """Whether a message of a sentence or two asks to hear it again, or says that nothing can be done."""
    return len(normalised) <= _LONGEST_DEFLECTION and bool(_DEFLECTION.search(normalised))


@lru_cache(maxsize=256)
def asks(normalised: str) -> bool:
    """Whether a text has a question or a request in it that is more than an offer of help."""
    return any(
        not OFFER.search(sentence)
        if "?" in sentence
        else _ASKS.search(sentence) and not ENOUGH.search(sentence)
        for sentence in text.sentences(normalised)
    )
