"""Cuts large chat logs in JSON Lines into chunks, so that several processes can read them with constant memory.

A plain file is cut after line feeds. A compressed file cannot be read from its middle, so it is one chunk. An address
that begins with a protocol (`s3://...`) is opened with fsspec.
"""

from __future__ import annotations

import bz2
import glob
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.sources import Source, Unreadable, own_file, source_of
from pytest_duolog.transcripts.traces.found import is_trace

CHUNK_BYTES = 8 << 20
BLOCK = 1 << 20
# A longer line is no dialogue, and would have to be kept in memory.
MOST_LINE_BYTES = 64 << 20
PROTOCOL = "://"
WILD = "*?["
READS_LINES = "`--out` reads JSON Lines with one dialogue on each line; leave it out to read this file"
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)


@dataclass(frozen=True)
class Chunk:
    """A part of a log: the bytes from `start` to `end`, or all lines of a compressed file if `end` is None.

    `number` counts from 0 and `first_line` from 1. `digest` is a hash of the stored bytes.
    """

    file: str
    number: int
    start: int
    end: int | None
    first_line: int
    digest: str


def addresses(written: str) -> list[str]:
    """The files that a path, an address or a glob stands for, sorted.

    Raises TranscriptError if there is none, and ConfigurationError if fsspec is needed and is not there.
    """
    if PROTOCOL in written:
        fs, path = _file_system(written)
        protocol = written.partition(PROTOCOL)[0]
        with _told(written):
            found = fs.glob(path) if any(sign in path for sign in WILD) else [path] * fs.exists(path)
        files = [f"{protocol}{PROTOCOL}{str(name).removeprefix(f'{protocol}{PROTOCOL}')}" for name in found]
    elif Path(written).is_dir():
        files = [str(path) for path in Path(written).rglob("*") if _is_log(path) and path.is_file()]
    elif Path(written).exists():
        files = [written]
    else:
        files = [path for path in glob.glob(written, recursive=True) if Path(path).is_file()]  # noqa: PTH207
    if not files:
        raise TranscriptError(f"{written}: there is no such file")
    return sorted(files)


def chunks_of(file: str, n_bytes: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """The chunks of a file, each with about `n_bytes`. They are read here once, for their hashes.

    Raises TranscriptError if the file cannot be opened, is empty, or is not JSON Lines of dialogues.
    """
    _check_first_line(file)
    with _told(file), _stored(file) as stream:
        if _opener(file) is not None:
            whole = hashlib.blake2b(digest_size=16)
            while data := stream.read(BLOCK):
                whole.update(data)
            yield Chunk(file, 0, 0, None, 1, whole.hexdigest())
            return
        start, line, number = 0, 1, 0
        while data := stream.read(n_bytes):
            data += stream.readline(MOST_LINE_BYTES)
            digest = hashlib.blake2b(data, digest_size=16).hexdigest()
            yield Chunk(file, number, start, start + len(data), line, digest)
            start, line, number = start + len(data), line + data.count(b"\n"), number + 1


def dialogues_of(chunk: Chunk) -> Iterator[Source | Unreadable]:
    """The dialogues of a chunk one by one; an Unreadable stands for each line, or rest of a file, that is damaged."""
    number = chunk.first_line
    stem = PurePosixPath(chunk.file).name.partition(".")[0]
    try:
        for number, line in _numbered_lines(chunk):  # the place of the damage
            if line.strip():
                yield source_of(line, chunk.file, number, f"{stem}:{number}")
    except DAMAGE as error:
        yield Unreadable(chunk.file, number, f"damaged after this line: {error}".splitlines()[0])


def _numbered_lines(chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    with _lines(chunk.file) as stream:
        if chunk.end is not None:
            stream.seek(chunk.start)
        at, number = chunk.start, chunk.first_line
        while (chunk.end is None or at < chunk.end) and (line := stream.readline(MOST_LINE_BYTES)):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            yield number, line
            at, number = (stream.tell() if chunk.end is not None else 0), number + 1


def _check_first_line(file: str) -> None:
    with _told(file), _lines(file) as stream:
        first = next(
            (line for line in iter(lambda: stream.readline(MOST_LINE_BYTES), b"") if line.strip()), b""
        )
    if not first:
        raise TranscriptError(f"{file}: the file is empty")
    try:
        value = parsed(first.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        value = None
    if not isinstance(value, dict) or own_file(first.decode("utf-8", "replace")) or is_trace(value):
        raise TranscriptError(f"{file}: its first line is not a dialogue in JSON; {READS_LINES}")


def _is_log(path: Path) -> bool:
    inner = path.with_suffix("") if _opener(path.name) else path
    return inner.suffix in (".jsonl", ".ndjson")


def _opener(file: str) -> Any:
    """What opens a compressed file, by its suffix; None if it is not compressed."""
    match PurePosixPath(file).suffix:
        case ".gz":
            return gzip.open
        case ".bz2":
            return bz2.open
        case ".xz":
            return lzma.open
        case ".zst":
            return _zstandard
    return None


def _zstandard(stream: IO[bytes]) -> Any:
    try:
        import zstandard  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError("a .zst file needs zstandard: pip install 'pytest-duolog[scan]'") from error
    return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True))


@contextmanager
def _lines(file: str) -> Iterator[IO[bytes]]:
    """The file for reading, without its compression."""
    opener = _opener(file)
    with _stored(file) as stored:
        if opener is None:
            yield stored
        else:
            with opener(stored) as inner:
                yield inner


def _stored(file: str) -> IO[bytes]:
    if PROTOCOL not in file:
        return Path(file).open("rb")
    fs, path = _file_system(file)
    return fs.open(path, "rb")  # type: ignore[no-any-return]


def _file_system(address: str) -> tuple[Any, str]:
    try:
        import fsspec  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{address}: addresses need fsspec, which is not installed: pip install 'pytest-duolog[scan]'"
        ) from error
    with _told(address):
        fs, path = fsspec.core.url_to_fs(address)
    return fs, path


@contextmanager
def _told(file: str) -> Iterator[None]:
    """Raises TranscriptError for whatever goes wrong with a file or an address; its service may raise anything."""
    try:
        yield
    except (ConfigurationError, TranscriptError):
        raise
    except Exception as error:
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}".splitlines()[0]
        advice = (
            "; check that the credentials of its service are set, and that its fsspec package is installed"
        )
        raise TranscriptError(f"{file}: cannot be read: {why}{advice * (PROTOCOL in file)}") from error
