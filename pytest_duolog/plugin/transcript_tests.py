"""Collects transcript files as tests: one for each dialogue and property."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.display import printable, shorten
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin import OF_TESTPATHS
from pytest_duolog.plugin.state import redactor_of
from pytest_duolog.plugin.unused_markers import warned_once
from pytest_duolog.properties.base import Property, judge
from pytest_duolog.properties.by_name import given_property
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.results.examination import default_properties
from pytest_duolog.transcripts.sources import Source, Unreadable, read_file

# The globs that matched a file.
MATCHED: pytest.StashKey[set[str]] = pytest.StashKey()


def matches(path: Path, config: pytest.Config) -> bool:
    """Whether a file matches the ini value `duolog_transcripts`: globs relative to the root folder.

    `*` also matches folders; a leading `./` is ignored.
    """
    if not path.is_relative_to(config.rootpath):
        return False
    relative = path.relative_to(config.rootpath).as_posix()
    globs: list[str] = config.getini("duolog_transcripts")
    found = {glob for glob in globs if fnmatchcase(relative, glob.removeprefix("./"))}
    config.stash.setdefault(MATCHED, set()).update(found)
    return bool(found)


def refuse_idle_globs(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Warn about globs that match no file; collection fails if warnings are errors.

    Only where pytest has looked at all files that a glob could match: `pytest tests` says nothing about `logs/*.md`.
    """
    config = session.config
    matched = config.stash.get(MATCHED, set())
    for glob in config.getini("duolog_transcripts"):
        if glob not in matched and _was_visited(_folder(glob, config.rootpath), config):
            message = (
                f"duolog_transcripts: {shorten(glob)} matches no file among those that pytest looked at; "
                f"globs are relative to {config.rootpath}"
            )
            for report in warned_once(config, message, str(config.inipath or config.rootpath)):
                config.hook.pytest_collectreport(report=report)
                items.clear()


def _folder(glob: str, root: Path) -> Path:
    """The deepest folder that has all files that a glob could match."""
    plain = takewhile(lambda part: not set(part) & set("*?["), Path(glob).parts[:-1])
    return root.joinpath(*plain)


def _was_visited(folder: Path, config: pytest.Config) -> bool:
    is_of_worker = getattr(config, "workerinput", {}).get(OF_TESTPATHS, False)
    if is_of_worker or config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        return True  # a run of everything; `testpaths` may leave the folder out
    given = [Path(arg.partition("::")[0]) for arg in config.args]
    return any(folder.is_relative_to(config.invocation_params.dir / path) for path in given)


class DoesNotHold(Exception):
    """A property of a transcript does not hold; the text is the verdict."""


class TranscriptFile(pytest.File):
    """A file with transcripts."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each property of each dialogue, and a failing test for each dialogue that cannot be read.

        Recordings that match the globs are left out.
        """
        chosen = _chosen_properties(self.config)
        redactor = redactor_of(self.config)
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
