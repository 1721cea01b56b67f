"""The page of a history as plain values: what got worse, and a picture and a table for each series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pytest_duolog.history.trends import Change, Series, Stretch, Trends
from pytest_duolog.reports.dialogue_view import percent_text
from pytest_duolog.reports.history_words import (
    HEAD,
    Row,
    change_lines,
    claim_words,
    headline,
    left_out_words,
    models_words,
    rows_of,
    series_name,
)

# A picture has at most so many dots; of more builds, evenly many are left out. Lines and tables have all of them.
MOST_DOTS = 500
LONGEST_LABEL = 40


@dataclass(frozen=True)
class ClaimView:
    """A change for the worse: its title, and what is known about it."""

    title: str
    lines: Sequence[str]


@dataclass(frozen=True)
class SeriesView:
    """One series: a picture in a box as wide as the builds and 100 high, and a row for each stretch.

    `dots` are the pass rates of builds, `passed` and `looped` lines at the rates of the stretches, `changes` and
    `models` upright lines where a rate or the models changed. The rows have the models that they are the first of.
    """

    name: str
    is_worse: bool
    rows: Sequence[tuple[str, Row]]
    dots: str
    passed: str
    looped: str
    changes: str
    models: str


@dataclass(frozen=True)
class HistoryView:
    """The page of a history."""

    trends: Trends

    @property
    def heading(self) -> str:
        """What got worse."""
        return headline(self.trends)

    @property
    def state(self) -> str:
        """The CSS class of the heading."""
        return "block" if self.trends.worse else "pass"

    @property
    def head(self) -> Row:
        """The names of the columns."""
        return HEAD

    @property
    def n_builds(self) -> int:
        """The width of a picture."""
        return len(self.trends.builds)

    @property
    def ends(self) -> tuple[str, str]:
        """The names of the first and the last build, shortened."""
        first, last = self.trends.builds[0].name, self.trends.builds[-1].name
        return first[:LONGEST_LABEL], last[:LONGEST_LABEL]

    @property
    def claims(self) -> list[ClaimView]:
        """What is worse than before."""
        return [
            ClaimView(f"{series.scenario} {claim_words(change)}", list(change_lines(series, change)))
            for series, change in self.trends.worse
        ]

    @property
    def left_out(self) -> list[str]:
        """What the claims promise, and what is not counted."""
        return list(left_out_words(self.trends))

    @cached_property
    def series(self) -> list[SeriesView]:
        """The series; those that are worse than before come first."""
        places = {build.name: at for at, build in enumerate(self.trends.builds)}
        found = [_series(series, places) for series in self.trends.series]
        return sorted(found, key=lambda view: not view.is_worse)


def _series(series: Series, places: dict[str, int]) -> SeriesView:
    at = [places[line.build] for line in series.lines]
    rows: list[tuple[str, Row]] = []
    before = ""
    for stretch, row in zip(series.stretches, rows_of(series), strict=True):
        models = models_words(stretch)
        rows.append((models if models != before else "", row))
        before = models
    dots = [
        f"M{place + 0.5:g},{_height(line.passed / line.samples)}h0"
        for place, line in zip(at, series.lines, strict=True)
    ]
    passed, looped = _levels(series.stretches, at)
    return SeriesView(
        series_name(series),
        bool(series.open_changes),
        rows,
        "".join(_thinned(dots)),
        passed,
        looped,
        _upright(at[_began(change)] for change in series.changes),
        _upright(
            at[place]
            for place, (one, two) in enumerate(pairwise(series.lines), start=1)
            if one.models != two.models
        ),
    )


def _began(change: Change) -> int:
    return change.shift.began


def _levels(stretches: Sequence[Stretch], at: Sequence[int]) -> tuple[str, str]:
    """A level line for each stretch: at its pass rate, and at its rate of loops."""
    passed = looped = ""
    first = 0
    for stretch in stretches:
        last = first + len(stretch.lines) - 1
        begin, end = f"M{at[first]}", f"H{at[last] + 1}"
        passed += f"{begin},{_height(stretch.passes.rate)}{end}"
        looped += f"{begin},{_height(stretch.loops.rate)}{end}"
        first = last + 1
    return passed, looped


def _height(rate: float) -> str:
    return percent_text(100 - 100 * rate)


def _upright(places: Iterable[int]) -> str:
    return "".join(f"M{place},0V100" for place in places)


def _thinned(dots: Sequence[str]) -> list[str]:
    if len(dots) <= MOST_DOTS:
        return list(dots)
    return [dots[round(at * (len(dots) - 1) / (MOST_DOTS - 1))] for at in range(MOST_DOTS)]
