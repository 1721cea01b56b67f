"""Finds loops in which nothing is said in ever new words: by likeness to sentences that say nothing, not by a list.

Speakers who ask each other which one is meant, leave the first word to each other, or declare the dialogue over again
and again repeat no words and use no set phrase. But each of their messages is near one of a few sentences
(`idle.toml`), and hardly any has a word that was not said before.

For each kind of these sentences, a message scores its largest likeness to one of them, times exp(-new words / NEWS).
Mere acknowledgements and the goodbye score 0. A loop is a stretch of messages with a high mean for one kind, where the
speaker with the lower mean counts half, and new words are taken off once more; or some messages of one speaker that are
near the sentences of who has not understood or cannot help. Healthy talk is near now this kind and now that one, so the
mean is higher the more messages of the stretch are nearest to its kind.

The words of an English message have vectors. Messages in fourteen other languages are compared with the same English
sentences by vectors of whole sentences, which cost more. Nothing is compared where too many words are new, so long
messages cost nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import accumulate
from math import exp
from typing import TYPE_CHECKING, NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.languages import language_of
from pytest_duolog.detectors.loops import Loop, runs
from pytest_duolog.topics import meanings, vectors
from pytest_duolog.topics.meanings import Asking, SentenceVectors, can_read_meanings, load_meanings
from pytest_duolog.topics.vectors import WordVectors, folder_of_vectors, load_vectors
from pytest_duolog.transcripts.transcript import Message

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows

# New words with content in a message reduce its score to a third at this number.
NEWS = 14.0
# From the mean score of a window, its mean number of new words is taken with this weight. Short everyday talk is near
# these sentences as well ("How far?", "Tell me when."), and has twice as many new words.
NEWS_WEIGHT = 0.03
# A window of both has at most this mean number of new words, a window of one so many. Nothing else is compared.
MOST_NEWS = 2.8
MOST_NEWS_OF_ONE = 2.6
# To the mean, this is added where all messages are nearest to the kind, and taken off where none is.
NEAREST_WEIGHT = 0.05
# A longer message, in characters, says something, a shorter one in Chinese or Japanese is only a name; and these words
# alone, at most so many, only acknowledge.
LONGEST = 240
SHORTEST_UNSPACED = 5
ACKNOWLEDGED = 4
# No stretch of both speakers, and none of one, is nearer than this on average to the sentences, except copies, which
# other detectors find.
NEAREST = 0.58
NEAREST_OF_ONE = 0.66
# So many texts are read in one step, with their pieces in memory; they are compared in steps with so many products of
# numbers, because OpenBLAS multiplies larger matrices in threads, which wait for each other longer than they work.
_AT_ONCE = 1024
_PRODUCTS_AT_ONCE = 2**18

_TABLES = tomllib.loads(resources.files(__package__).joinpath("idle.toml").read_text("utf-8"))
SEEDS: Mapping[str, Sequence[str]] = _TABLES["seeds"]
SEEDED = tuple(SEEDS)
BLESSING: Sequence[str] = _TABLES["blessing"].split()
# The kinds of seeds that a speaker who only deflects is near to, and how the loop is called.
DEFLECTING = ("not-understood", "cannot", "referring")
AGREEING = "agreeing"
KINDS = (
    "clarifying",
    "yielding",
    "ending",
    AGREEING,
    "apologising",
    "thanking",
    "planning",
    "waiting",
    "passing",
    "parting",
)
DEFLECTION = "deflection"
_COLUMNS = list(map(SEEDED.index, KINDS))
_DEFLECTING = list(map(SEEDED.index, DEFLECTING))
_ACKNOWLEDGES = lexicon.LISTENING | frozenset(_TABLES["acknowledges"].split())


@dataclass(frozen=True)
class _Way:
    """One way of comparing, as a table of `idle.toml` has it: so many messages, and the mean that makes them a loop."""

    encoder: str
    window: int
    fewest_stale: int
    """So many messages of a window are stale at least, and as many as a message has new words; 0 if any will do."""
    shared_bound: float
    own_window: int
    own_bound: float


_WORDS, _SENTENCES = _Way(**_TABLES["words"]), _Way(**_TABLES["sentences"])
SHORTEST = min(_WORDS.window, _SENTENCES.window)


class _Idle(NamedTuple):
    """How near a message is to the sentences of each of KINDS, and to a deflection, and the nearest of all."""

    nearness: Sequence[float] = (0.0,) * len(KINDS)
    deflection: float = 0.0
    kind: str | None = None


def can_compare() -> bool:
    """Whether the extra's vectors are installed."""
    return folder_of_vectors() is not None


