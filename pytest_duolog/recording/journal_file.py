"""Reads cassette files, also damaged ones, and appends to them so that a crash loses no finished message."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import from_here
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.journal import FORMAT, FORMAT_WITHOUT_TOOLS, JournalCodec, line_text
from pytest_duolog.storage.checksums import without_checksum, wrong_lines
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.storage.line_file import (
    FileChanged,
    FileInUse,
    LineFile,
    Lines,
    WrongChecksum,
    check_writable,
    read_first_line,
    read_lines,
    replacing,
    what_to_do,
)
from pytest_duolog.transcripts.text_file import other_encoding

# The errors of reading an invalid line.
UNUSABLE = (ValueError, TypeError, AttributeError, OverflowError)


HEADER_START = b'{"duolog":'
# The conflict markers of git, Mercurial and others.
CONFLICT = re.compile(rb"(?m)^(?:(?:<{7}|>{7}|\|{7}) |={7}\r?$)")
# A file of Git LFS before its content was fetched.
LFS_POINTER = b"version https://git-lfs.github.com/"


UNPROTECTED = (
    "its checksums were removed, so it cannot be told whether somebody changed it: restore it from version control, or "
    "record it again with --record-mode=rewrite"
)


@dataclass
class Journal:
    """The content of a cassette file.

    `end` is None for an incomplete recording. `damage` names the lines that could not be used, `edited` the lines that
    were changed later, or says that nobody can tell; `has_checksums` says whether changes can be found at all. `codec`
    can continue writing at the end of the file, `whole_bytes` is the position of the end of the last whole line,
    `n_bytes` the length of the file.
    """

    header: Mapping[str, Any]
    interactions: list[Interaction] = field(default_factory=list)
    end: Mapping[str, Any] | None = None
    damage: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    has_checksums: bool = False
    codec: JournalCodec = field(default_factory=JournalCodec)
    whole_bytes: int = 0
    n_bytes: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether the recording is complete."""
        return self.end is not None

    @property
    def is_as_recorded(self) -> bool:
        """Whether all of it is there as it was written, from the header to the end of the dialogue."""
        return self.is_finished and self.has_checksums and not (self.damage or self.edited)


def read_journal(path: Path) -> Journal:
    """The content of a cassette file; lines that cannot be used are left out and named in `damage`.

    Raises UnreadableCassette if it cannot be read, has no header or has a newer format, and FileNotFoundError if there
    is none.
    """
    with reading(path):
        lines = read_lines(path)
    return journal_of(lines, path)


def journal_of(lines: Lines, path: Path) -> Journal:
    """The journal that a file at `path` with these lines would have; raises the errors of `read_journal`."""
    refuse_conflict(lines.content, path)
    first, *rest = [*lines.whole, lines.torn]
    header = _header(first, path, is_cut_off=not lines.whole)
    codec = JournalCodec(int(header["duolog"]))
    journal = Journal(
        header,
        has_checksums=without_checksum(first) != first,
        codec=codec,
        whole_bytes=lines.whole_bytes,
        n_bytes=lines.n_bytes,
    )
    if codec.has_checksums and not journal.has_checksums:
        journal.edited.append(UNPROTECTED)
    names = {1: "the header"}
    for number, line in enumerate(rest[:-1], start=2):
        if line.strip() and (name := _take_line(journal, number, line)):
            names[number] = name
    for wrong in wrong_lines(lines.whole):
        if wrong.number in names or wrong.written_as:
            journal.edited.append(wrong.told(names.get(wrong.number, "left out"), "recorded"))
    if rest and lines.torn.strip():
        journal.damage.append(
            f"line {len(rest) + 1} is incomplete ({len(lines.torn)} bytes) and was left out"
        )
    return journal


def read_header(path: Path) -> Mapping[str, Any]:
    """Only the header; raises the errors of `read_journal`."""
    with reading(path):
        line = read_first_line(path)
    refuse_conflict(line, path)
    return _header(line, path, is_cut_off=not line.endswith(b"\n"))


def ends_in_header(path: Path) -> bool:
    """Whether the run that began a cassette ended at once: the file is empty or has only the start of a header."""
    with reading(path):
        line = read_first_line(path)
    return not line.endswith(b"\n") and _begins_header(line)


