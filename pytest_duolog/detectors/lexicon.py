"""The social phrases and words of `lexicon.toml`, compiled."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

from pytest_duolog import text
from pytest_duolog.detectors.phrases import any_of

# A message longer than this, in characters, has more to say than that it cannot answer.
_LONGEST_DEFLECTION = 200

_TABLES = tomllib.loads(resources.files(__package__).joinpath("lexicon.toml").read_text("utf-8"))


def _phrases(*families: str) -> re.Pattern[str]:
    return any_of(_filled(phrase) for family in families for phrase in _TABLES[family])


def _filled(phrase: str) -> str:
    for slot, words in _TABLES["slots"].items():
        phrase = phrase.replace(f"{{{slot}}}", words)
    return phrase


FAREWELL = _phrases("farewell")
ENOUGH = _phrases("enough")
LOOKING_BACK = _phrases("looking_back")
THANKS = _phrases("thanks")
WELCOME = _phrases("welcome")
OFFER = _phrases("offer")
_ASKS = _phrases("asks")
NO = _phrases("no")
GREETING = _phrases("greeting")
POLITE = _phrases("farewell", "enough", "looking_back", "thanks", "welcome")
_DEFLECTION = _phrases("deflection")

SOCIAL = frozenset(_TABLES["social"].split())
FUNCTION_WORDS = frozenset(_TABLES["function_words"].split()) | frozenset(
    "".join(_TABLES["function_characters"].split())
)
SYMBOLS = frozenset(_TABLES["symbols"])
SAYS_LITTLE = SOCIAL | frozenset(_TABLES["small_talk"].split())
# What English appends to a word without making another idea of it.
_ENDINGS = ("s", "es", "d", "ed", "ing", "ly")


def says_little(word: str) -> bool:
    """Whether a word, or the word that it is an English form of, belongs to social talk."""
    if word in SAYS_LITTLE:
        return True
    stems = (
        word.removesuffix(ending)
        for ending in _ENDINGS
        if len(word) > len(ending) + 2 and word.endswith(ending)
    )
    return any(stem in SAYS_LITTLE or f"{stem}e" in SAYS_LITTLE for stem in stems)


def deflects(normalised: str) -> bool:
    """Whether a message of a sentence or two asks to hear it again, or says that nothing can be done."""
    return len(normalised) <= _LONGEST_DEFLECTION and bool(_DEFLECTION.search(normalised))


def asks(normalised: str) -> bool:
    """Whether a text has a question or a request in it that is more than an offer of help."""
    return any(
        not OFFER.search(sentence)
        if "?" in sentence
        else _ASKS.search(sentence) and not ENOUGH.search(sentence)
        for sentence in text.sentences(normalised)
    )
