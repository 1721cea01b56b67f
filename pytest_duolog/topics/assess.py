"""Measures how closely a dialogue is related to its topic, as a whole and from each message on.

There are two measures, both between 0 and 1:

- Relation to a **stated topic**: the share of the statement's content words that occur in the dialogue. With vectors
  this share has the weight 1/3, and the mean cosine of the nearest third of the messages has the weight 2/3: most
  messages of a good dialogue are about details that its topic does not name.
- Relation of the next messages to **the messages before**: they are compared with everything that stayed on topic and
  with the statement; the larger value counts. By words, it is the share of their content that occurred before; by
  vectors, two thirds of the cosine of the sums, or half of that share if this is larger.

A dialogue drifts at a message if the second measure falls below the threshold, both sides have enough content to
compare, and there is a second sign: the message begins a new topic (see `boundaries`), or there is much content to
compare. It is back on topic when the measure is twice the threshold. Greetings, closings and short acknowledgements
have too little content to compare, so they are never drift. A dialogue without a statement is searched for a break as
well (see `breaks`); it drifts at a clear one, and nothing drifts in it without any.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from pytest_duolog.detectors import text
from pytest_duolog.topics.boundaries import boundary_points
from pytest_duolog.topics.breaks import BOUND, SOME_BREAK, Break, find_break
from pytest_duolog.topics.terms import Term, Terms, names_things, terms_in, terms_of, weight_of
from pytest_duolog.topics.vectors import NAME, WordVectors, cosine, load_vectors
from pytest_duolog.transcripts.transcript import Transcript

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Vector

WORDS = "words"

# Measures below this are off topic. In the data of docs/topic.md, dialogues that stay on topic are never below it where
# it counts, with either method.
THRESHOLD = 0.1
# Weights of vectors and of equal words; with them, one threshold fits both methods.
VECTOR_SHARE = 2 / 3
SAME_WORDS_SHARE = 1 / 2
# The share of the messages, the nearest ones, that is compared with a stated topic.
NEAREST = 3
# How many messages are measured together, how many of them must have content, and how much content the messages before
# and after must have: next to a boundary, and without one.
WINDOW = 6
FEWEST_MESSAGES = 3
SOME_CONTENT = 16.0
MUCH_CONTENT = 60.0
# A message with this many points for a new topic turns to one: slightly more than a boundary needs.
TURNS = 1.1
# Back on topic only well above the threshold, so that a measure near it does not switch at every message.
BACK = 2.0
# The number of different words that are compared by meaning; novels have fewer. Further ones are compared as words.
MOST_WORDS = 20_000


@dataclass(frozen=True)
class TopicAssessment:
    """How closely a dialogue is related to a topic; positions count from 0."""

    statement: str | None
    """None if the dialogue was compared with its own opening."""
    score: float | None
    """0 to 1; None if there is too little to measure. Without a statement, the mean of the curve."""
    method: str
    """`words`, or `vectors` with their name."""
    curve: tuple[float | None, ...]
    """For each message, how closely the messages from it on are related to what stayed on topic before it."""
    stretches: tuple[tuple[int, int], ...]
    """First and last position of each stretch that drifted, in order."""
    turn: Break | None = None
    """Where a dialogue without a statement, and without such a stretch, turns to something else."""

    @property
    def first_drift(self) -> int | None:
        """The first message that is about something else; None if nothing drifted."""
        return self.stretches[0][0] if self.stretches else self.turn.at if self.turn else None


def assess_topic(
    transcript: Transcript, statement: str | None = None, *, threshold: float = THRESHOLD
) -> TopicAssessment:
    """How closely a transcript is related to a stated topic or, without one, to its own opening.

    A dialogue whose score for the statement is below the threshold is off topic from its first message with content.
    The run time is proportional to the transcript's length.
    """
    vectors = load_vectors()
    stated = terms_of(statement or "")
    by_meaning = _TopicByVectors(stated, vectors) if vectors else None
    topic = by_meaning or _TopicByWords(stated)
    contents = [text.heard(message.content) for message in transcript.messages]
    terms = list(map(terms_in, contents))
    points = boundary_points(contents, terms)
    curve, stretches = _follow(topic, terms, points, threshold)
    score = _mean(curve) if statement is None else topic.score(terms)
    if statement is not None and score is not None and score < threshold:
        first = next(at for at, found in enumerate(terms) if names_things(found))
        stretches = [(first, len(terms) - 1)]
    turn = None
    if statement is None and threshold:
        sum_of = by_meaning.sum_of if by_meaning else None
        bound = BOUND * THRESHOLD / threshold
        turn = find_break(contents, terms, sum_of, least=bound * SOME_BREAK)
        stretches = [one for one in stretches if turn and abs(one[0] - turn.at) <= WINDOW]
        turn = turn if turn and turn.score >= bound and not stretches else None
    return TopicAssessment(statement, score, topic.method, tuple(curve), tuple(stretches), turn)


def _mean(curve: Sequence[float | None]) -> float | None:
    measured = [value for value in curve if value is not None]
    return round(sum(measured) / len(measured), 4) if measured else None


def _follow(
    topic: _TopicByWords, terms: Sequence[Terms], points: Sequence[float], threshold: float
) -> tuple[list[float | None], list[tuple[int, int]]]:
    """The curve, and the stretches that drifted; a stretch that drifted does not become part of the topic."""
    curve: list[float | None] = []
    stretches: list[tuple[int, int]] = []
    drifted_at: int | None = None
    weights = [weight_of(found) for found in terms]
    for at, found in enumerate(terms):
        window = [ahead for ahead in terms[at : at + WINDOW] if ahead]
        content = min(topic.content, sum(weights[at : at + WINDOW]))
        enough = min(topic.n_messages, len(window)) >= FEWEST_MESSAGES and content >= SOME_CONTENT
        value = topic.nearness(window) if enough else None
        curve.append(value)
        turns = points[at] >= TURNS or content >= MUCH_CONTENT
        if drifted_at is None and value is not None and value < threshold and turns:
            drifted_at = at
        elif drifted_at is not None and _is_back(topic, found, value, threshold):
            stretches.append((drifted_at, at - 1))
            drifted_at = None
        if drifted_at is None:
            topic.add(found)
    if drifted_at is not None:
        stretches.append((drifted_at, len(terms) - 1))
    return curve, stretches


def _is_back(topic: _TopicByWords, found: Terms, ahead: float | None, threshold: float) -> bool:
    """Whether the dialogue is on topic again from this message on."""
    return bool(found) and min(ahead or 0.0, topic.nearness([found])) >= BACK * threshold


class _TopicByWords:
    """A statement and the messages that stayed on topic, by the words in them."""

    method = WORDS

    def __init__(self, stated: Terms) -> None:
        self.content = weight_of(stated)
        self.n_messages = 0
        self._stated = stated
        self._said = {term.stem for term in stated}

    def add(self, found: Terms) -> None:
        """Add a message that is on topic."""
        self.content += weight_of(found)
        self.n_messages += bool(found)
        self._said.update(term.stem for term in found)

    def score(self, terms: Sequence[Terms]) -> float | None:
        """How closely messages are related to the statement, 0 to 1; None if one of them has no content."""
        said = {term.stem for term in chain.from_iterable(terms)}
        return _share(self._stated, said) if self._stated and any(map(names_things, terms)) else None

    def nearness(self, window: Sequence[Terms]) -> float:
        """How closely messages are related to the statement or to the topic so far, the larger of both, 0 to 1."""
        return max(self.relation(window), self.score(window) or 0.0)

    def relation(self, window: Sequence[Terms]) -> float:
        """How closely messages are related to the topic so far, 0 to 1."""
        return _share(list(chain.from_iterable(window)), self._said)


class _TopicByVectors(_TopicByWords):
    """The same by the meaning of the words, and with a small weight by the words themselves."""

    method = NAME

    def __init__(self, stated: Terms, vectors: WordVectors) -> None:
        super().__init__(stated)
        self._vectors = vectors
        self._words = {term.word for term in stated}
        self.sum_of = cache(self._find_sum_of)  # each message is in several windows
        self._aim = self._sum = vectors.sum_of(stated)

    def _find_sum_of(self, found: Terms) -> Vector:
        if len(self._words) < MOST_WORDS:
            self._words.update(term.word for term in found)
        else:
            found = tuple(term for term in found if term.word in self._words)
        return self._vectors.sum_of(found)

    def add(self, found: Terms) -> None:
        super().add(found)
        self._sum = self._sum + self.sum_of(found)

    def score(self, terms: Sequence[Terms]) -> float | None:
        share = super().score(terms)
        if share is None:
            return None
        cosines = sorted(cosine(self._aim, self.sum_of(found)) for found in terms if found)
        nearest = cosines[-max(1, len(cosines) // NEAREST) :]
        likeness = max(0.0, sum(nearest) / len(nearest))
        return round((1 - VECTOR_SHARE) * share + VECTOR_SHARE * likeness, 4)

    def relation(self, window: Sequence[Terms]) -> float:
        first, *others = map(self.sum_of, window)
        likeness = VECTOR_SHARE * cosine(self._sum, sum(others, first))
        return round(max(likeness, SAME_WORDS_SHARE * super().relation(window)), 4)


def _share(terms: Sequence[Term], said: AbstractSet[str]) -> float:
    """The share of the terms' weight whose stems are in `said`, 0 to 1."""
    return round(weight_of(term for term in terms if term.stem in said) / weight_of(terms), 4)
