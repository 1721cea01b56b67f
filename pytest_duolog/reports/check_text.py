"""Reports of `duolog check` as text: one paragraph for each finding, and a line with the counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_duolog.display import counted, printable
from pytest_duolog.properties.base import Verdict
from pytest_duolog.results.examination import Examination
from pytest_duolog.transcripts.sources import Unreadable


def report_lines(examinations: Sequence[Examination], unreadable: Sequence[Unreadable]) -> Iterator[str]:
    """The lines of the report; explanations may contain line feeds."""
    for examination in examinations:
        for verdict in examination.findings:
            yield printable(f"{_place(examination, verdict)}: {verdict!r}")
    n_found = sum(bool(examination.findings) for examination in examinations)
    n_unread = f", {len(unreadable)} could not be read" if unreadable else ""
    yield f"{counted(len(examinations), 'dialogue')} checked: {n_found or 'none'} with findings{n_unread}"


def _place(examination: Examination, verdict: Verdict) -> str:
    source = examination.source
    named = "" if source.file.endswith(source.id) else f" {source.id}"
    return f"{source.file}:{examination.line_of(verdict)}{named}"
