"""The findings of the detectors about a dialogue: stale messages, the goodbye and the loops.

The detectors read a dialogue once, when it runs; the record keeps their findings, and everything that shows a dialogue
uses them. Message numbers count from 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import groupby
from typing import Annotated

from pydantic import Field

from pytest_duolog.dataclass import dataclass
from pytest_duolog.detectors.stale import Stale
from pytest_duolog.display import counted
from pytest_duolog.transcripts.stored import Record, Text, stored
from pytest_duolog.transcripts.transcript import Transcript

# In a loop, at least this many consecutive repeats are folded, except one of each message that they repeat. A message
# counts as repeated if it has this share of the stretch; a stretch with more different ones than this is not folded.
FOLDED = 4
MAIN_SHARE = 0.1
MOST_MAIN = 4


@stored
class LoopReading(Record):
    """A stretch that adds nothing, with its first and last message; `kind` and `period` as in `Loop`."""

    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    kind: Text
    period: int | None = None

    def __len__(self) -> int:
        return self.last - self.first + 1


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@stored
class Reading(Record):
    """The findings about a dialogue, with one entry for each message in `words`, `new`, `stale` and `repeats`.

    `words` is the number of words, `new` the number of new ones. `stale` is the way in which a message adds nothing,
    `repeats` the first message with the same words. `goodbye` is the first message that says goodbye.

    If a topic is stated, `topic` is how close the dialogue from each message on is to it, from 0 to 1 (None if too
    little is said), and `off_topic` has the first and the last message of each stretch that leaves it.
    """

    goodbye: Annotated[int | None, Field(ge=1)] = None
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
        """Whether it can belong to this transcript, because files are not trusted."""
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
        """The longest loop; the first one if several are equally long."""
        return max(self.loops, key=len, default=None)

    def is_off_topic(self, number: int) -> bool:
        """Whether the message is part of a stretch that leaves the stated topic."""
        return any(first <= number <= last for first, last in self.off_topic)

    def is_inside(self, number: int) -> bool:
        """Whether the message is part of a loop."""
        return any(loop.first <= number <= loop.last for loop in self.loops)

    def note(self, number: int) -> str:
        """The note in the margin of a message: goodbye, its answer, or in a loop why it adds nothing."""
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
    """The kind of a part of a dialogue."""

    TALK = "talk"
    GOODBYE = "goodbye"
    LOOP = "loop"


@dataclass(frozen=True)
class Phase:
    """A part of a dialogue, from its first to its last message, and its name for people."""

    kind: PhaseKind
    first: int
    last: int
    words: str

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Fold:
    """A stretch of a loop in which messages repeat `targets` word for word, and the hidden part of it.

    `first` to `last` is the whole stretch, `hidden_first` to `hidden_last` the folded part. `times` is the number of
    messages that repeat a target.
    """

    first: int
    last: int
    hidden_first: int
    hidden_last: int
    targets: tuple[int, ...]
    times: int

    @property
    def n_hidden(self) -> int:
        """The number of folded messages."""
        return self.hidden_last - self.hidden_first + 1

    @property
    def words(self) -> str:
        """The text for the fold: `repeats message 28, 72 of 73 times`."""
        n = self.last - self.first + 1
        if len(self.targets) == 1:
            verb, noun = "repeats message", str(self.targets[0])
        else:
            *most, end = map(str, self.targets)
            verb, noun = "repeat messages", f"{', '.join(most)} and {end}"
        how_often = f"{self.times} of {n} times" if self.times < n else f"{n} messages running"
        return f"{verb} {noun}, {how_often}"


def read(transcript: Transcript) -> Reading:
    """The findings of the detectors in a transcript."""
    from pytest_duolog.properties.loops import read_dialogue, said_loops  # noqa: PLC0415  # a reading can be had from a record
    from pytest_duolog.topics.assess import assess_topic  # noqa: PLC0415

    detector = read_dialogue(transcript.messages)
    closing = detector.closings.at_end()
    found = assess_topic(transcript, transcript.topic) if transcript.topic and transcript.messages else None
    return Reading(
        goodbye=None if closing is None else closing + 1,
        loops=tuple(
            LoopReading(first=loop.onset + 1, last=loop.end + 1, kind=loop.kind, period=loop.period)
            for loop in said_loops(transcript.messages)
        ),
        words=tuple(heard.n_words for heard in detector.heard),
        new=tuple(heard.n_new for heard in detector.heard),
        stale=tuple(heard.stale for heard in detector.heard),
        repeats=tuple(None if heard.repeats is None else heard.repeats + 1 for heard in detector.heard),
        topic=found.curve if found else (),
        off_topic=tuple((first + 1, last + 1) for first, last in found.stretches) if found else (),
    )


def phases(reading: Reading) -> list[Phase]:
    """The parts of a dialogue in order: talk, goodbyes, loops, and talk after them."""
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
    """The part from `at` to `end`, split after the goodbye."""
    goodbye = reading.goodbye
    talk_end = min(end, goodbye) if goodbye is not None and goodbye >= at else end
    if talk_end >= at:
        n = counted(talk_end - at + 1, "message")
        yield Phase(PhaseKind.TALK, at, talk_end, f"{n} of substance" if is_first else f"{n} after the loop")
    if end > talk_end:
        yield Phase(PhaseKind.GOODBYE, talk_end + 1, end, f"goodbye in {goodbye}")


def folds(reading: Reading) -> list[Fold]:
    """The stretches of loops that are folded, in order."""
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
    """A summary of the dialogue in one sentence with two parts: the beginning, and the important end."""
    from pytest_duolog.detectors.closings import CLEAN_TAIL  # noqa: PLC0415

    n, loop, goodbye = len(reading), reading.main_loop, reading.goodbye
    if n == 0:
        return "The dialogue", "has no messages."
    if goodbye is not None and n - goodbye > CLEAN_TAIL:
        return f"Says goodbye in message {goodbye}, then continues for", f"{n - goodbye} more."
    if loop is not None and loop.last == n:
        return "Nothing new", f"from message {loop.first} on."
    if loop is not None:
        return "Nothing new", f"from message {loop.first} to {loop.last}."
    if goodbye is not None:
        return f"Says goodbye in message {goodbye}", "and ends."
    return f"{counted(n, 'message')},", "no loop, and nobody says goodbye."
