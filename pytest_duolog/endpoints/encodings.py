"""Unpacks the encodings of HTTP bodies (`Content-Encoding`), up to a limit.

An incomplete body is an error here; libraries that unpack piece by piece would return the beginning without an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

# Libraries without a limit for their output get this many bytes at a time.
CHUNK_BYTES = 256


class PackedWrongly(ValueError):
    """A body that cannot be unpacked; the text is the problem."""


class CutShort(PackedWrongly):
    """The body ends before its packed content ends."""


class UnknownEncoding(PackedWrongly):
    """No installed library can unpack it."""


class TooLarge(PackedWrongly):
    """It unpacks to more than the limit."""


def unpacked(content: bytes, encoding: str, limit: int) -> bytes:
    """The unpacked `content` with the `Content-Encoding` `encoding`; of several encodings, the last is undone first.

    Raises PackedWrongly if it is incomplete, damaged, unpacks to more than `limit` bytes, or has an unknown encoding.
    """
    for name in reversed(encoding.lower().split(",")):
        unpack = _unpacker(name.strip())
        if unpack is not None and content:
            content = unpack(content, limit)
    return content


def is_packed(content: bytes, encoding: str) -> bool:
    """Whether `content` looks packed with `encoding`. Some libraries unpack a body and leave the header."""
    match encoding.lower().split(",")[-1].strip():
        case "gzip" | "x-gzip":
            return content.startswith(GZIP_MAGIC)
        case "zstd":
            return content.startswith(ZSTD_MAGIC)
        case _:  # these have no magic number, but packed bytes are hardly ever text
            return not _is_text(content)


def _is_text(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _unpacker(name: str) -> Callable[[bytes, int], bytes] | None:
    match name:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _gunzip
        case "deflate":
            return _inflate
        case "br":
            return _unbrotli
        case "zstd":
            return _unzstd
    raise UnknownEncoding(f"has the encoding {name!r}, which cannot be unpacked")


def _gunzip(content: bytes, limit: int) -> bytes:
    return _joined(
        content, limit, lambda rest, room: _from_zlib(zlib.decompressobj(zlib.MAX_WBITS | 16), rest, room)
    )


def _inflate(content: bytes, limit: int) -> bytes:
    """Unpack deflate with or without the header of zlib: the standard requires it, but some servers leave it out."""
    wbits = zlib.MAX_WBITS if _has_zlib_header(content) else -zlib.MAX_WBITS
    return _joined(content, limit, lambda rest, room: _from_zlib(zlib.decompressobj(wbits), rest, room))


def _has_zlib_header(content: bytes) -> bool:
    return len(content) > 1 and content[0] & 15 == 8 and int.from_bytes(content[:2], "big") % 31 == 0


def _unbrotli(content: bytes, limit: int) -> bytes:
    brotli = _first_installed("brotli", "brotlicffi", encoding="br")
    return _joined(content, limit, lambda rest, room: _from_brotli(brotli.Decompressor(), rest, room))


def _unzstd(content: bytes, limit: int) -> bytes:
    zstd = _first_installed("compression.zstd", "backports.zstd", "zstandard", encoding="zstd")
    if zstd.__name__ == "zstandard":
        return _joined(
            content,
            limit,
            lambda rest, room: _from_zstandard(zstd.ZstdDecompressor().decompressobj(), rest, room),
        )
    return _joined(content, limit, lambda rest, room: _from_zlib(zstd.ZstdDecompressor(), rest, room))


def _first_installed(*names: str, encoding: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UnknownEncoding(f"has the encoding {encoding!r}; to unpack it, install one of {', '.join(names)}")


class _Part(NamedTuple):
    """The unpacked bytes, whether this part is complete, and the bytes after it."""

    content: bytes
    is_whole: bool
    rest: bytes


def _joined(content: bytes, limit: int, unpack: Callable[[bytes, int], _Part]) -> bytes:
    """The unpacked bytes of all parts of `content`, which servers may pad with zeros."""
    parts, n_bytes = [], 0
    while content:
        try:
            part = unpack(content, limit + 1 - n_bytes)
        except Exception as error:  # noqa: BLE001  # each library has errors of its own
            raise PackedWrongly(f"cannot be unpacked: {error}") from None
        parts.append(part.content)
        n_bytes += len(part.content)
        if n_bytes > limit:
            raise TooLarge(f"unpacks to more than {limit} bytes")
        if not part.is_whole:
            raise CutShort("is incomplete: it ends before its packed content ends")
        content = part.rest.lstrip(b"\0")
    return b"".join(parts)


def _from_zlib(unpacker: Any, content: bytes, room: int) -> _Part:
    """Unpack one part with zlib, or with Python's own zstd, which has the same methods."""
    return _Part(unpacker.decompress(content, room), unpacker.eof, unpacker.unused_data)


def _from_brotli(unpacker: Any, content: bytes, room: int) -> _Part:
    def feed(chunk: bytes) -> bytes:
        try:
            fed: bytes = unpacker.process(chunk, output_buffer_limit=room)
        except TypeError:  # before 1.2
            fed = unpacker.process(chunk)
        return fed

    unpacked, _ = _fed(feed, unpacker.is_finished, content, room)
    return _Part(unpacked, unpacker.is_finished(), b"")


def _from_zstandard(unpacker: Any, content: bytes, room: int) -> _Part:
    unpacked, n_taken = _fed(unpacker.decompress, lambda: unpacker.eof, content, room)
    return _Part(unpacked, unpacker.eof, unpacker.unused_data + content[n_taken:])


def _fed(
    feed: Callable[[bytes], bytes], is_finished: Callable[[], bool], content: bytes, room: int
) -> tuple[bytes, int]:
    """Unpack `content` chunk by chunk until the part is complete or too large; returns also the bytes used."""
    parts, n_bytes, at = [], 0, 0
    while at < len(content) and n_bytes < room and not is_finished():
        parts.append(feed(content[at : at + CHUNK_BYTES]))
        n_bytes += len(parts[-1])
        at += CHUNK_BYTES
    return b"".join(parts), min(at, len(content))
