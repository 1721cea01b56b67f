"""Reads text files in UTF-8; for another encoding the error says how to convert the file."""

from __future__ import annotations

from pathlib import Path

from pytest_duolog.errors import TranscriptError

BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# This many bytes are read to recognise UTF-16 without a byte order mark: every other byte of ASCII text is zero.
LOOKED_AT = 4096
MANY_ZEROS = 0.02


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; raises TranscriptError if it is not text or cannot be read."""
    try:
        return decode_text(path.read_bytes(), str(path))
    except OSError as error:
        raise TranscriptError(f"{path}: cannot be read: {error.strerror}") from error


def decode_text(data: bytes, name: str) -> str:
    """The text of UTF-8 bytes; raises TranscriptError if they are not UTF-8. `name` is the name of their source."""
    if other := other_encoding(data):
        advice = f"save it as UTF-8, in an editor or with iconv -f {other} -t UTF-8"
        raise TranscriptError(f"{name}: not a text file in UTF-8: it is {other}; {advice}")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        advice = "if it is text in another encoding, save it as UTF-8 in an editor"
        raise TranscriptError(
            f"{name}: not a text file: byte {error.start} is not UTF-8; {advice}"
        ) from error


def other_encoding(data: bytes) -> str:
    """The encoding of the bytes under iconv's name if it can be recognised; otherwise empty."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return encoding
    start = data[:LOOKED_AT]
    even, odd = start[::2].count(0), start[1::2].count(0)
    most, least = max(even, odd), min(even, odd)
    if least or most < 2 or most <= MANY_ZEROS * len(start):
        return ""
    return "UTF-16LE" if odd else "UTF-16BE"
