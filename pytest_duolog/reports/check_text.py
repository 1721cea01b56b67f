"""Reports of `duolog check` as text: one paragraph for each finding, and a line with the counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_duolog.display import counted, printable
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.results.examination import Examination
from pytest_duolog.transcripts.sources import Unreadable


def part_of(examination: Examination) -> list[str]:
    """What the report says of one dialogue: its findings; explanations may contain line feeds."""
    return [printable(f"{_place(examination, verdict)}: {verdict!r}") for verdict in examination.findings]


def report_lines(parts: Iterable[Sequence[str]], unreadable: Sequence[Unreadable]) -> Iterator[str]:
    """The lines of the report; `unreadable` is read after the last part."""
    n_checked = n_found = 0
    for part in parts:
        n_checked += 1
        n_found += bool(part)
        yield from part
    n_unread = f", {len(unreadable)} could not be read" if unreadable else ""
    yield f"{counted(n_checked, 'dialogue')} checked: {n_found or 'none'} with findings{n_unread}"


def _place(examination: Examination, verdict: Verdict) -> str:
    source = examination.source
    named = "" if source.file.endswith(source.id) else f" {source.id}"
    return f"{source.file}:{examination.line_of(verdict)}{named}"
