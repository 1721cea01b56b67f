"""Finds the message from which on a dialogue is about something else, by the vectors of what stands before and after.

At each message, the messages before it are compared with the next ones. In a dialogue about one thing, both sides are
about as like each other as each side is in itself. A break is where they are not:

    likeness within (mean of both sides, every second message against the others)
    - likeness of the sides
    - share of the content after it that was said before

This sees changes of subject in short messages, which have too little content for the curve (see `assess`). It does not
see where the dialogue comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_duolog.topics.terms import Terms, weight_of
from pytest_duolog.topics.vectors import cosine

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Vector

# A break has at least this score; without one, healthy dialogues seldom reach it (docs/topic.md).
BOUND = 0.15
# So many messages after a break are compared, and so many must stand before it and follow it.
AHEAD = 12
BEFORE = 4
AFTER = 4
# Both sides need so much content.
CONTENT = 24.0
# The break is the best of so many positions from the first one that reaches the bound.
NEIGHBOURS = 5


@dataclass(frozen=True)
class Break:
    """Where a dialogue turns to something else; `at` is a position from 0, the likenesses are cosines."""

    at: int
    between: float
    """How like the messages from there on are to those before."""
    within: float
    """How like the messages of each side are to one another."""


def find_break(
    terms: Sequence[Terms], sum_of: Callable[[Terms], Vector], *, bound: float = BOUND
) -> Break | None:
    """The first break of a dialogue, by the terms of its messages; None if there is none.

    `sum_of` gives the sum of the vectors of terms. The run time is proportional to the number of messages.
    """
    import numpy as np  # noqa: PLC0415  # part of the extra

    n = len(terms)
    if n < BEFORE + AFTER:
        return None
    rows = np.stack([sum_of(found) for found in terms])
    sums = np.concatenate([np.zeros_like(rows[:1]), rows.cumsum(axis=0, dtype=np.float32)])
    odd = rows.copy()
    odd[::2] = 0
    odds = np.concatenate([np.zeros_like(rows[:1]), odd.cumsum(axis=0, dtype=np.float32)])
    weights = [weight_of(found) for found in terms]
    known = _known_ahead(terms)
    content = sum(weights[: BEFORE - 1])
    scored: list[tuple[float, Break]] = []
    for at in range(BEFORE, n - AFTER + 1):
        content += weights[at - 1]
        end = min(n, at + AHEAD)
        ahead = sum(weights[at:end])
        if min(content, ahead) < CONTENT:
            continue
        before, after = sums[at], sums[end] - sums[at]
        odd_before, odd_after = odds[at], odds[end] - odds[at]
        within = (cosine(odd_before, before - odd_before) + cosine(odd_after, after - odd_after)) / 2
        between = cosine(before, after)
        score = round(within - between - known[at] / ahead, 3)
        if scored or score >= bound:
            scored.append((score, Break(at, round(between, 2), round(within, 2))))
        if len(scored) == NEIGHBOURS:
            break
    return max(scored, key=lambda one: one[0])[1] if scored else None


def _known_ahead(terms: Sequence[Terms]) -> list[float]:
    """For each position, the weight of the next AHEAD messages' terms that were said before it."""
    first: dict[str, int] = {}
    steps = [0.0] * (len(terms) + 1)
    for at, found in enumerate(terms):
        for term in found:
            said = first.setdefault(term.stem, at)
            if said < at:
                steps[max(said + 1, at - AHEAD + 1)] += term.weight
                steps[at + 1] -= term.weight
    return list(accumulate(steps))
