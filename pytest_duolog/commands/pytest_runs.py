"""Runs pytest in a separate process to find out which dialogues the tests of a project have."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.inventory import Inventory

# Exit statuses of pytest after a complete collection: passed, failed, interrupted by collection errors, no test
# collected.
KNOWN = (0, 1, 2, 5)
# The exit status of a command that Ctrl-C ended.
INTERRUPTED = 130


def collect(tests: Iterable[str | Path]) -> Inventory:
    """The inventory of these tests, or of all if none is named; runs no test.

    Raises ConfigurationError with pytest's output if the collection fails.
    """
    return _run(["--collect-only", *map(str, tests)])


def replay(tests: Iterable[str]) -> Inventory:
    """The inventory of these tests after replaying them; asks no model. Raises the errors of `collect`."""
    return _run(["--record-mode=none", *tests])


def run_pytest(arguments: Iterable[str], *, stdout: IO[str] | None = None) -> int:
    """The exit status of pytest with these arguments; INTERRUPTED after Ctrl-C.

    pytest gets the Ctrl-C of a terminal, too: it has the time that it needs to end, until a second one kills it.
    """
    with subprocess.Popen([sys.executable, "-m", "pytest", *arguments], stdout=stdout) as child:  # noqa: S603
        try:
            return child.wait()
        except KeyboardInterrupt:
            try:
                child.wait()
            except KeyboardInterrupt:
                child.kill()
            return INTERRUPTED


def _run(arguments: list[str]) -> Inventory:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_duolog.plugin.inventory"]
        command.append("--override-ini=duolog_history=")  # it looks at recordings, and is no build
        ran = subprocess.run(  # noqa: S603  # pytest, on the tests of whoever calls
            [*command, f"--duolog-inventory={path}", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode not in KNOWN or not path.exists():
            raise ConfigurationError(f"pytest cannot collect the tests:\n{ran.stdout}{ran.stderr}")
        return Inventory.model_validate_json(path.read_text("utf-8"))
