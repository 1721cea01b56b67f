"""Reading a cassette file with all its damage, and appending to one so that a crash loses nothing finished."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pytest_duolog.display import from_here
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.journal import FORMAT, JournalCodec, line_text

try:
    import fcntl
except ImportError:  # Windows: two runs that record one cassette at once are not told apart there
    fcntl = None  # type: ignore[assignment]

# What reading a line raises that is not one of ours, whatever a stranger put there.
UNUSABLE = (ValueError, TypeError, AttributeError, OverflowError, RecursionError)


HEADER_START = b'{"duolog":'
# How git, Mercurial and others mark what two branches say in one place.
CONFLICT = re.compile(rb"(?m)^(?:<{7}|>{7}) ")


@dataclass
class Journal:
    """What a cassette file holds.

    `end` is None for an unfinished recording. `damage` names the lines that could not be used. `codec` can
    go on writing where the file ends, `whole_bytes` is where its last whole line does, and `n_bytes` where the
    file itself did.
    """

    header: Mapping[str, Any]
    interactions: list[Interaction] = field(default_factory=list)
    end: Mapping[str, Any] | None = None
    damage: list[str] = field(default_factory=list)
    codec: JournalCodec = field(default_factory=JournalCodec)
    whole_bytes: int = 0
    n_bytes: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether the dialogue was recorded to its end."""
        return self.end is not None


def read_journal(path: Path) -> Journal:
    """The contents of a cassette file; lines that cannot be used are left out and named in `damage`.

    Raises UnreadableCassette if it cannot be read at all, has no header or is of a newer format, and
    FileNotFoundError if there is none.
    """
    with _opened(path) as file:
        content = file.read()
    refuse_conflict(content, path)
    lines = content.split(b"\n")
    torn = lines.pop()
    journal = Journal(
        _header(lines[0] if lines else torn, path),
        whole_bytes=len(content) - len(torn),
        n_bytes=len(content),
    )
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            _take_line(journal, number, line)
    if torn.strip() and lines:
        journal.damage.append(f"line {len(lines) + 1} is cut short ({len(torn)} bytes) and was left out")
    return journal


def read_header(path: Path) -> Mapping[str, Any]:
    """The header alone; raises what `read_journal` raises."""
    with _opened(path) as file:
        line = file.readline()
        refuse_conflict(line, path)
        return _header(line, path)


def ends_in_header(path: Path) -> bool:
    """Whether the run that began a cassette ended at once: the file is empty, or holds the start of a header alone."""
    with _opened(path) as file:
        line = file.readline()
    return not line.endswith(b"\n") and HEADER_START.startswith(line[: len(HEADER_START)])


def refuse_conflict(content: bytes, path: Path) -> None:
    """Raises UnreadableCassette for a file with an unresolved merge conflict: it holds two recordings, mixed."""
    if found := CONFLICT.search(content):
        name = shlex.quote(from_here(path))
        advice = (
            f"keep one of the two recordings as a whole: git checkout --ours {name} (or --theirs)\n"
            f"if neither fits the merged test, record it again with --record-mode=rewrite"
        )
        line = content.count(b"\n", 0, found.start()) + 1
        raise UnreadableCassette(
            f"the cassette holds an unresolved merge conflict, from line {line} on",
            cassette_path=path,
            facts=[("to fix", advice)],
        )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableCassette(
            f"the cassette cannot be read: {error.strerror}", cassette_path=path
        ) from None


def _header(line: bytes, path: Path) -> Mapping[str, Any]:
    try:
        header = json.loads(line)
        version = int(header["duolog"])
    except (*UNUSABLE, KeyError):
        raise UnreadableCassette(
            "line 1 of the cassette is not a header",
            cassette_path=path,
            facts=[("to fix", "delete the file, or restore it from version control")],
        ) from None
    if version > FORMAT:
        raise UnreadableCassette(
            f"the cassette has format {version}; this version of pytest-duolog reads up to {FORMAT}",
            cassette_path=path,
            facts=[("to fix", "upgrade pytest-duolog, or record again with --record-mode=rewrite")],
        )
    return dict(header)


