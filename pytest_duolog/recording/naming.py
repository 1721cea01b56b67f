"""The file names of recordings: one file for each sample, named after test, models and sample number."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from pytest_duolog.dataclass import dataclass
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.journal_file import read_header, reading
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.storage.line_file import is_file

CASSETTE_FOLDER = "cassettes"
UNSAFE = re.compile(r"[^A-Za-z0-9_.,=+@\[\]-]")

# Most file systems limit names to 255 bytes. A cassette's name has a part for the test and a part for the models; a
# snapshot's name has a part for the test and perhaps its own name.
LONGEST_SNAPSHOT_TEST = 150
LONGEST_TEST_PART = 120
LONGEST_MODELS_PART = 80


# Characters that need no hash in a test's parameters, or in the name of a further dialogue: none of them can be
# confused with the separators of a name. `::` between class and test becomes a dot, so parameters have no dot.
PLAIN_PARAMETERS = re.compile(r"(?:(?!::)[^\[\]])*")
PLAIN_RUN = re.compile(r"[^\[\].]*")


def folder_of(module: Path) -> Path:
    """The cassette folder of a test module."""
    return module.parent / CASSETTE_FOLDER / module.stem


def module_of(folder: Path) -> Path:
    """The test module of a cassette folder, which may not exist."""
    return folder.parent.parent / f"{folder.name}.py"


def safe_name(
    text: str, *, limit: int, identity: str = "", is_plain: bool = True, keeps_capitals: bool = False
) -> str:
    """`text` as part of a file name: ASCII, no separators, at most `limit` characters.

    A text that was changed, or is not `is_plain`, gets a hash of `identity` (if empty, of the text), so that two texts
    never have the same name. A text with capitals also gets a hash, unless `keeps_capitals`, because some file systems
    ignore case.
    """
    safe = UNSAFE.sub("-", text)
    is_plain = is_plain and (keeps_capitals or text == text.lower())
    if is_plain and safe == text and len(text) <= limit:
        return text
    digest = hashlib.sha256((identity or text).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: limit - 9]}~{digest}"


def snapshot_test_part(test: str) -> str:
    """The beginning of the names of a test's snapshots; `test` is its function with its parameters."""
    return safe_name(test, limit=LONGEST_SNAPSHOT_TEST)


