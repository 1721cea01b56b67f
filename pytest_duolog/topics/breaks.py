"""Finds the message from which on a dialogue is about something else, by what stands before and after it.

At each message, the messages before it are compared with the next ones. A break is where these speak for it:

    how much content of the next messages was not said before; with little said on a side, this says little
    + likeness within (mean of both sides, every second message against the others) - likeness of the sides
    + a greeting opens the message ("Hello?" is none: it asks who is there), or "hey", or an announcement
    + the message before takes leave, and it does not answer that
    + how many messages the dialogue lacks to two full windows: in few messages, chance finds less

Likeness needs vectors. Without them, the others decide.

This sees changes of subject in short messages, which have too little content for the curve (see `assess`). It does not
see where the dialogue comes back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_duolog.detectors.closings import ClosingDetector, Cue, read_leave
from pytest_duolog.topics import vocabulary
from pytest_duolog.topics.terms import GENERIC_WEIGHT, Terms, weight_of

if TYPE_CHECKING:
    import numpy as np

    from pytest_duolog.topics.vectors import Rows, Vector

    Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]

# A break has at least this score; dialogues about one thing seldom reach it (docs/topic.md).
BOUND = 1.18
# What the curve calls a stretch off topic is one if the clearest break is near its beginning and has this share of the
# bound. The curve alone says little: it falls in small talk that stays what it is.
SOME_BREAK = 0.85
# The weights beside that of new content, which is 1. What follows a goodbye may be an afterthought.
LIKENESS = 0.7
GREETS = 0.9
ANNOUNCES = 0.4
LEAVES = 0.3
# What so few messages on both sides say of new content is worth nothing: a square root, see `_size`.
NO_SIZE = 1.3
# Messages count if they name so many things on average: "uh-huh" and "right" are said to anything.
THINGS = 2.5
# Greetings and announcements stand in the first letters of a message, and goodbyes in the last ones.
HELLO_LETTERS = 40
LEAVE_LETTERS = 160
# So many messages after a break are compared, and so many must stand before it and follow it.
AHEAD = 12
BEFORE = 4
AFTER = 4
# In fewer messages, chance gives fewer points: this many for each one that is missing.
FEW = 2 * AHEAD
SHORT = 0.02
# Both sides need so many words that name things: goodbyes turn to nothing.
CONTENT = 4

_CALL = re.compile(r"\W*\w+(?:,? \w+)?\s*[?？]")


@dataclass(frozen=True)
class Break:
    """Where a dialogue turns to something else; `at` is a position from 0."""

    at: int
    score: float
    new: float
    """The share of the content from there on that was not said before."""
    greets: bool
    """Whether it begins with a greeting."""


def find_break(
    contents: Sequence[str],
    terms: Sequence[Terms],
    sum_of: Callable[[Terms], Vector] | None,
    *,
    least: float = BOUND,
) -> Break | None:
    """The clearest break of a dialogue, by its normalised messages and their terms; None if it has less than `least`.

    `sum_of` gives the sum of the vectors of terms; None compares words only. What follows a goodbye is read if it names
    things, one a message. The run time is proportional to the number of messages.
    """
    things = [0, *accumulate(sum(term.weight > GENERIC_WEIGHT for term in found) for found in terms)]
    found = _clearest(contents, terms, things, sum_of, least)
    if found is None:
        return None
    closings = ClosingDetector()
    for content in contents:
        closings.read(content[-LEAVE_LETTERS:])
    closing = closings.at_end()
    if closing is None or things[-1] - things[closing] >= len(terms) - closing:
        return found
    return _clearest(contents[:closing], terms[:closing], things, sum_of, least)


def _clearest(
    contents: Sequence[str],
    terms: Sequence[Terms],
    things: Sequence[int],
    sum_of: Callable[[Terms], Vector] | None,
    least: float,
) -> Break | None:
    n = len(terms)
    weights = [0.0, *accumulate(map(weight_of, terms))]
    known = _known_ahead(terms)
    gaps = _gaps(terms, sum_of) if sum_of and n >= BEFORE + AFTER else None
    short = SHORT * max(0, FEW - n)
    best: Break | None = None
    for at in range(BEFORE, n - AFTER + 1):
        end = min(n, at + AHEAD)
        before, after = things[at], things[end] - things[at]
        if min(before, after) < CONTENT:
            continue
        new = 1 - known[at] / (weights[end] - weights[at])
        size = _size(min(at, AHEAD, before / THINGS), min(end - at, after / THINGS))
        score = short + (size - NO_SIZE) * new + (LIKENESS * float(gaps[at]) if gaps is not None else 0.0)
        wanted = best.score if best else least
        if score + GREETS + LEAVES < wanted:
            continue
        opening = contents[at][:HELLO_LETTERS]
        greets = False
        if vocabulary.OPENING.search(opening):
            hello = vocabulary.HELLO.search(opening)
            greets = hello and not _CALL.match(contents[at])
            score += GREETS if greets else ANNOUNCES * (not hello)
        if score + LEAVES < wanted:
            continue
        leaves = leave_in(contents[at - 1]) >= Cue.ENOUGH and leave_in(contents[at]) is Cue.NONE
        score = round(score + LEAVES * leaves, 3)
        if score >= least and (best is None or score > best.score):
            best = Break(at, score, round(new, 2), greets)
    return best


def leave_in(content: str) -> Cue:
    """What the last letters of a normalised message say about taking leave."""
    return read_leave(content[-LEAVE_LETTERS:]).cue


def _size(before: float, after: float) -> float:
    """How much so many messages on both sides can say: the root of half their harmonic mean."""
    return float((before * after / (before + after)) ** 0.5)


def _gaps(terms: Sequence[Terms], sum_of: Callable[[Terms], Vector]) -> Numbers:
    """For each position, how much more like each other the messages of a side are than the two sides."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    rows = np.stack([sum_of(found) for found in terms])
    odd = rows.copy()
    odd[::2] = 0
    start = np.arange(len(terms))
    end = np.minimum(len(terms), start + AHEAD)
    sums, odds = (np.concatenate([np.zeros_like(rows[:1]), part.cumsum(axis=0)]) for part in (rows, odd))
    before, after = sums[start], sums[end] - sums[start]
    odd_before, odd_after = odds[start], odds[end] - odds[start]
    within = _cosines(odd_before, before - odd_before) + _cosines(odd_after, after - odd_after)
    gaps: Numbers = within / 2 - _cosines(before, after)
    return gaps


def _cosines(one: Rows, other: Rows) -> Numbers:
    """The cosine of the angle between each row and its counterpart; 0 if one has no length."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines: Numbers = (one * other).sum(axis=1, dtype=np.float64) / np.where(lengths == 0, 1, lengths)
    return cosines


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