def _take_line(journal: Journal, number: int, line: bytes) -> None:
    try:
        value = json.loads(line)
        if "end" in value:
            journal.end = dict(value["end"])
        else:
            journal.interactions.append(journal.codec.decode(value))
    except KeyError as error:
        journal.damage.append(f"line {number} refers to {error}, which is not there, and was left out")
    except UNUSABLE as error:
        journal.damage.append(f"line {number} cannot be read ({error}) and was left out")


def check_place(path: Path, *, n_bytes: int | None) -> None:
    """Raises UnreadableCassette if a JournalWriter could not write at `path`; asked before a reply is paid for.

    `n_bytes` is how long the file there is expected to be, None for any length.
    """
    place = next(found for found in (path, *path.absolute().parents) if found.exists())
    if not os.access(place, os.W_OK):
        raise _unwritable(path, f"no permission to write to {place}")
    if path.is_file():
        with path.open("ab") as file:
            _claim(file, path, n_bytes=n_bytes)


def _claim(file: IO[bytes], path: Path, *, n_bytes: int | None) -> None:
    """Lock the file for as long as it is open."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnreadableCassette(
            "another run is recording this cassette right now",
            cassette_path=path,
            facts=[("to fix", "wait for it, or stop it")],
        ) from None
    except OSError:
        pass  # some network file systems have no locks
    if n_bytes is not None and os.fstat(file.fileno()).st_size != n_bytes:
        raise UnreadableCassette(
            "another run has recorded this cassette in the meantime",
            cassette_path=path,
            facts=[("to fix", "run this test again")],
        )


def _unwritable(path: Path, reason: str) -> UnreadableCassette:
    return UnreadableCassette(
        f"the cassette cannot be written: {reason}",
        cassette_path=path,
        facts=[("to fix", "see to the disk; --record-mode=once then goes on after what is recorded")],
    )


class JournalWriter:
    """Appends lines to one cassette file; every call leaves a file that reads whole.

    The file is locked while it is open, so that a second run cannot record into it.
    """

    def __init__(
        self,
        path: Path,
        *,
        header: Mapping[str, Any] | None,
        journal: Journal | None = None,
        replaces: bool = False,
    ) -> None:
        """Start a new file with `header`, or go on with the one `journal` was read from.

        `replaces` says that a file that is already there is given up for the new one.
        Raises UnreadableCassette if the place cannot be written, or another run writes it or has written it.
        """
        self.path = path
        self._codec = journal.codec if journal else JournalCodec()
        with self._problems_told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        try:
            _claim(self._file, path, n_bytes=None if replaces else journal.n_bytes if journal else 0)
            with self._problems_told():
                self._file.truncate(journal.whole_bytes if journal else 0)
            if header is not None:
                self._write([line_text(header)])
        except UnreadableCassette:
            self.close()
            raise

    @contextmanager
    def _problems_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.path, str(error.strerror)) from None

    def lines_for(self, interactions: Iterable[Interaction]) -> list[str]:
        """The lines that would be written for these interactions, in order."""
        return [line_text(self._codec.encode(interaction)) for interaction in interactions]

    def append(self, lines: Iterable[str]) -> None:
        """Write lines made by `lines_for`; raises UnreadableCassette if the disk does not take them."""
        self._write(lines)

    def finish(self, end: Mapping[str, Any]) -> None:
        """Write the line that says the dialogue is recorded to its end."""
        self._write([line_text({"end": end})])

    def _write(self, lines: Iterable[str]) -> None:
        left = "".join(lines).encode("utf-8")
        with self._problems_told():
            while left:
                left = left[os.write(self._file.fileno(), left) :]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def write_journal(path: Path, journal: Journal) -> None:
    """Write a whole cassette file at once; a file that was there is replaced only by a complete one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    writer = JournalWriter(temporary, header=journal.header, replaces=True)
    try:
        writer.append(writer.lines_for(journal.interactions))
        if journal.end is not None:
            writer.finish(journal.end)
        temporary.replace(path)
    finally:
        writer.close()
        temporary.unlink(missing_ok=True)


def rename_test(source: Path, target: Path, test: str) -> None:
    """Move a cassette to `target` as a recording of `test`; all of it but the header stays as it is, to the byte.

    Raises UnreadableCassette if it has no header, or another run writes it.
    """
    with source.open("r+b") as file:
        _claim(file, source, n_bytes=None)
        header = {**_header(file.readline(), source), "test": test}
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            temporary.write_bytes(line_text(header).encode("utf-8") + file.read())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        if source != target:
            source.unlink()
