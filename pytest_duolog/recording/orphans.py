"""Finds recordings whose test no longer exists, so that renamed or moved tests can take them over."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import from_here
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.header import stale_facts
from pytest_duolog.recording.journal_file import read_header, rename_test
from pytest_duolog.recording.naming import CASSETTE_FOLDER, CassetteLocation, module_of

DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Recording:
    """A cassette file and its header; `test` is its test's id inside the module next to its folder."""

    path: Path
    header: Mapping[str, Any]

    @property
    def test(self) -> str:
        """The test's id inside its module, with its parameters; empty if the file does not have it."""
        return str(self.header.get("test") or "").partition("::")[2]

    @property
    def module(self) -> Path:
        """The module next to the cassette's folder, which may not exist."""
        return module_of(self.path.parent)

    @property
    def node_id(self) -> str:
        """The test's node id relative to the working directory."""
        return f"{from_here(self.module)}::{self.test}"

    @property
    def recorded(self) -> str:
        """When it was recorded, to the second; empty if the file does not have it."""
        return str(self.header.get("recorded") or "")

    @property
    def gone(self) -> str:
        """Why no test can use it, according to the source code; empty if there may be one."""
        if not self.test:
            return ""
        if not self.module.is_file():
            return f"its test module {self.module.name} no longer exists"
        if not defines(self.module, self.test.partition("[")[0].split("::")):
            return f"its test {self.module.name}::{self.test} no longer exists"
        return ""

    def holds(self, header: Mapping[str, Any]) -> bool:
        """Whether it is a recording of the dialogue that `header` describes, with any test name."""
        alike = all(self.header.get(name) == header.get(name) for name in ("run", "sample"))
        return alike and bool(self.header.get("speakers")) and not stale_facts(self.header, header)


class Orphans:
    """The recordings below a folder, which are read when first needed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _recordings(self) -> list[Recording]:
        return list(recordings_under(self._root))

    def of(self, header: Mapping[str, Any], *, module: Path) -> list[Recording]:
        """Recordings of the dialogue in `header` that its test may take over; those of the likest names first.

        `module` is the test's module. Their own test no longer exists, or is the same test with other parameters.
        """
        test = str(header["test"]).partition("::")[2]
        function = test.partition("[")[0]
        alike = [
            found
            for found in self._recordings
            if found.holds(header)
            and found.path.exists()
            and (found.gone or (found.module == module and found.test.partition("[")[0] == function))
        ]
        return sorted(alike, key=lambda one: -likeness(one.test, test))

    def take_over(
        self, location: CassetteLocation, header: Mapping[str, Any], *, from_siblings: bool = False
    ) -> str | None:
        """Give a test without a recording the one of an equal dialogue, from a test that no longer exists.

        `from_siblings` also allows a copy of the recording of the same test with other parameters. Returns a notice
        about the source; None if the test has a recording already, or there is no equal dialogue.
        """
        if location.has_recording:
            return None
        module = module_of(location.folder)
        for found in self.of(header, module=module):
            if found.gone or from_siblings:
                with suppress(FileNotFoundError, UnreadableCassette):  # another worker was faster
                    rename_test(found.path, location.path, location.owner, keeps_source=not found.gone)
                    if found.gone:
                        return f"took over the recording of {found.node_id}, which no longer exists"
                    return f"uses a copy of the recording of {found.node_id}, which has the same dialogue"
        return None


def likeness(one: str, other: str) -> float:
    """The similarity of two names: 1 if they are equal, 0 if they have nothing in common."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def recordings_under(root: Path) -> Iterator[Recording]:
    """Every cassette below a folder whose header can be read, sorted by path."""
    for path in sorted(cassette_files(root)):
        try:
            yield Recording(path, read_header(path))
        except (UnreadableCassette, FileNotFoundError):
            continue


def cassette_files(root: Path, refused: list[OSError] | None = None) -> Iterator[Path]:
    """The cassettes below a folder; `refused` is as below."""
    return (path for path in files_in_cassette_folders(root, refused) if path.name.endswith(".jsonl"))


def files_in_cassette_folders(root: Path, refused: list[OSError] | None = None) -> Iterator[Path]:
    """All files in cassette folders, without hidden folders, virtual environments and JavaScript packages.

    The errors of folders that may not be read are added to `refused`.
    """
    for name, folders, files in os.walk(root, onerror=None if refused is None else refused.append):
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        folders[:] = [folder for folder in folders if not folder.startswith(".") and folder != "node_modules"]
        folder = Path(name)
        if CASSETTE_FOLDER in folder.parts:
            yield from (folder / file for file in files)


def defines(file: Path, names: list[str]) -> bool:
    """Whether a module has the function at the end of `names`, inside the classes before it; never runs it.

    A method that a class does not define may be inherited, so it counts as existing if the class has bases.
    """
    try:
        scope: ast.Module | ast.ClassDef = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return True
    for name in names:
        found = [node for node in scope.body if isinstance(node, DEFINITIONS) and node.name == name]
        if not found:
            return isinstance(scope, ast.ClassDef) and bool(scope.bases)
        if isinstance(found[-1], ast.ClassDef):
            scope = found[-1]
    return True
