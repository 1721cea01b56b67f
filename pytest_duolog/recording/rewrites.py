"""Keeps track of runs with record mode `rewrite`: which tests they must record again, and which of them are done.

A run that is killed, interrupted or out of budget leaves old recordings next to new ones, and the files do not show
which are which. Therefore each process that rewrites, or continues a rewrite, keeps a file in `.duolog`:

    {"rewrite": "<id>", "started": "...", "tests": ["tests/test_a.py::test_it[0b5f2a...]", ...]}
    {"rewrite": "<id>", "test": "...", "begun": "tests/cassettes/test_a/test_it....partial.jsonl"}
    {"rewrite": "<id>", "test": "...", "fresh": "tests/cassettes/test_a/test_it....jsonl"}
    {"rewrite": "<id>", "test": "...", "done": true}

Parameters of a test can be any text, even a secret, so the file has a hash of them. The latest rewrite of a test
counts. When all tests of all files are done, the files are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from threading import Lock
from typing import Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.genuine import CLOCK, uuid4
from pytest_duolog.recording.naming import CassetteLocation, module_of
from pytest_duolog.recording.orphans import defines
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.storage.line_file import LineFile, read_lines
from pytest_duolog.storage.own_folder import OWN_FOLDER, remove_if_unused

PATTERN = "rewrite-*.jsonl"


@dataclass
class Rewrite:
    """One run that records tests again; paths are as in its lines."""

    started: str
    tests: set[str] = field(default_factory=set)
    begun: dict[str, set[str]] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def take(self, line: Mapping[str, Any]) -> None:
        """Add a line."""
        self.tests.update(line.get("tests", ()))
        test = str(line.get("test"))
        if "begun" in line:
            self.begun.setdefault(test, set()).add(str(line["begun"]))
        if "fresh" in line:
            self.fresh.add(str(line["fresh"]))
        if "done" in line:
            self.done.add(test)


class Rewrites:
    """The rewrites of a project, from its files and from this process."""

    def __init__(self, root: Path) -> None:
        """`root` is the folder with all tests of the project."""
        self._root = root.absolute()
        self._lock = Lock()
        self._file: LineFile | None = None
        self._unfinished: dict[str, set[str]] = {}
        self._rewrites: dict[str, Rewrite] = {}
        for path in self.paths():
            with suppress(OSError):  # another process has just removed it, because all is done
                self._read(path)

    def paths(self) -> list[Path]:
        """The files."""
        return sorted((self._root / OWN_FOLDER).glob(PATTERN))

    def _read(self, path: Path) -> None:
        for line in read_lines(path).whole:
            with suppress(ValueError, TypeError, AttributeError):  # a damaged line is ignored
                self._take(parsed(line))

    def _take(self, line: Mapping[str, Any]) -> None:
        rewrite = self._rewrites.setdefault(str(line["rewrite"]), Rewrite(str(line.get("started", ""))))
        rewrite.started = str(line.get("started", rewrite.started))
        rewrite.take(line)

    # What is known

    def _latest(self, test: str) -> tuple[str, Rewrite] | None:
        """The latest rewrite of a test, with its id; None if there is none, or the test is done in it."""
        of_test = [(name, rewrite) for name, rewrite in self._rewrites.items() if test in rewrite.tests]
        if not of_test:
            return None
        name, rewrite = max(of_test, key=lambda found: found[1].started)
        return None if test in rewrite.done else (name, rewrite)

    @property
    def started(self) -> str:
        """When the latest of them began; empty if there is none."""
        return max((rewrite.started for rewrite in self._rewrites.values()), default="")

    def left(self) -> list[str]:
        """The tests that are not done and still exist."""
        tests = {test for rewrite in self._rewrites.values() for test in rewrite.tests}
        return sorted(test for test in tests if self._latest(test) and self._is_there(test))

    def _is_there(self, test: str) -> bool:
        module, _, names = test.partition("::")
        path = self._root / module
        return path.is_file() and defines(path, names.partition("[")[0].split("::"))

    def is_due(self, location: CassetteLocation) -> bool:
        """Whether this recording must be made again: its test is not done, and the recording is not new."""
        found = self._latest(self.test_of(location))
        return found is not None and self._name(location.path) not in found[1].fresh

    def can_resume(self, location: CassetteLocation) -> bool:
        """Whether the incomplete file of this recording was begun by the same rewrite."""
        found = self._latest(self.test_of(location))
        begun = found[1].begun.get(self.test_of(location), ()) if found else ()
        if location.partial_path.exists():
            return self._name(location.partial_path) in begun
        return self._name(location.path) in begun

    def test_of(self, location: CassetteLocation) -> str:
        """A test's name in these files: its module relative to the root folder, and its id in the module."""
        name, bracket, parameters = location.test.partition("[")
        hashed = hashlib.sha256(parameters.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{self._name(module_of(location.folder))}::{name}" + (f"[{hashed}]" if bracket else "")

    def _name(self, path: Path) -> str:
        return Path(os.path.relpath(path, self._root)).as_posix()

    # What this process does

    def begin(self, tests: Collection[str], *, run: str = "") -> None:
        """Begin to record tests again; `run` is the same in all processes of one run.

        Raises OSError if the file cannot be written.
        """
        line = {"rewrite": run or uuid4().hex, "started": CLOCK.now().isoformat()}
        with self._lock:
            self._write({**line, "tests": sorted(tests)})

    def begun(self, location: CassetteLocation, path: Path) -> None:
        """Note that the file at `path` is the new recording."""
        self._note(location, {"begun": self._name(path)})

    def finished(self, location: CassetteLocation) -> None:
        """Note that a recording is complete."""
        with self._lock:
            self._unfinished.get(self.test_of(location), set()).discard(self._name(location.path))
        if self.is_due(location):
            self._note(location, {"fresh": self._name(location.path)})

    def failed(self, location: CassetteLocation) -> None:
        """Note that a recording is not complete."""
        with self._lock:
            self._unfinished.setdefault(self.test_of(location), set()).add(self._name(location.path))

    def tested(self, test: str) -> None:
        """Note that a test has ended; it is done if all its recordings are complete."""
        with self._lock:
            found = self._latest(test)
            if found is not None and not self._unfinished.get(test):
                self._write({"rewrite": found[0], "test": test, "done": True})

    def _note(self, location: CassetteLocation, fact: Mapping[str, str]) -> None:
        with self._lock:
            found = self._latest(self.test_of(location))
            if found is not None:
                self._write({"rewrite": found[0], "test": self.test_of(location), **fact})

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is None:
            self._file = LineFile(self._root / OWN_FOLDER / f"rewrite-{uuid4().hex[:12]}.jsonl")
        self._file.append([json.dumps(line).encode()])
        self._take(line)

    def close(self) -> None:
        """Close the file of this process."""
        if self._file is not None:
            self._file.close()
            self._file = None


def clear_if_done(root: Path) -> Rewrites | None:
    """The rewrites that are not done; if all are done, removes their files and returns None."""
    rewrites = Rewrites(root)
    if rewrites.left():
        return rewrites
    for path in rewrites.paths():
        with suppress(OSError):  # another run has it open, or has removed it
            path.unlink()
    remove_if_unused(root / OWN_FOLDER)
    return None
