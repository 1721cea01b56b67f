"""Finds loops in which nothing is said, by what was learned of messages that say nothing: not by a list.

`idle` knows kinds of saying nothing, each by a few sentences. But messages that say nothing, of whatever kind, also lie
on one side of the space of the sentence vectors, in whatever language. `empty.toml` has the direction: the weights of a
logistic regression, which `benchmarks/empty.py` learns from the labelled dialogues.

A message weighs its log-odds of saying nothing. A loop is a stretch of messages of both speakers with a high mean,
where the speaker with the lower mean counts once more; or some messages of one speaker with a higher mean. It begins
with the message from which on the sum is largest. It is called after the sentence of `idle` that is nearest to its
messages.

Vectors cost more than all other reading, so messages are read in turns, and a stretch is given up as soon as the others
would have to be unusually empty. Nothing is read where many words are new.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_duolog.detectors import text
from pytest_duolog.detectors.languages import language_of
from pytest_duolog.detectors.loops import SHORTEST, Loop, runs
from pytest_duolog.topics import idle, meanings
from pytest_duolog.topics.meanings import Asking, SentenceVectors, can_read_meanings, load_meanings
from pytest_duolog.transcripts.transcript import Message

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows, Vector

# A stretch of both speakers has so many messages, one of a single speaker so many of its own.
WINDOW = 8
OWN_WINDOW = 5
# Their mean number of new words is at most this, and in languages that the vectors do not have, of whose grammar less
# is known, at most that. Nothing else is read.
MOST_NEWS = 3.0
MOST_NEWS_ELSEWHERE = 4.2
# The speaker with the lower mean has this share in the mean of a stretch.
LOWER_SHARE = 0.3
# No single message weighs more, or less.
LEAST = -4.0
MOST = 4.0
# The goodbye and its answer are manners. They are not read.
PARTED = -2.0
# A stretch is given up if its mean would be too low even though all messages that are not read yet weighed so much.
REST = 1.0
# The order in which the messages of a stretch are read: far from each other, and now of one speaker, now of the other.
_ORDER = (0, 5, 2, 7, 4, 1, 6, 3)
# A longer message, in characters, says something.
LONGEST = 400
_STUCK = "stuck"


@dataclass(frozen=True)
class Weights:
    """The direction of messages that say nothing, and the bounds that belong to it, as `empty.toml` has them."""

    encoder: str
    shared_bound: float
    own_bound: float
    elsewhere: float
    """Added to the bounds in languages that the vectors do not have."""
    constant: float
    direction: Sequence[float]

    def scores_of(self, rows: Rows) -> list[float]:
        """The log-odds of saying nothing of each row's message, between LEAST and MOST."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        odds = rows @ self._direction + np.float32(self.constant)
        return [round(one, 3) for one in odds.clip(LEAST, MOST).tolist()]

    @cached_property
    def _direction(self) -> Vector:
        import numpy as np  # noqa: PLC0415  # part of the extra

        return np.array(self.direction, dtype=np.float32)


@cache
def load_weights() -> Weights:
    """The weights of the package."""
    return Weights(**tomllib.loads(resources.files(__package__).joinpath("empty.toml").read_text("utf-8")))


@dataclass(frozen=True)
class _Track:
    """Messages in order, of both speakers or of one, of which so many in a row may be a loop."""

    places: Sequence[int]
    width: int
    most_news: float
    bound: float
    is_shared: bool

    def windows(self, n_news: Sequence[int]) -> Iterator[_Window]:
        """The stretches with few new words."""
        news = list(accumulate((n_news[at] for at in self.places), initial=0))
        for start in range(len(self.places) - self.width + 1):
            if news[start + self.width] - news[start] <= self.most_news * self.width:
                yield _Window(self, start)


@dataclass(frozen=True)
class _Window:
    """A stretch of a track that may be a loop."""

    track: _Track
    start: int

    @property
    def places(self) -> Sequence[int]:
        return self.track.places[self.start : self.start + self.track.width]

    def may_reach(self, known: Mapping[int, float]) -> bool:
        """Whether the mean may reach the bound, by the messages that are known."""
        return sum(known.get(at, REST) for at in self.places) >= self.track.bound * self.track.width

    def reaches(self, known: Mapping[int, float], speakers: Sequence[str]) -> bool:
        """Whether it is a loop, once all its messages are known."""
        mean = _mean([known[at] for at in self.places])
        if self.track.is_shared:
            of_each = [
                [known[at] for at in self.places if speakers[at] == one]
                for one in {speakers[at] for at in self.places}
            ]
            lower = min(map(_mean, of_each)) if len(of_each) > 1 else LEAST
            mean = (1 - LOWER_SHARE) * mean + LOWER_SHARE * lower
        return round(mean, 3) >= self.track.bound


