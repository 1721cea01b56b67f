"""What the dialogues of a run came to, gathered on the controller from the tests' reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_duolog.display import counted, printable
from pytest_duolog.reports.terminal import cost_words

if TYPE_CHECKING:
    from pytest_duolog.running.dialogue import TestSite

REPORT_ATTRIBUTE = "duolog"
# What a worker of pytest-xdist adds to the run record.
RECORD_ATTRIBUTE = "duolog_record"
# So many tests with the same notice are named one by one.
MOST_NAMED = 3

# Stands in the stash of a test that opened a dialogue; here, because every run looks for it.
SITE: pytest.StashKey[TestSite] = pytest.StashKey()


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Collector:
    """Reads the data that travels on test reports; it works the same with and without xdist.

    `receive` takes what a worker adds to the run record, and the worker.
    """

    receive: Callable[[dict[str, Any], object], None] = lambda _sent, _node: None
    entries: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test's report carries."""
        if hasattr(report, RECORD_ATTRIBUTE):
            self.receive(getattr(report, RECORD_ATTRIBUTE), getattr(report, "node", None))
        if hasattr(report, "context"):
            return  # that of a subtest: the dialogues are on the report of the test as well
        for entry in getattr(report, REPORT_ATTRIBUTE, ()):
            self.entries.append((report.nodeid, entry))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say at the end of the run what the dialogues came to."""
        lines = list(self.summary())
        if lines:
            terminalreporter.write_sep("-", "dialogues")
            for line in lines:
                terminalreporter.write_line(printable(line))

    def summary(self) -> Iterator[str]:
        """Lines for the end of the run: one with the counts, then the notices. Empty without dialogues."""
        if not self.entries:
            return
        played = sum(entry["played"] for _, entry in self.entries)
        recorded = sum(entry["recorded"] for _, entry in self.entries)
        parts = [counted(len(self.entries), "dialogue")]
        if played:
            parts.append(f"{counted(played, 'reply', 'replies')} replayed")
        if recorded:
            parts.append(f"{counted(recorded, 'reply', 'replies')} recorded{self._cost()}")
        if spared := sum(entry["spared"] for _, entry in self.entries):
            parts.append(f"up to {counted(spared, 'message')} spared at a goodbye or in a loop")
        yield ", ".join(parts)
        notices: dict[str, Counter[str]] = defaultdict(Counter)
        for nodeid, entry in self.entries:
            for notice in entry["notices"]:
                notices[notice][nodeid] += 1
        for notice, tests in notices.items():
            yield from _notice_lines(notice, tests)

    def _cost(self) -> str:
        fresh = [
            message
            for _, entry in self.entries
            for number, message in enumerate(entry["transcript"]["messages"], start=1)
            if number in entry["fresh"]
        ]
        words = cost_words(fresh)
        return f" ({words})" if words else ""


def _notice_lines(notice: str, tests: Counter[str]) -> Iterator[str]:
    """A notice for each test that has it; one for all of them if they are many."""
    if len(tests) > MOST_NAMED:
        yield f"{notice} (in {len(tests)} tests, {next(iter(tests))} the first)"
        return
    for nodeid, n in tests.items():
        yield f"{nodeid}: {notice}" + (f" (in {n} dialogues)" if n > 1 else "")
