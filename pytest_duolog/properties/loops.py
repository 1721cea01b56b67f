"""The property that a dialogue has no loops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pytest_duolog.detectors.call_loops import CALLS, call_loops
from pytest_duolog.detectors.languages import unread_language
from pytest_duolog.detectors.loops import Loop, LoopDetector
from pytest_duolog.detectors.stale import Stale
from pytest_duolog.detectors.text import without_thinking
from pytest_duolog.display import counted, listed
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.agreement import agreeing_loops
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.topics import blessings, empty, idle, meanings, stuck
from pytest_duolog.transcripts.transcript import Message, Transcript

# The results for so many dialogues are kept, and for up to so many if these have few messages in sum.
_KEPT = 4
TOGETHER = 16
MESSAGES_TOGETHER = 800

T = TypeVar("T")
Messages = tuple[Message, ...]

KINDS = (*(kind.value for kind in Stale), "stuck", "deflection", *idle.KINDS, blessings.KIND, CALLS)


@dataclass(frozen=True)
class NoLoops(Property, method="has_no_loops"):
    """No stretch of the dialogue adds nothing new.

    Three equal tool calls in a row with equal results are a loop as well. `allow` are kinds of loops that are accepted:
    `repeat`, `rephrased`, `empty`, `ritual`, `vague`, `listening`, `stuck`, `deflection`, `calls` (see `Loop`),
    `agreeing`; and, by likeness in meaning, which the extra `topic` compares in English, `clarifying`, `yielding`,
    `ending`, `agreeing`, `apologising`, `thanking`, `planning`, `waiting`, `passing`, `parting`,
    `blessing`.
    """

    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.allow, tuple | list | set) or any(kind not in KINDS for kind in self.allow):
            raise ConfigurationError(
                f"NoLoops: allow={self.allow!r} is not a tuple of kinds of loops (known: {', '.join(KINDS)})"
            )

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict; the evidence is the first message of each loop."""
        if not transcript.messages:
            return self.verdict(None, "there are no messages")
        found = [loop for loop in find_loops(transcript) if loop.kind not in self.allow]
        if not found:
            unread = unread_in(transcript.messages)
            only = f"; of its language ({unread}) only copies are seen, no rituals" if unread else ""
            return self.verdict(
                True, f"none in {counted(len(transcript), 'message')}{only}{_unseen(transcript)}"
            )
        numbered = list(transcript.numbered())
        return self.verdict(
            False,
            "; ".join(describe(loop, transcript.messages) for loop in found),
            [numbered[at] for loop in found for at in range(loop.onset, min(loop.onset + 3, loop.end + 1))],
        )


def find_loops(transcript: Transcript) -> list[Loop]:
    """The loops of a finished transcript, in order, those of tool calls included."""
    loops = [*said_loops(transcript.messages), *call_loops(transcript.messages)]
    return sorted(loops, key=lambda loop: loop.onset)


class _Kept(Generic[T]):
    """A function with its last results, by the identity of a tuple of messages: to compare it takes all messages."""

    def __init__(self, read: Callable[[Messages], T]) -> None:
        self._read = read
        self._last: deque[tuple[Messages, T]] = deque(maxlen=TOGETHER)

    def __call__(self, messages: Messages) -> T:
        for known, result in tuple(self._last):  # another thread may add one
            if known is messages:
                return result
        result = self._read(messages)
        self.keep(messages, result)
        return result

    def keep(self, messages: Messages, result: T) -> None:
        """Keep a result, and as many of those before it as are not too long."""
        self._last.append((messages, result))
        n_messages = 0
        for n_kept, (known, _) in enumerate(reversed(tuple(self._last))):
            n_messages += len(known)
            if n_kept >= _KEPT and n_messages > MESSAGES_TOGETHER:
                self._last.popleft()


@_Kept
def said_loops(messages: Messages) -> tuple[Loop, ...]:
    """The loops in what is said, in order, without overlaps: of the detector, of mere agreement, then by likeness."""
    (loops,) = meanings.found_by([meanings.once(_said_loops(messages))])
    return loops


def find_together(dialogues: Sequence[Messages]) -> None:
    """Find the loops of several dialogues at once, at most TOGETHER, so that `said_loops` knows them: it is faster.

    What goes wrong is raised by `said_loops`.
    """
    with suppress(Exception):
        askings = [meanings.once(_said_loops(messages)) for messages in dialogues]
        for messages, loops in zip(dialogues, meanings.found_by(askings), strict=True):
            said_loops.keep(messages, loops)


def _said_loops(messages: Messages) -> meanings.Asking[tuple[Loop, ...]]:
    detector = read_dialogue(messages)
    kept = detector.loops()
    n_news = detector.n_news
    closing = detector.closings.at_end()
    is_stale = [one.stale is not None for one in detector.heard]
    known = [*kept, *agreeing_loops(messages, n_news)]
    known += yield from idle.idle_loops(messages, n_news, is_stale, closing, known)
    known += blessings.blessing_loops(messages, detector.heard, n_news, known)
    known += yield from empty.empty_loops(messages, n_news, closing, known)
    known += yield from stuck.stuck_loops(messages, n_news, known)
    for loop in known[len(kept) :]:
        if not any(other.onset <= loop.end and loop.onset <= other.end for other in kept):
            kept.append(loop)
    return tuple(sorted(kept, key=lambda loop: loop.onset))


def _unseen(transcript: Transcript) -> str:
    """What could not be seen for want of the extra."""
    if len(transcript) < min(idle.SHORTEST, blessings.WINDOW, empty.WINDOW) or idle.can_compare():
        return ""
    return meanings.NOT_COMPARED


@_Kept
def read_dialogue(messages: Messages) -> LoopDetector:
    """A detector that has read these messages; the properties of a dialogue share it."""
    detector = LoopDetector()
    for message in messages:
        detector.read(message.speaker, message.content)
    return detector


@_Kept
def unread_in(messages: Messages) -> str | None:
    """The language of a dialogue if it is none that the detectors read: a code, a script, or `unknown`."""
    return unread_language("\n".join(without_thinking(message.content) for message in messages))


def describe(loop: Loop, messages: Sequence[Message]) -> str:
    """One sentence about a loop: its messages, length, speakers and kind."""
    inside = messages[loop.onset : loop.end + 1]
    if loop.kind == CALLS:
        where = (
            f"message {loop.onset + 1}" if len(loop) == 1 else f"messages {loop.onset + 1} to {loop.end + 1}"
        )
        return (
            f"{loop.speakers[0]} makes the same call again and again in {where}, with the same result (calls)"
        )
    comes_back = "" if loop.period is None else f", period {loop.period}"
    return (
        f"messages {loop.onset + 1} to {loop.end + 1} add nothing new ({loop.kind}{comes_back}): "
        f"{len(inside)} messages, {tokens_of(inside)}, by {listed(loop.speakers, between=' and ')}, "
        f"{loop.speakers[0]} first"
    )


def tokens_of(messages: Sequence[Message]) -> str:
    """The number of tokens of messages; estimated as four characters for a token if no provider counted them."""
    counted = [(message.usage.tokens_written or None) if message.usage else None for message in messages]
    total = sum(
        n if n is not None else -(-len(message.content) // 4)
        for n, message in zip(counted, messages, strict=True)
    )
    return f"{total} tokens" if None not in counted else f"about {total} tokens"
