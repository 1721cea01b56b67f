"""Finds loops in which two speakers bless, thank and praise each other in ever new poetry.

Their messages may be long, and repeat nothing. But each of them has many words near a few words of blessing
(`blessing` in `idle.toml`), hardly any word that is new, and ends with no question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.loops import Heard, Loop, runs
from pytest_duolog.topics.idle import BLESSING
from pytest_duolog.topics.vectors import WordVectors, folder_of_vectors, load_vectors
from pytest_duolog.transcripts.transcript import Message

if TYPE_CHECKING:
    from pytest_duolog.topics.vectors import Vector

KIND = "blessing"
# So many messages of both in a row are a loop, with at least so many characters on average; short ones are compared in
# `idle`.
WINDOW = 8
LONG = 300
# At most this share of their words has content and is new in the dialogue.
NEWS = 0.1
# In each, at least this share of the words with content is as near to the words of blessing as NEAR.
SHARE = 0.05
NEAR = 0.2

# Who ends with a question, asks so many, or gives a number of some digits says something.
QUESTIONS = 3
_ASKS_AT_THE_END = re.compile(r"\?\W{,40}\Z")
_NUMBER = re.compile(r"\d{2}")


def blessing_loops(
    messages: Sequence[Message], heard: Sequence[Heard], n_news: Sequence[int], known: Sequence[Loop] = ()
) -> list[Loop]:
    """The stretches of a dialogue in which each message blesses, outside the `known` loops, in order.

    Empty without the extra's vectors. The run time is proportional to the number of messages.
    """
    if len(messages) < WINDOW:
        return []
    said = [text.without_thinking(message.content) for message in messages]
    speakers = [message.speaker for message in messages]
    is_out = list(map(_says_more, said))
    for loop in known:
        is_out[loop.onset : loop.end + 1] = [True] * len(loop)
    n_words = [one.n_words for one in heard]
    starts = [
        start
        for start in _quiet([len(one) for one in said], n_words, n_news, is_out)
        if len(set(speakers[start : start + WINDOW])) > 1
    ]
    encoder = load_vectors() if starts and folder_of_vectors() else None
    if encoder is None:
        return []
    places = sorted({at for start in starts for at in range(start, start + WINDOW)})
    words = [
        [word for word in text.words(text.normalise(said[at])) if word not in lexicon.FUNCTION_WORDS]
        for at in places
    ]
    different = list(dict.fromkeys(chain.from_iterable(words)))
    likenesses = (encoder.directions_of(different) @ _blessing(encoder)).tolist()
    near = {word for word, likeness in zip(different, likenesses, strict=True) if likeness >= NEAR}
    blesses = {
        at: sum(map(near.__contains__, one)) >= SHARE * len(one)
        for at, one in zip(places, words, strict=True)
    }
    inside = [False] * len(messages)
    for start in starts:
        if all(blesses[at] for at in range(start, start + WINDOW)):
            inside[start : start + WINDOW] = [True] * WINDOW
    return [
        Loop(first, last, KIND, tuple(dict.fromkeys(speakers[first : last + 1])), None)
        for first, last in runs(inside)
    ]


def _quiet(
    n_characters: Sequence[int], n_words: Sequence[int], n_news: Sequence[int], is_out: Sequence[bool]
) -> Iterator[int]:
    """The beginnings of the windows that can be a loop, whatever their words are near to."""
    lengths, words, news, out = (
        list(accumulate(values, initial=0)) for values in (n_characters, n_words, n_news, is_out)
    )
    for start in range(len(n_words) - WINDOW + 1):
        end = start + WINDOW
        is_long = lengths[end] - lengths[start] >= LONG * WINDOW
        if (
            is_long
            and out[end] == out[start]
            and news[end] - news[start] <= NEWS * (words[end] - words[start])
        ):
            yield start


def _says_more(said: str) -> bool:
    return bool(said.count("?") >= QUESTIONS or _ASKS_AT_THE_END.search(said) or _NUMBER.search(said))


@cache
def _blessing(encoder: WordVectors) -> Vector:
    """The mean direction of the words of blessing."""
    mean: Vector = encoder.directions_of(BLESSING).mean(axis=0)
    mean /= float(mean @ mean) ** 0.5
    return mean