def idle_loops(
    messages: Sequence[Message],
    n_news: Sequence[int],
    is_stale: Sequence[bool],
    closing: int | None,
    known: Sequence[Loop] = (),
) -> Asking[list[Loop]]:
    """The stretches of a dialogue in which both speakers, or one, say nothing in new words, in order.

    `n_news` is the number of new words with content in each message, `closing` the position of the goodbye. What is in
    the `known` loops is not compared. Empty without the extra's vectors. The run time is proportional to the number of
    messages.
    """
    if len(messages) < SHORTEST:
        return []
    said = [text.without_thinking(message.content) for message in messages]
    speakers = [message.speaker for message in messages]
    only = list(map(acknowledges, said))
    counts = [_is_short(one) and not polite for one, polite in zip(said, only, strict=True)]
    for at in () if closing is None else (closing, closing + 1):
        counts[at : at + 1] = [False] * len(counts[at : at + 1])
    own = {name: [at for at, one in enumerate(speakers) if one == name] for name in dict.fromkeys(speakers)}
    own = {name: [at for at in places if not only[at]] for name, places in own.items()}
    rest = [exp(-n / NEWS) if _is_short(one) else 0.0 for n, one in zip(n_news, said, strict=True)]
    for loop in known:
        rest[loop.onset : loop.end + 1] = [0.0] * len(loop)
    shared_rest = [one if counted else 0.0 for one, counted in zip(rest, counts, strict=True)]
    first = {
        (speaker, one): at
        for at, (speaker, one) in reversed(list(enumerate(zip(speakers, said, strict=True))))
    }
    own_rest = [0.0] * len(said)  # who gives a copy says nothing in new words
    for at in first.values():
        own_rest[at] = rest[at]
    starts = {way: _shared_starts(way, shared_rest, n_news, is_stale) for way in (_WORDS, _SENTENCES)}
    wanted = {way: _wanted(way, starts[way], n_news, own_rest, own.values()) for way in (_WORDS, _SENTENCES)}
    way = _way_of(said) if any(wanted.values()) else _WORDS
    encoder = _encoder_of(way) if wanted[way] else None
    if encoder is None:
        return []
    near = yield from _read([one for at, one in enumerate(said) if at in wanted[way] and rest[at]], encoder)
    idle = [near[one] if at in wanted[way] and rest[at] else _Idle() for at, one in enumerate(said)]
    found: list[Loop] = []
    for at, kind in enumerate(KINDS) if starts[way] else ():
        values = [one * near.nearness[at] for one, near in zip(shared_rest, idle, strict=True)]
        is_nearest = [near.kind == kind for near in idle]
        found += _shared_loops(
            way, kind, values, is_nearest, speakers=speakers, n_news=n_news, starts=starts[way]
        )
    for name, places in own.items():
        found += _own_loops(way, [own_rest[at] * idle[at].deflection for at in places], places, name)
    return sorted(found, key=lambda loop: (loop.onset, -loop.end))


def _shared_starts(
    way: _Way, shared_rest: Sequence[float], n_news: Sequence[int], is_stale: Sequence[bool]
) -> list[int]:
    """The beginnings of the windows of both that can be a loop, whatever their messages are near to."""
    most = [
        NEAREST * rest + NEAREST_WEIGHT - NEWS_WEIGHT * n for rest, n in zip(shared_rest, n_news, strict=True)
    ]
    news, stale = (list(accumulate(values, initial=0)) for values in (n_news, is_stale))

    def is_quiet(start: int) -> bool:
        end = start + way.window
        n_news_inside, n_stale = news[end] - news[start], stale[end] - stale[start]
        is_stale_enough = n_stale >= way.fewest_stale and n_news_inside <= way.window * n_stale
        return n_news_inside <= way.window * MOST_NEWS and (is_stale_enough or not way.fewest_stale)

    return list(filter(is_quiet, _high(most, way.window, way.shared_bound)))


def _wanted(
    way: _Way,
    starts: Sequence[int],
    n_news: Sequence[int],
    own_rest: Sequence[float],
    own: Iterable[Sequence[int]],
) -> set[int]:
    """The messages that can be in a loop, whatever they are near to."""
    wanted = {at for start in starts for at in range(start, start + way.window)}
    for places in own:
        for start in _high([own_rest[at] for at in places], way.own_window, way.own_bound / NEAREST_OF_ONE):
            window = places[start : start + way.own_window]
            if sum(n_news[at] for at in window) <= way.own_window * MOST_NEWS_OF_ONE:
                wanted.update(window)
    return wanted


