"""A line for each live dialogue of a verbose run whose output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog.plugin import REPORT_ATTRIBUTE
from pytest_duolog.plugin.attempts import Attempt
from pytest_duolog.plugin.progress import watched_reporter

if TYPE_CHECKING:  # a run without samples does without them
    from pytest_duolog.results.dialogue_result import DialogueResult
    from pytest_duolog.results.record import Sample

_ENDS: Mapping[str, str] = {"failed": "; the sample failed", "error": "; the sample could not be measured"}

NAME = "duolog-ended-dialogues"


def watch_dialogues(config: pytest.Config) -> None:
    """Write a line for each dialogue that is not replayed, if the output is not a terminal."""
    reporter = watched_reporter(config)
    if reporter is not None and not reporter.isatty:
        config.pluginmanager.register(EndedDialogues(reporter), NAME)


class EndedDialogues:
    """Writes a line for each live dialogue below the result of its test; for a sample, as soon as it is finished."""

    def __init__(self, reporter: Any) -> None:
        self._reporter = reporter
        self._sampled: set[str] = set()

    def write_sample(self, attempt: Attempt, sample: Sample, reports: Iterable[pytest.TestReport]) -> None:
        """Write the lines of a sample, which pytest does not log."""
        self._sampled.add(attempt.item.nodeid)
        for report in reports:
            self._write(report, attempt.title, _ENDS.get(sample.outcome, ""))

    @pytest.hookimpl(trylast=True)  # after pytest has written the result
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the lines of a test without samples."""
        if report.nodeid not in self._sampled and not hasattr(report, "context"):
            self._write(report)

    def _write(self, report: pytest.TestReport, sample: str = "", end: str = "") -> None:
        results: Iterable[DialogueResult] = getattr(report, REPORT_ATTRIBUTE, ())
        for result in results:
            if result.recorded or not result.played:
                self._reporter.write_line(f"{_words(result, sample)}{end}")
                self._reporter.flush()


def _words(result: DialogueResult, sample: str) -> str:
    # They import detectors, which a replay does without.
    from pytest_duolog.reports.talk_text import ended_line  # noqa: PLC0415
    from pytest_duolog.reports.terminal import cost_words  # noqa: PLC0415

    title = result.title if result.name or not sample else ""
    line = ended_line(", ".join(filter(None, [sample, title])), result.transcript)
    cost = cost_words(result.fresh_messages)
    return f"{'' if sample else '  '}{line}{f' ({cost})' if cost else ''}"
