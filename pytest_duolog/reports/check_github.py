"""Reports of `duolog check` as annotations of GitHub Actions, one for each finding; model text cannot add commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_duolog.reports.workflow_commands import workflow_command
from pytest_duolog.results.examination import Examination
from pytest_duolog.transcripts.sources import Unreadable


def part_of(examination: Examination) -> list[str]:
    """What the report says of one dialogue: lines in the syntax of GitHub's workflow commands."""
    return [
        workflow_command(
            "error",
            repr(verdict),
            file=examination.source.file,
            line=examination.line_of(verdict),
            title=f"{examination.source.id}: {verdict.property}",
        )
        for verdict in examination.findings
    ]


def report_lines(parts: Iterable[Sequence[str]], unreadable: Sequence[Unreadable]) -> Iterator[str]:
    """The lines of the report; `unreadable` is read after the last part."""
    for part in parts:
        yield from part
    for failed in unreadable:
        yield workflow_command("error", failed.problem, file=failed.file, line=failed.line, title="not read")