def _way_of(said: Sequence[str]) -> _Way:
    """Sentences are compared in their languages only, and words in all others: there, only English ones are near."""
    is_foreign = can_read_meanings() and language_of("\n".join(said)) in meanings.LANGUAGES
    return _SENTENCES if is_foreign else _WORDS


def _is_short(said: str) -> bool:
    least = SHORTEST_UNSPACED if text.is_unspaced(said[:1]) else 1
    return least <= len(said) <= LONGEST


def acknowledges(said: str) -> bool:
    """Whether a message only says that it was heard, such as "Yes." and "I see."."""
    return len(said) <= LONGEST and _acknowledges(said)


@lru_cache(maxsize=256)  # each way to read a dialogue asks it
def _acknowledges(said: str) -> bool:
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
    way: _Way,
    kind: str,
    values: Sequence[float],
    is_nearest: Sequence[bool],
    *,
    speakers: Sequence[str],
    n_news: Sequence[int],
    starts: Sequence[int],
) -> Iterator[Loop]:
    inside = [False] * len(values)
    least = way.window * (way.shared_bound - 0.001)
    more = [
        (NEAREST_WEIGHT if nearest else -NEAREST_WEIGHT) - NEWS_WEIGHT * n
        for nearest, n in zip(is_nearest, n_news, strict=True)
    ]
    for start in starts:
        window = range(start, start + way.window)
        if sum(values[start : start + way.window]) + sum(more[start : start + way.window]) < least:
            continue
        means = [
            _mean([values[at] for at in window if speakers[at] == one])
            for one in {speakers[at] for at in window}
        ]
        mean, lower = _mean([values[at] for at in window]), min(means) if len(means) > 1 else 0.0
        if round((mean + lower) / 2 + _mean([more[at] for at in window]), 3) >= way.shared_bound:
            inside[start : start + way.window] = [True] * way.window
    for first, last in runs(inside):
        near = [at for at in range(first, last + 1) if values[at] >= way.shared_bound / 2]
        places = [at for at in near if is_nearest[at]] or near
        who = tuple(dict.fromkeys(speakers[at] for at in places))
        yield Loop(places[0], places[-1], kind, who, None)


def _own_loops(way: _Way, values: Sequence[float], places: Sequence[int], speaker: str) -> Iterator[Loop]:
    inside = [False] * len(values)
    for start in _high(values, way.own_window, way.own_bound):
        inside[start : start + way.own_window] = [True] * way.own_window
    for first, last in runs(inside):
        yield Loop(places[first], places[last], DEFLECTION, (speaker,), None)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _read(texts: Sequence[str], encoder: WordVectors | SentenceVectors) -> Asking[dict[str, _Idle]]:
    """How near each text is to saying nothing; equal texts are compared once."""
    different = list(dict.fromkeys(texts))
    found: dict[str, _Idle] = {}
    for start in range(0, len(different), _AT_ONCE):
        batch = different[start : start + _AT_ONCE]
        rows = encoder.directions_of(batch) if isinstance(encoder, WordVectors) else (yield batch)
        nearness = seeds_of(encoder).nearness(rows)
        nearest = nearness.argmax(axis=1).tolist()
        deflections = nearness[:, _DEFLECTING].max(axis=1).tolist()
        of_kinds = nearness[:, _COLUMNS].tolist()
        for said, kind, near, deflection in zip(batch, nearest, of_kinds, deflections, strict=True):
            found[said] = _Idle([max(0.0, one) for one in near], max(0.0, deflection), SEEDED[kind])
    return found


def _encoder_of(way: _Way) -> WordVectors | SentenceVectors | None:
    if way.encoder not in (vectors.NAME, meanings.NAME):
        raise AssertionError(f"idle.toml has bounds for {way.encoder}, which is not read")
    return load_vectors() if way is _WORDS else load_meanings()


class Seeds:
    """The sentences of SEEDS in the vectors of an encoder."""

    def __init__(self, encoder: WordVectors | SentenceVectors) -> None:
        self._rows = encoder.directions_of([one for seeds in SEEDS.values() for one in seeds])
        self._firsts = list(accumulate(map(len, SEEDS.values()), initial=0))[:-1]

    def nearness(self, rows: Rows) -> Rows:
        """The cosine of each row and of the nearest sentence of each kind, in the columns of SEEDED."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        step = max(1, _PRODUCTS_AT_ONCE // self._rows.size)
        likenesses = [rows[start : start + step] @ self._rows.T for start in range(0, len(rows), step)]
        return np.maximum.reduceat(np.concatenate(likenesses), self._firsts, axis=1)


@cache
def seeds_of(encoder: WordVectors | SentenceVectors) -> Seeds:
    """The sentences in these vectors, read once."""
    return Seeds(encoder)
