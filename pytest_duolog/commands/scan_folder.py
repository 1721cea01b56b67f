"""`duolog check --out FOLDER`: checks logs of any size on all processors, with one file of results for each chunk.

A file of results is named by its input, its chunk, and a hash of the chunk's bytes, the options and the detectors. It
is written whole or not at all. So a scan that was killed continues, and checks again only what has changed.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest_duolog
from pytest_duolog.commands.pages import writing
from pytest_duolog.commands.pytest_runs import INTERRUPTED
from pytest_duolog.commands.scan import WAITING, begin_process, examined, in_groups, n_processors, processes
from pytest_duolog.display import counted, printable
from pytest_duolog.errors import TranscriptError
from pytest_duolog.properties.base import Property
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.recording.addresses import lasting_parameters
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.verdict_rows import COLUMNS, VerdictRow, row_of_damage, rows_of
from pytest_duolog.storage.line_file import LineFile, is_in_use, left_by_killed_run, replacing
from pytest_duolog.topics.idle import can_compare
from pytest_duolog.topics.vectors import NAME
from pytest_duolog.transcripts.logs.chunks import Chunk, chunks_of, dialogues_of
from pytest_duolog.transcripts.logs.files import addresses, identity, is_address, shown_address
from pytest_duolog.transcripts.logs.parquet_rows import pyarrow_for
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS, Columns
from pytest_duolog.transcripts.sources import Unreadable

# The code that decides what is found.
DETECTING = ("detectors", "properties", "topics", "transcripts", "results")
# Rows that are kept in memory before they are written.
BATCH = 5_000
# What needs pyarrow, and what does without.
PARQUET_ROWS = ("--rows parquet", "--rows jsonl")
# The name of a file of results.
RESULT = re.compile(r"(.+)-\d{6}-[0-9a-f]{16}\.(?:jsonl|parquet)")


class Counts(NamedTuple):
    """What a file of results holds: dialogues, dialogues with findings, and places that could not be read."""

    dialogues: int = 0
    found: int = 0
    unread: int = 0

    def plus(self, other: Counts) -> Counts:
        """The sums."""
        return Counts(*(one + two for one, two in zip(self, other, strict=True)))


@dataclass(frozen=True)
class FolderScan:
    """How each chunk is checked, and where its results go; `n_bytes` is the size of a chunk."""

    properties: Sequence[Property]
    topic: str | None
    folder: Path
    format: str
    n_bytes: int
    columns: Columns = NO_COLUMNS

    def key(self) -> str:
        """A hash of the options and of what decides: code, tables, and whether there are word vectors."""
        found = hashlib.blake2b(digest_size=16)
        vectors = NAME if can_compare() else ""
        for part in (
            version("pytest-duolog"),
            vectors,
            self.topic or "",
            repr(self.columns),
            *map(repr, self.properties),
        ):
            found.update(f"{part}\0".encode())
        package = Path(pytest_duolog.__file__).parent
        files = (path for name in DETECTING for path in sorted((package / name).rglob("*")))
        own = (path for path in files if path.suffix in (".py", ".toml"))
        others = (inspect.getsourcefile(type(check)) for check in self.properties)
        for path in (*own, *(Path(name) for name in others if name)):
            found.update(path.read_bytes())
        return found.hexdigest()

    def path_of(self, chunk: Chunk, key: str) -> Path:
        """The file of results for a chunk."""
        decisive = f"{key} {chunk.first_line} {chunk.digest} {shown_address(chunk.file)}"
        content = hashlib.blake2b(os.fsencode(decisive), digest_size=8).hexdigest()
        return self.folder / f"{self.stem_of(chunk.file)}-{chunk.number:06}-{content}.{self.format}"

    def stem_of(self, file: str) -> str:
        """The beginning of the names of all results of an input: the same for all its spellings.

        An address is the same with another signature or key in its query: a signed one has a new one each time.
        """
        asked = lasting_parameters(file) if is_address(file) else ""
        place = shown_address(identity(file))
        with suppress(ValueError):  # on another drive
            place = place if is_address(place) else os.path.relpath(place, os.path.realpath(self.folder))
        name = re.sub(r"[^\w.-]+", "_", place.replace(os.sep, "/").rpartition("/")[2])[:60]
        return f"{name}-{hashlib.blake2b(os.fsencode(f'{place}{asked}'), digest_size=4).hexdigest()}"

    def rows(self, chunk: Chunk) -> Iterator[VerdictRow]:
        """The rows of a chunk."""
        entries = (
            entry if isinstance(entry, Unreadable) else FiledDialogue(entry)
            for entry in dialogues_of(chunk, self.columns)
        )
        for group in in_groups(entries):
            for one in examined(group, self.properties, self.topic):
                if isinstance(one, Unreadable):
                    yield row_of_damage(one, chunk.number)
                else:
                    yield from rows_of(one[1], chunk.number)

    def write(self, chunk: Chunk, path: Path) -> Counts:
        """Check a chunk and write its results."""
        counts = Counts()
        with replacing(path) as file:
            sink = WRITERS[self.format](file)
            batch: list[VerdictRow] = []
            for row in self.rows(chunk):
                if len(batch) >= BATCH and row.line != batch[-1].line:  # the rows of a dialogue stay together
                    sink.write(batch)
                    counts = counts.plus(counted_rows(batch))
                    batch = []
                batch.append(row)
            sink.write(batch)
            sink.close()
        return counts.plus(counted_rows(batch))


def counted_rows(rows: Iterable[VerdictRow]) -> Counts:
    """What some rows hold; those of a dialogue are next to each other."""
    counts = Counts()
    for _, of_line in groupby(rows, key=lambda row: row.line):
        outcomes = [row.outcome if row.error is None else None for row in of_line]
        verdicts = [outcome for outcome in outcomes if outcome is not None]
        is_found = any(outcome != Outcome.HOLDS.value for outcome in verdicts)
        counts = counts.plus(Counts(int(bool(verdicts)), int(is_found), len(outcomes) - len(verdicts)))
    return counts


class Writer(Protocol):
    """Writes rows into an open file."""

    def write(self, rows: Sequence[VerdictRow]) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Write what is still missing."""


