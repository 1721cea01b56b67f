"""Reads messages by learned weights and by what their pieces mean, with the sentence vectors of the extra `topic`.

Beside the features of `detectors/learned.py`, a piece has the vector of itself, of its message and of the next piece,
and its own once more if others serve its speaker. Where the system prompt is known, it has its vector, and its products
with those of piece and message, number by number: they tell who speaks for whom. Sixteen languages share the space of
these vectors, so what was learned from messages in one is found in others. Messages with hardly a feature of their kind
are not compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from pytest_duolog.detectors.learned import LEAVES, THINKS, Spoken, clearest, pieces_of, total, weights_of
from pytest_duolog.topics.meanings import MOST_READ, load_meanings

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows

# So many characters of a text have a vector; the vectors of what is around a piece, and of the prompt, count half.
_READ = 300
_AROUND = 0.5
# The numbers of a product are small; a likeness is their sum.
_PRODUCT, _PRODUCT_AROUND, _LIKENESS = 10.0, 5.0, 2.0
# So many messages have their vectors at once: each has up to 14 pieces.
_AT_ONCE = 64
# A score by words that is so far below the bound is not made up for by meanings.
_OUT_OF_REACH = {THINKS: 17.0, LEAVES: 20.0}


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
    reach = weights.bound - _OUT_OF_REACH[kind]
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
    """For each message, of which there is at least one, what its pieces mean: a row of 3,588 numbers each."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    encoder = load_meanings()
    assert encoder, "the extra is not installed"
    pieces = [[piece.said[:_READ] for piece in pieces_of(message)] for message in messages]
    prompts = list(dict.fromkeys(message.part.prompt for message in messages if message.part.prompt))
    rows = encoder.directions_of([*chain(*pieces), *(one.content[:_READ] for one in messages), *prompts])
    ends = list(accumulate(map(len, pieces), initial=0))
    wholes = rows[ends[-1] :]
    prompted = dict(zip(prompts, wholes[len(messages) :], strict=True))
    nothing = np.zeros_like(rows[0])
    found = []
    for message, whole, (start, end) in zip(messages, wholes, pairwise(ends), strict=False):
        each = rows[start:end]
        after = np.concatenate([each[1:], nothing[None]])
        prompt = prompted.get(message.part.prompt, nothing)
        of_message = [
            _AROUND * whole,
            _AROUND * prompt,
            _PRODUCT_AROUND * whole * prompt,
            [
                _LIKENESS * (whole @ prompt),
                _AROUND * bool(message.part.prompt),
                _AROUND * message.part.is_helped,
            ],
        ]
        around = np.broadcast_to(np.concatenate(of_message), (len(each), 3 * len(whole) + 3))
        products = [_PRODUCT * each * prompt, _LIKENESS * (each @ prompt)[:, None]]
        of_pieces = [each, _AROUND * after, each * message.part.is_helped, *products]
        found.append(np.hstack([*of_pieces, around]).astype(np.float32))
    return found
