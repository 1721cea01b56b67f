"""The verdict of a run as the body of a comment on a pull request: Markdown with a plot in text and a link to the run.

It begins with a mark that nobody sees, by which a bot finds the comment that it wrote before. What comes from outside
is text and nothing else, as in the step summary.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from pytest_duolog.display import counted, printable
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.reports.forest import Axis, Forest, ForestRow
from pytest_duolog.reports.scenario_rows import Place
from pytest_duolog.reports.step_summary import as_markdown, references
from pytest_duolog.results.record import RunRecord

MARK = "<!-- duolog -->"
# So many columns has the axis, and so many a name; so many scenarios have a line.
PLOT_COLUMNS = 41
NAME_COLUMNS = 32
MOST_PLOTTED = 15
# The variables by which GitHub Actions names the page of a run, each with what it may hold.
RUN_VARIABLES = {
    "GITHUB_SERVER_URL": r"https://[\w.:-]+",
    "GITHUB_REPOSITORY": r"[\w.-]+/[\w.-]+",
    "GITHUB_RUN_ID": r"\d+",
}


def report_text(
    record: RunRecord,
    decided: RecordDecision,
    places: Mapping[str, Place],  # noqa: ARG001  # a comment links to no file
) -> str:
    """The comment; at most 60,000 bytes."""
    return f"{MARK}\n" + as_markdown(record, decided, after_headline=[*_link(), *_plot(decided)])


def _link() -> Iterator[str]:
    """A link to the run of GitHub Actions, with its artifacts; nothing elsewhere."""
    values = [os.environ.get(name, "") for name in RUN_VARIABLES]
    if all(re.fullmatch(form, value) for form, value in zip(RUN_VARIABLES.values(), values, strict=True)):
        server, repository, run = values
        yield f"[The run, with its report and recordings]({server}/{repository}/actions/runs/{run})"
        yield ""


def _plot(decided: RecordDecision) -> Iterator[str]:
    """How far each scenario drops, the worst first, with 95 % intervals; nothing without a gate."""
    if decided.pairs is None:
        return
    forest = Forest(decided.pairs)
    rows = [forest.suite, *forest.rows[:MOST_PLOTTED]]
    names = [_name(row) for row in rows]
    width = max(map(len, names))
    counts = [f"{row.baseline} → {row.candidate}" if row.x else "no pair" for row in rows]
    n_columns = max(map(len, counts))
    yield f"<pre>{'':<9} {'drop in points':<{width}} {'passed':<{n_columns}} {_labels(forest.axis)}"
    for row, name, count in zip(rows, names, counts, strict=True):
        label = references(name) + " " * (width - len(name))
        line = f"{row.glyph} {row.word:<7} {label} {count:<{n_columns}} {_line(row, forest.axis)} {row.drop}"
        yield line.rstrip()
    n_more = len(decided.pairs.tallies) - MOST_PLOTTED
    if n_more > 0:
        yield f"and {counted(n_more, 'more scenario')}"
    yield "</pre>"
    yield ""


def _name(row: ForestRow) -> str:
    name = " ".join(printable(row.name).split()) or "?"
    return name if len(name) <= NAME_COLUMNS else f"{name[: NAME_COLUMNS - 1]}…"


def _labels(axis: Axis) -> str:
    line = [" "] * PLOT_COLUMNS
    for x, label in axis.ticks:
        at = min(_column(x), PLOT_COLUMNS - len(label))
        if all(character == " " for character in line[max(0, at - 1) : at + len(label)]):
            line[at : at + len(label)] = label
    return "".join(line).rstrip()


def _line(row: ForestRow, axis: Axis) -> str:
    """The interval and the drop between the marks of no drop and of the margin."""
    line = [" "] * PLOT_COLUMNS
    zero, margin, _ = axis.band
    line[_column(margin)], line[_column(zero)] = ":", "|"
    if row.x:
        for at in range(_column(row.low), _column(row.high) + 1):
            line[at] = {" ": "─", "|": "┼", ":": "┊"}[line[at]]
        line[_column(row.x)] = "◆" if row.is_suite else "●"
    return "".join(line)


def _column(percent: str) -> int:
    return round(float(percent) / 100 * (PLOT_COLUMNS - 1))
