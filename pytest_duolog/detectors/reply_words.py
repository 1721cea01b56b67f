"""Numbers for what the words of a reply have in common with those of its question, and for what they add to it."""

from __future__ import annotations

from math import log1p
from typing import NamedTuple

from pytest_duolog.detectors import languages, lexicon, questions, text

# Words are one if so many first letters are the same.
STEM = 5
# More new words than these say no more.
_MANY = 8
_ASKS = ("?", "？")
_TRAILS_OFF = ("...", "…")


class ReplyWords(NamedTuple):
    """What weights are learned for, each number between 0 and about 2."""

    known: float
    """The share of the words of content of the reply that the question has."""
    taken_up: float
    """The share of the words of content of the question that the reply has."""
    echo: float
    """The product of both."""
    n_new: float
    few_new: float
    none_new: float
    no_content: float
    length: float
    asks: float
    ends_asking: float
    new_digits: float
    denies: float
    leaves_open: float
    trails_off: float
    exclaims: float
    reports: float
    """Whether it says that the other side asks."""
    is_polite: float


def reply_words(question: str, reply: str) -> ReplyWords:
    """The numbers of a question and a reply, as they were written."""
    asked, said = text.fold(question), text.fold(reply)
    wanted, content = _content(asked), _content(said)
    known = set(wanted)
    new = [word for word in content if word not in known]
    share = 1 - len(new) / len(content) if content else 0.0
    taken_up = len(known.intersection(content)) / len(known) if known else 0.0
    digits = {word for word in text.words(said) if word[0].isdigit()}
    return ReplyWords(
        known=share,
        taken_up=taken_up,
        echo=share * taken_up,
        n_new=log1p(min(len(new), _MANY)),
        few_new=float(len(new) <= 1),
        none_new=float(not new),
        no_content=float(not content),
        length=log1p(len(text.words(said))) / 2,
        asks=float(any(mark in reply for mark in _ASKS)),
        ends_asking=float(reply.rstrip().endswith(_ASKS)),
        new_digits=float(not digits.issubset(text.words(asked))),
        denies=float(questions.denies(said)),
        leaves_open=float(questions.leaves_open(said)),
        trails_off=float(reply.rstrip().endswith(_TRAILS_OFF)),
        exclaims=float("!" in reply),
        reports=float(questions.reports(said)),
        is_polite=float(bool(lexicon.POLITE.search(said))),
    )


def _content(folded: str) -> list[str]:
    return [word[:STEM] for word in text.words(folded) if word not in languages.FUNCTION_WORDS]
