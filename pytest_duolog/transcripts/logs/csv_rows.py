"""Rows of CSV, with the place of each in the file."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from pytest_duolog.display import counted
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.logs.files import opened, suffix_of
from pytest_duolog.transcripts.logs.tables import Row
from pytest_duolog.transcripts.text_file import decode_text

DELIMITERS = ",\t;|"
# A longer cell is no message, and would have to be kept in memory: it begins with a quote that does not end.
MOST_CELL = 16 << 20


class CsvTable:
    """A table with its header read. Lines are read one by one, so that each row knows where it begins."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self._stream = stream
        self._at, self._line, self._read = 0, 1, b""
        csv.field_size_limit(MOST_CELL)
        self._begun = stream.readline(MOST_CELL)
        first = decode_text(self._begun, file)
        if not first.strip():
            raise TranscriptError(
                f"{file}: the file is empty, or its first line is: it must have the names of columns"
            )
        self._delimiter = "\t" if suffix_of(file) == ".tsv" else max(DELIMITERS, key=first.count)
        try:
            header = next(self._records())
        except csv.Error as error:
            raise TranscriptError(f"{file}: its first line is not CSV: {_told(error)}") from error
        self.names: Sequence[str] = [name.removeprefix("\ufeff").strip() for name in header]
        self.seed = hashlib.blake2b(self._read, digest_size=16).digest()
        self._read = b""

    def rows(self, names: Sequence[str], start: int, end: int | None, first_line: int) -> Iterator[Row]:
        """The rows whose first byte is from `start` to `end`; the header is none of them."""
        if start:
            self._stream.seek(start)
            self._at, self._line = start, first_line
        places = [(name, self.names.index(name)) for name in names]
        records = self._records()
        while end is None or self._at < end:
            at, line = self._at, self._line
            problem, cells = "", []
            try:
                cells = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"not CSV: {_told(error)}{self._lost(line)}"
                records = self._records()
            if not problem and not cells:
                continue
            problem = problem or self._problem(cells)
            values = {} if problem else {name: cells[place] for name, place in places}
            raw, self._read = self._read, b""  # blank lines before the row are part of it
            yield Row(line, at, values, problem, raw)

    def is_full(self, begin: int, at: int, n_bytes: int) -> bool:
        """Whether there are so many bytes between."""
        return at - begin >= n_bytes

    def _lost(self, line: int) -> str:
        """What to say of a row that begins in this line and took others with it."""
        last = self._line - self._read.endswith(b"\n")
        if last <= line:
            return ""
        return f"; lines {line} to {last} are lost: a quote in them does not end"

    def _problem(self, cells: list[str]) -> str:
        n = len(self.names)
        if len(cells) < n or any(cells[n:]):
            advice = f"put quotes around text with {self._delimiter!r}"
            return f"it has {counted(len(cells), 'cell')}, and there are {n} columns: {advice}"
        try:
            "".join(cells).encode()
        except UnicodeEncodeError:
            return "not UTF-8"
        return ""

    def _records(self) -> Iterator[list[str]]:
        return csv.reader(self._lines(), delimiter=self._delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        while line := self._begun or self._stream.readline(MOST_CELL):
            self._begun = b""
            self._at += len(line)
            self._line += line.endswith(b"\n")
            self._read += line
            yield line.decode("utf-8", "surrogateescape")


def _told(error: csv.Error) -> str:
    """What is wrong, in words for people without Python."""
    if "new-line character" not in str(error):
        return str(error)
    return (
        "it has a carriage return that ends no line (CR without LF), as in files of old Macs and of Excel's 'CSV "
        r"(Macintosh)': save it as CSV again, or put a line feed for each: tr '\r' '\n' < OLD > NEW"
    )


@contextmanager
def csv_table(file: str) -> Iterator[CsvTable]:
    """The open table of a CSV file. Raises TranscriptError if it has no header."""
    with opened(file) as stream:
        yield CsvTable(stream, file)
