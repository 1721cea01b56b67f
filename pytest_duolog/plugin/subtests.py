"""Subtests in samples: a failed subtest fails its sample, not the run.

pytest logs the report of a subtest when the subtest ends, and fails its test at the end of the run. In a sample the
report is kept instead, because the verdict on all samples decides.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from copy import copy

import pytest

from pytest_duolog.plugin.collector import WITHHELD_ATTRIBUTE

# Exceptions with which a subtest may end without a failure.
NO_FAILURE = (pytest.skip.Exception, pytest.xfail.Exception)


# The beginning of pytest's report about a strict xfail whose body, or subtest, passed.
XPASS_STRICT = "[XPASS(strict)] "


def is_strict_xpass(report: pytest.TestReport) -> bool:
    """Whether a report failed only because the test was expected to fail."""
    return isinstance(report.longrepr, str) and report.longrepr.startswith(XPASS_STRICT)


class SampleSubtests:
    """Keeps the reports of subtests that fail while the body of a sample runs."""

    def __init__(self) -> None:
        self._sample: pytest.Item | None = None
        self._is_in_body = False
        self._failed: list[pytest.TestReport] = []

    @contextmanager
    def of_sample(self, item: pytest.Item) -> Iterator[list[pytest.TestReport]]:
        """The reports of subtests that fail in this test while it runs as a sample."""
        self._sample, self._failed = item, []
        try:
            yield self._failed
        finally:
            self._sample = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Note when the body runs: reports that are made during this time are from subtests."""
        self._is_in_body = item is self._sample
        try:
            yield
        finally:
            self._is_in_body = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the report of a failed subtest, and let pytest log a hidden one instead."""
        report = yield
        if not self._is_in_body or item is not self._sample:
            return report
        is_failure = call.excinfo is not None and not isinstance(call.excinfo.value, NO_FAILURE)
        if is_failure or (report.failed and not is_strict_xpass(report)):
            self._failed.append(report)
        shown = copy(report)
        vars(shown).pop("wasxfail", None)
        shown.outcome, shown.longrepr, shown.sections = "passed", None, []
        setattr(shown, WITHHELD_ATTRIBUTE, True)
        return shown

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the name of a kept subtest, and keep failures that a plugin logs directly."""
        if not self._is_in_body or self._sample is None or report.nodeid != self._sample.nodeid:
            return
        if getattr(report, WITHHELD_ATTRIBUTE, False):
            if self._failed and not hasattr(self._failed[-1], "context"):
                setattr(self._failed[-1], "context", getattr(report, "context", None))  # noqa: B010
        elif report.failed:
            self._failed.append(report)
