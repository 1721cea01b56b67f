"""Finds the messages that begin a new topic. It is a hint, not a test: in small talk, people disagree about it, too.

A message gets points for signs of a new topic and loses points for signs against one; each counts at most one point,
only likeness counts two:

    + it opens something: a request, or a question about the other speaker
    + it answers an offer of more help ("anything else?")
    + the share of its content that is not in the last messages
    - it answers any other question
    - it has almost no content
    - 2 x likeness of the four messages before it and the four from it on (Hearst's TextTiling, 1997, by messages)

Logistic regression on the data of docs/topic.md gave the same ratios of weights, within 0.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.topics import vocabulary
from pytest_duolog.topics.terms import Terms, terms_in, weight_of
from pytest_duolog.transcripts.transcript import Message

# A message with this many points begins a new topic.
BOUNDARY_POINTS = 1.6
# How many messages on each side are compared, and in how many messages before it content counts as known.
WINDOW = 4
RECENT = 6
# A message with fewer terms has almost no content.
SOME_TERMS = 2
# Only the first sentences of a message can open a topic, at most this many.
OPENING_SENTENCES = 4


def find_boundaries(messages: Sequence[Message]) -> list[int]:
    """Positions, from 0, of the messages that begin a new topic, in order; never the first message."""
    contents = [text.heard(message.content) for message in messages]
    points = boundary_points(contents, list(map(terms_in, contents)))
    return [at for at, found in enumerate(points) if found >= BOUNDARY_POINTS]


def boundary_points(contents: Sequence[str], terms: Sequence[Terms]) -> list[float]:
    """The points for a new topic at each normalised message, -4 to 3; the first message has 0.

    Whether a message opens something is looked at only where it decides.
    """
    windows = _Windows(terms)
    points = [0.0] * min(1, len(contents))
    for at in range(1, len(contents)):
        asked = "?" in contents[at - 1]
        offered = asked and lexicon.OFFER.search(contents[at - 1])
        found = (
            (asked and offered)
            - (asked and not offered)
            - (len(terms[at]) < SOME_TERMS)
            + _news(terms[at], terms[max(0, at - RECENT) : at])
            - 2 * windows.likeness(at)
        )
        points.append(found + (found >= BOUNDARY_POINTS - 1 and opens_topic(contents[at])))
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
