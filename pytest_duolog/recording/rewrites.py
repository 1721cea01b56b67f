"""What runs with record mode `rewrite` set out to record anew, and what of it is done.

A run that is killed, interrupted or out of budget leaves old recordings beside fresh ones, and the files do not say
which is which. So each process that rewrites keeps a file of lines in `.duolog`, and so does each that goes on:

    {"rewrite": "<id>", "started": "...", "tests": ["tests/test_a.py::test_it[0b5f2a...]", ...]}
    {"rewrite": "<id>", "test": "...", "begun": "tests/cassettes/test_a/test_it....partial.jsonl"}
    {"rewrite": "<id>", "test": "...", "fresh": "tests/cassettes/test_a/test_it....jsonl"}
    {"rewrite": "<id>", "test": "...", "done": true}

Parameters of a test can be any text, a secret one, too; a hash stands for them. The latest rewrite of a test counts.
When all tests of all files are done, the files are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from pytest_duolog.genuine import CLOCK, uuid4
from pytest_duolog.recording.naming import CassetteLocation, module_of
from pytest_duolog.recording.orphans import defines
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.storage.line_file import LineFile, read_lines

FOLDER = ".duolog"
PATTERN = "rewrite-*.jsonl"


@dataclass
class Rewrite:
    """One run that set out to record tests anew; files are named as in its lines."""

    started: str
    tests: set[str] = field(default_factory=set)
    begun: dict[str, set[str]] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take a line in."""
        self.tests.update(line.get("tests", ()))
        test = str(line.get("test"))
        if "begun" in line:
            self.begun.setdefault(test, set()).add(str(line["begun"]))
        if "fresh" in line:
            self.fresh.add(str(line["fresh"]))
        if "done" in line:
            self.done.add(test)


class Rewrites:
    """The rewrites of a project, as its files tell them and as this process goes on with them."""

    def __init__(self, root: Path) -> None:
        """`root` is the folder below which all tests of the project lie."""
        self._root = root.absolute()
        self._lock = Lock()
        self._file: LineFile | None = None
        self._unfinished: dict[str, set[str]] = {}
        self._rewrites: dict[str, Rewrite] = {}
        for path in self.paths():
            with suppress(OSError):  # another process has just removed it: all is done
                self._read(path)

    def paths(self) -> list[Path]:
        """The files."""
        return sorted((self._root / FOLDER).glob(PATTERN))

    def _read(self, path: Path) -> None:
        for line in read_lines(path).whole:
            with suppress(ValueError, TypeError, AttributeError):  # nothing is known from a damaged line
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
        """The tests that are not done, without those that are gone."""
        tests = {test for rewrite in self._rewrites.values() for test in rewrite.tests}
        return sorted(test for test in tests if self._latest(test) and self._is_there(test))

    def _is_there(self, test: str) -> bool:
        module, _, names = test.partition("::")
        path = self._root / module
        return path.is_file() and defines(path, names.partition("[")[0].split("::"))

    def is_due(self, location: CassetteLocation) -> bool:
        """Whether this recording is to be made anew: its test is not done, and it is not fresh."""
        found = self._latest(self.test_of(location))
        return found is not None and self._name(location.path) not in found[1].fresh

    def can_resume(self, location: CassetteLocation) -> bool:
        """Whether the unfinished file of this recording was begun by the rewrite that it is due for."""
        found = self._latest(self.test_of(location))
        begun = found[1].begun.get(self.test_of(location), ()) if found else ()
        if location.partial_path.exists():
            return self._name(location.partial_path) in begun
        return self._name(location.path) in begun

    def test_of(self, location: CassetteLocation) -> str:
        """A test as these files name it: its module, from the root folder, and its id in there."""
        name, bracket, parameters = location.test.partition("[")
        hashed = hashlib.sha256(parameters.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{self._name(module_of(location.folder))}::{name}" + (f"[{hashed}]" if bracket else "")

    def _name(self, path: Path) -> str:
        return Path(os.path.relpath(path, self._root)).as_posix()

    # What this process does

    def begin(self, tests: Collection[str], *, run: str = "") -> None:
        """Set out to record tests anew; `run` is the same in all processes of one run.

        Raises OSError if nothing can be written.
        """
        line = {"rewrite": run or uuid4().hex, "started": CLOCK.now().isoformat()}
        with self._lock:
            self._write({**line, "tests": sorted(tests)})

    def begun(self, location: CassetteLocation, path: Path) -> None:
        """A recording grows in the file at `path`."""
        self._note(location, {"begun": self._name(path)})

    def finished(self, location: CassetteLocation) -> None:
        """A recording is complete."""
        with self._lock:
            self._unfinished.get(self.test_of(location), set()).discard(self._name(location.path))
        if self.is_due(location):
            self._note(location, {"fresh": self._name(location.path)})

    def failed(self, location: CassetteLocation) -> None:
        """A recording could not be completed, for now."""
        with self._lock:
            self._unfinished.setdefault(self.test_of(location), set()).add(self._name(location.path))

    def tested(self, test: str) -> None:
        """A test has run to its end; it is done if all its recordings are complete."""
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
            self._file = LineFile(self._root / FOLDER / f"rewrite-{uuid4().hex[:12]}.jsonl")
        self._file.append([json.dumps(line).encode()])
        self._take(line)

    def close(self) -> None:
        """Let go of the file of this process."""
        if self._file is not None:
            self._file.close()
            self._file = None


def clear_if_done(root: Path) -> Rewrites | None:
    """The rewrites that are not done; None if all are, and then their files are removed."""
    rewrites = Rewrites(root)
    if rewrites.left():
        return rewrites
    for path in rewrites.paths():
        with suppress(OSError):  # another run has it open, or has removed it
            path.unlink()
    with suppress(OSError):  # there is something else in it
        (root / FOLDER).rmdir()
    return None