def _begins_header(line: bytes) -> bool:
    return HEADER_START.startswith(line[: len(HEADER_START)])


def refuse_conflict(content: bytes, path: Path) -> None:
    """Raises UnreadableCassette for a file with an unresolved merge conflict, which mixes two recordings."""
    if found := CONFLICT.search(content):
        name = shlex.quote(from_here(path))
        advice = (
            f"keep one of the two recordings: git checkout --ours {name} (or --theirs)\n"
            f"if neither matches the merged test, record it again with --record-mode=rewrite"
        )
        line = content.count(b"\n", 0, found.start()) + 1
        raise UnreadableCassette(
            f"the cassette has an unresolved merge conflict, from line {line} on",
            cassette_path=path,
            facts=[("to fix", advice)],
        )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Convert errors of the file system to UnreadableCassette, except FileNotFoundError for `path`."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableCassette(
            f"the cassette cannot be read: {error.strerror}",
            cassette_path=path,
            facts=[("to fix", what_to_do(error))],
        ) from None


def _header(line: bytes, path: Path, *, is_cut_off: bool) -> Mapping[str, Any]:
    if encoding := other_encoding(line):
        raise UnreadableCassette(
            f"the cassette is not in UTF-8: it is {encoding}",
            cassette_path=path,
            facts=[("to fix", f"restore it from version control, or iconv -f {encoding} -t UTF-8")],
        )
    try:
        header = parsed(without_checksum(line))
        version = int(header["duolog"])
    except (*UNUSABLE, KeyError):
        if line.startswith(LFS_POINTER):
            raise UnreadableCassette(
                "the cassette is only a pointer of Git LFS",
                cassette_path=path,
                facts=[("to fix", "fetch the recordings: git lfs pull (in CI, check out with LFS)")],
            ) from None
        if is_cut_off and _begins_header(line):
            what = "ends in its first line" if line else "is empty"
            raise UnreadableCassette(
                f"the cassette {what}: the run that began it ended at once",
                cassette_path=path,
                facts=[("to fix", "record it with --record-mode=once, or restore it from version control")],
            ) from None
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


def _take_line(journal: Journal, number: int, line: bytes) -> str | None:
    """Add the content of a line and return its description; None if it cannot be used."""
    try:
        value = parsed(line)
        if "end" in value:
            journal.end = dict(value["end"])
            return "the end"
        interaction = journal.codec.decode(value)
    except KeyError as error:
        journal.damage.append(f"line {number} refers to {error}, which is missing, and was left out")
    except UNUSABLE as error:
        journal.damage.append(f"line {number} cannot be read ({error}) and was left out")
    else:
        journal.interactions.append(interaction)
        if interaction.is_vote:
            return f"a vote of {interaction.speaker}"
        return f"message {interaction.message_number}, {interaction.speaker}"
    return None


