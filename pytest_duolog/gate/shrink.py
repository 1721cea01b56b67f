"""Finds the shortest beginning of a failed dialogue from which the failure still follows often enough.

Models are not deterministic, so "follows" is a rate: the share of live continuations of a beginning that fail. The
search tries a beginning with a few continuations (a screen), and goes on with it if most of them fail. What it ends
with is then confirmed with new continuations, of which so many must fail that the true rate is below the stated one
only by chance. If that fails, the beginning before it is confirmed, at half the risk, and so on: all confirmations
share the risk. So at most a share `RISK` of the answers have a lower rate than they state.

Three passes: bisection over the length, then whole exchanges, then sentences are left out, in ever smaller parts
(delta debugging, Zeller and Hildebrandt 2002). Bisection assumes that the failure follows from a longer beginning if it
follows from a shorter one. Where that is not so, the answer is still confirmed, but a shorter one may exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from pytest_duolog.stats.binomial import probability_at_least
from pytest_duolog.stats.intervals import Interval, exact_lower_bound, wilson_interval
from pytest_duolog.transcripts.transcript import Message

History = tuple[Message, ...]
# Whether the failure followed from a beginning in these samples, numbered from 1; None is an error.
Hold = Callable[[History, range], Sequence[bool | None]]

RISK = 0.05
# A screen holds at most so many continuations; it passes if the share that fails is halfway from the rate to 1.
SCREEN = 8
# A confirmation holds at most so many, with numbers after those of the screen.
CONFIRM = 30
# So many errors of one beginning, and it is given up.
MOST_ERRORS = 3

_SENTENCE_END = re.compile(r"(?<=[.!?…])(\s+)|(\n+)")


class Ended(StrEnum):
    """How a search ended."""

    FOUND = "the failure follows at the stated rate"
    DOES_NOT_FOLLOW = "the failure does not follow at the stated rate, not even from the longest beginning"
    UNCONFIRMED = "new continuations did not confirm the stated rate for any beginning"
    UNANSWERED = "the continuations ended in errors"


@dataclass(frozen=True)
class Tried:
    """The continuations of one beginning: how many failed, of how many, and how many gave no outcome."""

    n_failed: int
    n: int
    n_errors: int = 0

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the rate."""
        return wilson_interval(self.n_failed, self.n)


@dataclass(frozen=True)
class Step:
    """One beginning that was tried: what was tried, its messages and words, and whether the search went on with it."""

    what: str
    n_messages: int
    n_words: int
    tried: Tried
    is_kept: bool


@dataclass(frozen=True)
class Shrunk:
    """The answer. `history` is empty unless the failure follows; `proof` are the continuations that confirm it.

    `at_least` is the lower bound of the rate, at the risk of its confirmation. `numbers` are the samples of the
    confirmation in which the failure followed.
    """

    ended: Ended
    rate: float
    history: History = ()
    proof: Tried = Tried(0, 0)
    at_least: float = 0.0
    numbers: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass
