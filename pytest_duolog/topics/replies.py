"""Reads by learned weights how a reply passes its question by, with the sentence vectors of the extra `topic`.

A pair of question and reply has the vectors of both, their product, number by number, and their likeness; numbers for
the words that they share (`detectors/reply_words.py`); and how near the reply is to what is said next in dialogues.
Sixteen languages share the space of these vectors, so what was learned from pairs in one is found in others.
`replies.json` has the weights of each way to pass a question by, and `benchmarks/replies.py` makes it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_duolog.detectors import text
from pytest_duolog.detectors.reply_words import reply_words
from pytest_duolog.topics import meanings
from pytest_duolog.topics.meanings import MOST_READ, load_meanings, weights_in

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows, Vector

ACKNOWLEDGED, ECHOED, EVADED, UNRELATED = "acknowledged", "echoed", "evaded", "unrelated"
WAYS = (ACKNOWLEDGED, ECHOED, EVADED, UNRELATED)
# So many characters of a text have a vector. Longer replies than these say something.
_READ = 400
# The numbers of a vector are small, and those of a product are much smaller.
_REPLY, _PRODUCT, _LIKENESS, _QUESTION, _WORDS = 3.0, 40.0, 4.0, 2.0, 2.0
_HUNDREDTHS = 100
# A score that is so far below the bound is that of an answer.
_FAR = 3.0
_ASKS = re.compile("[?？؟]")


class Pair(NamedTuple):
    """A question, as it was asked, and the whole reply."""

    question: str
    reply: str


class Reading(NamedTuple):
    """The ways in which a reply passes its question by, and those of which at least it is not far."""

    passes: frozenset[str]
    may_pass: frozenset[str]


UNREAD = Reading(frozenset(), frozenset(WAYS))


class Next(NamedTuple):
    """Turns vectors so that those of a message and of what is said next in dialogues are near each other."""

    asked: Rows
    said: Rows

    def nearness(self, asked: Rows, said: Rows) -> Rows:
        """A column: how near each reply is to what is said next."""
        nearness: Rows = ((asked @ self.asked) * (said @ self.said)).sum(axis=1, keepdims=True)
        return nearness


class _Way(NamedTuple):
    """A pair whose sum of weighted numbers is above `bound` is one of this way."""

    weights: Vector
    bound: float


def last_question(asked: str) -> str:
    """The last sentence of a message that asks, as it is written; the last sentence at all if none does."""
    sentences = text.sentences(text.without_thinking(asked)) or (asked,)
    return next((one for one in reversed(sentences) if _ASKS.search(one)), sentences[-1])


def readings_of(pairs: Sequence[Pair]) -> list[Reading]:
    """How each reply may pass its question by.

    Anything is possible for long replies, for mere symbols, for what comes after MOST_READ pairs, and for all without
    the extra.
    """
    found = [UNREAD] * len(pairs)
    short = [
        at for at, pair in enumerate(pairs) if len(pair.reply) <= _READ and any(map(str.isalnum, pair.reply))
    ]
    short = short[:MOST_READ]
    if not short or not meanings.can_read_meanings():
        return found
    rows = meanings_of([pairs[at] for at in short])
    above = {name: (rows @ way.weights - way.bound).tolist() for name, way in _ways().items()}
    for place, at in enumerate(short):
        passes = frozenset(name for name, scores in above.items() if scores[place] > 0)
        may_pass = frozenset(name for name, scores in above.items() if scores[place] > -_FAR)
        found[at] = Reading(passes, may_pass)
    return found


def meanings_of(pairs: Sequence[Pair], following: Next | None = None) -> Rows:
    """A row of numbers for each pair, of which there is at least one; the last number is always 1.

    `following` is read from `replies.json` if it is not given.
    """
    import numpy as np  # noqa: PLC0415  # part of the extra

    encoder = load_meanings()
    assert encoder, "the extra is not installed"
    rows = encoder.directions_of([one[:_READ] for side in zip(*pairs, strict=True) for one in side])
    asked, said = np.split(rows, 2)
    product = asked * said
    likeness = product.sum(axis=1, keepdims=True)
    nearness = (following or _next()).nearness(asked, said)
    words = np.array([reply_words(*pair) for pair in pairs], dtype=np.float32)
    powers = [_LIKENESS * likeness, _LIKENESS * likeness**2, nearness, nearness**2, nearness * likeness]
    return np.hstack(
        [
            _REPLY * said,
            _PRODUCT * product,
            _QUESTION * asked,
            _WORDS * words,
            *powers,
            np.ones_like(likeness),
        ]
    )


@cache
def _next() -> Next:
    import numpy as np  # noqa: PLC0415  # part of the extra

    table = weights_in("replies.json")["next"]
    asked, said = (
        np.frombuffer(b64decode(table[side]), dtype=np.int8).reshape(-1, table["width"])
        * np.float32(table["unit"])
        for side in ("asked", "said")
    )
    return Next(asked, said)


@cache
def _ways() -> Mapping[str, _Way]:
    import numpy as np  # noqa: PLC0415  # part of the extra

    return {
        name: _Way(np.array([one / _HUNDREDTHS for one in way["hundredths"]], dtype=np.float32), way["bound"])
        for name, way in weights_in("replies.json")["ways"].items()
    }