def empty_loops(
    messages: Sequence[Message], n_news: Sequence[int], closing: int | None, known: Sequence[Loop] = ()
) -> Asking[list[Loop]]:
    """The stretches of a dialogue in which both speakers, or one, say nothing, in order.

    `n_news` is the number of new words with content in each message, `closing` the position of the goodbye. What is in
    the `known` loops is not read. Empty without the extra's vectors. The run time is proportional to the number of
    messages.
    """
    if len(messages) < WINDOW or not can_read_meanings():
        return []
    said = [text.without_thinking(message.content) for message in messages]
    speakers = [message.speaker for message in messages]
    scores = {at: LEAST for at, one in enumerate(said) if not is_readable(one)}
    if closing is not None:
        scores.update(dict.fromkeys(range(closing, min(closing + 2, len(said))), PARTED))
    for loop in known:
        scores.update(dict.fromkeys(range(loop.onset, loop.end + 1), LEAST))
    tracks = _tracks(said, speakers)
    windows = [window for track in tracks for window in track.windows(n_news) if window.may_reach(scores)]
    encoder = load_meanings() if windows else None
    if encoder is None:
        return []
    dialogue = _Dialogue(said, speakers, scores)
    empty = yield from dialogue.read(windows)
    found: list[Loop] = []
    for track in tracks:
        inside = [False] * len(track.places)
        for window in empty:
            if window.track is track:
                inside[window.start : window.start + track.width] = [True] * track.width
        for first, last in runs(inside):
            loop = dialogue.loop_in(track, track.places[first : last + 1], encoder)
            is_free = all(loop.end < other.onset or other.end < loop.onset for other in found)
            if is_free and len(loop) >= SHORTEST:
                found.append(loop)
    return sorted(found, key=lambda loop: loop.onset)


def is_readable(said: str) -> bool:
    """Whether a message is short enough, and has a letter: pictures and symbols have no meaning in the vectors."""
    return len(said) <= LONGEST and any(map(str.isalpha, said))


def _tracks(said: Sequence[str], speakers: Sequence[str]) -> list[_Track]:
    """The messages of both, and those of each speaker that are no copies and do more than acknowledge."""
    weights = load_weights()
    is_known = language_of("\n".join(said)) in (*meanings.LANGUAGES, "en")
    more, most_news = (0.0, MOST_NEWS) if is_known else (weights.elsewhere, MOST_NEWS_ELSEWHERE)
    first = {one: at for at, one in reversed(list(enumerate(zip(speakers, said, strict=True))))}
    return [
        _Track(range(len(said)), WINDOW, most_news, weights.shared_bound + more, is_shared=True),
        *(
            _Track(
                sorted(
                    at for (one, what), at in first.items() if one == name and not idle.acknowledges(what)
                ),
                OWN_WINDOW,
                most_news,
                weights.own_bound + more,
                is_shared=False,
            )
            for name in dict.fromkeys(speakers)
        ),
    ]


@dataclass(frozen=True)
class _Dialogue:
    """The messages of a dialogue, their speakers, and what they weigh; the vectors of those that say nothing."""

    said: Sequence[str]
    speakers: Sequence[str]
    scores: dict[int, float]
    rows: dict[str, Vector] = field(default_factory=dict)

    def read(self, windows: Sequence[_Window]) -> Asking[Sequence[_Window]]:
        """Read the messages of the windows, in turns; the windows that are loops."""
        weights = load_weights()
        of_texts: dict[str, float] = {}
        while wanted := {at for window in windows if (at := self._next_in(window)) is not None}:
            new = sorted({self.said[at] for at in wanted} - of_texts.keys())
            if new:
                rows = yield new
                of_texts.update(zip(new, weights.scores_of(rows), strict=True))
                self.rows.update((one, row) for one, row in zip(new, rows, strict=True) if of_texts[one] > 0)
            self.scores.update({at: of_texts[self.said[at]] for at in wanted})
            windows = [window for window in windows if window.may_reach(self.scores)]
        return [window for window in windows if window.reaches(self.scores, self.speakers)]

    def _next_in(self, window: _Window) -> int | None:
        unread = [at for at in window.places if at not in self.scores]
        return min(unread, key=lambda at: _ORDER.index(at % len(_ORDER)), default=None)

    def loop_in(self, track: _Track, places: Sequence[int], encoder: SentenceVectors) -> Loop:
        """The loop in a stretch: it begins, and ends, where the sum of what its messages weigh is largest."""
        sums = list(accumulate((self.scores[at] for at in places), initial=0.0))
        start = min(range(len(places)), key=sums.__getitem__)
        end = max(range(start, len(places)), key=lambda at: sums[at + 1])
        inside = places[start : end + 1]
        empty = [at for at in inside if self.scores[at] > 0]
        kind = kind_of([self.rows[self.said[at]] for at in empty], encoder)
        if not track.is_shared and kind != idle.DEFLECTION:
            kind = _STUCK
        return Loop(
            inside[0], inside[-1], kind, tuple(dict.fromkeys(self.speakers[at] for at in empty)), None
        )


def kind_of(rows: Sequence[Vector], encoder: SentenceVectors) -> str:
    """The kind of sentences that messages with these vectors are nearest to, on average."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    nearness = idle.seeds_of(encoder).nearness(np.array(rows)).mean(axis=0)
    nearest = idle.SEEDED[nearness.argmax()]
    return idle.DEFLECTION if nearest in idle.DEFLECTING else nearest


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
