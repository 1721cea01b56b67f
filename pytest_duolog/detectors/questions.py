"""What kind of thing an English question asks for, and whether a reply holds one.

A reply takes a question up if it holds such a thing (a time, a place, a number, a name), asks back, or says that it
cannot tell. Yes-or-no questions are often answered without either, so there any new word of content counts. Whether an
answer is right, nothing here knows.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from importlib import resources

from pytest_duolog.detectors import languages, lexicon, text

# Words are one if so many first letters are the same.
STEM = 4
# A reply of so few words needs no grammar: "Ghana.", "The 14."
FEW_WORDS = 3


class Kind(StrEnum):
    """What a question asks for."""

    TIME = "a time"
    NUMBER = "a number"
    PLACE = "a place"
    NAME = "a name"
    REASON = "a reason"
    MANNER = "a way"
    THING = "a thing"
    DEED = "something to be done"
    YES_OR_NO = "yes or no"


_TABLES = tomllib.loads(resources.files(__package__).joinpath("questions.toml").read_text("utf-8"))


def _pattern(parts: Sequence[str]) -> re.Pattern[str]:
    return re.compile("".join(parts))


_KINDS = [(Kind[name], _pattern(parts)) for name, *parts in _TABLES["kinds"]]
_HOLDS = {kind: _pattern(_TABLES[kind.name.lower()]) for kind in (Kind.TIME, Kind.NUMBER, Kind.PLACE)}
_PERSON = _pattern(_TABLES["person"])
_LEAVES_OPEN = _pattern(_TABLES["leaves_open"])
_AFFIRMS = _pattern(_TABLES["affirms"])
_AGREES = _pattern(_TABLES["agrees"])
_EARLY = _pattern(_TABLES["early"])
_STATE = _pattern(_TABLES["state"])
_WELL = _pattern(_TABLES["well"])
_PRAISES = frozenset(_TABLES["praises"].split())
_NAMED = re.compile(r"(?<=[a-z,;:] )[A-Z][\w'-]+|^\W*[A-Z][\w'-]+(?: [A-Z][\w'-]+)*[.!]?$")
_ACTS = re.compile(r"\b(?:i|we|he|she|they) (?:did|do|does|am|are|is|was|were|will|can|could|have|has)\b")
_OR = re.compile(r"\bor\b")
_GRAMMAR = languages.words_of("en") | frozenset(("oh", "uh", "huh", "hmm", "hi", "hello", "hey", "yeah"))


def kinds_of(question: str) -> list[Kind]:
    """What a normalised question asks for, the most telling first; none if it is not understood."""
    return [kind for kind, pattern in _KINDS if pattern.search(question)]


def takes_up(question: str, reply: str) -> bool | None:
    """Whether a reply takes up a normalised question; None where the question is not understood."""
    found = kinds_of(question)
    if not found:
        return None
    folded = lexicon.POLITE.sub(" ", text.fold(reply))
    words = text.words(folded)
    if words == text.words(question):
        return False
    asks_back = "?" in folded and (len(words) > 1 or bool(kinds_of(folded)))
    if not words or asks_back or _LEAVES_OPEN.search(folded):
        return bool(words)
    asked = {word[:STEM] for word in text.words(question)}
    new = [word for word in words if _is_new(word, asked)]
    chooses = bool(_OR.search(question)) and _chooses(words, asked)
    is_clause = found[0] is not Kind.DEED and not _EARLY.search(question)
    if found[0] is Kind.DEED or Kind.YES_OR_NO in found or is_clause:
        agrees = found[0] is Kind.DEED and _AGREES.search(folded)
        return bool(new or chooses or agrees or _AFFIRMS.search(folded))
    return chooses or _holds(found[0], question, reply, folded, new)


def _holds(kind: Kind, question: str, reply: str, folded: str, new: list[str]) -> bool:
    """Whether a reply, as it was written and folded, holds a thing of this kind; `new` are its own words of content."""
    if kind is Kind.PLACE:
        is_few = len(text.words(folded)) <= FEW_WORDS
        return bool(new) and bool(is_few or _NAMED.search(reply) or _HOLDS[kind].search(folded))
    if kind in _HOLDS:
        return bool(_HOLDS[kind].search(_without_echo(folded, question)))
    if kind is Kind.NAME:
        return bool(_ACTS.search(folded)) or (
            bool(new) and bool(_NAMED.search(reply) or _PERSON.search(folded))
        )
    if kind is Kind.REASON and "because" in folded:
        return True
    return bool(new) or bool(kind is Kind.MANNER and _STATE.search(question) and _WELL.search(folded))


def _is_new(word: str, asked: set[str]) -> bool:
    if word[0].isdigit():
        return True
    known = word[:STEM] in asked or word in _PRAISES or word in _GRAMMAR
    return not known


def _chooses(words: Sequence[str], asked: set[str]) -> bool:
    return any(word[:STEM] in asked and word not in _GRAMMAR for word in words)


def _without_echo(folded: str, question: str) -> str:
    """The reply without the words of the question."""
    asked = set(text.words(question))
    return " ".join(
        word for word in re.findall(r"[^\s.,;:!?]+", folded) if word not in asked or word.isdigit()
    )