class _Search:
    hold: Hold
    rate: float
    watch: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)
    known: dict[tuple[tuple[str, str], ...], bool] = field(default_factory=dict)
    kept: list[History] = field(default_factory=list)
    n_answered: int = 0

    @property
    def needed(self) -> int:
        """How many of a screen must fail."""
        return min(SCREEN, int(SCREEN * (1 + self.rate) / 2 + 0.999))

    def follows(self, history: History, what: str) -> bool:
        """Whether most continuations of a beginning fail; equal ones are tried once."""
        key = tuple((message.speaker, message.content) for message in history)
        if key not in self.known:
            tried = Tried(0, 0)
            while not self._is_over(tried):
                first = tried.n + tried.n_errors + 1
                # No more than the nearer end needs, so none is held in vain.
                n_passed = tried.n - tried.n_failed
                n = min(self.needed - tried.n_failed, SCREEN - self.needed + 1 - n_passed)
                tried = _added(tried, self.hold(history, range(first, first + n)))
            self.n_answered += tried.n
            self.known[key] = tried.n_failed >= self.needed
            self._note(Step(what, len(history), n_words(history), tried, self.known[key]))
            if self.known[key]:
                self.kept.append(history)
        return self.known[key]

    def _is_over(self, tried: Tried) -> bool:
        passes = tried.n - tried.n_failed
        return tried.n_failed >= self.needed or passes > SCREEN - self.needed or tried.n_errors >= MOST_ERRORS

    def confirm(self, history: History, risk: float) -> tuple[Tried, tuple[int, ...], bool]:
        """New continuations of a beginning, the numbers of those that failed, and whether they prove the rate."""
        needed = failures_needed(CONFIRM, self.rate, risk)
        tried, numbers = Tried(0, 0), []
        first = SCREEN + MOST_ERRORS
        while tried.n_failed < needed and tried.n - tried.n_failed <= CONFIRM - needed:
            if tried.n_errors >= MOST_ERRORS:
                break
            n = min(needed - tried.n_failed, CONFIRM - needed + 1 - (tried.n - tried.n_failed))
            start = first + tried.n + tried.n_errors + 1
            found = self.hold(history, range(start, start + n))
            numbers += [start + at for at, one in enumerate(found) if one]
            tried = _added(tried, found)
        is_proven = tried.n_failed >= needed
        self._note(Step("confirmation", len(history), n_words(history), tried, is_proven))
        return tried, tuple(numbers), is_proven

    def _note(self, step: Step) -> None:
        self.steps.append(step)
        self.watch(step)


def _added(tried: Tried, found: Sequence[bool | None]) -> Tried:
    n_errors = sum(one is None for one in found)
    return Tried(
        tried.n_failed + sum(bool(one) for one in found),
        tried.n + len(found) - n_errors,
        tried.n_errors + n_errors,
    )


def failures_needed(n: int, rate: float, risk: float) -> int:
    """The smallest number of failures in `n` continuations that a rate of `rate` exceeds with at most this risk.

    It is `n + 1` if even `n` failures are too likely.
    """
    return next(k for k in range(n + 2) if probability_at_least(k, n, rate) <= risk)


def shrink(
    messages: History, onset: int | None, hold: Hold, *, rate: float = 0.5, watch: Callable[[Step], None]
) -> Shrunk:
    """The shortest confirmed beginning of a failed dialogue.

    `onset` is the number of the first message of the failure, None if it is not known: the search begins with the
    messages before it. `hold` holds live continuations, with equal outcomes whenever it is called with the same
    arguments. `watch` is called with every step. `rate` is inside (0, 1). Raises ValueError for any other rate, and
    for fewer than two messages.
    """
    if not 0 < rate < 1 or failures_needed(CONFIRM, rate, RISK / 2) > CONFIRM:
        raise ValueError(f"rate is {rate!r}; it must be between 0 and 1, and small enough to be shown")
    if len(messages) < 2:
        raise ValueError("a dialogue of less than two messages has no beginning to shorten")
    search = _Search(hold, rate, watch)
    longest = _longest(messages, onset, search)
    if longest is None:
        return Shrunk(
            Ended.DOES_NOT_FOLLOW if search.n_answered else Ended.UNANSWERED,
            rate,
            proof=search.steps[-1].tried,
            steps=tuple(search.steps),
        )
    found = _shortest_prefix(longest, search)
    found = _without_exchanges(found, search)
    _without_sentences(found, search)
    return _confirmed(search)


