"""Collects transcript files as tests: one for each dialogue and property."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin.state import session_of
from pytest_duolog.properties.base import Outcome, Property, judge
from pytest_duolog.properties.by_name import given_property
from pytest_duolog.results.examination import default_properties
from pytest_duolog.transcripts.sources import Source, Unreadable, read_file


def matches(path: Path, config: pytest.Config) -> bool:
    """Whether a file matches the ini value `duolog_transcripts`: globs relative to the root folder.

    `*` also matches folders; a leading `./` is ignored.
    """
    patterns: list[str] = config.getini("duolog_transcripts")
    if not path.is_relative_to(config.rootpath):
        return False
    relative = path.relative_to(config.rootpath).as_posix()
    return any(fnmatchcase(relative, pattern.removeprefix("./")) for pattern in patterns)


class DoesNotHold(Exception):
    """A property of a transcript does not hold; the text is the verdict."""


class TranscriptFile(pytest.File):
    """A file with transcripts."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each property of each dialogue, and a failing test for each dialogue that cannot be read.

        Recordings that match the globs are left out.
        """
        chosen = _chosen_properties(self.config)
        redactor = session_of(self.config).redactor
        found = [
            entry.without_secrets(redactor.json)
            if isinstance(entry, Source)
            else replace(entry, problem=redactor.shown(entry.problem))
            for entry in read_file(self.path)
            if isinstance(entry, Source) or not entry.is_ours
        ]
        for entry in found:
            prefix = "" if len(found) == 1 else f"{_title(entry)}::"
            if isinstance(entry, Unreadable):
                yield TranscriptTest.from_parent(self, name=f"{prefix}is a transcript", entry=entry)
            else:
                for check in chosen or default_properties(entry):
                    name = f"{prefix}{check}"
                    yield TranscriptTest.from_parent(self, name=name, entry=entry, check=check)


class TranscriptTest(pytest.Item):
    """One property of one dialogue."""

    def __init__(self, *, entry: Source | Unreadable, check: Property | None = None, **fields: Any) -> None:
        super().__init__(**fields)
        self._entry = entry
        self._check = check

    def runtest(self) -> None:
        """Check the property; raises DoesNotHold with the verdict unless it holds."""
        if isinstance(self._entry, Unreadable):
            raise DoesNotHold(f"line {self._entry.line}: {self._entry.problem}")
        assert self._check is not None, "a readable dialogue has a property to check"
        verdict = judge(self._check, self._entry.transcript)
        if verdict.outcome is not Outcome.HOLDS:
            raise DoesNotHold(repr(verdict))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Only the verdict, without control sequences; for other exceptions pytest's own text."""
        if isinstance(excinfo.value, DoesNotHold):
            return printable(str(excinfo.value))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file and line of the dialogue."""
        return self.path, self._entry.line - 1, self.name


def _chosen_properties(config: pytest.Config) -> list[Property]:
    try:
        return [given_property(written) for written in config.getini("duolog_transcript_properties")]
    except ConfigurationError as error:
        raise pytest.Collector.CollectError(f"duolog_transcript_properties: {error}") from None


def _title(entry: Source | Unreadable) -> str:
    name = entry.id if isinstance(entry, Source) else f"line {entry.line}"
    return printable(name).replace("\n", r"\n").replace("\t", r"\t")
