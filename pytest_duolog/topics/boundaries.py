"""Finds the messages that begin a new topic. It is a hint, not a test: in small talk, people disagree about it, too.

A message gets points for signs of a new topic and loses points for signs against one:

    +1    it opens something: a request, or a question about the other speaker
    +1    it answers an offer of more help ("anything else?")
    +1/2  times the share of its content that is not in the last messages
    -1/2  it answers any other question
    -1/2  it has almost no content
    -1    the next message takes leave
    -2    times the likeness of the four messages before it and the four from it on (Hearst's TextTiling, 1997, by
          messages)

Logistic regression on half of the data of docs/topic.md gave ratios of weights near these. Of two neighbours that have
enough points, only the one with more begins a topic.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.closings import Cue
from pytest_duolog.topics import vocabulary
from pytest_duolog.topics.breaks import leave_in
from pytest_duolog.topics.terms import Terms, terms_in, weight_of
from pytest_duolog.transcripts.transcript import Message

# A message with this many points begins a new topic, unless a neighbour has more.
BOUNDARY_POINTS = 1.0
# The first topic has at least so many messages.
FEWEST = 2
# How many messages on each side are compared, and in how many messages before it content counts as known.
WINDOW = 4
RECENT = 6
# A message with fewer terms has almost no content.
SOME_TERMS = 2
# Only the first sentences of a message can open a topic, at most this many.
OPENING_SENTENCES = 4


def find_boundaries(messages: Sequence[Message]) -> list[int]:
    """Positions, from 0, of the messages that begin a topic, in order; neither of the first two, and no neighbours."""
    contents = [text.heard(message.content) for message in messages]
    points = boundary_points(contents, list(map(terms_in, contents)))
    rivals = [*points[1:], 0.0]
    return [
        at
        for at in range(FEWEST, len(points))
        if points[at] >= BOUNDARY_POINTS and points[at - 1] < points[at] >= rivals[at]
    ]


def boundary_points(contents: Sequence[str], terms: Sequence[Terms]) -> list[float]:
    """The points for a new topic at each normalised message, -3 to 2.5; the first message has 0.

    How a message opens, and whether the next one takes leave, is looked at only where it decides.
    """
    windows = _Windows(terms)
    points = [0.0] * min(1, len(contents))
    for at in range(1, len(contents)):
        asked = "?" in contents[at - 1]
        offered = asked and bool(lexicon.OFFER.search(contents[at - 1]))
        found = (
            offered
            - (asked and not offered) / 2
            - (len(terms[at]) < SOME_TERMS) / 2
            + _news(terms[at], terms[max(0, at - RECENT) : at]) / 2
            - 2 * windows.likeness(at)
        )
        if found >= BOUNDARY_POINTS - 1:
            found += opens_topic(contents[at])
        if found >= BOUNDARY_POINTS and at + 1 < len(contents):
            found -= leave_in(contents[at + 1]) >= Cue.ENOUGH
        points.append(found)
    return points


def opens_topic(normalised: str) -> bool:
    """Whether a text begins with a request, or with a question about the other speaker."""
    opening = text.sentences(normalised)[:OPENING_SENTENCES]
    within = "\n".join(opening)
    return any(vocabulary.NEW_TOPIC.search(sentence, within=within) for sentence in opening)


def _news(terms: Terms, before: Sequence[Terms]) -> float:
    """The share of the terms' weight that is new, 0 to 1; 0 without terms."""
    known = {term.stem for term in chain.from_iterable(before)}
    return weight_of(term for term in terms if term.stem not in known) / (weight_of(terms) or 1.0)


class _Windows:
    """The weighted counts of terms in the windows before and after each message; each is both, four messages apart."""

    def __init__(self, terms: Sequence[Terms]) -> None:
        self._terms = terms
        self._counts = lru_cache(maxsize=4 * WINDOW)(self._count)

    def likeness(self, at: int) -> float:
        """The cosine of the two windows' weighted counts of terms, 0 to 1."""
        left, left_length = self._counts(max(0, at - WINDOW), at)
        right, right_length = self._counts(at, min(at + WINDOW, len(self._terms)))
        shared = sum(weight * right[stem] for stem, weight in left.items() if stem in right)
        lengths = left_length * right_length
        return float(shared / lengths**0.5) if lengths else 0.0

    def _count(self, start: int, end: int) -> tuple[dict[str, float], float]:
        """The weight of each stem in a window, and the sum of the squares."""
        counts: dict[str, float] = {}
        for term in chain.from_iterable(self._terms[start:end]):
            counts[term.stem] = counts.get(term.stem, 0) + term.weight
        return counts, sum(w * w for w in counts.values())
