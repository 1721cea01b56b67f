"""Prints after Ctrl-C what is kept of the recorded dialogues, and how to continue."""

from __future__ import annotations

from typing import Any

import pytest

NAME = "duolog-interrupted"
RECORDING_MODES = ("once", "new_episodes", "all")


class Interrupted:
    """Prints at the end of an interrupted run what is kept; a run that only replays cannot lose anything."""

    def __init__(self, record_mode: str) -> None:
        self._record_mode = record_mode
        self._is_interrupted = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note Ctrl-C; `pytest.exit` and errors of collection come here, too, and print their own reasons."""
        self._is_interrupted = excinfo.type is KeyboardInterrupt

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Print what is kept."""
        if self._is_interrupted and self._record_mode in RECORDING_MODES:
            from pytest_duolog.plugin.record_keeper import RECORD_KEEPER  # noqa: PLC0415  # few are interrupted

            keeper = config.stash.get(RECORD_KEEPER, None)
            samples = ", and all finished samples in the run record" if keeper and keeper.samples else ""
            terminalreporter.write_line(f"interrupted: all received replies are in their cassettes{samples}")
            terminalreporter.write_line(
                "to continue, repeat this with --record-mode=once: recorded replies are not asked for again"
            )


def watch_interrupts(config: pytest.Config) -> None:
    """Print this after Ctrl-C; once, however often it is asked for."""
    if config.pluginmanager.has_plugin(NAME):
        return
    record_mode = config.getoption("record_mode", None) or config.getini("duolog_record_mode")
    config.pluginmanager.register(Interrupted(record_mode), NAME)
