"""Finds loops in which nothing is said in ever new words: by likeness to sentences that say nothing, not by a list.

Speakers who ask each other which one is meant, leave the first word to each other, or declare the dialogue over again
and again repeat no words and use no set phrase. But each of their messages is near one of a few sentences
(`idle.toml`), and hardly any has a word that was not said before.

A message scores its largest likeness to these sentences, times exp(-new words / NEWS). Mere acknowledgements and the
goodbye score 0. A loop is a stretch of WINDOW messages with a high mean, where the speaker with the lower mean counts
half, and new words are taken off once more; or OWN_WINDOW messages of one speaker that are near the sentences of who
has not understood or cannot help.

The vectors are of English words, so only English is found. Nothing is compared where too many words are new, so long
messages cost nothing.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import exp
from typing import TYPE_CHECKING, NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.loops import Loop, runs
from pytest_duolog.topics.vectors import NAME, WordVectors, folder_of_vectors, load_vectors
from pytest_duolog.transcripts.transcript import Message

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows

WINDOW = 12
OWN_WINDOW = 6
# New words with content in a message reduce its score to a third at this number; of a speaker alone, at the second.
NEWS = 3.0
OWN_NEWS = 9.0
# From the mean score of a window, its mean number of new words is taken with this weight. Short everyday talk is near
# these sentences as well ("How far?", "Tell me when."), and has twice as many new words.
NEWS_WEIGHT = 0.12
# A longer message, in characters, says something; and these words alone, at most so many, only acknowledge.
LONGEST = 240
ACKNOWLEDGED = 4
# No message is nearer than this to a sentence, except its copies, which other detectors find.
NEAREST = 0.9
# So many texts are read in one step, with their pieces in memory; so few are compared in one step, because OpenBLAS
# multiplies larger matrices in threads, which wait for each other longer than they work.
_AT_ONCE = 1024
_COMPARED_AT_ONCE = 8

_TABLES = tomllib.loads(resources.files(__package__).joinpath("idle.toml").read_text("utf-8"))
SHARED_BOUND: float = _TABLES["shared_bound"]
OWN_BOUND: float = _TABLES["own_bound"]
SEEDS: Mapping[str, Sequence[str]] = _TABLES["seeds"]
# The kinds of seeds that a speaker who only deflects is near to, and how the loop is called.
_DEFLECTING = ("not-understood", "cannot")
AGREEING = "agreeing"
KINDS = ("clarifying", "yielding", "ending", AGREEING)
_DEFLECTION = "deflection"
_ACKNOWLEDGES = lexicon.LISTENING | frozenset(_TABLES["acknowledges"].split())


class _Idle(NamedTuple):
    """How near a message is to saying nothing: to any sentence, the kind of the nearest, and to a deflection."""

    nearness: float = 0.0
    kind: str = _DEFLECTION
    deflection: float = 0.0


def can_compare() -> bool:
    """Whether the extra's vectors are installed."""
    return folder_of_vectors() is not None


def idle_loops(messages: Sequence[Message], n_news: Sequence[int], closing: int | None) -> list[Loop]:
    """The stretches of a dialogue in which both speakers, or one, say nothing in new words, in order.

    `n_news` is the number of new words with content in each message, `closing` the position of the goodbye. Empty
    without the extra's vectors. The run time is proportional to the number of messages.
    """
    if len(messages) < WINDOW:
        return []
    rest = [exp(-n / NEWS) for n in n_news]
    said = [text.without_thinking(message.content) for message in messages]
    speakers = [message.speaker for message in messages]
    acknowledges = list(map(_acknowledges, said))
    counts = [_is_short(one) and not only for one, only in zip(said, acknowledges, strict=True)]
    for at in () if closing is None else (closing, closing + 1):
        counts[at : at + 1] = [False] * len(counts[at : at + 1])
    own = {name: [at for at, one in enumerate(speakers) if one == name] for name in dict.fromkeys(speakers)}
    own = {name: [at for at in places if not acknowledges[at]] for name, places in own.items()}
    own_rest = [
        exp(-n / OWN_NEWS) if short else 0.0 for n, short in zip(n_news, map(_is_short, said), strict=True)
    ]
    shared_rest = [one if counted else 0.0 for one, counted in zip(rest, counts, strict=True)]
    wanted = {
        at
        for start in _high(shared_rest, WINDOW, SHARED_BOUND / NEAREST)
        for at in range(start, start + WINDOW)
    }
    for places in own.values():
        high = _high([own_rest[at] for at in places], OWN_WINDOW, OWN_BOUND / NEAREST)
        wanted.update(places[at] for start in high for at in range(start, start + OWN_WINDOW))
    vectors = load_vectors() if wanted else None
    if vectors is None:
        return []
    reader = _reader(vectors)
    near = reader.read([one for at, one in enumerate(said) if at in wanted and own_rest[at]])
    idle = [near[one] if at in wanted and own_rest[at] else _Idle() for at, one in enumerate(said)]
    shared = [one * found.nearness for one, found in zip(shared_rest, idle, strict=True)]
    found = list(_shared_loops(shared, speakers, idle, n_news))
    for name, places in own.items():
        found += _own_loops([own_rest[at] * idle[at].deflection for at in places], places, name)
    return sorted(found, key=lambda loop: (loop.onset, -loop.end))


