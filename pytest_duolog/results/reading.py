"""What each message of a dialogue brings, where it takes leave and where it goes in circles.

The detectors read a dialogue once, when it is held; the record keeps what they found, and everything that shows a
dialogue takes it from here. Message numbers count from 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Annotated

from pydantic import Field

from pytest_duolog.detectors.stale import Stale
from pytest_duolog.display import counted
from pytest_duolog.transcripts.transcript import Record, Text, Transcript

# In a loop, so many messages running that repeat earlier ones are folded, one of each that they repeat aside. A message
# counts as repeated if it is so large a share of the stretch; a stretch that repeats more of them is not folded.
FOLDED = 4
MAIN_SHARE = 0.1
MOST_MAIN = 4


class LoopReading(Record):
    """A stretch that adds nothing, with its first and last message; `kind` and `period` as `Loop` has them."""

    first: int = Field(ge=1)
    last: int = Field(ge=1)
    kind: Text
    period: int | None = None

    def __len__(self) -> int:
        return self.last - self.first + 1


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Reading(Record):
    """What a dialogue's messages bring, one entry a message in `words`, `new`, `stale` and `repeats`.

    `words` are counted, and of them `new` those that nobody had said. `stale` is the way in which a message adds
    nothing, `repeats` the first message with the same words. `goodbye` is the message that took leave.

    Where a topic is stated, `topic` is how close the talk from each message on is to it, from 0 to 1, or None where too
    little is said, and `off_topic` has the first and the last message of each stretch that leaves it.
    """

    goodbye: int | None = Field(default=None, ge=1)
    loops: tuple[LoopReading, ...] = ()
    words: tuple[int, ...] = ()
    new: tuple[int, ...] = ()
    stale: tuple[Stale | None, ...] = ()
    repeats: tuple[int | None, ...] = ()
    topic: tuple[Share | None, ...] = ()
    off_topic: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.words)

    def fits(self, transcript: Transcript) -> bool:
        """Whether it can be a reading of this transcript: files are not trusted."""
        n = len(transcript)
        return (
            all(len(entries) == n for entries in (self.words, self.new, self.stale, self.repeats))
            and len(self.topic) in (0, n)
            and all(0 < first <= last <= n for first, last in self.off_topic)
            and all(0 <= new <= words for new, words in zip(self.new, self.words, strict=True))
            and all(of is None or 0 < of < number for number, of in enumerate(self.repeats, start=1))
            and (self.goodbye or 0) <= n
            and all(loop.first <= loop.last <= n for loop in self.loops)
            and all(one.last < two.first for one, two in zip(self.loops, self.loops[1:], strict=False))
        )

    @property
    def main_loop(self) -> LoopReading | None:
        """The longest loop, the first of those that are equally long."""
        return max(self.loops, key=len, default=None)

    def is_off_topic(self, number: int) -> bool:
        """Whether the message is part of a stretch that leaves the stated topic."""
        return any(first <= number <= last for first, last in self.off_topic)

    def is_inside(self, number: int) -> bool:
        """Whether the message is part of a loop."""
        return any(loop.first <= number <= loop.last for loop in self.loops)

    def note(self, number: int) -> str:
        """What the margin says of a message: leave, its answer, and in a loop why it adds nothing."""
        if number == self.goodbye:
            return "goodbye"
        stale, repeated = self.stale[number - 1], self.repeats[number - 1]
        if self.is_inside(number):
            if repeated is not None:
                return f"repeats {repeated}"
            return STALE_WORDS[stale] if stale is not None else ""
        return "answers the goodbye" if number - 1 == self.goodbye else ""


STALE_WORDS = {
    Stale.REPEAT: "said before",
    Stale.REPHRASED: "says it again",
    Stale.EMPTY: "says nothing",
    Stale.RITUAL: "only ritual",
    Stale.VAGUE: "names nothing new",
    Stale.LISTENING: "only listens",
}


class PhaseKind(StrEnum):
    """What a part of a dialogue is."""

    TALK = "talk"
    GOODBYE = "goodbye"
    LOOP = "loop"


@dataclass(frozen=True)
class Phase:
    """A part of a dialogue, from its first to its last message, and what people call it."""

    kind: PhaseKind
    first: int
    last: int
    words: str

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Fold:
    """A stretch of a loop in which messages repeat `targets` word for word: what is not shown of it.

    `first` to `last` is the whole stretch, `hidden_first` to `hidden_last` what is folded away. `times` of its messages
    repeat a target.
    """

    first: int
    last: int
    hidden_first: int
    hidden_last: int
    targets: tuple[int, ...]
    times: int

    @property
    def n_hidden(self) -> int:
        """How many messages are folded away."""
        return self.hidden_last - self.hidden_first + 1

    @property
    def words(self) -> str:
        """What the messages are: `repeats message 28, 72 of 73 times`."""
        n = self.last - self.first + 1
        if len(self.targets) == 1:
            verb, noun = "repeats message", str(self.targets[0])
        else:
            *most, end = map(str, self.targets)
            verb, noun = "repeat messages", f"{', '.join(most)} and {end}"
        how_often = f"{self.times} of {n} times" if self.times < n else f"{n} messages running"
        return f"{verb} {noun}, {how_often}"


def read(transcript: Transcript) -> Reading:
    """What the detectors find in a transcript."""
    from pytest_duolog.properties.endings import find_closing  # noqa: PLC0415  # a reading can be had from a record
    from pytest_duolog.properties.loops import read_dialogue  # noqa: PLC0415
    from pytest_duolog.topics.assess import assess_topic  # noqa: PLC0415

    detector = read_dialogue(transcript.messages)
    closing = find_closing(transcript)
    found = assess_topic(transcript, transcript.topic) if transcript.topic and transcript.messages else None
    return Reading(
        goodbye=None if closing is None else closing + 1,
        loops=tuple(
            LoopReading(first=loop.onset + 1, last=loop.end + 1, kind=loop.kind, period=loop.period)
            for loop in detector.loops()
        ),
        words=tuple(heard.n_words for heard in detector.heard),
        new=tuple(heard.n_new for heard in detector.heard),
        stale=tuple(heard.stale for heard in detector.heard),
        repeats=tuple(None if heard.repeats is None else heard.repeats + 1 for heard in detector.heard),
        topic=found.curve if found else (),
        off_topic=tuple((first + 1, last + 1) for first, last in found.stretches) if found else (),
    )


def phases(reading: Reading) -> list[Phase]:
    """The parts of a dialogue in order: talk, leave-taking after the goodbye, loops, and what comes after them."""
    found: list[Phase] = []
    at, n = 1, len(reading)
    for loop in [*reading.loops, None]:
        end = loop.first - 1 if loop else n
        found += _before_loop(reading, at, end, is_first=not found)
        if loop:
            what = "of ritual" if loop.kind == Stale.RITUAL else "that add nothing"
            words = f"{counted(len(loop), 'message')} {what}"
            found.append(Phase(PhaseKind.LOOP, loop.first, loop.last, words))
            at = loop.last + 1
    return found


def _before_loop(reading: Reading, at: int, end: int, *, is_first: bool) -> Iterator[Phase]:
    """The part from `at` to `end`, parted after the goodbye."""
    goodbye = reading.goodbye
    talk_end = min(end, goodbye) if goodbye is not None and goodbye >= at else end
    if talk_end >= at:
        n = counted(talk_end - at + 1, "message")
        yield Phase(PhaseKind.TALK, at, talk_end, f"{n} of substance" if is_first else f"{n} after the loop")
    if end > talk_end:
        yield Phase(PhaseKind.GOODBYE, talk_end + 1, end, f"goodbye in {goodbye}")


def folds(reading: Reading) -> list[Fold]:
    """The stretches of loops that need not be shown whole, in order."""
    found: list[Fold] = []
    for loop in reading.loops:
        numbers = range(loop.first, loop.last + 1)
        for repeats, run in groupby(numbers, key=lambda number: reading.repeats[number - 1] is not None):
            stretch = list(run)
            if repeats and (fold := _fold(reading, stretch[0], stretch[-1])):
                found.append(fold)
    return found


def _fold(reading: Reading, first: int, last: int) -> Fold | None:
    """The fold of a stretch of repeats; None if it is short, or repeats too many messages."""
    n = last - first + 1
    times = Counter(of for of in reading.repeats[first - 1 : last] if of is not None)
    main = sorted(of for of, count in times.items() if count >= MAIN_SHARE * n)
    if not main or len(main) > MOST_MAIN or n < FOLDED + len(main):
        return None
    return Fold(first, last, first + len(main), last - 1, tuple(main), sum(times[of] for of in main))


def hidden_in(fold: Fold, shown: Collection[int]) -> list[int]:
    """The messages that a fold hides, without those that must be shown."""
    return [number for number in range(fold.hidden_first, fold.hidden_last + 1) if number not in shown]


def story(reading: Reading) -> tuple[str, str]:
    """What happens, in one sentence that stands in two parts: what leads up, and what counts."""
    from pytest_duolog.detectors.closings import CLEAN_TAIL  # noqa: PLC0415

    n, loop, goodbye = len(reading), reading.main_loop, reading.goodbye
    if n == 0:
        return "Nothing", "is said."
    if goodbye is not None and n - goodbye > CLEAN_TAIL:
        return f"Says goodbye in message {goodbye}, then goes on for", f"{n - goodbye} more."
    if loop is not None and loop.last == n:
        return "Nothing new", f"from message {loop.first} on."
    if loop is not None:
        return "Nothing new", f"from message {loop.first} to {loop.last}."
    if goodbye is not None:
        return f"Says goodbye in message {goodbye}", "and ends."
    return f"{counted(n, 'message')},", "no loop, and nobody says goodbye."
