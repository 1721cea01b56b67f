"""The files of logs: which ones a path, a glob or an address means, and their bytes without their compression.

An address that begins with a protocol (`s3://...`) is opened with fsspec.
"""

from __future__ import annotations

import bz2
import glob
import gzip
import hashlib
import io
import lzma
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pytest_duolog.errors import ConfigurationError, TranscriptError

BLOCK = 1 << 20
# Bytes of Zstandard that are unpacked at a time; they become 16 MB at most.
PACKED = 512
PROTOCOL = "://"
WILD = "*?["
# Where `?` and `#` are signs of a name. Elsewhere they begin a query and a fragment, which may have a signature.
STORES = frozenset(
    (
        "s3",
        "s3a",
        "gs",
        "gcs",
        "abfs",
        "abfss",
        "az",
        "adl",
        "oci",
        "oss",
        "hf",
        "hdfs",
        "file",
        "local",
        "memory",
    )
)
# fsspec opens an address inside of another one: `zip://log.jsonl::https://...`.
CHAINED = re.compile(r"::(?=[A-Za-z][\w+.-]*://)")
IN_TEXT = re.compile(r"[A-Za-z][\w+.-]*://\S+")


class LogKind(StrEnum):
    """How a log holds its dialogues."""

    LINES = "JSON Lines"
    CSV = "CSV"
    PARQUET = "Parquet"


KINDS = {
    ".jsonl": LogKind.LINES,
    ".ndjson": LogKind.LINES,
    ".csv": LogKind.CSV,
    ".tsv": LogKind.CSV,
    ".parquet": LogKind.PARQUET,
}


def shown_address(file: str) -> str:
    """A file as it is shown and stored: an address has no user, password, query and fragment, which may be secrets."""
    return "::".join(map(_shown, CHAINED.split(file)))


def _shown(address: str) -> str:
    protocol, is_given, place = address.partition(PROTOCOL)
    if not is_given:
        return address
    place = re.sub(r"^[^/]*@", "", place)
    if protocol.lower() not in STORES:
        place = re.split(r"[?#]", place, maxsplit=1)[0]
    return f"{protocol}{PROTOCOL}{place}"


def is_address(written: str) -> bool:
    """Whether it is opened with fsspec."""
    return PROTOCOL in written


def is_glob(written: str) -> bool:
    """Whether it stands for the files that fit it: it has `*`, `?` or `[`, and no file has this name."""
    return any(sign in written for sign in WILD) and not Path(written).exists()


def kind_of(file: str) -> LogKind | None:
    """The kind of a log, by its suffix; None if the suffix is that of another file."""
    return KINDS.get(suffix_of(file))


def suffix_of(file: str) -> str:
    """The suffix of a file, in small letters, without that of its compression."""
    path = PurePosixPath(shown_address(file))
    return (path.with_suffix("") if is_packed(file) else path).suffix.lower()


def is_packed(file: str) -> bool:
    """Whether it is compressed, by its suffix."""
    return PurePosixPath(shown_address(file)).suffix.lower() in UNPACKED


def stem_of_log(file: str) -> str:
    """The name of a file without its folders and suffixes."""
    return PurePosixPath(shown_address(file).replace(os.sep, "/")).name.partition(".")[0]


def addresses(written: str) -> list[str]:
    """The files that a path, a folder, an address or a glob stands for, sorted; of a folder, those with a known suffix.

    Raises TranscriptError if there is none, and ConfigurationError if fsspec is needed and is not there.
    """
    if is_address(written):
        fs, path = _file_system(written)
        protocol = written.partition(PROTOCOL)[0]
        with told(written):
            is_http = path.startswith(("http://", "https://"))  # `?` begins a query there
            signs = WILD.replace("?", "") if is_http else WILD
            found = fs.glob(path) if any(sign in path for sign in signs) else _sent(fs, path)
        files = [f"{protocol}{PROTOCOL}{str(name).removeprefix(f'{protocol}{PROTOCOL}')}" for name in found]
    elif Path(written).is_dir():
        files = [str(path) for path in Path(written).rglob("*") if kind_of(path.name) and path.is_file()]
        if not files:
            raise TranscriptError(f"{written}: there are no logs in this folder ({', '.join(KINDS)})")
    elif Path(written).exists():
        files = [written]
    else:
        files = [path for path in glob.glob(written, recursive=True) if Path(path).is_file()]  # noqa: PTH207
    if not files:
        raise TranscriptError(f"{shown_address(written)}: there is no such file")
    return sorted(files)