def _longest(messages: History, onset: int | None, search: _Search) -> History | None:
    """A beginning from which the failure follows: what comes before it, or else ever more of the dialogue."""
    n_before = min(max(1, (onset or len(messages)) - 1), len(messages) - 1)
    lengths = sorted({n_before, (n_before + len(messages)) // 2, len(messages) - 1})
    for n in (length for length in lengths if n_before <= length < len(messages)):
        if search.follows(messages[:n], f"the first {n}"):
            return messages[:n]
    return None


def _shortest_prefix(history: History, search: _Search) -> History:
    low, high = 0, len(history)
    while high - low > 1:
        middle = (low + high) // 2
        if search.follows(history[:middle], f"the first {middle}"):
            high = middle
        else:
            low = middle
    return history[:high]


def _without_exchanges(history: History, search: _Search) -> History:
    """The beginning without the messages that do not matter; speakers go on taking turns, and the same one is next."""
    size = max(1, len(history) // 2)
    while size >= 1:
        at = 0
        while at + size < len(history):  # the last message stays, so that the same speaker is next
            shorter = history[:at] + history[at + size :]
            if takes_turns(shorter) and search.follows(shorter, f"without messages {at + 1} to {at + size}"):
                history = shorter
            else:
                at += size
        size //= 2
    return history


def takes_turns(history: History) -> bool:
    """Whether no speaker has two messages running."""
    return all(one.speaker != two.speaker for one, two in pairwise(history))


def _without_sentences(history: History, search: _Search) -> None:
    """Leave out sentences that do not matter; every message keeps one."""
    size = max(1, n_parts(history) // 2)
    while size >= 1:
        at = 0
        while at < n_parts(history):
            shorter = without(history, at, size)
            if shorter != history and search.follows(shorter, f"without sentences {at + 1} to {at + size}"):
                history = shorter
            else:
                at += size
        size //= 2


def n_parts(history: History) -> int:
    """The number of sentences in a history."""
    return sum(len(parts_of(message)) for message in history)


def parts_of(message: Message) -> list[str]:
    """The sentences of a message; one with tool calls, which have places in its words, is left whole."""
    return [message.content] if message.tool_calls else sentences(message.content)


def sentences(content: str) -> list[str]:
    """The sentences of a message, each with the space behind it; together they are the message."""
    parts = _SENTENCE_END.split(content)
    joined: list[str] = []
    for at in range(0, len(parts), 3):
        text = parts[at] + "".join(part or "" for part in parts[at + 1 : at + 3])
        if text:
            joined.append(text)
    return joined or [content]


def without(history: History, at: int, n: int) -> History:
    """The history without `n` of its sentences from number `at` on, from 0; of a message at least one stays."""
    shorter: list[Message] = []
    number = 0
    for message in history:
        own = parts_of(message)
        left = [text for place, text in enumerate(own, start=number) if not at <= place < at + n]
        number += len(own)
        content = "".join(left or own[:1]).strip()
        shorter.append(
            message if content == message.content.strip() else message.model_copy(update={"content": content})
        )
    return tuple(shorter)


def n_words(history: History) -> int:
    """The number of words in a history."""
    return sum(len(message.content.split()) for message in history)


def _confirmed(search: _Search) -> Shrunk:
    """The shortest kept beginning whose rate new continuations prove."""
    risks = _risks()
    tried = Tried(0, 0)
    for history in sorted(search.kept, key=lambda kept: (len(kept), n_words(kept))):
        risk = next(risks, None)
        if risk is None or failures_needed(CONFIRM, search.rate, risk) > CONFIRM:
            break
        tried, numbers, is_proven = search.confirm(history, risk)
        if is_proven:
            at_least = exact_lower_bound(tried.n_failed, tried.n, confidence=1 - risk)
            return Shrunk(Ended.FOUND, search.rate, history, tried, at_least, numbers, tuple(search.steps))
    ended = Ended.UNANSWERED if tried.n_errors >= MOST_ERRORS else Ended.UNCONFIRMED
    return Shrunk(ended, search.rate, proof=tried, steps=tuple(search.steps))


def _risks() -> Iterator[float]:
    """The risks of the confirmations: each is half of the one before, so that all together are `RISK`."""
    return (RISK / 2**number for number in range(1, 7))
