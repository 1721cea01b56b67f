"""Decides for each message whether it adds anything to the messages before it.

A message adds nothing in four ways: it repeats earlier text (`repeat`), it is long and mostly made of earlier text
(`rephrased`), it has no words (`empty`), or it only thanks, says goodbye, acknowledges or offers help (`ritual`). Two
more kinds add almost nothing: a message that names nothing new (`vague`), and a sign of listening (`listening`).
Healthy dialogues have such messages, too, but not many in a row.

Earlier text is kept in sets, so that the time for a message depends only on its own length.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.stale import Stale

# A message is a repeat if this share of its word trigrams occurred before, and at most this share of its words is new.
# One new word in a short message is news: "What is the capital of Peru?" in a drill.
REPEATED_TRIGRAMS = 0.62
NEW_WORDS = 0.10

# A message with this many letters is rephrased at a lower share. In healthy dialogues a tenth of the trigrams occurred
# before.
LONG = 90
REPHRASED_TRIGRAMS = 0.35
REPHRASED_NEW_WORDS = 0.20

# Of the content words of a ritual message, at most this share is new in the dialogue, and at most this share is outside
# the social vocabulary. One such word is always allowed; more new ones than this are news.
NEW_CONTENT = 0.15
FOREIGN_CONTENT = 0.50
NEWS = 4
# After both said goodbye, a message up to this length is a ritual without social words if it has little new text.
LAST_WORDS = 12
LAST_NEW_WORDS = 3

# A vague message has at least this many words, and at most this many new ones, plus one for each this many words.
VAGUE_WORDS = 4
VAGUE_NEWS = 2
VAGUE_LENGTH = 15

# A message with this many new words, and more for its length, is not stale; its phrases need not be searched.
MUCH_NEWS = 9

# If this many of the last few messages are rituals or symbols, a message with only small talk is a ritual, too.
RUN = 2
LATELY = 3

# A number that grows by at most this much, next to this many equal words, is a counter and not news; so are several
# that grow or shrink together. Machines need fewer words: "08:00:21 opening session 1003".
COUNTER_STEP = 6
COUNTER_WORDS = 4
COUNTER_WORDS_OF_MACHINES = 2


_WORDLESS = (Stale.RITUAL, Stale.EMPTY)

Trigram = tuple[str, ...]


class Said(NamedTuple):
    """One message as the detectors read it: its words and word trigrams in order, and the different trigrams.

    `new` are the words that no message before it had, `news` those of them that have content.
    """

    normalised: str
    words: Sequence[str]
    trigrams: Sequence[Trigram]
    different: frozenset[Trigram]
    new: frozenset[str]
    news: frozenset[str]


@dataclass
class StalenessReader:
    """Reads the messages of a dialogue in order."""

    _trigrams: set[Trigram] = field(default_factory=set)
    _words: set[str] = field(default_factory=set)
    _symbols: set[str] = field(default_factory=set)
    _numbers: set[tuple[str, ...]] = field(default_factory=set)
    _counters: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    _wordless: deque[bool] = field(default_factory=lambda: deque(maxlen=LATELY))

    def heard(self, normalised: str) -> Said:
        """The next message as the detectors read it; it counts as said once it is read."""
        words = text.words(normalised)
        trigrams = text.ngrams(words, 3)
        new = frozenset(words) - self._words
        return Said(
            normalised, words, trigrams, frozenset(trigrams), new, frozenset(filter(lexicon.is_news, new))
        )

    def read(
        self, message: Said, *, after_goodbye: bool = False, is_structured: bool = False
    ) -> Stale | None:
        """How the next message is stale; None if it is not. Later messages are compared with it.

        In text that machines write, any new word or number is news, except the only new one if it grew by one.
        """
        words = tuple(message.words)
        numbers = text.numbers_in(message.normalised, words)
        frame = tuple([word for word in words if not word[0].isdigit()]) if numbers else words
        has_value = (
            is_structured and message.new and not _counts_on(self._counters.get(frame, ()), numbers, by=1)
        )
        stale = (
            None
            if has_value and not lexicon.POLITE.search(message.normalised)
            else self._judge(
                message, frame, numbers, after_goodbye=after_goodbye, is_structured=is_structured
            )
        )
        if is_structured and stale is Stale.LISTENING:
            stale = Stale.REPEAT
        self._trigrams |= message.different
        self._words |= message.new
        self._numbers.add(numbers)
        self._counters[frame] = numbers
        if not words:
            self._symbols.update(message.normalised)
        self._wordless.append(stale in _WORDLESS)
        return stale

    def _judge(
        self,
        message: Said,
        frame: tuple[str, ...],
        numbers: tuple[str, ...],
        *,
        after_goodbye: bool,
        is_structured: bool,
    ) -> Stale | None:
        words = message.words
        if not words:
            symbols = {symbol for symbol in message.normalised if not symbol.isspace()}
            is_known = len(symbols) <= 1 or symbols <= self._symbols | lexicon.SYMBOLS
            return Stale.EMPTY if is_known or all(map(_is_punctuation, symbols)) else None
        fewest = COUNTER_WORDS_OF_MACHINES if is_structured else COUNTER_WORDS
        if len(frame) >= fewest and _counts_on(self._counters.get(frame, ()), numbers):
            return Stale.REPEAT
        new = sum(map(message.new.__contains__, words)) / len(words) if message.new else 0.0
        if new > REPHRASED_NEW_WORDS:  # as in most messages: whatever was said before
            return self._judge_fresh(message, numbers, after_goodbye=after_goodbye)
        said = self._n_said(message) / len(message.trigrams)
        if said >= REPEATED_TRIGRAMS and new <= NEW_WORDS and numbers in self._numbers:
            return Stale.LISTENING if lexicon.LISTENING.issuperset(words) else Stale.REPEAT
        if said >= REPHRASED_TRIGRAMS and new <= REPHRASED_NEW_WORDS and sum(map(len, words)) >= LONG:
            return Stale.REPHRASED
        return self._judge_fresh(message, numbers, after_goodbye=after_goodbye)

    def _n_said(self, message: Said) -> int:
        """How many of the trigrams of a message occurred before."""
        if len(message.different) == len(message.trigrams):
            return len(message.different & self._trigrams)
        return sum(map(self._trigrams.__contains__, message.trigrams))

    def _judge_fresh(self, message: Said, numbers: tuple[str, ...], *, after_goodbye: bool) -> Stale | None:
        """Whether the new words of a message have content."""
        normalised, words = message.normalised, message.words
        n_words_of_news = len(message.news)
        if n_words_of_news > MUCH_NEWS + len(words) // VAGUE_LENGTH:
            return None
        most = max(NEWS - 1, LAST_NEW_WORDS, VAGUE_NEWS + len(words) // VAGUE_LENGTH)
        may_agree = lexicon.AGREEING.may_be_in(normalised)
        if n_words_of_news > most and not may_agree and not lexicon.POLITE.may_be_in(normalised):
            return None  # no phrase takes any of them away
        beside, n_phrases = lexicon.POLITE.subn(" ", normalised)
        if n_phrases or may_agree:
            beside, n_agreeing = lexicon.AGREEING.subn(" ", beside)
            n_phrases += n_agreeing
        news = list(filter(lexicon.is_news, text.words(beside) if n_phrases else words))
        n_new = len(set(news) - self._words) if n_phrases else n_words_of_news
        has_new_number = not message.new.isdisjoint(numbers)
        if self._is_ritual(words, n_phrases, len(news), n_new, after_goodbye=after_goodbye):
            stale = Stale.RITUAL
        elif (
            n_new <= VAGUE_NEWS + len(words) // VAGUE_LENGTH
            and not has_new_number
            and len(words) >= VAGUE_WORDS
        ):
            stale = Stale.VAGUE
        else:
            return None
        is_question = lexicon.asks(normalised) and not lexicon.FAREWELL.search(normalised)
        return None if is_question else stale

    def _is_ritual(
        self, words: Sequence[str], n_phrases: int, n_news: int, n_new: int, *, after_goodbye: bool
    ) -> bool:
        content = [word for word in words if word not in lexicon.FUNCTION_WORDS]
        n_social = sum(map(lexicon.SOCIAL.__contains__, content))
        if n_phrases or n_social:
            allowed = min(max(1, n_social // 2, NEW_CONTENT * len(content)), NEWS - 1)
            return n_new <= allowed and n_news <= max(1, FOREIGN_CONTENT * len(content))
        if after_goodbye and len(words) <= LAST_WORDS and n_new <= LAST_NEW_WORDS:
            return True
        return not n_news and sum(self._wordless) >= RUN


def _is_punctuation(symbol: str) -> bool:
    return unicodedata.category(symbol)[0] == "P"


def _counts_on(before: tuple[str, ...], now: tuple[str, ...], *, by: int | None = None) -> bool:
    """Whether the numbers that differ go by small whole steps in one direction; or the only one has grown by `by`."""
    if len(before) != len(now):
        return False
    changed = [pair for pair in zip(before, now, strict=True) if pair[0] != pair[1]]
    if not changed or not all(map(_is_whole, chain.from_iterable(changed))):
        return False
    steps = [int(new) - int(old) for old, new in changed]
    if by is not None:
        return steps == [by]
    return max(map(abs, steps)) <= COUNTER_STEP and (min(steps) > 0 or max(steps) < 0)


def _is_whole(number: str) -> bool:
    return number.isascii() and number.isdigit() and len(number) < 10
