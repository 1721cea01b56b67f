"""What Ctrl-C leaves behind of dialogues that were being recorded, and how to go on."""

from __future__ import annotations

from typing import Any

import pytest

RECORDING_MODES = ("once", "new_episodes", "all")


class Interrupted:
    """Says at the end of a run that was interrupted what is kept; in a run that only replays nothing can be lost."""

    def __init__(self, record_mode: str) -> None:
        self._record_mode = record_mode
        self._is_interrupted = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember it; `pytest.exit` says itself why it ends a run."""
        self._is_interrupted = excinfo.errisinstance(KeyboardInterrupt)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what is kept."""
        if self._is_interrupted and self._record_mode in RECORDING_MODES:
            terminalreporter.write_line(
                "interrupted: every reply that had come is in its cassette, and every finished sample in the run record"
            )
            terminalreporter.write_line(
                "to go on, repeat this with --record-mode=once: what is recorded is not asked for again"
            )


def watch_interrupts(config: pytest.Config) -> None:
    """Be there when somebody presses Ctrl-C."""
    record_mode = config.getoption("record_mode", None) or config.getini("duolog_record_mode")
    config.pluginmanager.register(Interrupted(record_mode), "duolog-interrupted")
