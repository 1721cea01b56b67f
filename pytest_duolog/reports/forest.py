"""The forest plot of a gate as plain values: how far the pass rate dropped, of all scenarios together and of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from pytest_duolog.display import counted
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision
from pytest_duolog.gate.tally import ScenarioTally
from pytest_duolog.reports.dialogue_view import percent_text
from pytest_duolog.reports.numbers import points, range_words
from pytest_duolog.reports.run_view import ShortNames, short_names
from pytest_duolog.stats.differences import score_interval
from pytest_duolog.stats.intervals import Interval

# At most this many scenarios have a line; the others are left out.
MOST_ROWS = 400
GLYPHS = {
    "BLOCK": "✕",
    "PASS": "✓",
    "OPEN": "…",
    "worse": "▼",
    "lost": "▼",
    "suspect": "◆",
    "better": "▲",
    "lower": "▽",
    "higher": "△",
    "same": "=",
    "none": "–",
}
TONES = {"BLOCK": "bad", "PASS": "good", "OPEN": "warn", "worse": "bad", "lost": "bad", "suspect": "warn"}


@dataclass(frozen=True)
class ForestRow:
    """One line of the forest plot; a scenario without measured pairs has no position on the axis.

    `x`, `low` and `high` are positions in percent of the width. `range` is the interval as text.
    """

    name: str
    word: str
    baseline: str
    candidate: str
    drop: str = ""
    range: str = ""
    x: str = ""
    low: str = ""
    high: str = ""
    errors: str = ""
    is_suite: bool = False

    @property
    def glyph(self) -> str:
        """The sign before the word, for readers who do not see colours."""
        return GLYPHS[self.word]

    @property
    def tone(self) -> str:
        """The CSS class of the colour."""
        return TONES.get(self.word, "mid")


@dataclass(frozen=True)
class Axis:
    """The drops from `least` to `most`, in [-1, 1]."""

    least: float
    most: float
    margin: float

    @classmethod
    def over(cls, drops: Iterable[Interval], margin: float) -> Axis:
        """An axis for some intervals, and for twice the margin on both sides of 0."""
        found = list(drops)
        least = min([-2 * margin, *(interval.low for interval in found)])
        most = max([2 * margin, *(interval.high for interval in found)])
        return cls(max(-1.0, least), min(1.0, most), margin)

    def place(self, drop: float) -> float:
        """The position of a drop, in percent of the width."""
        inside = min(max(drop, self.least), self.most)
        return 100 * (inside - self.least) / (self.most - self.least)

    def x(self, drop: float) -> str:
        """The position as text for SVG."""
        return percent_text(self.place(drop))

    @property
    def band(self) -> tuple[str, str, str]:
        """The positions of a drop of 0 and of the margin, and their distance."""
        zero, margin = self.place(0), self.place(self.margin)
        return percent_text(zero), percent_text(margin), percent_text(margin - zero)

    @property
    def ticks(self) -> list[tuple[str, str]]:
        """Positions and labels: a few round drops, including 0."""
        width = self.most - self.least
        step = next(step for step in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if width / step <= 5)
        first, last = math.ceil(self.least / step - 1e-9), math.floor(self.most / step + 1e-9)
        drops = [step * at for at in range(first, last + 1)]
        return [(self.x(drop), points(drop).removesuffix(" points")) for drop in drops]


@dataclass(frozen=True)
class Forest:
    """The forest plot of a decision."""

    decided: PairsDecision

    @cached_property
    def names(self) -> ShortNames:
        """The names of the scenarios."""
        return short_names(tally.scenario for tally in self.decided.tallies)

    @cached_property
    def totals(self) -> tuple[int, int, int, int]:
        """How many dialogues of the baseline passed, and of how many; the same of the candidate."""
        rates = [tally.rates for tally in self.decided.tallies]
        return (
            sum(rate.n_passed_1 for rate in rates),
            sum(rate.n_1 for rate in rates),
            sum(rate.n_passed_2 for rate in rates),
            sum(rate.n_2 for rate in rates),
        )

    @cached_property
    def ordered(self) -> list[ScenarioTally]:
        """The largest drop first; scenarios without measured pairs last."""
        return sorted(
            self.decided.tallies,
            key=lambda tally: (
                not tally.n,
                -tally.drop,
                -self._intervals[tally.scenario].low,
                tally.scenario,
            ),
        )

    @cached_property
    def _intervals(self) -> Mapping[str, Interval]:
        known = {rates: score_interval([rates]) for rates in {tally.rates for tally in self.decided.tallies}}
        return {tally.scenario: known[tally.rates] for tally in self.decided.tallies}

    @cached_property
    def axis(self) -> Axis:
        """An axis for all measured drops."""
        drops = [self._intervals[tally.scenario] for tally in self.decided.tallies if tally.n]
        return Axis.over(drops, float(self.decided.plan.margin))

    @cached_property
    def suite(self) -> ForestRow:
        """All scenarios together."""
        decided = self.decided
        word = "OPEN" if decided.decision is Decision.INCONCLUSIVE else decided.decision.upper()
        passed_1, n_1, passed_2, n_2 = self.totals
        row = ForestRow(
            f"all {counted(len(decided.tallies), 'scenario')}"
            if len(decided.tallies) > 1
            else "the scenario",
            word,
            _counts(passed_1, n_1),
            _counts(passed_2, n_2),
            errors=_error_words(*decided.n_errors),
            is_suite=True,
        )
        if not (n_1 and n_2):
            return row
        drop = fmean(tally.drop for tally in decided.tallies if tally.n)
        return self._placed(row, drop, decided.drop_interval)

    @cached_property
    def rows(self) -> list[ForestRow]:
        """The scenarios, the largest drop first."""
        return [self.row(tally) for tally in self.ordered[:MOST_ROWS]]

    @property
    def n_rows_left_out(self) -> int:
        """How many scenarios have no line."""
        return len(self.decided.tallies) - len(self.rows)

    def row(self, tally: ScenarioTally) -> ForestRow:
        """The line of one scenario."""
        row = ForestRow(
            self.names.short[tally.scenario],
            self.word(tally),
            baseline_counts(tally),
            candidate_counts(tally),
            errors=_error_words(
                sum(pair.baseline is None for pair in tally.pairs),
                sum(pair.candidate is None for pair in tally.pairs),
            ),
        )
        return self._placed(row, tally.drop, self._intervals[tally.scenario]) if tally.n else row

    def word(self, tally: ScenarioTally) -> str:
        """The word for one scenario: it got worse only if the gate blames it."""
        decided = self.decided
        if tally.scenario in decided.blamed:
            return "worse"
        if tally.is_harmed:
            return "lost" if tally.scenario in decided.accused else "suspect"
        if not tally.n:
            return "none"
        if tally.drop < 0:
            return "better" if tally.net_losses <= -2 else "higher"
        return "lower" if tally.drop > 0 else "same"

    def _placed(self, row: ForestRow, drop: float, interval: Interval) -> ForestRow:
        axis = self.axis
        return replace(
            row,
            drop=points(drop).removesuffix(" points"),
            range=range_words(interval),
            x=axis.x(drop),
            low=axis.x(interval.low),
            high=axis.x(interval.high),
        )


def baseline_counts(tally: ScenarioTally) -> str:
    """How many dialogues of the baseline passed in a scenario."""
    return _counts(tally.rates.n_passed_1, tally.rates.n_1)


def candidate_counts(tally: ScenarioTally) -> str:
    """The same of the candidate."""
    return _counts(tally.rates.n_passed_2, tally.rates.n_2)


def _counts(n_passed: int, n: int) -> str:
    return f"{n_passed} of {n}" if n else "none"


def _error_words(baseline: int, candidate: int) -> str:
    return f"errors {baseline} → {candidate}" if baseline or candidate else ""
