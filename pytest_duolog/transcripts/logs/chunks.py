"""Cuts large logs into chunks, so that several processes can read them with constant memory.

JSON Lines are cut after line feeds, and tables between two conversations. A compressed file cannot be read from its
middle, so it is one chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import IO

from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.transcripts.logs.csv_rows import csv_table
from pytest_duolog.transcripts.logs.files import (
    BLOCK,
    LogKind,
    can_seek,
    content_hash,
    is_packed,
    kind_of,
    opened,
    shown_address,
    stem_of_log,
    stored,
    told,
    why,
)
from pytest_duolog.transcripts.logs.parquet_rows import parquet_table
from pytest_duolog.transcripts.logs.tables import (
    NO_COLUMNS,
    Columns,
    Layout,
    Table,
    conversations_of,
    layout_of,
    starts_of,
)
from pytest_duolog.transcripts.sources import Source, Unreadable, is_json_lines, source_of

CHUNK_BYTES = 8 << 20
# A longer line is no dialogue, and would have to be kept in memory.
MOST_LINE_BYTES = 64 << 20
READS_LINES = "`--out` reads JSON Lines with one dialogue on each line; leave it out to read this file"
NO_ROWS = "the table has no rows"
MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Chunk:
    """A part of a log from `start` to `end`: bytes, or rows of Parquet from 0. If `end` is None, it is the whole file.

    `number` counts from 0 and `first_line` from 1. `digest` is a hash of what decides its dialogues.
    """

    file: str
    number: int
    start: int
    end: int | None
    first_line: int
    digest: str


def chunks_of(file: str, n_bytes: int = CHUNK_BYTES, columns: Columns = NO_COLUMNS) -> Iterator[Chunk]:
    """The chunks of a file, each with about `n_bytes`. It is read here once or twice, for their hashes.

    Raises TranscriptError if the file cannot be opened, is empty, or is neither JSON Lines of dialogues nor a table of
    them, or if the rows of a conversation are apart.
    """
    with told(file):
        if is_table(file):
            chunks = _chunks_of_table(file, n_bytes, columns)
        elif holds_lines(file):
            chunks = _chunks_of_lines(file, n_bytes)
        else:
            raise TranscriptError(f"{file}: its first line is not a dialogue in JSON; {READS_LINES}")
        yield from chunks


def dialogues_of(chunk: Chunk, columns: Columns = NO_COLUMNS) -> Iterator[Source | Unreadable]:
    """The dialogues of a chunk one by one; an Unreadable stands for each line, or rest of a file, that is damaged."""
    line, shown = chunk.first_line, shown_address(chunk.file)
    try:
        for entry in _of_table(chunk, columns) if is_table(chunk.file) else _of_lines(chunk):
            line = entry.line  # the place of the damage
            yield entry
    except TranscriptError as error:
        yield Unreadable(shown, error.line or line, error.problem.removeprefix(f"{chunk.file}: "))
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever unpacks or sends the file may raise anything
        yield Unreadable(shown, line, f"damaged after this line: {why(error)}")


def is_table(file: str) -> bool:
    """Whether its rows are messages or conversations."""
    return kind_of(file) in (LogKind.CSV, LogKind.PARQUET)


def holds_lines(file: str) -> bool:
    """Whether each line of a file is to be a dialogue in JSON. Raises TranscriptError if the file is empty."""
    with opened(file) as stream:
        lines = (line or b"" for _, line in _lines(stream))
        first = next(filter(bytes.strip, lines), b"")
        if not first:
            raise TranscriptError(f"{file}: the file is empty")
        shown = chain([first.removeprefix(MARK)], lines)
        return is_json_lines(line.decode("utf-8", "replace") for line in shown)


def check_table(file: str, columns: Columns) -> None:
    """Raises TranscriptError if a table has no columns of dialogues, no rows, or conversations whose rows are apart."""
    with told(file), _table(file) as table:
        layout = layout_of(table.names, columns, file)
        if not sum(1 for _ in starts_of(table.rows(_ids(layout), 0, None, 1), layout, file)):
            raise TranscriptError(f"{file}: {NO_ROWS}")


def _table(file: str) -> AbstractContextManager[Table]:
    return csv_table(file) if kind_of(file) is LogKind.CSV else parquet_table(file)


def _ids(layout: Layout) -> list[str]:
    """The columns that tell where a conversation begins."""
    return [layout.conversation] if layout.role and layout.conversation else []


def _chunks_of_lines(file: str, n_bytes: int) -> Iterator[Chunk]:
    with stored(file) as stream:
        if is_packed(file) or not can_seek(stream):
            yield _whole(file)
            return
        start, line, number = 0, 1, 0
        while True:
            digest, end, n_lines = hashlib.blake2b(digest_size=16), start, 0
            for data in _blocks(stream, n_bytes):
                digest.update(data)
                end, n_lines = end + len(data), n_lines + data.count(b"\n")
            if end == start:
                return
            yield Chunk(file, number, start, end, line, digest.hexdigest())
            start, line, number = end, line + n_lines, number + 1


def _blocks(stream: IO[bytes], n_bytes: int) -> Iterator[bytes]:
    """About `n_bytes`, to the end of a line."""
    data = b""
    while n_bytes > 0 and (data := stream.read(min(n_bytes, BLOCK))):
        n_bytes -= len(data)
        yield data
    while data and not data.endswith(b"\n") and (data := stream.readline(BLOCK)):
        yield data


def _whole(file: str) -> Chunk:
    """The only chunk of a file."""
    with stored(file) as stream:
        return Chunk(file, 0, 0, None, 1, content_hash(stream).hex())


def _chunks_of_table(file: str, n_bytes: int, columns: Columns) -> Iterator[Chunk]:
    """The whole table is looked through first: conversations whose rows are apart would be judged in halves."""
    with stored(file) as stream:
        if is_packed(file) or not can_seek(stream):
            check_table(file, columns)
            yield _whole(file)
            return
    with _table(file) as table:
        layout = layout_of(table.names, columns, file)
        begins: list[tuple[int, int]] = []
        digests = []
        for row, is_first in starts_of(table.rows(_ids(layout), 0, None, 1), layout, file):
            if not begins or (is_first and table.is_full(begins[-1][0], row.at, n_bytes)):
                begins.append((row.at, row.line))
                digests.append(hashlib.blake2b(table.seed, digest_size=16))
            digests[-1].update(row.raw or b"row")
        ends = [at for at, _ in begins[1:]]
    if not begins:
        raise TranscriptError(f"{file}: {NO_ROWS}")
    for number, ((at, line), end, digest) in enumerate(zip(begins, [*ends, None], digests, strict=True)):
        yield Chunk(file, number, at, end, line, digest.hexdigest())


def _of_table(chunk: Chunk, columns: Columns) -> Iterator[Source | Unreadable]:
    with _table(chunk.file) as table:
        layout = layout_of(table.names, columns, chunk.file)
        rows = table.rows(layout.names, chunk.start, chunk.end, chunk.first_line)
        yield from conversations_of(rows, layout, shown_address(chunk.file), stem_of_log(chunk.file))


def _of_lines(chunk: Chunk) -> Iterator[Source | Unreadable]:
    stem, shown = stem_of_log(chunk.file), shown_address(chunk.file)
    with opened(chunk.file) as stream:
        if chunk.start:
            stream.seek(chunk.start)
        left = None if chunk.end is None else chunk.end - chunk.start
        number = chunk.first_line
        for n_bytes, line in _lines(stream):
            if left is not None and left <= 0:
                return
            if line is None:
                problem = f"longer than {MOST_LINE_BYTES >> 20} MB, which is no dialogue"
                yield Unreadable(shown, number, problem)
            elif line.strip():
                text = line.removeprefix(MARK) if number == 1 else line
                yield source_of(text, shown, number, f"{stem}:{number}")
            number, left = number + 1, None if left is None else left - n_bytes


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """The lines, each with the number of its bytes; None stands for one that is too long to be kept."""
    while line := stream.readline(MOST_LINE_BYTES):
        n_bytes, part = len(line), line
        while not part.endswith(b"\n") and n_bytes >= MOST_LINE_BYTES and (part := stream.readline(BLOCK)):
            n_bytes += len(part)
        yield n_bytes, line if n_bytes <= MOST_LINE_BYTES else None
