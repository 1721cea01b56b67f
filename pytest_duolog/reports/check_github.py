"""Annotations of GitHub Actions: workflow commands, one a finding, with nothing of them left to model text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_duolog.display import printable
from pytest_duolog.results.examination import Examination
from pytest_duolog.transcripts.readers import Unreadable


def github_lines(examinations: Sequence[Examination], unreadable: Sequence[Unreadable]) -> Iterator[str]:
    """The report, line by line, in the syntax of GitHub's workflow commands."""
    for examination in examinations:
        for verdict in examination.findings:
            yield _annotation(
                examination.source.file,
                examination.line_of(verdict),
                f"{examination.source.id}: {verdict.property}",
                repr(verdict),
            )
    for failed in unreadable:
        yield _annotation(failed.file, failed.line, "not read", failed.problem)


def _annotation(file: str, line: int, title: str, text: str) -> str:
    return f"::error file={_value(file)},line={line},title={_value(title)}::{_data(text)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
