"""The verdicts of a scan as flat rows: one for each verdict, and one for each place that could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pytest_duolog.properties.loops import find_loops
from pytest_duolog.results.examination import Examination
from pytest_duolog.transcripts.sources import Unreadable

# The formats of files with such rows.
FORMATS = ("jsonl", "parquet")


class VerdictRow(NamedTuple):
    """One verdict on a dialogue; docs/scan.md describes the columns.

    For a place that could not be read, only `source`, `chunk`, `line` and `error` are known.
    """

    line: int
    outcome: str | None
    error: str | None
    source: str = ""
    chunk: int = 0
    id: str | None = None
    messages: int | None = None
    property: str | None = None
    explanation: str | None = None
    first_message: int | None = None
    loop_onset: int | None = None
    loop_end: int | None = None
    loop_kind: str | None = None


# The columns with the types of their values; each may be null.
COLUMNS: Mapping[str, type] = {
    name: int if name in ("line", "chunk", "messages", "first_message", "loop_onset", "loop_end") else str
    for name in VerdictRow._fields
}


def rows_of(examination: Examination, chunk: int) -> Iterator[VerdictRow]:
    """The rows of a dialogue; the loop is its first one."""
    source = examination.source
    loop = next(iter(find_loops(source.transcript)), None)
    for verdict in examination.verdicts:
        yield VerdictRow(
            line=source.line,
            outcome=verdict.outcome.value,
            error=None,
            source=source.file,
            chunk=chunk,
            id=source.id,
            messages=len(source.transcript),
            property=verdict.property,
            explanation=verdict.explanation,
            first_message=verdict.evidence[0].message if verdict.evidence else None,
            loop_onset=loop.onset + 1 if loop else None,
            loop_end=loop.end + 1 if loop else None,
            loop_kind=str(loop.kind) if loop else None,
        )


def row_of_damage(damage: Unreadable, chunk: int) -> VerdictRow:
    """The row for a place that could not be read."""
    return VerdictRow(damage.line, None, damage.problem, damage.file, chunk)
