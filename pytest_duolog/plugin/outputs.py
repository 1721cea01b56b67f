"""Writes the outputs of a run with samples for CI: report files, and the summary and annotations of GitHub Actions."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog.plugin import REPORT_ATTRIBUTE
from pytest_duolog.reports.run_reports import RUN_REPORTS, RunReport

if TYPE_CHECKING:
    from pytest_duolog.gate.decide import RecordDecision
    from pytest_duolog.plugin.collector import Collector
    from pytest_duolog.plugin.record_keeper import RecordKeeper
    from pytest_duolog.results.filed import FiledDialogue

GITHUB = "GITHUB_ACTIONS"
SCREENING = "duolog-screening"
# Variables with the folder of the repository in these CI systems; paths in reports are relative to it.
CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Outputs:
    """Writes the outputs that the command line and the CI system request, at the end of the run."""

    config: pytest.Config
    collector: Collector
    _lines: dict[str, int] = field(default_factory=dict)
    _problems: dict[str, str] = field(default_factory=dict)
    _said: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the place of a test with dialogues, and why a test failed."""
        if hasattr(report, REPORT_ATTRIBUTE):
            self._lines[report.nodeid] = (report.location[1] or 0) + 1
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self._problems[report.nodeid] = str(crash.message if crash else report.longrepr).partition("\n")[
                0
            ]

    def pytest_sessionfinish(self) -> None:
        """Write the files."""
        self._said = list(self._written())

    def _written(self) -> Iterator[str]:
        record_keeper, decided = self._decided()
        for report, path in _wanted(self.config):
            if report.module == "report" and self.config.pluginmanager.has_plugin(SCREENING):
                continue  # its page is that of the screen
            if record_keeper is None or decided is None:
                if report.shows_dialogues and record_keeper is None and self.collector.dialogues:
                    yield report.write_dialogues(path, self._dialogues()) or f"{report.title}: {path}"
                elif not report.variable:
                    has_samples = record_keeper is not None and record_keeper.samples
                    why = "a shard of a gate has no verdict" if has_samples else "no test has samples"
                    yield f"{report.title}: {path} is not written, because {why}"
                continue
            said = report.write(path, record_keeper.record(), decided, self._places(record_keeper))
            if said or not report.variable:
                yield said or f"{report.title}: {path}"

    def _dialogues(self) -> list[FiledDialogue]:
        from pytest_duolog.results.filed import of_test
        from pytest_duolog.results.record import SampleOutcome

        return [
            of_test(
                test,
                dialogue,
                SampleOutcome.FAILED if test in self._problems else SampleOutcome.PASSED,
                self._problems.get(test, ""),
            )
            for test, dialogue in self.collector.dialogues
        ]

    def _places(self, record_keeper: RecordKeeper) -> Mapping[str, Any]:
        from pytest_duolog.reports.scenario_rows import Place

        folder = _folder_in_checkout(self.config.rootpath)
        return {
            name: Place((folder / name.partition("::")[0]).as_posix(), self._lines.get(name, 1))
            for name in record_keeper.record().header.plan.scenarios
        }

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        """Disable workflow commands in everything that pytest and other plugins print at the end, such as failed tests.

        Then print this package's own commands.
        """
        with self._guard(terminalreporter):
            yield
            for line in self._said:
                terminalreporter.write_line(line)
        for line in self._annotations():
            terminalreporter.write_line(line)

    @property
    def _is_read_for_commands(self) -> bool:
        return bool(self.collector.dialogues) and os.environ.get(GITHUB) == "true"

    def _guard(self, terminalreporter: Any) -> AbstractContextManager[None]:
        if not self._is_read_for_commands:
            return nullcontext()
        from pytest_duolog.reports.workflow_commands import commands_stopped

        return commands_stopped(terminalreporter.write_line)

    def _annotations(self) -> Iterator[str]:
        record_keeper, decided = self._decided()
        if record_keeper is not None and decided is not None and self._is_read_for_commands:
            from pytest_duolog.reports.workflow_commands import annotation_lines

            yield from annotation_lines(record_keeper.record(), decided, self._places(record_keeper))

    def _decided(self) -> tuple[RecordKeeper | None, RecordDecision | None]:
        from pytest_duolog.plugin.record_keeper import RECORD_KEEPER

        record_keeper = self.config.stash.get(RECORD_KEEPER, None)
        return record_keeper, record_keeper.decide() if record_keeper else None


def watch_outputs(config: pytest.Config, collector: Collector) -> None:
    """Write the requested outputs at the end, if there are any; raises UsageError if they cannot be written."""
    if any(_wanted(config)) or os.environ.get(GITHUB) == "true":
        check_outputs(config)
        config.pluginmanager.register(Outputs(config, collector), "duolog-outputs")


def _wanted(config: pytest.Config) -> Iterator[tuple[RunReport, Path]]:
    """The reports that an option, an ini key or the CI system requests, and their files."""
    for report in RUN_REPORTS:
        if report.variable:
            if given := os.environ.get(report.variable):
                yield report, Path(given)
        elif given := config.getoption(report.key) or config.getini(report.key):
            yield report, config.rootpath / given


def given_report(config: pytest.Config) -> Path | None:
    """The file of the HTML report, if one is wanted."""
    return next((path for report, path in _wanted(config) if report.module == "report"), None)


def check_outputs(config: pytest.Config) -> None:
    """Raises UsageError for report files that cannot be written, or that several reports would write."""
    record = config.getoption("duolog_record") or config.getini("duolog_record")
    taken = {config.rootpath / record: "duolog_record"} if record else {}
    for report, path in _wanted(config):
        if not report.variable and (problem := _problem(path, taken.setdefault(path, report.key), report)):
            raise pytest.UsageError(f"{report.key}: {path} cannot be written: {problem}")


def _problem(path: Path, taken_by: str, report: RunReport) -> str:
    if taken_by != report.key:
        return f"{taken_by} names this file, too"
    if path.is_dir():
        return "it is a folder; name a file"
    above = next(folder for folder in path.parents if folder.exists())
    if not above.is_dir():
        return f"{above} is not a folder"
    return "" if os.access(path if path.exists() else above, os.W_OK) else "permission denied"


def _folder_in_checkout(rootpath: Path) -> Path:
    for name in CHECKOUTS:
        checkout = os.environ.get(name)
        if checkout and rootpath.is_relative_to(checkout):
            return rootpath.relative_to(checkout)
    return Path()
