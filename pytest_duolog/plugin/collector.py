"""Collects the results of dialogues on the controller, from the tests' reports, and prints the summary."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import and_more, counted, printable
from pytest_duolog.genuine import CLOCK
from pytest_duolog.plugin import RECORD_ATTRIBUTE, REPORT_ATTRIBUTE

if TYPE_CHECKING:
    from pytest_duolog.plugin.wire import RecordPart
    from pytest_duolog.results.dialogue_result import DialogueResult

# The attribute that says that a test did not pass because something could not be measured.
UNMEASURED_ATTRIBUTE = "duolog_unmeasured"
# What the report of a test is counted as that neither passed nor failed.
STATUS_ATTRIBUTE = "duolog_status"
# The attribute of a report that pytest logs but does not show: that of a subtest in a sample.
WITHHELD_ATTRIBUTE = "duolog_withheld"
# Up to this many tests with the same notice are listed one by one.
MOST_NAMED = 3
# And so many lines are about notices.
MOST_NOTICES = 8


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Collector:
    """Reads the dialogues from test reports; it works with and without xdist.

    `receive` is called with a worker's part of the run record and the worker.
    """

    receive: Callable[[RecordPart, object], None] = lambda _part, _node: None
    dialogues: list[tuple[str, DialogueResult]] = field(default_factory=list)
    _started_s: float = field(default_factory=CLOCK.seconds)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, str] | None:
        """Neither show nor count a report that is withheld; count one that has a status of its own as that."""
        if hasattr(report, WITHHELD_ATTRIBUTE):
            return "", "", ""
        status = getattr(report, STATUS_ATTRIBUTE, None)
        return (status, status[0], status.upper()) if status else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the dialogues of a test's report."""
        if hasattr(report, RECORD_ATTRIBUTE):
            self.receive(getattr(report, RECORD_ATTRIBUTE), getattr(report, "node", None))
        if hasattr(report, "context"):
            return  # the report of a subtest: the report of its test has the dialogues, too
        self.take(report.nodeid, getattr(report, REPORT_ATTRIBUTE, ()))

    def take(self, nodeid: str, dialogues: Iterable[DialogueResult]) -> None:
        """Count the dialogues of a test."""
        self.dialogues += ((nodeid, dialogue) for dialogue in dialogues)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the summary of the dialogues at the end of the run."""
        counts, *notices = self.summary() if self.dialogues else [""]
        if counts:
            stops = self._stops() if terminalreporter.config.get_verbosity() >= 0 else []
            terminalreporter.write_sep("-", "dialogues")
            for line in [counts, *stops, *notices]:
                terminalreporter.write_line(printable(line))

    def summary(self) -> Iterator[str]:
        """The lines of the summary: one with the counts, then the notices. Empty without dialogues."""
        if not self.dialogues:
            return
        results = [result for _, result in self.dialogues]
        parts = [counted(len(results), "dialogue")]
        if played := sum(result.played for result in results):
            parts.append(f"{counted(played, 'reply', 'replies')} replayed")
        if recorded := sum(result.recorded for result in results):
            parts.append(f"{counted(recorded, 'reply', 'replies')} recorded{self._cost()}")
        if votes := self._votes():
            parts.append(votes)
        if spared := sum(result.spared for result in results):
            parts.append(f"up to {counted(spared, 'message')} saved by stopping at a goodbye or in a loop")
        yield ", ".join(parts)
        notices: dict[str, Counter[str]] = defaultdict(Counter)
        for nodeid, result in self.dialogues:
            for notice in result.notices:
                notices[notice][nodeid] += 1
        lines = [line for notice, tests in notices.items() for line in _notice_lines(notice, tests)]
        yield from lines[:MOST_NOTICES]
        yield from and_more(len(lines), MOST_NOTICES, "notes")

    def _stops(self) -> Iterator[str]:
        """Why the dialogues ended, the commonest reason first."""
        reasons = (result.transcript.stop_reason for _, result in self.dialogues)
        stops = Counter(reason.kind.value.replace("_", " ") for reason in reasons if reason)
        if stops:
            yield "stopped by: " + ", ".join(f"{kind} ({n})" for kind, n in stops.most_common())

    def _cost(self) -> str:
        from pytest_duolog.reports.terminal import cost_words

        words = cost_words(message for _, result in self.dialogues for message in result.fresh_messages)
        return f" ({words}; {CLOCK.seconds() - self._started_s:.1f} s on the clock)" if words else ""

    def _votes(self) -> str:
        from pytest_duolog.reports.terminal import judge_words

        return judge_words(result for _, result in self.dialogues)


def _notice_lines(notice: str, tests: Counter[str]) -> Iterator[str]:
    """A notice for each test that has it; a single line for many tests."""
    if len(tests) > MOST_NAMED:
        yield f"{notice} (in {len(tests)} tests, the first is {next(iter(tests))})"
        return
    for nodeid, n in tests.items():
        yield f"{nodeid}: {notice}" + (f" (in {n} dialogues)" if n > 1 else "")