def check_place(path: Path, *, n_bytes: int | None) -> None:
    """Raises UnreadableCassette if a JournalWriter could not write at `path`; called before a reply costs anything.

    `n_bytes` is the expected length of the file, None for any length.
    """
    with writing(path):
        check_writable(path, expected_bytes=n_bytes)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert errors of the file system, and conflicts with other runs about `path`, to UnreadableCassette."""
    try:
        yield
    except FileInUse:
        raise UnreadableCassette(
            "another run is recording this cassette right now",
            cassette_path=path,
            facts=[("to fix", "wait for it, or stop it")],
        ) from None
    except FileChanged:
        raise UnreadableCassette(
            "another run has recorded this cassette in the meantime",
            cassette_path=path,
            facts=[("to fix", "run this test again")],
        ) from None
    except WrongChecksum:
        raise UnreadableCassette(
            "what a worker recorded was changed on its way here",
            cassette_path=path,
            facts=[("to fix", "run this test again")],
        ) from None
    except OSError as error:
        raise UnreadableCassette(
            f"the cassette cannot be written: {error.strerror}",
            cassette_path=path,
            facts=[
                (
                    "to fix",
                    f"{what_to_do(error)}; then --record-mode=once continues after the recorded messages",
                )
            ],
        ) from None


class JournalWriter:
    """Appends lines to one cassette file; after every call the file can be read.

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
        """Start a new file with `header`, or continue the file that `journal` was read from.

        With `replaces`, an existing file is replaced by the new one. Raises UnreadableCassette if the file cannot be
        written, or another run is writing it or has written it.
        """
        self._codec = journal.codec if journal else _codec_for(header or {})
        with writing(path):
            self._file = LineFile(
                path, expected_bytes=None if replaces else journal.n_bytes if journal else 0
            )
        try:
            with writing(path):
                self._file.cut(journal.whole_bytes if journal else 0)
            if header is not None:
                self.append([line_text(header)])
        except UnreadableCassette:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._file.path

    def lines_for(self, interactions: Iterable[Interaction]) -> list[str]:
        """The lines for these interactions, in order."""
        return [line_text(self._codec.encode(interaction)) for interaction in interactions]

    def append(self, lines: Iterable[str]) -> None:
        """Write lines made by `lines_for`; raises UnreadableCassette if they cannot be written."""
        with writing(self.path):
            self._file.append(line.encode() for line in lines)

    def next_texts(self, lines: Sequence[bytes]) -> list[str]:
        """The texts, for `append`, of lines that another process has written in its own file of this recording.

        Raises UnreadableCassette if one was changed on its way, or has another place.
        """
        with writing(self.path):
            return [text.decode() for text in self._file.next_texts(lines)]

    def finish(self, end: Mapping[str, Any]) -> None:
        """Write the line that marks the recording as complete."""
        self.append([line_text({"end": end})])

    def take_place_of(self, path: Path) -> None:
        """Replace the file at `path` and close; raises UnreadableCassette if another run is writing that file."""
        with writing(path):
            self._file.take_place_of(path)

    def remove(self) -> None:
        """Remove the file, which nothing was recorded in, and close it."""
        with writing(self.path):
            self._file.remove()

    def close(self) -> None:
        """Release the lock and close the file."""
        self._file.close()


def _codec_for(header: Mapping[str, Any]) -> JournalCodec:
    """The codec that writes the lines below a header."""
    return JournalCodec(max(int(header.get("duolog", 0)), FORMAT_WITHOUT_TOOLS))


def put_in_place(path: Path, target: Path, *, n_bytes: int) -> None:
    """Move the file at `path`, with the length `n_bytes`, to the cassette at `target`.

    Raises UnreadableCassette if that fails, or another run is writing one of them.
    """
    with writing(target):
        LineFile(path, expected_bytes=n_bytes).take_place_of(target)


def write_journal(path: Path, journal: Journal) -> None:
    """Write a whole cassette file at once; an existing file is replaced only by a complete one.

    Raises UnreadableCassette if the file cannot be written, or another run is writing it.
    """
    codec = _codec_for(journal.header)
    values = [journal.header, *map(codec.encode, journal.interactions)]
    if journal.end is not None:
        values.append({"end": journal.end})
    with writing(path), replacing(path) as file:
        file.append(line_text(value).encode() for value in values)


def rename_test(source: Path, target: Path, test: str, *, keeps_source: bool = False) -> None:
    """Move a cassette to `target` as a recording of `test`; only the header changes.

    `keeps_source` copies it instead. Raises UnreadableCassette if it has no header, or another run is writing it or
    `target`.
    """
    change_header(source, target, lambda header: {**header, "test": test}, keeps_source=keeps_source)


def change_header(
    source: Path,
    target: Path,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    *,
    n_bytes: int | None = None,
    keeps_source: bool = False,
) -> None:
    """Move a cassette to `target`, which may be its own path, with another header; only the header changes.

    `n_bytes` is its expected length, `keeps_source` copies it instead. Raises UnreadableCassette if it has no header,
    or another run is writing it or `target`, or has written it.
    """
    n_bytes = source.stat().st_size if n_bytes is None else n_bytes
    with writing(source), LineFile(source, expected_bytes=n_bytes) as file:
        first, _, after = file.read().content.partition(b"\n")
        header = change(_header(first, source, is_cut_off=False))
        is_in_place = target.exists() and target.samefile(source)
        if is_in_place:
            file.close()
        with writing(target), replacing(target) as changed:
            changed.append([line_text(header).encode()])
            changed.append_as_is(after)
        if not (is_in_place or keeps_source):
            source.unlink()
