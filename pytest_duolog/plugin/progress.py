"""The progress line of a running dialogue, on a terminal with `-v`."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.plugin.attempts import ATTEMPT, Attempt
from pytest_duolog.running.runner import Observer
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.transcript import Message


def progress_observers(config: pytest.Config, attempt: Attempt, scenario: Scenario) -> list[Observer]:
    """A progress line for a dialogue, if the output is a terminal."""
    reporter = watched_reporter(config)
    if reporter is None or not reporter.isatty:
        return []
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    begin = ""
    if ATTEMPT in attempt.item.stash:  # pytest names a test with samples only after the last one
        begin = f"{attempt.title}:"
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
    return [ProgressLine(config.get_terminal_writer(), capture, scenario.max_messages, begin)]


def watched_reporter(config: pytest.Config) -> Any:
    """Pytest's reporter if it may show progress: with `-v`, outside of CI and of workers of pytest-xdist."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    is_quiet = config.get_verbosity() <= 0 or os.environ.get("CI") or hasattr(config, "workerinput")
    return None if is_quiet else reporter


class ProgressLine:
    """Shows the awaited message after the test's name, or after `begin`, and removes it afterwards."""

    def __init__(self, terminal: Any, capture: Any, max_messages: int, begin: str = "") -> None:
        self._terminal = terminal
        self._capture = capture
        self._max_messages = max_messages
        self._begin = printable(begin)
        self._tokens = 0

    def asking(self, message_number: int, speaker: str) -> None:
        """Show the speaker that is being asked."""
        tokens = f", {self._tokens} tokens" if self._tokens else ""
        self._show(
            f"{self._begin} message {message_number} of {self._max_messages}, {printable(speaker)}{tokens} "
        )

    def said(self, message_number: int, message: Message) -> None:
        """Count the tokens."""
        self._tokens += message.usage.tokens_written if message.usage else 0
        self._show("")

    def _show(self, text: str) -> None:
        room = self._terminal.fullwidth - self._terminal.width_of_current_line
        # pytest's `write` would count this text as part of the line and wrap the names of tests too early. To be
        # dropped when its terminal writer can write without counting (9.2 cannot).
        file = self._terminal._file  # noqa: SLF001
        with self._capture.global_and_fixture_disabled():
            file.write(f"\0337{text[: max(room, 0)]}\033[K\0338")
            file.flush()
