"""Adds what a run took to the history of builds, at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.genuine import CLOCK
from pytest_duolog.plugin import REPORT_ATTRIBUTE
from pytest_duolog.plugin.collector import UNMEASURED_ATTRIBUTE
from pytest_duolog.plugin.subtests import is_strict_xpass

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_duolog.history.line import HistoryLine
    from pytest_duolog.plugin.record_keeper import RecordKeeper
    from pytest_duolog.results.dialogue_result import DialogueResult
    from pytest_duolog.results.record import Sample

# The outcome that pytest-rerunfailures gives to a try that is repeated.
RERUN = "rerun"


@dataclass
class _Test:
    """The first run of a test without samples: its dialogues, and whether it failed or was not measured."""

    dialogues: tuple[DialogueResult, ...] = ()
    has_failed: bool = False
    is_unmeasured: bool = False
    is_over: bool = False

    def take(self, report: pytest.TestReport) -> None:
        """Add a report; those of a second try are left out, because only tests that failed have one."""
        if self.is_over:
            return
        self.dialogues = getattr(report, REPORT_ATTRIBUTE, ()) or self.dialogues
        self.is_over = str(report.outcome) == RERUN
        is_wrong = self.is_over or not (report.passed or is_strict_xpass(report))
        if is_wrong and not self.has_failed:
            is_skipped = report.skipped and not hasattr(report, "wasxfail")
            self.has_failed = True
            self.is_unmeasured = report.when != "call" or is_skipped or hasattr(report, UNMEASURED_ATTRIBUTE)


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class HistoryWriter:
    """Writes the lines of this run into a folder."""

    config: pytest.Config
    folder: Path
    created: datetime = field(default_factory=CLOCK.now)
    _tests: dict[str, _Test] = field(default_factory=dict)
    _said: str = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the dialogues and the outcome of a test; a failed subtest is a failure of its test."""
        if hasattr(report, REPORT_ATTRIBUTE) or report.nodeid in self._tests:
            self._tests.setdefault(report.nodeid, _Test()).take(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file; a run whose history cannot be written fails."""
        try:
            self._said = self._write()
        except ConfigurationError as error:
            self._said = str(error)
            session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR

    def _write(self) -> str:
        from pytest_duolog.history.folder import added  # noqa: PLC0415  # only at the end of a run
        from pytest_duolog.plugin.state import redactor_of  # noqa: PLC0415

        lines = list(self._lines())
        has_evidence = any(line.samples or line.errors for line in lines)
        if not (has_evidence or self.config.getoption("duolog_history")):
            return ""  # an ini key is for other runs as well
        redactor = redactor_of(self.config)
        return added(self.folder, [line.without_secrets(redactor.text) for line in lines])

    def _lines(self) -> Iterator[HistoryLine]:
        from pytest_duolog.history.line import lines_of, lines_of_record  # noqa: PLC0415
        from pytest_duolog.plugin.record_keeper import RECORD_KEEPER  # noqa: PLC0415
        from pytest_duolog.settings.builds import current_build  # noqa: PLC0415

        keeper: RecordKeeper | None = self.config.stash.get(RECORD_KEEPER, None)
        has_samples = keeper is not None and keeper.header is not None
        sampled = keeper.plan.scenarios if keeper is not None and has_samples else {}
        plain = [sample for name in self._tests if name not in sampled for sample in self._samples(name)]
        if not (plain or (keeper and keeper.samples)):
            return
        build = current_build(
            self.config.getoption("duolog_build"), os.environ, self.config.rootpath, self.created
        )
        if keeper is not None and has_samples:
            yield from lines_of_record(keeper.record(), build)
        yield from lines_of(plain, build, created=self.created, plugin=version("pytest-duolog"))

    def _samples(self, name: str) -> Iterator[Sample]:
        """The only sample of a test, if it had a dialogue."""
        from pytest_duolog.plugin.sample_reports import lacks_verdicts  # noqa: PLC0415
        from pytest_duolog.results.record import Sample, SampleOutcome  # noqa: PLC0415

        test = self._tests[name]
        if not test.dialogues:
            return
        is_error = test.is_unmeasured or lacks_verdicts(test.dialogues)
        outcome = SampleOutcome.FAILED if test.has_failed else SampleOutcome.PASSED
        yield Sample(
            scenario=name,
            number=1,
            outcome=SampleOutcome.ERROR if test.has_failed and is_error else outcome,
            dialogues=test.dialogues,
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say where the file is, or why there is none."""
        if self._said:
            terminalreporter.write_line(printable(f"history: {self._said}"))


def watch_history(config: pytest.Config, folder: Path) -> None:
    """Write the history of this run into a folder; raises UsageError if that cannot be written, or for a long name."""
    above = next(found for found in (folder, *folder.parents) if found.exists())
    if not above.is_dir():
        raise pytest.UsageError(f"duolog_history: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise pytest.UsageError(f"duolog_history: no permission to write to {above}")
    if build := config.getoption("duolog_build"):
        from pytest_duolog.settings.builds import check_name  # noqa: PLC0415  # most runs name none

        try:
            check_name("--duolog-build", build)
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(HistoryWriter(config, folder), "duolog-history-writer")
