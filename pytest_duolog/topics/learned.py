"""Reads messages by learned weights and by what their pieces mean, with the sentence vectors of the extra `topic`.

Beside the features of `detectors/learned.py`, a piece has the vector of itself, of its message and of the next piece,
and its own once more if others serve its speaker. Sixteen languages share the space of these vectors, so what was
learned from messages in one is found in others. Messages with hardly a feature of their kind are not compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from pytest_duolog.detectors.learned import Spoken, clearest, pieces_of, total, weights_of
from pytest_duolog.topics.meanings import MOST_READ, load_meanings

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows

# So many characters of a text have a vector; the vectors of what is around a piece count half.
_READ = 300
_AROUND = 0.5
# So many messages have their vectors at once: each has up to 14 pieces.
_AT_ONCE = 64
# A score by words that is so far below the bound is not made up for by meanings.
_OUT_OF_REACH = 9.0


def first_of(kind: str, messages: Sequence[Spoken]) -> list[str | None]:
    """For each message the piece that says most clearly that it is of a kind; None where it is not.

    At most MOST_READ different messages are compared, those that are nearest by their words. The extra must be
    installed.
    """
    import numpy as np  # noqa: PLC0415  # part of the extra

    weights = weights_of(kind, __package__)
    directions = np.array(weights.directions, dtype=np.float32)
    pieces = {message: pieces_of(message) for message in messages}
    scores = {message: [weights.score(piece.features) for piece in own] for message, own in pieces.items()}
    by_words = {message: total(own) for message, own in scores.items() if own}
    reach = weights.bound - _OUT_OF_REACH
    near = sorted((one for one, score in by_words.items() if score > reach), key=by_words.__getitem__)
    near = near[-MOST_READ:]
    found: dict[Spoken, str | None] = {}
    for start in range(0, len(near), _AT_ONCE):
        read = near[start : start + _AT_ONCE]
        for message, rows in zip(read, meanings_of(read), strict=True):
            added = [
                score + float(more) for score, more in zip(scores[message], rows @ directions, strict=True)
            ]
            found[message] = clearest(pieces[message], added, weights.bound)
    return [found.get(message) for message in messages]


def meanings_of(messages: Sequence[Spoken]) -> list[Rows]:
    """For each message, of which there is at least one, the vectors of its pieces: a row of 2,049 numbers each."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    encoder = load_meanings()
    assert encoder, "the extra is not installed"
    pieces = [[piece.said[:_READ] for piece in pieces_of(message)] for message in messages]
    rows = encoder.directions_of([*chain(*pieces), *(message.content[:_READ] for message in messages)])
    ends = list(accumulate(map(len, pieces), initial=0))
    found = []
    for message, whole, (start, end) in zip(messages, rows[ends[-1] :], pairwise(ends), strict=True):
        each = rows[start:end]
        around = np.broadcast_to(whole, each.shape)
        after = np.concatenate([each[1:], np.zeros_like(each[:1])])
        helped = np.full((len(each), 1), float(message.part.is_helped), dtype=np.float32)
        found.append(np.hstack([each, _AROUND * around, _AROUND * after, each * helped, _AROUND * helped]))
    return found
