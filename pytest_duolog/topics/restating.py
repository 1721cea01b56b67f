"""Finds three messages of a speaker that say the same in ever new words, by sentence vectors (extra `topic`).

In a window of messages, the three of a speaker are taken whose sentences are nearest to each other. How near they are
says little by itself: all that is said on one subject is near. So a logistic regression weighs it against how near this
speaker's other messages are to each other and to those of the others. `restating.json` has its weights, and
`benchmarks/restating.py` makes it from labelled and public dialogues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.languages import language_of
from pytest_duolog.detectors.number_words import in_digits
from pytest_duolog.topics import meanings
from pytest_duolog.topics.meanings import MOST_READ, load_meanings, weights_in
from pytest_duolog.topics.rewording import is_frame, n_common

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Rows

# A window has so many messages, and the next one begins so many later.
WINDOW, STEP = 16, 8
TIMES = 3
_FEWEST_WORDS, _LONGEST = 3, 300
# A sentence with a smaller share of its message's words is said beside other things.
_SHARE = 1 / 3
# So many equal words at one end are a refrain, or the same frame about something else.
_REFRAIN = 4


# Digits, and numbers in Chinese and Japanese.
_DIGIT = re.compile(r"[\d二三四五六七八九十百千]")


class Said(NamedTuple):
    """What somebody says in one message."""

    speaker: str
    content: str


class Restated(NamedTuple):
    """The three nearest messages of a speaker in a window: their places, and the numbers that are weighed."""

    speaker: str
    places: tuple[int, ...]
    traits: tuple[float, ...]


def restated(said: Sequence[Said]) -> dict[str, tuple[int, ...]]:
    """By speaker, the places of three messages that say the same; at most MOST_READ messages are read."""
    if meanings.can_read_meanings():
        table = weights_in("restating.json")
        scored = [(_score(one.traits, table), one) for one in candidates(said)]
        return {one.speaker: one.places for score, one in sorted(scored) if score > table["bound"]}
    return {}


def candidates(said: Sequence[Said]) -> Iterator[Restated]:
    """The nearest three messages of each speaker in each window, if so many of them can be compared."""
    said = said[:MOST_READ]
    sentences = [list(_telling(one.content)) for one in said]
    if language_of("\n".join(one.content for one in said[:WINDOW])) not in (None, "en", *meanings.LANGUAGES):
        return
    flat = list(dict.fromkeys(sentence for own in sentences for sentence in own))
    encoder = load_meanings() if len(flat) >= TIMES else None
    if encoder is None:
        return
    rows = encoder.directions_of(flat)
    row_of = {sentence: row for row, sentence in enumerate(flat)}
    words = {sentence: text.words(sentence) for sentence in flat}
    for start in range(0, max(1, len(said) - WINDOW + STEP), STEP):
        places = [at for at in range(start, min(start + WINDOW, len(said))) if sentences[at]]
        near = {
            (one, other): _nearness([sentences[one], sentences[other]], rows, row_of, words)
            for one, other in combinations(places, 2)
        }
        for speaker in dict.fromkeys(said[at].speaker for at in places):
            own = [at for at in places if said[at].speaker == speaker]
            others = [at for at in places if said[at].speaker != speaker]
            if len(own) >= TIMES:
                yield _nearest(speaker, own, others, near)


def _nearness(
    pair: Sequence[Sequence[str]],
    rows: Rows,
    row_of: Mapping[str, int],
    words: Mapping[str, Sequence[str]],
) -> float:
    """How near the nearest sentences of two messages are, without the same ones and those with another value."""
    return max(
        (
            float(rows[row_of[one]] @ rows[row_of[other]])
            for one in pair[0]
            for other in pair[1]
            if words[one] != words[other] and not _is_refrain(words[one], words[other])
        ),
        default=0.0,
    )


def _is_refrain(words: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two sentences begin or end with the same words, and one value or a whole part is different."""
    common = max(n_common(words, other), n_common(words[::-1], other[::-1]))
    return is_frame(other, words) or _REFRAIN <= common < min(len(words), len(other))


def _nearest(
    speaker: str, own: Sequence[int], others: Sequence[int], near: Mapping[tuple[int, int], float]
) -> Restated:
    def closeness(places: Sequence[int]) -> tuple[float, float]:
        found = [near[pair] for pair in combinations(places, 2)]
        return min(found), sum(found) / len(found)

    least, mean, three = max(
        ((*closeness(three), three) for three in combinations(own, TIMES)), key=lambda one: one[0] + one[1]
    )
    among_own = sorted(near[pair] for pair in combinations(own, 2))
    across = [near[min(one, other), max(one, other)] for one in own for other in others]
    of_three = [[near[min(one, other), max(one, other)] for other in others] for one in three]
    to_others = sum(map(sum, of_three)) / max(1, TIMES * len(others))
    nearest_other = sum(max(row, default=0.0) for row in of_three) / TIMES
    among_others = [near[pair] for pair in combinations(others, 2)]
    traits = (
        least,
        mean,
        among_own[len(among_own) // 2],
        sum(among_own) / len(among_own),
        sum(across) / max(1, len(across)),
        to_others,
        nearest_other,
        sum(among_others) / max(1, len(among_others)),
        least - to_others,
        mean - nearest_other,
        log(len(own)),
        least * least,
    )
    return Restated(speaker, three, traits)


def _telling(content: str) -> Iterator[str]:
    """The sentences of a message that can say something again: no questions, courtesies, numbers, JSON or spelling."""
    heard = text.heard(content)
    n_words = text.n_words(heard)
    for sentence in () if heard.lstrip().startswith(("{", "[")) else text.sentences(heard):
        words = text.words(sentence)
        beside, n_polite = lexicon.POLITE.subn(" ", sentence)
        n_news = sum(map(lexicon.is_news, text.words(beside)))
        if (
            len(words) < max(_FEWEST_WORDS, _SHARE * n_words)
            or len(sentence) > _LONGEST
            or n_news < (2 if n_polite else 1)
            or any(mark in sentence for mark in "?？")
            or _DIGIT.search(in_digits(sentence))
            or text.is_spelled(words)
            or lexicon.LISTENING.issuperset(words)
            or lexicon.prompts(sentence)
        ):
            continue
        yield sentence


def _score(traits: Sequence[float], table: Mapping[str, Any]) -> float:
    weighed = (
        weight * (trait - mean) / deviation
        for trait, mean, deviation, weight in zip(
            traits, table["means"], table["deviations"], table["weights"], strict=True
        )
    )
    return float(table["constant"] + sum(weighed))
