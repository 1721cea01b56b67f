"""The page of a comparison as plain values: the table with a strip for each trait, and the clearest pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_duolog.reports.comparison_words import (
    headline,
    left_out_words,
    pair_words,
    row_of,
    setting_words,
)
from pytest_duolog.reports.dialogue_view import percent_text
from pytest_duolog.reports.pair_view import PairView
from pytest_duolog.reports.survival_view import SurvivalSection
from pytest_duolog.results.comparison import Comparison, Difference
from pytest_duolog.results.dialogue_result import DialogueResult

# A strip has at most so many marks on each side; of more values, evenly many are left out.
MOST_MARKS = 200
# What the pairs of a page may take, in bytes.
MOST_PAIR_BYTES = 500_000


@dataclass(frozen=True)
class TraitRow:
    """One trait: its cells as text, and the marks of its dialogues as SVG paths in a box of 100 by 20."""

    cells: Sequence[str]
    is_claimed: bool
    strips: tuple[str, str]


@dataclass(frozen=True)
class TraitPair:
    """The two dialogues that show a difference best; `pair` is None if they are too long for the page."""

    title: str
    names: tuple[str, str]
    pair: PairView | None


@dataclass(frozen=True)
class ComparisonView:
    """The page of a comparison."""

    comparison: Comparison

    @property
    def heading(self) -> str:
        """What may be claimed."""
        return headline(self.comparison)

    @property
    def state(self) -> str:
        """The CSS class of the heading."""
        return "open" if self.comparison.claimed else "pass"

    @property
    def setting(self) -> list[str]:
        """What was compared."""
        return list(setting_words(self.comparison))

    @property
    def left_out(self) -> list[str]:
        """What is not in the table."""
        return list(left_out_words(self.comparison))

    @cached_property
    def rows(self) -> list[TraitRow]:
        """The traits, in the order of the comparison."""
        return [_row(difference) for difference in self.comparison.differences]

    @cached_property
    def pairs(self) -> list[TraitPair]:
        """The clearest pair of each claimed difference, as far as there is room."""
        room = MOST_PAIR_BYTES
        found: list[TraitPair] = []
        for difference in self.comparison.claimed:
            one, two = (
                DialogueResult(transcript=side.source.transcript)
                for side in self.comparison.pair_of(difference)
            )
            pair = PairView(1, "", "", (one, two))
            is_kept = pair.size <= room
            room -= pair.size if is_kept else 0
            found.append(
                TraitPair(
                    difference.title, pair_words(self.comparison, difference), pair if is_kept else None
                )
            )
        return found

    @cached_property
    def survival(self) -> SurvivalSection:
        """How soon something happened in the dialogues of both sides."""
        return SurvivalSection.of([*self.comparison.baseline, *self.comparison.candidate])


def _row(difference: Difference) -> TraitRow:
    low = min(map(min, difference.values))
    width = (max(map(max, difference.values)) - low) or 1.0

    def place(value: float) -> str:
        return percent_text(1 + 98 * (min(max(value, low), low + width) - low) / width)

    first, second = (_marks([place(value) for value in _thinned(side)]) for side in difference.values)
    return TraitRow(
        row_of(difference),
        difference.is_claimed,
        (first, second),
    )


def _thinned(values: Sequence[float]) -> list[float]:
    """The values in order; of many, evenly spread ones."""
    ordered = sorted(values)
    if len(ordered) <= MOST_MARKS:
        return ordered
    return [ordered[round(at * (len(ordered) - 1) / (MOST_MARKS - 1))] for at in range(MOST_MARKS)]


def _marks(places: Sequence[str]) -> str:
    return "".join(f"M{place},0v8" for place in dict.fromkeys(places))