def _sent(fs: Any, path: str) -> list[str]:
    """The path if it is there. Raises the error of a service that refuses to send it, or that cannot be reached."""
    if not fs.exists(path):
        try:
            fs.cat_file(path, 0, 1)
        except FileNotFoundError:
            return []
    return [path]


def identity(file: str) -> str:
    """The same for all spellings of one file: links, `./` and the like do not matter."""
    if not is_address(file):
        return os.path.realpath(file)
    fs, path = _file_system(file)
    is_local = "file" in ([fs.protocol] if isinstance(fs.protocol, str) else fs.protocol)
    return os.path.realpath(path) if is_local else str(fs.unstrip_protocol(path))


@contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """The file for reading, without its compression. Its lines can be read with a limit."""
    with stored(file) as packed:
        if is_packed(file):
            with UNPACKED[PurePosixPath(shown_address(file)).suffix.lower()](packed) as inner:
                yield inner
        else:
            yield packed


def stored(file: str) -> IO[bytes]:
    """The bytes of the file as they are stored."""
    if not is_address(file):
        return Path(file).open("rb")
    fs, path = _file_system(file)
    # The files of fsspec have no `readline` with a limit.
    return io.BufferedReader(fs.open(path, "rb"), BLOCK)


def content_hash(stream: IO[bytes]) -> bytes:
    """A hash of what is left of a file."""
    found = hashlib.blake2b(digest_size=16)
    while data := stream.read(BLOCK):
        found.update(data)
    return found.digest()


def can_seek(stream: IO[bytes]) -> bool:
    """Whether reading can begin in the middle; some servers only send a file from its beginning. It is at 0 then."""
    try:
        stream.seek(1)
        stream.seek(0)
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def told(file: str) -> Iterator[None]:
    """Raises TranscriptError for whatever goes wrong with a file or an address; its service may raise anything."""
    try:
        yield
    except ConfigurationError:
        raise
    except TranscriptError as error:
        raise TranscriptError(error.problem.replace(file, shown_address(file)), line=error.line) from error
    except Exception as error:
        advice = (
            "; check that the credentials of its service are set, and that its fsspec package is installed"
        )
        raise TranscriptError(
            f"{shown_address(file)}: cannot be read: {why(error)}{advice * is_address(file)}"
        ) from error


def why(error: Exception) -> str:
    """What an error of a file or of its service says, in a line."""
    is_plain = isinstance(error, EOFError | OSError | ValueError) and str(error)
    said = getattr(error, "strerror", None) or (
        str(error) if is_plain else f"{type(error).__name__}: {error}"
    )
    return IN_TEXT.sub(lambda found: shown_address(found[0]), str(said).splitlines()[0])


def _zstandard(stream: IO[bytes]) -> Any:
    try:
        import zstandard  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError("a .zst file needs zstandard: pip install 'pytest-duolog[scan]'") from error
    return io.BufferedReader(_Frames(stream, zstandard.ZstdDecompressor().decompressobj), BLOCK)


class _Frames(io.RawIOBase):
    """The content of frames of Zstandard. Raises EOFError after one that was cut off; zstandard itself does not."""

    def __init__(self, stream: IO[bytes], begun: Callable[[], Any]) -> None:
        self._stream, self._begun = stream, begun
        self._frame: Any = None
        self._packed = self._content = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._content and (packed := self._packed or self._stream.read(PACKED)):
            self._frame = self._frame or self._begun()
            self._content = self._frame.decompress(packed)
            self._packed = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        if not self._content and self._frame:
            raise EOFError("Compressed file ended before the end of its last frame was reached")
        n_bytes = min(len(buffer), len(self._content))
        buffer[:n_bytes] = self._content[:n_bytes]
        self._content = self._content[n_bytes:]
        return n_bytes


# What opens a compressed file, by its suffix.
UNPACKED: Mapping[str, Callable[[IO[bytes]], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _zstandard,
}


def _file_system(address: str) -> tuple[Any, str]:
    try:
        import fsspec  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"{shown_address(address)}: addresses need fsspec, which is not installed: "
            "pip install 'pytest-duolog[scan]'"
        ) from error
    with told(address):
        fs, path = fsspec.core.url_to_fs(address)
    return fs, path
