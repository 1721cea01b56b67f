"""Finds loops: stretches of a dialogue in which nothing new is said.

A loop is a stretch in which nearly all messages of both speakers are stale (see `staleness`), or in which one speaker
is stuck: it says the same, or deflects, again and again, whatever the other one says.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import NamedTuple

from pytest_duolog.detectors import lexicon, text
from pytest_duolog.detectors.closings import ClosingDetector
from pytest_duolog.detectors.stale import Stale
from pytest_duolog.detectors.staleness import Said, StalenessReader, Trigram
from pytest_duolog.detectors.wrapping import unwrap

# A loop: of this many consecutive messages, all but one are stale. Rituals need one more than plain copies. Messages
# that are only vague need many more, of which two may be new: in healthy dialogues, at most 12 of 16 messages were
# vague.
WINDOW = 6
RITUAL_WINDOW = 7
VAGUE_WINDOW = 16
FRESH = 1
FRESH_BESIDE_VAGUE = 2

# One speaker is stuck after this many own messages in a row with the same words (at least this many words), or after
# the same number of messages that only deflect.
STUCK_MESSAGES = 5
STUCK_WORDS = 5
STUCK_LIKENESS = 0.8
# So is one who gives in so many of the last few own messages what that speaker gave before: a sentence of so many words
# at least (a question needs one less), half of the message, with hardly a word of news beside it.
AGAIN_MESSAGES = 5
AGAIN_OF = 7
AGAIN_WORDS = 5
AGAIN_NEWS = 2
AGAIN_SHARE = 0.5
# With more different ones among them, it goes through a list of questions again.
AGAIN_DIFFERENT = 3

# When searching the beginning of a loop, one new message has the weight of this many stale ones.
FRESH_WEIGHT = 2

# A goodbye and its answer are polite, not a loop. A loop of goodbyes begins after them and has at least this length.
MANNERS = 2
SHORTEST = 5
# So many messages before the goodbye may lead to it: thanks, and an offer of more.
LEAVE_TAKING = 2

LONGEST_PERIOD = 12
# The share of a loop's messages that are similar to the message one period before.
PERIODIC = 0.8

_COPIES = frozenset({Stale.REPEAT, Stale.EMPTY})
_ANY = frozenset(Stale)
_CERTAIN = frozenset({Stale.REPEAT, Stale.EMPTY, Stale.REPHRASED, Stale.RITUAL})
# Kinds of stale messages in a loop: the first ones need few messages, the others many.
_WINDOWS = ((WINDOW, FRESH, _COPIES), (RITUAL_WINDOW, FRESH, _CERTAIN))
_WIDE_WINDOWS = tuple(
    (VAGUE_WINDOW, FRESH_BESIDE_VAGUE, _CERTAIN | {kind}) for kind in (Stale.VAGUE, Stale.LISTENING)
)

# A window can be a loop only if fewer than so many of the last messages are in it.
_FRESH_KEPT = 1 + max(FRESH, FRESH_BESIDE_VAGUE)
_LONG_AGO = -1_000


@dataclass(frozen=True)
class Loop:
    """A stretch in which nothing new is said.

    `onset` and `end` are the positions of its first and last message, from 0. `kind` is the kind of its first messages:
    `repeat`, `rephrased`, `empty`, `ritual`, `vague`, `listening`, or, for one speaker alone, `stuck` or `deflection`;
    by likeness of meaning also the `KINDS` in `topics.idle`, and `blessing`. `speakers` are in the
    order in which they first added nothing. `period` is the number of messages after which the same message comes
    again; None if it comes in other words.
    """

    onset: int
    end: int
    kind: str
    speakers: tuple[str, ...]
    period: int | None

    def __len__(self) -> int:
        return self.end - self.onset + 1


class Heard(NamedTuple):
    """The facts about one message: its number of words, how many of them are new, and how it is stale.

    `repeats` is the position, from 0, of the first message with the same words; None if it is the first one.
    """

    n_words: int
    n_new: int
    stale: Stale | None
    repeats: int | None


@dataclass
class _Own:
    """The recent messages of one speaker: the positions since which it says the same, deflects, or echoes."""

    words: frozenset[Trigram] = frozenset()
    same: list[int] = field(default_factory=list)
    deflecting: list[int] = field(default_factory=list)
    echoing: list[int] = field(default_factory=list)
    sentences: set[tuple[str, ...]] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    """Messages whose sentences are not among these yet: most dialogues never need them."""
    echoes_questions: bool = False
    deflected: bool = False
    again: deque[tuple[int, tuple[str, ...] | None]] = field(default_factory=lambda: deque(maxlen=AGAIN_OF))
    """The last own messages, and of each what it gave again: a sentence, none for a deflection; None if nothing."""


@dataclass
class LoopDetector:
    """Reads the messages of a dialogue in order.

    `is_looping` says whether it is in a loop now, `is_over` whether both said goodbye and no question came later.
    """

    closings: ClosingDetector = field(default_factory=ClosingDetector)
    is_looping: bool = False
    is_over: bool = False
    _reader: StalenessReader = field(default_factory=StalenessReader)
    _stale: list[Stale | None] = field(default_factory=list)
    _speakers: list[str] = field(default_factory=list)
    _trigrams: list[frozenset[Trigram]] = field(default_factory=list)
    _inside: list[bool] = field(default_factory=list)
    _inside_wide: list[bool] = field(default_factory=list)
    _own: dict[str, _Own] = field(default_factory=dict)
    _heard: list[Heard] = field(default_factory=list)
    _said: dict[str, int] = field(default_factory=dict)
    _stuck: dict[int, Loop] = field(default_factory=dict)
    _fresh: deque[int] = field(default_factory=lambda: deque([_LONG_AGO] * _FRESH_KEPT, maxlen=_FRESH_KEPT))
    """The positions of the last messages that are not stale."""
    _n_news: list[int] = field(default_factory=list)
    _has_new_number: bool = False
    """Whether the last message has one."""
    _again: dict[str, list[Loop]] = field(default_factory=dict)

    def read(self, speaker: str, content: str) -> None:
        """Read the next message."""
        said, is_structured = unwrap(text.without_thinking(content))
        normalised = text.normalise(said)
        message = self._reader.heard(normalised)
        words, n_news = message.words, len(message.news)
        self.closings.read(normalised)
        stale = self._reader.read(message, after_goodbye=self.is_over, is_structured=is_structured)
        self._stale.append(stale)
        here = len(self._heard)
        first = self._said.setdefault(" ".join(words) or normalised.strip(), here)
        self._heard.append(Heard(len(words), len(message.new), stale, first if first < here else None))
        if self.closings.closing == len(self._stale) - 2:
            self.is_over = True
        elif self.is_over and stale not in _CERTAIN and lexicon.asks(normalised):
            self.is_over = False
        self._speakers.append(speaker)
        self._trigrams.append(message.different or frozenset([(normalised.strip(),)]))
        self._inside.append(False)
        self._inside_wide.append(False)
        if stale is None:
            self._fresh.append(here)
        is_marked = False
        if here - self._fresh[-1 - FRESH] >= WINDOW:
            for window in _WINDOWS:
                is_marked |= self._mark(self._inside, *window)
        if here - self._fresh[-1 - FRESH_BESIDE_VAGUE] >= VAGUE_WINDOW:
            for window in _WIDE_WINDOWS:
                is_marked |= self._mark(self._inside_wide, *window)
        # Who asks for the next thing and gets one is served: "Anything else?", "A green salad."; "How far?", "Mile 12."
        got_news, got_number = bool(here and self._n_news[-1]), self._has_new_number
        self._has_new_number = any(word[0].isdigit() for word in message.new)

        def is_served() -> bool:
            is_answered = got_number and "?" in normalised and len(text.sentences(normalised)) == 1
            return got_news and (is_answered or is_structured or lexicon.prompts(normalised))

        self._n_news.append(n_news)
        deflects = lexicon.deflects(normalised)
        is_stuck = self._watch(speaker, len(words), deflects=deflects, is_served=is_served)
        is_stuck |= self._watch_echo(speaker, asks="?" in normalised)
        is_stuck |= self._watch_again(speaker, message, deflects=deflects, is_served=is_served)
        self.is_looping = is_marked or is_stuck

    def _mark(self, inside: list[bool], width: int, fresh: int, kinds: frozenset[Stale]) -> bool:
        """Whether the last `width` messages, except `fresh` ones, are a loop of these kinds; then they are marked."""
        start = len(self._stale) - width
        recent = self._stale[start:] if start >= 0 else ()
        if len(recent) - recent.count(None) < width - fresh:
            return False
        hits = [at for at, stale in enumerate(recent, start) if stale in kinds]
        if len(hits) < width - fresh:
            return False
        involved = {self._speakers[at] for at in hits}
        if len(involved) < 2 and len(involved.union(self._own)) > 1:
            return False
        first, last = hits[0], hits[-1]
        inside[first : last + 1] = [True] * (last + 1 - first)
        return True

    def _watch(self, speaker: str, n_words: int, *, deflects: bool, is_served: Callable[[], bool]) -> bool:
        """Whether this speaker is stuck, whatever the other one says."""
        own = self._own.setdefault(speaker, _Own())
        here = len(self._stale) - 1
        trigrams = self._trigrams[here]
        same = n_words >= STUCK_WORDS and _likeness(own.words, trigrams) >= STUCK_LIKENESS and not is_served()
        if not same:
            own.same = []
        own.same.append(here)
        if deflects:
            own.deflecting.append(here)
        else:
            own.deflecting = []
        own.words = trigrams
        stuck = False
        for kind, positions in (("stuck", own.same), ("deflection", own.deflecting)):
            if len(positions) >= STUCK_MESSAGES:
                stuck = True
                loop = Loop(positions[1], here, kind, (speaker,), 1 if kind == "stuck" else None)
                self._stuck[loop.onset] = loop
        return stuck

    def _watch_echo(self, speaker: str, *, asks: bool) -> bool:
        """Whether this speaker gives back all that is new, questions too: who repeats a lesson does not ask."""
        own = self._own[speaker]
        here = len(self._stale) - 1
        is_echo = here > 0 and self._speakers[-2] != speaker and self._trigrams[-1] == self._trigrams[-2]
        is_echo = is_echo and self._stale[-2] not in _COPIES
        own.echoing = [*own.echoing, here] if is_echo else []
        own.echoes_questions = is_echo and (own.echoes_questions or asks)
        if len(own.echoing) < STUCK_MESSAGES or not own.echoes_questions:
            return False
        self._stuck[own.echoing[0]] = Loop(own.echoing[0], here, "stuck", (speaker,), None)
        return True

    def _watch_again(
        self,
        speaker: str,
        message: Said,
        *,
        deflects: bool,
        is_served: Callable[[], bool],
    ) -> bool:
        """Whether this speaker gives what it gave before in most of its messages, if not in a row."""
        own = self._own[speaker]
        here = len(self._stale) - 1
        n_news = len(message.news)
        repeated = self._repeated(own, message) if n_news <= AGAIN_NEWS or deflects else []
        n_repeated = sum(map(len, repeated))
        is_again = n_repeated >= AGAIN_SHARE * len(message.words) and n_repeated > 0 and n_news <= AGAIN_NEWS
        is_again = (is_again or (deflects and own.deflected)) and not is_served()
        own.deflected |= deflects
        own.unread.append(message.normalised)
        own.again.append((here, (repeated[0] if repeated else ()) if is_again else None))
        if not is_again:
            return False
        positions = [at for at, again in own.again if again is not None]
        different = {again for _, again in own.again if again}
        if len(positions) < AGAIN_MESSAGES or len(different) > AGAIN_DIFFERENT:
            return False
        before = next((loop for loop in self._again.get(speaker, ()) if loop.end >= positions[0]), None)
        onset = before.onset if before else positions[0]
        kept = [loop for loop in self._again.get(speaker, ()) if loop is not before]
        self._again[speaker] = [*kept, Loop(onset, here, "stuck", (speaker,), None)]
        return True

    @staticmethod
    def _repeated(own: _Own, message: Said) -> list[tuple[str, ...]]:
        """The sentences of a message that its speaker gave before; none has a word that nobody said before."""
        known = [one for one in _telling_sentences(message.normalised) if message.new.isdisjoint(one)]
        if not known:
            return []
        for said in own.unread:
            own.sentences.update(_telling_sentences(said))
        own.unread.clear()
        return [sentence for sentence in known if sentence in own.sentences]

    @property
    def n_news(self) -> Sequence[int]:
        """The number of new words with content in each message so far, in order."""
        return self._n_news

    @property
    def heard(self) -> Sequence[Heard]:
        """The facts about each message so far, in order."""
        return self._heard

    def loops(self) -> list[Loop]:
        """The loops so far, in order, without overlaps."""
        found = [*self._shared_loops(), *self._stuck.values()]
        found += [
            again
            for again in chain.from_iterable(self._again.values())
            if not any(loop.onset <= again.end and again.onset <= loop.end for loop in found)
        ]
        found.sort(key=lambda loop: (loop.onset, -loop.end))
        kept: list[Loop] = []
        for loop in found:
            if not kept or loop.onset > kept[-1].end:
                kept.append(loop)
        return kept

    def _shared_loops(self) -> Iterator[Loop]:
        for start, end in runs([any(marks) for marks in zip(self._inside, self._inside_wide, strict=True)]):
            kinds, onset = self._first_of(start, end)
            onset = self._reached_back(onset, kinds)
            closing = self.closings.closing
            if closing is not None and closing - SHORTEST < onset < closing + MANNERS:
                onset = closing + MANNERS
            while onset < end and self._stale[onset] not in kinds:
                onset += 1
            # Thanks, an offer, and the goodbye with which the dialogue ends are manners as well.
            ends_it = closing is not None and onset < closing and end <= closing + 1
            if ends_it and closing is not None and closing - LEAVE_TAKING - onset < SHORTEST:
                continue
            if end - onset + 1 >= SHORTEST:
                yield self._described(onset, end)

    def _first_of(self, start: int, end: int) -> tuple[frozenset[Stale], int]:
        """The kinds of a marked stretch and its beginning; vague messages before a loop must be a loop themselves."""
        plain = next((at for at in range(start, end + 1) if self._inside[at]), None)
        if plain is None or plain - start >= VAGUE_WINDOW:
            return _ANY, start
        return _CERTAIN, plain

    def _reached_back(self, onset: int, kinds: frozenset[Stale]) -> int:
        """The earliest message of these kinds from which on such messages outweigh the others."""
        weight = most = 0
        for at in range(onset - 1, -1, -1):
            weight += 1 if self._stale[at] in kinds else -FRESH_WEIGHT
            if weight > most:
                onset, most = at, weight
            elif most - weight > 2 * FRESH_WEIGHT:
                break
        return onset

    def _described(self, onset: int, end: int) -> Loop:
        stale = [at for at in range(onset, end + 1) if self._stale[at]]
        first = Counter(kind for at in stale[:WINDOW] if (kind := self._stale[at]))
        speakers = tuple(dict.fromkeys(self._speakers[at] for at in stale))
        return Loop(onset, end, first.most_common(1)[0][0].value, speakers, self._period(onset, end))

    def _period(self, onset: int, end: int) -> int | None:
        for period in range(1, LONGEST_PERIOD + 1):
            pairs = [(at - period, at) for at in range(onset + period, end + 1)]
            alike = sum(_likeness(self._trigrams[a], self._trigrams[b]) >= STUCK_LIKENESS for a, b in pairs)
            if pairs and alike >= PERIODIC * len(pairs):
                return period
        return None


def _telling_sentences(normalised: str) -> Iterator[tuple[str, ...]]:
    """The words of each sentence of a message that is long enough to be known again."""
    for sentence in text.sentences(normalised):
        words = text.words(sentence)
        if len(words) >= AGAIN_WORDS - ("?" in sentence):
            yield words


def _likeness(one: frozenset[Trigram], other: frozenset[Trigram]) -> float:
    """The share of common trigrams, 0 to 1."""
    n_common = len(one & other)
    return n_common / (len(one) + len(other) - n_common) if one or other else 0.0


def runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """The first and last position of each sequence of true flags."""
    for is_inside, run in groupby(enumerate(flags), key=lambda item: item[1]):
        if is_inside:
            positions = [at for at, _ in run]
            yield positions[0], positions[-1]
