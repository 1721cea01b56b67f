"""Prints after Ctrl-C, `-x` and the like what is kept of the recorded dialogues, and how to continue."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_duolog.display import printable

NAME = "duolog-interrupted"
AGAIN = "recorded replies are not asked for again"


class Interrupted:
    """Prints at the end of a run that did not run all tests what is kept; one that replays loses nothing."""

    def __init__(self) -> None:
        self._is_interrupted = False
        self._stopped = ""
        self._ended: set[str] = set()
        self._n_collected = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test has ended."""
        if report.when == "teardown":
            self._ended.add(report.nodeid)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note Ctrl-C, or why the run was stopped; `pytest.exit` comes here, too, and prints its own reason."""
        self._is_interrupted = excinfo.type is KeyboardInterrupt
        if excinfo.errisinstance(pytest.Session.Interrupted):
            self._stopped = str(excinfo.value)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Note why the run was stopped, if pytest was not interrupted for it."""
        self._stopped = self._stopped or str(session.shouldfail or "")
        self._n_collected = session.testscollected

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Print what is kept."""
        is_stopped = self._stopped and 0 < len(self._ended) < self._n_collected
        if not (self._is_interrupted or is_stopped):
            return
        from pytest_duolog.plugin.record_keeper import RECORD_KEEPER  # noqa: PLC0415  # few runs are stopped
        from pytest_duolog.plugin.state import is_recording  # noqa: PLC0415

        if not is_recording(config):
            return
        keeper = config.stash.get(RECORD_KEEPER, None)
        samples = ", and all finished samples in the run record" if keeper and keeper.samples else ""
        why = "interrupted" if self._is_interrupted else self._stopped
        terminalreporter.write_line(printable(f"{why}: all received replies are in their cassettes{samples}"))
        terminalreporter.write_line(
            f"to continue, repeat this with --record-mode=once{self._without(config)}: {AGAIN}"
        )

    def _without(self, config: pytest.Config) -> str:
        """How a run that stopped at a failed test gets past it, which fails again from its recording."""
        if self._is_interrupted:
            return ""
        if config.getoption("stepwise", False):
            return " (with --stepwise-skip, to leave the failed test out)"
        most = config.getoption("maxfail", 0)
        if not most:
            return ""
        return f" and without {'-x' if most == 1 else f'--maxfail={most}'}"


def watch_interrupts(config: pytest.Config) -> None:
    """Print this when the run has not run all tests; once, however often it is asked for."""
    if not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(Interrupted(), NAME)