def models_part(models: Sequence[str], *, keeps_capitals: bool = False) -> str:
    """The models of a dialogue for a file name; a model of both sides is named once."""
    parts = [
        safe_name(model.replace(":", "-", 1), limit=LONGEST_MODELS_PART // 2, keeps_capitals=keeps_capitals)
        for model in dict.fromkeys(models)
    ]
    return "+".join(parts)


@dataclass(frozen=True)
class CassetteLocation:
    """The files for one sample of a dialogue.

    `folder` is the cassette folder of the test module. `test` is the test's id in its module with its parameters, `run`
    the name of a further dialogue of that test (empty for its first). In a gate, and if the command line changes a
    model, there are recordings of the same dialogue with several models.
    """

    folder: Path
    test: str
    models: Sequence[str]
    run: str = ""
    sample: int = 1
    is_gated: bool = False
    is_recast: bool = False

    @property
    def owner(self) -> str:
        """The test's name in the header: with its module, without folders."""
        return f"{module_of(self.folder).name}::{self.test}"

    def _test_part(self, *, keeps_capitals: bool = False) -> str:
        parameters = self.test.partition("[")[2].removesuffix("]")
        free = parameters + self.run
        return safe_name(
            self.test.replace("::", ".") + (f".{self.run}" if self.run else ""),
            limit=LONGEST_TEST_PART,
            identity=f"{self.test}\0{self.run}",
            is_plain=bool(PLAIN_PARAMETERS.fullmatch(parameters) and PLAIN_RUN.fullmatch(self.run)),
            keeps_capitals=keeps_capitals and free == free.lower(),
        )

    def _file_name(self, *, keeps_capitals: bool = False) -> str:
        test = self._test_part(keeps_capitals=keeps_capitals)
        return f"{test}.{models_part(self.models, keeps_capitals=keeps_capitals)}.{self.sample}.jsonl"

    @cached_property
    def path(self) -> Path:
        """The cassette. A file with the older name, which kept capitals, is used if there is no other."""
        path, older = (self.folder / self._file_name(keeps_capitals=kept) for kept in (False, True))
        return older if older != path and not path.exists() and self._owns(older) else path

    def _owns(self, path: Path) -> bool:
        """Whether there is a file with exactly this name, for this dialogue."""
        try:
            header = read_header(path) if path.name in os.listdir(path.parent) else {}  # noqa: PTH208  # on macOS `exists` is true for other capitals, too
        except (UnreadableCassette, FileNotFoundError):
            return False
        return (header.get("test"), header.get("run", "")) == (self.owner, self.run)

    @property
    def partial_path(self) -> Path:
        """The file of a new recording while an older one is still in place."""
        return partial_of(self.path)

    @property
    def yaml_path(self) -> Path | None:
        """A plain vcrpy cassette instead of this package's: with this package's name or with pytest-recording's."""
        stems = [self._file_name(keeps_capitals=kept).removesuffix(".jsonl") for kept in (False, True)]
        paths = [self.folder / f"{name}.yaml" for name in (*stems, self._test_part(keeps_capitals=True))]
        return next((path for path in paths if path.is_file()), None)

    @property
    def has_recording(self) -> bool:
        """Whether there is a file of this dialogue: a cassette, an unfinished one, or one of vcrpy."""
        return self.path.exists() or self.partial_path.exists() or self.yaml_path is not None

    def played(self, mode: RecordMode) -> list[Path]:
        """Where the recording to play may be, the first choice first: `once` continues an unfinished one."""
        return [self.partial_path, self.path] if mode is RecordMode.ONCE else [self.path, self.partial_path]

    def check(self) -> None:
        """Raises UnreadableCassette if its path is not a file, or permission is missing."""
        with reading(self.folder):
            own = self.path
        for path in (own, self.partial_path):
            with reading(path):
                is_file(path)

    def other_pairings(self) -> Iterator[Path]:
        """Recordings of the same dialogue with other models, newest first; none in a gate."""
        if not self.is_gated:
            paths = self._files(str(self.sample))
            newest_first = sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)
            yield from filter(self._owns, newest_first)

    def compared(self) -> Iterator[Path]:
        """Recordings of the same dialogue with which this one is compared: other samples, and both arms of a gate."""
        if self.is_gated or self.sample > 1:
            yield from filter(self._owns, sorted(self._files("*")))

    def _files(self, sample: str) -> list[Path]:
        """Other files whose names say that they are of the same test; `sample` is a number, or `*` for any."""
        starts = tuple({f"{self._test_part(keeps_capitals=kept)}." for kept in (False, True)})
        patterns = [f"{glob.escape(start)}*.{sample}.jsonl" for start in starts]
        names = list[str]()
        with suppress(OSError):  # there is no folder, or it cannot be read
            names = os.listdir(self.folder)  # noqa: PTH208  # only few become paths
        found = [
            self.folder / name
            for name in names
            if name.startswith(starts) and any(fnmatchcase(name, pattern) for pattern in patterns)
        ]
        return [path for path in found if path != self.path and not is_partial(path)]


def partial_of(path: Path) -> Path:
    """The file of a new recording of the cassette at `path`."""
    return path.with_name(path.name.removesuffix(".jsonl") + ".partial.jsonl")


def is_partial(path: Path) -> bool:
    """Whether `path` is a new recording that has not replaced an older one yet."""
    return path.name.endswith(".partial.jsonl")


def whole_of(path: Path) -> Path:
    """The cassette that the incomplete recording at `path` will replace."""
    return path.with_name(path.name.removesuffix(".partial.jsonl").removesuffix(".jsonl") + ".jsonl")