def _is_short(said: str) -> bool:
    return 0 < len(said) <= LONGEST


def _acknowledges(said: str) -> bool:
    if len(said) > LONGEST:
        return False
    words = text.words(text.normalise(said))
    return len(words) <= ACKNOWLEDGED and _ACKNOWLEDGES.issuperset(words)


def _high(values: Sequence[float], width: int, bound: float) -> Iterator[int]:
    """The beginnings of the windows whose mean reaches a bound."""
    total = sum(values[:width])
    for start in range(len(values) - width + 1):
        if start:
            total += values[start + width - 1] - values[start - 1]
        if round(total / width, 3) >= bound:
            yield start


def _shared_loops(
    values: Sequence[float], speakers: Sequence[str], idle: Sequence[_Idle], n_news: Sequence[int]
) -> Iterator[Loop]:
    inside = [False] * len(values)
    for start in _high(values, WINDOW, SHARED_BOUND):
        window = range(start, start + WINDOW)
        means = [
            _mean([values[at] for at in window if speakers[at] == one])
            for one in {speakers[at] for at in window}
        ]
        mean, lower = _mean([values[at] for at in window]), min(means) if len(means) > 1 else 0.0
        news = NEWS_WEIGHT * _mean([n_news[at] for at in window])
        if round((mean + lower) / 2 - news, 3) >= SHARED_BOUND:
            inside[start : start + WINDOW] = [True] * WINDOW
    for first, last in runs(inside):
        places = [at for at in range(first, last + 1) if values[at] >= SHARED_BOUND / 2]
        kinds = Counter(idle[at].kind for at in places)
        who = tuple(dict.fromkeys(speakers[at] for at in places))
        yield Loop(places[0], places[-1], kinds.most_common(1)[0][0], who, None)


def _own_loops(values: Sequence[float], places: Sequence[int], speaker: str) -> Iterator[Loop]:
    inside = [False] * len(values)
    for start in _high(values, OWN_WINDOW, OWN_BOUND):
        inside[start : start + OWN_WINDOW] = [True] * OWN_WINDOW
    for first, last in runs(inside):
        yield Loop(places[first], places[last], _DEFLECTION, (speaker,), None)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass
class _Reader:
    """Compares messages with the seeds: a row of `seeds` is the direction of one, of the kind at its place."""

    vectors: WordVectors
    kinds: Sequence[str]
    seeds: Rows

    def read(self, texts: Sequence[str]) -> dict[str, _Idle]:
        """How near each text is to saying nothing; equal texts are compared once."""
        different = list(dict.fromkeys(texts))
        found: dict[str, _Idle] = {}
        for start in range(0, len(different), _AT_ONCE):
            batch = different[start : start + _AT_ONCE]
            near = self._likenesses(batch)
            deflects = near[:, [kind in _DEFLECTING for kind in self.kinds]].max(axis=1)
            nearest = near.argmax(axis=1)
            for said, at, likeness, deflection in zip(
                batch, nearest.tolist(), near.max(axis=1).tolist(), deflects.tolist(), strict=True
            ):
                kind = _DEFLECTION if self.kinds[at] in _DEFLECTING else self.kinds[at]
                found[said] = _Idle(max(0.0, likeness), kind, max(0.0, deflection))
        return found

    def _likenesses(self, texts: Sequence[str]) -> Rows:
        """The cosine of each text, a row, and each seed, a column."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        rows = self.vectors.directions_of(texts)
        starts = range(0, len(rows), _COMPARED_AT_ONCE)
        return np.concatenate([rows[start : start + _COMPARED_AT_ONCE] @ self.seeds.T for start in starts])


@cache
def _reader(vectors: WordVectors) -> _Reader:
    if _TABLES["encoder"] != NAME:
        raise AssertionError(f"idle.toml has bounds for {_TABLES['encoder']}, not for {NAME}")
    kinds = [kind for kind, seeds in SEEDS.items() for _ in seeds]
    return _Reader(vectors, kinds, vectors.directions_of([one for s in SEEDS.values() for one in s]))