class _JsonLines:
    def __init__(self, file: LineFile) -> None:
        self._file = file

    def write(self, rows: Sequence[VerdictRow]) -> None:
        self._file.append_as_is(b"".join(f"{json.dumps(row._asdict())}\n".encode() for row in rows))

    def close(self) -> None:
        pass


class _Parquet:
    def __init__(self, file: LineFile) -> None:
        pa, parquet = pyarrow_for(*PARQUET_ROWS)
        types = {str: pa.string(), int: pa.int64()}
        self._arrow = pa
        self._schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
        self._writer = parquet.ParquetWriter(_Appending(file), self._schema)

    def write(self, rows: Sequence[VerdictRow]) -> None:
        values = [{name: _clean(value) for name, value in row._asdict().items()} for row in rows]
        self._writer.write_table(self._arrow.Table.from_pylist(values, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


WRITERS: Mapping[str, Callable[[LineFile], Writer]] = {"jsonl": _JsonLines, "parquet": _Parquet}


class _Appending:
    """A file as pyarrow writes it: only at its end."""

    closed = False

    def __init__(self, file: LineFile) -> None:
        self._file = file

    def write(self, content: Any) -> int:
        self._file.append_as_is(bytes(content))
        return len(content)

    def tell(self) -> int:
        return self._file.n_bytes

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _clean(value: str | int | None) -> str | int | None:
    """Text without lone surrogates, which Parquet cannot hold."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def read_counts(path: Path) -> Counts:
    """What a finished file of results holds."""
    if path.suffix == ".parquet":
        _, parquet = pyarrow_for(*PARQUET_ROWS)
        batches = parquet.ParquetFile(path).iter_batches(columns=["line", "outcome", "error"])
        return counted_rows(VerdictRow(**row) for batch in batches for row in batch.to_pylist())
    with path.open("rb") as lines:
        return counted_rows(VerdictRow(**json.loads(line)) for line in lines)


def run_scan(scan: FolderScan, written: Sequence[str]) -> int:
    """Check all files; a line on stdout for each chunk. The status is that of `duolog check`, or INTERRUPTED."""
    if scan.format == "parquet":
        pyarrow_for(*PARQUET_ROWS)
    try:
        with writing(scan.folder):
            scan.folder.mkdir(parents=True, exist_ok=True)
            _remove_torn(scan.folder)
            return _run(scan, written)
    except KeyboardInterrupt:
        _remove_torn(scan.folder)
        print("duolog: interrupted; the same command continues where this one stopped", file=sys.stderr)
        return INTERRUPTED


def _run(scan: FolderScan, written: Sequence[str]) -> int:
    problems: list[str] = []
    total = Counts()
    kept: dict[str, set[str]] = {}
    with closing(_results(scan, _chunks(scan, written, problems, kept))) as results:
        for chunk, path, counts, is_new in results:
            kept[scan.stem_of(chunk.file)].add(path.name)
            total = total.plus(counts)
            what = "" if is_new else " (was there)"
            unread = f", {counts.unread} could not be read" if counts.unread else ""
            dialogues = counted(counts.dialogues, "dialogue")
            line = (
                f"{shown_address(chunk.file)} chunk {chunk.number}: {dialogues}, {counts.found} with findings"
            )
            print(printable(f"{line}{unread}{what}"), flush=True)
    for stem, names in kept.items():
        n_old = _remove_old(scan.folder, stem, names)
        if n_old:
            print(printable(f"{stem}: removed {counted(n_old, 'result')} of earlier contents or options"))
    print(f"{counted(total.dialogues, 'dialogue')} checked: {total.found or 'none'} with findings")
    if total.unread:
        places = counted(total.unread, "place")
        print(f"duolog: {places} could not be read; the column `error` says why", file=sys.stderr)
    for problem in problems:
        print(printable(f"duolog: {problem}"), file=sys.stderr)
    return 2 if problems or total.unread else int(total.found > 0)


def _chunks(
    scan: FolderScan, written: Sequence[str], problems: list[str], kept: dict[str, set[str]]
) -> Iterator[Chunk]:
    """The chunks of all logs. The stem of each log comes into `kept`, also if it is refused or gone."""
    seen: set[str] = set()
    results = Path(os.path.realpath(scan.folder))
    for one in written:
        try:
            found = {identity(file): file for file in reversed(addresses(one))}
        except TranscriptError as error:
            problems.append(str(error))
            if error.__cause__ is None:  # else its service failed, and the log may be as it was
                kept.setdefault(scan.stem_of(one), set())
            continue
        logs = {name: file for name, file in reversed(found.items()) if not _is_result(name, results)}
        if not logs:
            problems.append(
                f"{shown_address(one)}: it has no logs, only results of a scan; name the logs, or another --out"
            )
        for name, file in logs.items():
            if name not in seen:
                seen.add(name)
                kept.setdefault(scan.stem_of(file), set())
                yield from _chunks_of(scan, file, problems)


def _is_result(name: str, results: Path) -> bool:
    """Whether a file, by its identity, is one of the results in this folder."""
    path = Path(name)
    return path.parent == results and RESULT.fullmatch(left_by_killed_run(path) or path.name) is not None


def _chunks_of(scan: FolderScan, file: str, problems: list[str]) -> Iterator[Chunk]:
    try:
        yield from chunks_of(file, scan.n_bytes, scan.columns)
    except TranscriptError as error:
        problems.append(str(error))


def _results(scan: FolderScan, chunks: Iterator[Chunk]) -> Generator[tuple[Chunk, Path, Counts, bool]]:
    """What comes of each chunk, in order; at most a few chunks wait for each process."""
    key = scan.key()
    n_processes = n_processors()
    waiting: deque[tuple[Chunk, Path, Future[Counts] | Counts]] = deque()
    with processes(n_processes, begin_process) as pool:
        for chunk in chunks:
            path = scan.path_of(chunk, key)
            if path.exists():
                waiting.append((chunk, path, read_counts(path)))
            else:
                waiting.append((chunk, path, pool.submit(scan.write, chunk, path)))
            while len(waiting) > WAITING * n_processes or (waiting and _is_done(waiting[0][2])):
                yield _done(*waiting.popleft())
        while waiting:
            yield _done(*waiting.popleft())


def _is_done(counts: Future[Counts] | Counts) -> bool:
    return isinstance(counts, Counts) or counts.done()


def _done(chunk: Chunk, path: Path, counts: Future[Counts] | Counts) -> tuple[Chunk, Path, Counts, bool]:
    if isinstance(counts, Counts):
        return chunk, path, counts, False
    return chunk, path, counts.result(), True


def _remove_torn(folder: Path) -> None:
    """Remove what a killed scan was writing."""
    for path in folder.iterdir():
        name = left_by_killed_run(path)
        if name and RESULT.fullmatch(name) and not is_in_use(path):
            path.unlink(missing_ok=True)


def _remove_old(folder: Path, stem: str, names: set[str]) -> int:
    """Remove the results of an input that are not of its current contents and options; how many there were."""
    results = [
        path for path in folder.iterdir() if (found := RESULT.fullmatch(path.name)) and found[1] == stem
    ]
    old = [path for path in results if path.name not in names]
    for path in old:
        path.unlink()
    return len(old)
