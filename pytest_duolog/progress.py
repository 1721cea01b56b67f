"""The line that shows a running dialogue: on a person's terminal with `-v`, nowhere else."""

from __future__ import annotations

import os
from typing import Any

import pytest

from pytest_duolog.reports.terminal import printable
from pytest_duolog.runner import Observer
from pytest_duolog.transcript import Message


def progress_observers(item: pytest.Item) -> list[Observer]:
    """A progress line for the dialogues of `item`, if somebody is there to read it."""
    config = item.config
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    is_watched = reporter is not None and reporter.isatty and config.get_verbosity() > 0
    if not is_watched or os.environ.get("CI") or hasattr(config, "workerinput"):
        return []
    return [ProgressLine(reporter, config.pluginmanager.get_plugin("capturemanager"))]


class ProgressLine:
    """Rewrites one terminal line with each message."""

    def __init__(self, reporter: Any, capture: Any) -> None:
        self._writer = reporter._tw  # noqa: SLF001  # pytest has no public way to its terminal
        self._capture = capture
        self._tokens = 0

    def asking(self, message_number: int, speaker: str) -> None:
        """Say who is being waited for."""
        tokens = f", {self._tokens} tokens" if self._tokens else ""
        self._show(f" message {message_number}, {printable(speaker)}{tokens} ")

    def said(self, message_number: int, message: Message) -> None:
        """Count the tokens."""
        self._tokens += (message.usage.reply_tokens or 0) if message.usage else 0

    def _show(self, text: str) -> None:
        with self._capture.global_and_fixture_disabled():
            self._writer.write(f"\0337{text}\033[K\0338", flush=True)
