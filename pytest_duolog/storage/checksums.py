"""A checksum at the end of each line of a file: `{"n":1,"message":2,"sum":"9f3a12bc"}`.

The checksum covers the text of the line and its position among the non-blank lines. It shows which lines were changed,
inserted, removed or swapped. It is not a signature: anybody can compute it.

If the first line has a checksum, all lines must have one. In a file that an older version began, checksums start where
a newer version continued it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

BEGINS = b',"sum":"'
ENDS = b'"}'
N_BYTES = len(BEGINS) + 8 + len(ENDS)

# A moved line is searched up to this many lines away, for at most this many lines of a file.
REACH = 1000
MOST_LOOKED_FOR = 20


class WrongLine(NamedTuple):
    """A line that was changed or moved after it was written; `number` counts from 1, blank lines included.

    `written_as` is the position at which it was written, None if its text was changed.
    """

    number: int
    written_as: int | None

    def told(self, what: str, written: str) -> str:
        """The problem as text: `what` the line holds, and the verb for how it was `written`."""
        if self.written_as is None:
            return f"line {self.number} ({what}) was changed after it was {written} (edited by hand?)"
        return (
            f"line {self.number} ({what}) was {written} as line {self.written_as}: lines before it "
            "were removed, added or swapped"
        )


def with_checksum(line: bytes, place: int) -> bytes:
    """`line`, the text of a JSON object, with the checksum for position `place`, from 1."""
    text = line.removesuffix(b"}")
    return text + BEGINS + _checksum(text, place) + ENDS


def without_checksum(line: bytes) -> bytes:
    """The line without its checksum; a line that has none is returned unchanged."""
    parts = _parts(line)
    return parts[0] + b"}" if parts else line


def wrong_lines(lines: Iterable[bytes]) -> Iterator[WrongLine]:
    """The lines whose checksum is missing or wrong. If several lines moved together, only the first is reported."""
    return (wrong for _, wrong in checked_lines(lines) if wrong is not None)


def checked_lines(lines: Iterable[bytes]) -> Iterator[tuple[bytes, WrongLine | None]]:
    """Each line without its checksum, and what is wrong with it as in `wrong_lines`."""
    place, shift, n_looked_for = 0, 0, 0
    is_checked = False
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            yield line, None
            continue
        place += 1
        parts = _parts(line)
        is_checked = is_checked or (place == 1 and parts is not None)
        if parts is None:
            yield line, WrongLine(number, None) if is_checked else None
            continue
        text, checksum = parts
        wrong = None
        if checksum != _checksum(text, place) and (not shift or checksum != _checksum(text, place + shift)):
            n_looked_for += 1
            written_as = _place_of(text, checksum, place) if n_looked_for <= MOST_LOOKED_FOR else None
            shift = shift if written_as is None else written_as - place
            wrong = WrongLine(number, written_as)
        yield text + b"}", wrong


def _parts(line: bytes) -> tuple[bytes, bytes] | None:
    """A line's text without its last brace, and its checksum; None if it has none."""
    line = line.rstrip()  # git and editors may end lines in another way
    text, end = line[:-N_BYTES], line[-N_BYTES:]
    if end.startswith(BEGINS) and end.endswith(ENDS):
        return text, end[len(BEGINS) : -len(ENDS)]
    return None


def _checksum(text: bytes, place: int) -> bytes:
    return b"%08x" % crc32(b"%d" % place, crc32(text))


def _place_of(text: bytes, checksum: bytes, place: int) -> int | None:
    over_text = crc32(text)
    places = range(max(1, place - REACH), place + REACH)
    return next((at for at in places if b"%08x" % crc32(b"%d" % at, over_text) == checksum), None)
