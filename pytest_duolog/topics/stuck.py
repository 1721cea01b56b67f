"""Finds a speaker who comes back to the same in ever new words, whatever the other one says, by learned weights.

A bot that sells, asks for a number, or refers to somebody else again and again repeats no sentence, and none of its
messages is empty by itself. It shows in how its messages are related: they are near each other and not near what they
answer, bring the same words in other sentences, and are of one length; while a drill brings other words in the same
sentence, and a form gets its answers.

So some messages in a row of one speaker, with those before and after them, have TRAITS: those by words, and those by
the vectors of sentences. A logistic regression over these numbers and their products, which `benchmarks/stuck.py`
learns from the labelled dialogues, says how likely it is that this speaker is stuck. Vectors are read only where the
traits by words leave it open.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import chain, pairwise
from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.loops import Loop, runs
from pytest_duolog.detectors.wrapping import unwrap
from pytest_duolog.topics import empty, idle
from pytest_duolog.topics.meanings import Asking, SentenceVectors, can_read_meanings, load_meanings
from pytest_duolog.transcripts.transcript import Message

if TYPE_CHECKING:
    import numpy as np

    from pytest_duolog.topics.vectors import Rows, Vector

    Places = np.ndarray[tuple[int], np.dtype[np.int64]]

# So many own messages in a row are looked at, with what is before and after each.
WINDOW = 5
# With more new words a message, of one's own or of the other one, with longer messages, or with lengths that differ
# more, hardly anybody in the labelled dialogues was stuck.
MOST_NEWS = 3.6
MOST_NEWS_OF_OTHER = 4.4
LONGEST_MEAN = 100
MOST_UNEVEN = 0.5
# Words count as equal if so many first letters are.
STEM = 5
# A message has the frame of earlier ones if this share of its pairs of words is in them.
SAME_FRAME = 1 / 3
# No more new words of a message are counted.
_MOST_COUNTED = 8
# The likeness of an answer that cannot be read.
_UNREAD = 0.25
# No trait counts more than if it were so many standard deviations from its mean.
_FARTHEST = 3.0
# Who scores less than this share of what the other one does is not stuck, but talks to somebody who is.
AS_STUCK = 2 / 3
STUCK = "stuck"

BY_WORDS = (
    "news",  # new words with content in an own message, and in the one before it
    "other_news",
    "taken_up",  # the share of its words that the message before it has, and of its new words that the next one has
    "taken_on",
    "fixed",  # in how many more own messages than others the most frequent word is, as a share
    "repeated",  # the share of its words that earlier own messages of the window have
    "asks",  # the share of own messages that ask, and of those before them
    "is_asked",
    "length",  # in hundreds of characters
    "other_length",
    "numbers",  # the share of own messages with a digit
    "framed",  # the share of pairs of words that earlier own messages have
    "filled",  # the share of own messages with a new word in an earlier frame
    "uneven",  # how much the lengths differ
)
BY_MEANING = (
    "alike",  # the likeness of each two own messages, and of each two that these answer
    "others_alike",
    "answers",  # the likeness to the message before, and after
    "is_answered",
    "empty",  # the log-odds of saying nothing of own messages, of the least empty one, and of those before
    "least_empty",
    "other_empty",
)
TRAITS = (*BY_WORDS, *BY_MEANING)


@dataclass(frozen=True)
class Judge:
    """What was learned about some traits: a sum above `bound` says that a speaker is stuck, or may be."""

    bound: float
    constant: float
    means: Sequence[float]
    deviations: Sequence[float]
    weights: Sequence[float]
    """Of each trait, then of the product of each two, the first with all in order, then the second with the rest."""

    def scores_of(self, traits: Rows) -> Vector:
        """The log-odds of the windows whose traits are the rows."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        scores: Vector = terms_of(traits, self.means, self.deviations) @ np.array(self.weights)
        return (scores + self.constant).round(3)


