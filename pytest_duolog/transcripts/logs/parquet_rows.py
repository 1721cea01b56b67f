"""Rows of Parquet, read by pyarrow."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from typing import IO, Any

from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.transcripts.logs.files import BLOCK, content_hash, is_packed, stored
from pytest_duolog.transcripts.logs.tables import Row

# Rows that are in memory as Python's values at a time.
BATCH = 128


class ParquetTable:
    """An open file of Parquet. Its chunks begin with groups of rows, because those are read from their beginning."""

    def __init__(self, stream: IO[bytes]) -> None:
        arrow, parquet = pyarrow_for("a .parquet file")
        self._arrow = arrow
        self._stream = stream
        self._file = parquet.ParquetFile(stream, pre_buffer=False, buffer_size=BLOCK)
        self.names: Sequence[str] = self._file.schema_arrow.names
        groups = [self._file.metadata.row_group(at) for at in range(self._file.num_row_groups)]
        # The row that each group begins with, and the bytes before it; the end of the file is the last one.
        self._begins: list[int] = list(accumulate((group.num_rows for group in groups), initial=0))
        self._bytes: list[int] = list(accumulate((group.total_byte_size for group in groups), initial=0))

    @cached_property
    def seed(self) -> bytes:
        """A hash of the file."""
        self._stream.seek(0)
        return content_hash(self._stream)

    def rows(self, names: Sequence[str], start: int, end: int | None, first_line: int) -> Iterator[Row]:
        """The rows from number `start` to `end`, from 0. Without names, nothing is read."""
        last = self._begins[-1] if end is None else end
        if not names:
            yield from (Row(at + 1, at, {}) for at in range(start, last))
            return
        groups = [at for at in range(len(self._begins) - 1) if self._holds(at, start, last)]
        at = self._begins[groups[0]] if groups else last
        for batch in self._file.iter_batches(BATCH, row_groups=groups, columns=list(names)):
            if at >= last:
                return
            columns = {name: self._values(batch.column(name)) for name in names}
            for place in range(max(0, start - at), min(len(batch), last - at)):
                yield Row(at + place + 1, at + place, {name: cells[place] for name, cells in columns.items()})
            at += len(batch)

    def is_full(self, begin: int, at: int, n_bytes: int) -> bool:
        """Whether the groups that begin from `begin` to `at` have so many bytes."""
        first, last = self._group(begin), self._group(at)
        return last > first and self._bytes[last] - self._bytes[first] >= n_bytes

    def _group(self, at: int) -> int:
        return bisect_right(self._begins, at) - 1

    def _holds(self, group: int, start: int, end: int) -> bool:
        return self._begins[group] < end and self._begins[group + 1] > start

    def _values(self, column: Any) -> list[Any]:
        types = self._arrow.types
        if types.is_timestamp(column.type):
            column = column.cast(self._arrow.int64())  # nanoseconds are too fine for Python's dates
        values: list[Any] = column.to_pylist()
        return values


@contextmanager
def parquet_table(file: str) -> Iterator[ParquetTable]:
    """The open table of a Parquet file. Raises ConfigurationError if pyarrow is missing."""
    if is_packed(file):
        raise TranscriptError(f"{file}: unpack it first; Parquet is compressed inside")
    with stored(file) as stream:
        yield ParquetTable(stream)


def pyarrow_for(what: str, instead: str = "") -> tuple[Any, Any]:
    """The modules `pyarrow` and `pyarrow.parquet`. Raises ConfigurationError that says what needs them.

    `instead` is what does without.
    """
    try:
        import pyarrow as pa  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{what} needs pyarrow, which is not installed: pip install 'pytest-duolog[scan]'"
            f"{f', or use {instead}' if instead else ''}"
        ) from error
    return pa, parquet
