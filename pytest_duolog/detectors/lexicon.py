"""The compiled social phrases and words of `lexicon.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

from pytest_duolog.detectors import courtesies, languages, text
from pytest_duolog.detectors.phrases import PhraseBook, Shelf

# A longer message, in characters, does more than say that it cannot answer.
_LONGEST_DEFLECTION = 200

_TABLES = tomllib.loads(resources.files(__package__).joinpath("lexicon.toml").read_text("utf-8"))
_SHELF = Shelf()


def _filled(phrase: str) -> str:
    for slot, words in _TABLES["slots"].items():
        phrase = phrase.replace(f"{{{slot}}}", words)
    return phrase


def _book(*families: str, plain: Sequence[str] = (), first_word: bool = False) -> PhraseBook:
    """Several families of the table as one book, with families of courtesies in other languages."""
    return PhraseBook(
        lambda: (_filled(phrase) for family in families for phrase in _TABLES[family]),
        courtesies.phrases(*plain),
        first_word=first_word,
        shelf=_SHELF,
    )


FAREWELL = _book("farewell", plain=("goodbye",))
ENOUGH = _book("enough", plain=("enough",))
LOOKING_BACK = _book("looking_back")
OFFER = _book("offer", plain=("offer",))
_ASKS = _book("asks")
NO = _book("no", plain=("no",), first_word=True)
GREETING = _book("greeting", plain=("last",))
POLITE = _book(
    "farewell",
    "enough",
    "looking_back",
    "thanks",
    "welcome",
    plain=("goodbye", "enough", "thanks", "welcome"),
)
# What a reply says besides its answer; "of course" and "anytime" can be the answer.
LEAVE = _book("farewell", "looking_back", "thanks", "you_are_welcome", plain=("goodbye", "thanks"))
PARTING = _book("parting", plain=("last",))
THANKS = _book("thanks", plain=("thanks",))
_DEFLECTION = _book("deflection", plain=("deflection",))
_NEXT = _book("next")
UNFINISHED = _book("unfinished")
AGREEING = _book("agreeing", plain=("agreeing",))

# Words of other languages that name things in English.
_AMBIGUOUS = frozenset(_TABLES["ambiguous"].split())
_SMALL_TALK = frozenset(_TABLES["small_talk"].split())
_GRAMMAR = frozenset(_TABLES["function_words"].split()) | languages.FUNCTION_WORDS
SOCIAL = frozenset(_TABLES["social"].split()) | (courtesies.SOCIAL - _AMBIGUOUS - _GRAMMAR - _SMALL_TALK)
FUNCTION_WORDS = frozenset("".join(_TABLES["function_characters"].split())) | (_GRAMMAR - SOCIAL - _AMBIGUOUS)
LISTENING = frozenset(_TABLES["listening"].split())
SYMBOLS = frozenset(_TABLES["symbols"])
SAYS_LITTLE = SOCIAL | _SMALL_TALK
# English suffixes that do not change the meaning of a word.
_ENDINGS = ("s", "es", "d", "ed", "ing", "ly")


def _says_little(word: str) -> bool:
    """Whether a word, or its base form in English, belongs to social talk."""
    if word in SAYS_LITTLE:
        return True
    if not word.endswith(_ENDINGS):
        return False
    stems = (
        word.removesuffix(ending)
        for ending in _ENDINGS
        if len(word) > len(ending) + 2 and word.endswith(ending)
    )
    return any(stem in SAYS_LITTLE or f"{stem}e" in SAYS_LITTLE for stem in stems)


@lru_cache(maxsize=8192)
def is_news(word: str) -> bool:
    """Whether a word has content: it belongs neither to grammar nor to social talk."""
    return word not in FUNCTION_WORDS and not _says_little(word)


def prompts(normalised: str) -> bool:
    """Whether a message asks for more, or for the next of several things."""
    return bool(OFFER.search(normalised) or _NEXT.search(normalised))


def deflects(normalised: str) -> bool:
    """Whether a short message only asks to repeat something, or says that it cannot help."""
    return len(normalised) <= _LONGEST_DEFLECTION and bool(_DEFLECTION.search(normalised))


def asks(normalised: str) -> bool:
    """Whether a text has a question or a request, other than an offer of help."""
    return may_ask(normalised) and any(asks_in(part, normalised) for part in text.sentences(normalised))


def may_ask(normalised: str) -> bool:
    """Whether a text or a part of it can have a question or a request: a cheap look at its words."""
    return "?" in normalised or _ASKS.may_be_in(normalised)


@lru_cache(maxsize=512)  # a message is read as a whole and by its sentences
def asks_in(sentence: str, whole: str) -> bool:
    """Whether one sentence of a text is a question or a request, other than an offer of help."""
    if "?" in sentence:
        return not OFFER.search(sentence, within=whole)
    return _ASKS.search(sentence, within=whole) and not ENOUGH.search(sentence, within=whole)