def terms_of(traits: Rows, means: Sequence[float], deviations: Sequence[float]) -> Rows:
    """What is weighed: each trait as deviations from its mean, and half the product of each two."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    scaled = ((traits - np.array(means)) / np.array(deviations)).clip(-_FARTHEST, _FARTHEST)
    first, second = _pairs_of(len(means))
    terms: Rows = np.hstack([scaled, scaled[:, first] * scaled[:, second] / 2])
    return terms


@cache
def _pairs_of(n: int, *, apart: bool = False) -> tuple[Places, Places]:
    """The places of each two of `n` things, the first with all in order, with themselves as well unless `apart`."""
    import numpy as np  # noqa: PLC0415  # part of the extra

    return np.triu_indices(n, int(apart))


class Judges(NamedTuple):
    """The first one sees traits by words only, and says which windows the second one sees."""

    words: Judge
    all: Judge


@cache
def load_judges() -> Judges:
    """The judges of the package."""
    found: Mapping[str, Any] = json.loads(
        resources.files(__package__).joinpath("stuck.json").read_text("utf-8")
    )
    return Judges(Judge(**found["words"]), Judge(**found["all"]))


def stuck_loops(
    messages: Sequence[Message], n_news: Sequence[int], known: Sequence[Loop] = ()
) -> Asking[list[Loop]]:
    """The stretches of a dialogue in which a speaker, or each of them, is stuck, outside the `known` loops, in order.

    `n_news` is the number of new words with content in each message. Empty without the extra's vectors. The run time is
    proportional to the number of messages.
    """
    if len(messages) < 2 * WINDOW or not can_read_meanings():
        return []
    dialogue = Heard(
        [text.without_thinking(one.content) for one in messages], [one.speaker for one in messages], n_news
    )
    is_known = [False] * len(messages)
    for loop in known:
        is_known[loop.onset : loop.end + 1] = [True] * len(loop)
    windows = [one for one in dialogue.windows() if not any(is_known[at] for at in one)]
    if not windows:
        return []
    import numpy as np  # noqa: PLC0415  # part of the extra

    words, judge = load_judges()
    by_words = np.array([dialogue.traits_by_words(one) for one in windows])
    is_open = words.scores_of(by_words) >= words.bound
    encoder = load_meanings() if is_open.any() else None
    if encoder is None:
        return []
    left = [one for one, is_left in zip(windows, is_open, strict=True) if is_left]
    places = dialogue.around(left)
    rows = dict(zip(places, (yield [dialogue.said[at] for at in places]), strict=True))
    by_meaning = np.array([dialogue.traits_by_meaning(one, rows) for one in left])
    scores = judge.scores_of(np.hstack([by_words[is_open], by_meaning]))
    found = [(one, float(score)) for one, score in zip(left, scores, strict=True) if score >= judge.bound]
    return list(dialogue.loops_in(found, rows, encoder))


class _Spoken(NamedTuple):
    """A message: its number of words, the beginnings of those with content, each two neighbours, and its signs."""

    n_words: int
    stems: frozenset[str]
    pairs: frozenset[tuple[str, ...]]
    asks: bool
    has_digit: bool


def _spoken(said: str) -> _Spoken:
    normalised = text.normalise(said)
    words = text.words(normalised)
    stems = frozenset(word[:STEM] for word in words if lexicon.is_news(word))
    pairs = frozenset[tuple[str, ...]](pairwise(words)) | {words[:1]}
    return _Spoken(len(words), stems, pairs, "?" in normalised, any(map(str.isdigit, said)))


@dataclass(frozen=True)
class Heard:
    """What was said in a dialogue, by whom, and the number of new words with content in each message."""

    said: Sequence[str]
    speakers: Sequence[str]
    n_news: Sequence[int]
    _known: dict[int, _Spoken] = field(default_factory=dict)

    def windows(self) -> Iterator[Sequence[int]]:
        """The places of own messages in a row that may be those of somebody who is stuck.

        Each answers somebody, is no copy and more than an acknowledgement; none is long or made by a machine.
        """
        for name in dict.fromkeys(self.speakers):
            places: list[int | None] = []
            copies: set[str] = set()
            for at in range(1, len(self.said)):
                said = self.said[at]
                if self.speakers[at] != name or said in copies or idle.acknowledges(said):
                    continue
                copies.add(said)
                if not empty.is_readable(said):
                    places += [None] if len(said) > empty.LONGEST else []
                elif self.speakers[at - 1] != name:
                    places.append(at)
            for start in range(len(places) - WINDOW + 1):
                window = [at for at in places[start : start + WINDOW] if at is not None]
                if len(window) == WINDOW and self._may_be_stuck(window):
                    yield window

    def _may_be_stuck(self, window: Sequence[int]) -> bool:
        if sum([self.n_news[at] for at in window]) > WINDOW * MOST_NEWS:
            return False
        lengths = [len(self.said[at]) for at in window]
        return (
            sum([self.n_news[at - 1] for at in window]) <= WINDOW * MOST_NEWS_OF_OTHER
            and sum(lengths) <= WINDOW * LONGEST_MEAN
            and _deviation(lengths) <= MOST_UNEVEN * sum(lengths) / WINDOW
            and not any(unwrap(self.said[at]).is_structured for at in window)
        )

    def traits_by_words(self, window: Sequence[int]) -> list[float]:
        """The values of BY_WORDS."""
        own = [self._spoken(at) for at in window]
        before = [self._spoken(at - 1) for at in window]
        news = [self.n_news[at] for at in window]
        lengths = [one.n_words for one in own]
        stems, pairs = set(own[0].stems), set(own[0].pairs)
        repeated, framed = [], []
        for one in own[1:]:
            repeated.append(_share(one.stems, stems))
            framed.append(_share(one.pairs, pairs))
            stems |= one.stems
            pairs |= one.pairs
        said_by = [Counter(chain.from_iterable([one.stems for one in side])) for side in (own, before)]
        return [
            sum([min(n, _MOST_COUNTED) for n in news]) / WINDOW,
            sum([min(self.n_news[at - 1], _MOST_COUNTED) for at in window]) / WINDOW,
            fmean([_share(one.stems, asked.stems) for one, asked in zip(own, before, strict=True)]),
            fmean([self._taken_on(at) for at in window]),
            max([n - said_by[1][stem] for stem, n in said_by[0].items()], default=0) / WINDOW,
            fmean(repeated),
            sum([one.asks for one in own]) / WINDOW,
            sum([one.asks for one in before]) / WINDOW,
            sum([len(self.said[at]) for at in window]) / WINDOW / 100,
            sum([min(len(self.said[at - 1]), empty.LONGEST) for at in window]) / WINDOW / 100,
            sum([one.has_digit for one in own]) / WINDOW,
            fmean(framed),
            sum([share >= SAME_FRAME and n > 0 for share, n in zip(framed, news[1:], strict=True)])
            / (WINDOW - 1),
            _deviation(lengths) / (sum(lengths) / WINDOW + 1),
        ]

    def _taken_on(self, at: int) -> float:
        """The share of the words that a message brings which the next one has."""
        brought = self._spoken(at).stems - self._spoken(at - 1).stems
        return _share(brought, self._spoken(at + 1).stems) if self._has_answer(at) else 0.0

    def around(self, windows: Sequence[Sequence[int]]) -> list[int]:
        """The places of the messages in these windows, and of those before and after each, that can be read."""
        places = {at + by for window in windows for at in window for by in (-1, 0, 1)}
        return [at for at in sorted(places) if at < len(self.said) and empty.is_readable(self.said[at])]

    def traits_by_meaning(self, window: Sequence[int], rows: Mapping[int, Vector]) -> list[float]:
        """The values of BY_MEANING, from the vectors of the messages around it."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        weights = empty.load_weights()
        first, second = _pairs_of(WINDOW, apart=True)
        own = np.array([rows[at] for at in window])
        before = np.array([rows.get(at - 1, np.zeros_like(own[0])) for at in window])
        answers = [
            float(rows[at] @ rows[at + 1]) if self._has_answer(at) and at + 1 in rows else _UNREAD
            for at in window
        ]
        emptiness = weights.scores_of(own)
        return [
            float((own @ own.T)[first, second].mean()),
            float((before @ before.T)[first, second].mean()),
            float((own * before).sum(axis=1).mean()),
            fmean(answers),
            fmean(emptiness),
            min(emptiness),
            fmean(weights.scores_of(before)),
        ]

    def _has_answer(self, at: int) -> bool:
        return at + 1 < len(self.said) and self.speakers[at + 1] != self.speakers[at]

    def _spoken(self, at: int) -> _Spoken:
        found = self._known.get(at)
        if found is None:
            found = self._known[at] = _spoken(self.said[at][: empty.LONGEST])
        return found

    def loops_in(
        self,
        found: Sequence[tuple[Sequence[int], float]],
        rows: Mapping[int, Vector],
        encoder: SentenceVectors,
    ) -> Iterator[Loop]:
        """The loops that these windows with their scores are: of one speaker, or of both if both are as stuck."""
        inside = [False] * len(self.said)
        for window, _ in found:
            inside[window[0] : window[-1] + 1] = [True] * (window[-1] + 1 - window[0])
        for first, last in runs(inside):
            within = [(window, score) for window, score in found if first <= window[0] <= last]
            most = {self.speakers[window[0]]: 0.0 for window, _ in within}
            for window, score in within:
                most[self.speakers[window[0]]] = max(most[self.speakers[window[0]]], score)
            stuck = [name for name, score in most.items() if score >= AS_STUCK * max(most.values())]
            places = sorted({at for window, _ in within for at in window if self.speakers[at] in stuck})
            kind = empty.kind_of([rows[at] for at in places], encoder)
            is_named = len(stuck) > 1 or kind == idle.DEFLECTION
            speakers = tuple(dict.fromkeys(self.speakers[at] for at in places))
            yield Loop(places[0], places[-1], kind if is_named else STUCK, speakers, None)


def _deviation(lengths: Sequence[int]) -> float:
    """The standard deviation of some lengths; that of `statistics` takes ten times as long."""
    n = len(lengths)
    return sqrt(n * sum([one * one for one in lengths]) - sum(lengths) ** 2) / n


def _share(some: frozenset[Any], others: frozenset[Any] | set[Any]) -> float:
    """The share of some things that are among the others; 0 if there is none."""
    return len(some & others) / max(1, len(some))
