"""Where the recording of a dialogue lies: one file a sample, named after test, models and sample number."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.journal_file import read_header

UNSAFE = re.compile(r"[^A-Za-z0-9_.,=+@\[\]-]")

# File names are limited to 255 bytes nearly everywhere; a name has a test part and a models part.
LONGEST_TEST_PART = 120
LONGEST_MODELS_PART = 80


# What may stand in a test's parameters, or in the name of a further dialogue, without a hash: no capitals, which
# some file systems do not tell from small letters, and nothing that could be taken for the other's end. What parts
# class and test (`::`) becomes a dot and is none in parameters.
PLAIN_PARAMETERS = re.compile(r"(?:(?!::)[^\[\]A-Z])*")
PLAIN_RUN = re.compile(r"[^\[\].A-Z]*")


def safe_name(text: str, *, limit: int, identity: str = "", is_plain: bool = True) -> str:
    """`text` as part of a file name: ASCII, no separators, at most `limit` characters.

    A text that had to be changed, or is not `is_plain`, gets a hash of what it stands for (`identity`, the text itself
    where that is empty), so that two never share a name.
    """
    safe = UNSAFE.sub("-", text)
    if is_plain and safe == text and len(text) <= limit:
        return text
    digest = hashlib.sha256((identity or text).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: limit - 9]}~{digest}"


def models_part(models: Sequence[str]) -> str:
    """The models of a dialogue for a file name; one that plays both sides is named once."""
    parts = [
        safe_name(model.replace(":", "-", 1), limit=LONGEST_MODELS_PART // 2)
        for model in dict.fromkeys(models)
    ]
    return "+".join(parts)


@dataclass(frozen=True)
class CassetteLocation:
    """The files of one dialogue sample.

    `folder` is the cassette folder of the test module. `test` is the test's id in its module with its
    parameters, `run` the name of a further dialogue of that test (empty for its first). In a gate, and where the
    command line recast a speaker, the same dialogue is held with other models, too, and that is no mistake.
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
        """The test as the header names it: with its module, without the folders above it."""
        return f"{self.folder.name}.py::{self.test}"

    @property
    def _test_part(self) -> str:
        parameters = self.test.partition("[")[2].removesuffix("]")
        return safe_name(
            self.test.replace("::", ".") + (f".{self.run}" if self.run else ""),
            limit=LONGEST_TEST_PART,
            identity=f"{self.test}\0{self.run}",
            is_plain=bool(PLAIN_PARAMETERS.fullmatch(parameters) and PLAIN_RUN.fullmatch(self.run)),
        )

    @property
    def path(self) -> Path:
        """The cassette."""
        return self.folder / f"{self._test_part}.{models_part(self.models)}.{self.sample}.jsonl"

    @property
    def partial_path(self) -> Path:
        """Where a new recording grows while an older one is still in place."""
        return partial_of(self.path)

    @property
    def yaml_path(self) -> Path | None:
        """A plain vcrpy cassette in the place of ours: under our name, or under pytest-recording's."""
        names = [self.path.with_suffix(".yaml"), self.folder / f"{self._test_part}.yaml"]
        return next((path for path in names if path.is_file()), None)

    def other_pairings(self) -> Iterator[Path]:
        """Recordings of the same dialogue with other models, newest first; none in a gate."""
        if self.is_gated:
            return
        pattern = f"{glob.escape(self._test_part)}.*.{self.sample}.jsonl"
        paths = [path for path in self.folder.glob(pattern) if path != self.path and not is_partial(path)]
        for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True):
            try:
                header = read_header(path)
            except UnreadableCassette:
                continue
            if (header.get("test"), header.get("run", "")) == (self.owner, self.run):
                yield path


def partial_of(path: Path) -> Path:
    """Where a new recording of the cassette at `path` grows."""
    return path.with_name(path.name.removesuffix(".jsonl") + ".partial.jsonl")


def is_partial(path: Path) -> bool:
    """Whether `path` is a recording that has not yet taken the place of an older one."""
    return path.name.endswith(".partial.jsonl")
