"""The page of a screen as plain values: the order of suspicion, the turns of each dialogue, and what both sides say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest

from pytest_duolog.display import and_more, counted, listed
from pytest_duolog.gate.screen import Screen, Screened, Spoken, Turn
from pytest_duolog.reports.dialogue_view import Part, part_of, percent_text, size_of
from pytest_duolog.reports.pair_view import PairRow, sides
from pytest_duolog.reports.screen_words import (
    MOST_DIALOGUES,
    MOST_TURNS,
    WHAT_IT_MISSES,
    headline,
    later_words,
    setting_words,
    side_words,
)

# The table has at most so many dialogues, and what is said may take so many bytes.
MOST_ROWS = 200
MOST_SAID_BYTES = 500_000


@dataclass(frozen=True)
class TurnRow:
    """One turn in the table of a dialogue."""

    number: int
    excess: str
    floor: str
    baseline: str
    candidate: str
    is_scored: bool


@dataclass(frozen=True)
class TurnCard:
    """A turn to read: what was said before it, what the recording says, and the answers of both sides.

    `answers` is None if they are too long for the page.
    """

    row: TurnRow
    before: tuple[str, Part]
    recorded: Part
    answers: Sequence[PairRow] | None


@dataclass(frozen=True)
class Bars:
    """The turns of a dialogue as SVG paths in a box of n by 100: the noise floor, and what exceeds it."""

    n: int
    floor: str
    scored: str
    unscored: str


@dataclass(frozen=True)
class ScreenedView:
    """One dialogue. Its picture is as high as `highest`, and what is said may take `room` bytes."""

    place: int
    dialogue: Screened
    spoken: Mapping[int, Spoken]
    highest: float
    room: int

    @property
    def excess(self) -> str:
        """Its excess over all scored turns."""
        return f"{self.dialogue.excess:.2f}"

    @property
    def p(self) -> str:
        """Its p-value."""
        return f"{self.dialogue.p:.3f}"

    @property
    def to_read(self) -> str:
        """The messages to read first."""
        return listed([str(turn.number) for turn in self.dialogue.to_read[:MOST_TURNS]])

    @property
    def later(self) -> str:
        """Which messages are not scored, and why; empty if all are."""
        return later_words(self.dialogue)

    @property
    def rows(self) -> list[TurnRow]:
        """All turns."""
        return [self._row(turn) for turn in self.dialogue.turns]

    def _row(self, turn: Turn) -> TurnRow:
        return TurnRow(
            turn.number,
            f"{turn.split.excess:.2f}",
            f"{turn.split.floor:.2f}",
            side_words(turn.baseline),
            side_words(turn.candidate),
            self.dialogue.is_scored(turn),
        )

    @property
    def bars(self) -> Bars:
        """The turns as a picture."""
        floors: list[str] = []
        scored: list[str] = []
        unscored: list[str] = []
        for at, turn in enumerate(self.dialogue.turns):
            split = turn.split
            exceeding = scored if self.dialogue.is_scored(turn) else unscored
            floors.append(self._bar(at, 0, split.floor))
            exceeding.append(self._bar(at, split.floor, max(0.0, split.excess)))
        return Bars(len(self.dialogue.turns), "".join(floors), "".join(scored), "".join(unscored))

    def _bar(self, at: int, low: float, height: float) -> str:
        """One bar from `low` up."""
        bottom, tall = (percent_text(100 * part) for part in (1 - low / self.highest, height / self.highest))
        return f"M{at + 0.1:g},{bottom}h.8v-{tall}h-.8z" if float(tall) else ""

    @cached_property
    def cards(self) -> list[TurnCard]:
        """The turns to read first, with what is said as far as there is room."""
        room, found = self.room, []
        for turn in self.dialogue.to_read[:MOST_TURNS]:
            spoken = self.spoken[turn.number]
            size = size_of(spoken.messages)
            found.append(self._card(turn, spoken, has_room=size <= room))
            room -= size if size <= room else 0
        return found

    def _card(self, turn: Turn, spoken: Spoken, *, has_room: bool) -> TurnCard:
        answers = None
        if has_room:
            pairs = enumerate(zip_longest(spoken.baseline, spoken.candidate), start=1)
            answers = [
                PairRow(number, spoken.recorded.speaker, *sides(one, two), is_same=False)
                for number, (one, two) in pairs
            ]
        before = spoken.before.speaker, part_of(spoken.before.content)
        return TurnCard(self._row(turn), before, part_of(spoken.recorded.content), answers)

    @property
    def size(self) -> int:
        """About how many bytes what is said takes on a page."""
        read = self.dialogue.to_read[:MOST_TURNS]
        return sum(size_of(self.spoken[turn.number].messages) for turn in read)


@dataclass(frozen=True)
class ScreenView:
    """The page of a screen. `spoken` has what is said at each turn, by the name of the dialogue and the message."""

    screen: Screen
    on_trial: str
    spoken: Mapping[str, Mapping[int, Spoken]]
    missing: str = ""

    @property
    def heading(self) -> tuple[str, str]:
        """The answer, and what it means."""
        say, _, words = headline(self.screen, self.on_trial).partition(": ")
        return f"{say}:", f"{words}."

    @property
    def state(self) -> str:
        """The CSS class of the heading; never that of a pass."""
        return "block" if self.screen.is_suspicious else "open"

    @property
    def notes(self) -> list[str]:
        """What the screen does not see, what is missing, and how sure it is."""
        said = [WHAT_IT_MISSES, *filter(None, [self.missing]), setting_words(self.screen)]
        return [f"{line[0].upper()}{line[1:]}." for line in said]

    @cached_property
    def rows(self) -> list[ScreenedView]:
        """The dialogues in the order of suspicion, the first ones with what is said."""
        room, found = MOST_SAID_BYTES, []
        splits = (turn.split for one in self.screen.dialogues for turn in one.turns)
        highest = max(split.floor + max(0.0, split.excess) for split in splits) or 1.0
        for place, dialogue in enumerate(self.screen.dialogues[:MOST_ROWS], start=1):
            one = ScreenedView(place, dialogue, self.spoken[dialogue.name], highest, room)
            room = max(0, room - one.size)
            found.append(one)
        return found

    @property
    def shown(self) -> list[ScreenedView]:
        """The dialogues whose turns are shown."""
        return self.rows[:MOST_DIALOGUES]

    @property
    def more(self) -> Sequence[str]:
        """How many dialogues are left out of the table."""
        return and_more(len(self.screen.dialogues), MOST_ROWS, "dialogues")

    @property
    def n_folded(self) -> str:
        """How many dialogues have no turns on the page; empty if all have."""
        n = len(self.rows) - len(self.shown)
        return (
            f"{counted(n, 'more dialogue')} without turns on this page; screen.json has all of them"
            if n
            else ""
        )
