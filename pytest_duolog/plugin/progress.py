"""The progress line of a running dialogue, on a terminal with `-v`."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.running.runner import Observer
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.transcript import Message


def progress_observers(config: pytest.Config, scenario: Scenario) -> list[Observer]:
    """A progress line for a dialogue, if the output is a terminal."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    is_watched = reporter is not None and reporter.isatty and config.get_verbosity() > 0
    if not is_watched or os.environ.get("CI") or hasattr(config, "workerinput"):
        return []
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    return [ProgressLine(config.get_terminal_writer(), capture, scenario.max_messages)]


class ProgressLine:
    """Shows the awaited message after the test's name, and removes it afterwards."""

    def __init__(self, terminal: Any, capture: Any, max_messages: int) -> None:
        self._terminal = terminal
        self._capture = capture
        self._max_messages = max_messages
        self._tokens = 0

    def asking(self, message_number: int, speaker: str) -> None:
        """Show the speaker that is being asked."""
        tokens = f", {self._tokens} tokens" if self._tokens else ""
        self._show(f" message {message_number} of {self._max_messages}, {printable(speaker)}{tokens} ")

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
