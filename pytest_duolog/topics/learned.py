"""Reads messages by learned weights and by what their pieces mean, with the sentence vectors of the extra `topic`.

Beside the features of `detectors/learned.py`, a piece has the vector of itself, of its message and of the next piece,
and its own once more if others serve its speaker. Sixteen languages share the space of these vectors, so what was
learned from messages in one is found in others. Messages with hardly a feature of their kind are not compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from pytest_duolog.detectors.learned import Spoken, clearest, pieces_of, total, weights_of
from pytest_duolog.topics.meanings import load_meanings

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows

# So many characters of a text have a vector; the vectors of what is around a piece count half.
_READ = 300
_AROUND = 0.5
# A score by words that is so far below the bound is not made up for by meanings.
_OUT_OF_REACH = 9.0


def first_of(kind: str, messages: Sequence[Spoken]) -> list[str | None]:
    """For each message the piece that says most clearly that it is of a kind; None where it is not.

    The extra must be installed.
    """
    import numpy as np  # noqa: PLC0415  # part of the extra

    weights = weights_of(kind, __package__)
    directions = np.array(weights.directions, dtype=np.float32)
    pieces = [pieces_of(message) for message in messages]
    scores = [[weights.score(piece.features) for piece in own] for own in pieces]
    near = [at for at, own in enumerate(scores) if own and total(own) > weights.bound - _OUT_OF_REACH]
    for at, rows in zip(near, meanings_of([messages[at] for at in near]), strict=True):
        scores[at] = [score + float(more) for score, more in zip(scores[at], rows @ directions, strict=True)]
    is_near = set(near)
    return [
        clearest(own, added, weights.bound) if at in is_near else None
        for at, (own, added) in enumerate(zip(pieces, scores, strict=True))
    ]


def meanings_of(messages: Sequence[Spoken]) -> list[Rows]:
    """For each message the vectors of its pieces: a row of 2,049 numbers for each piece."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    meanings = load_meanings()
    assert meanings, "the extra is not installed"
    pieces = [[piece.said[:_READ] for piece in pieces_of(message)] for message in messages]
    texts = list(dict.fromkeys(chain(*pieces, (message.content[:_READ] for message in messages))))
    row_of = dict(zip(texts, meanings.directions_of(texts), strict=True)) if texts else {}
    found = []
    for message, own in zip(messages, pieces, strict=True):
        each = np.stack([row_of[piece] for piece in own])
        whole = np.broadcast_to(row_of[message.content[:_READ]], each.shape)
        after = np.concatenate([each[1:], np.zeros_like(each[:1])])
        helped = np.full((len(own), 1), float(message.part.is_helped), dtype=np.float32)
        found.append(np.hstack([each, _AROUND * whole, _AROUND * after, each * helped, _AROUND * helped]))
    return found
