"""A checksum at the end of each line of a file: `{"n":1,"message":2,"sum":"9f3a12bc"}`.

It is over the text of the line and its place among the lines that are not blank, so that it tells which lines were
changed, put in, left out or swapped. It is no signature: whoever wants to deceive can compute it.

Where the first line has one, all lines must; a file that older versions began has checksums from where newer ones went
on with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

BEGINS = b',"sum":"'
ENDS = b'"}'
N_BYTES = len(BEGINS) + 8 + len(ENDS)

# How far from its place a line is looked for, and for how many lines of a file.
REACH = 1000
MOST_LOOKED_FOR = 20


class WrongLine(NamedTuple):
    """A line that is not as it was written, or not where; `number` counts from 1, blank lines too.

    `written_as` is the place at which it was written, None if its text was changed.
    """

    number: int
    written_as: int | None

    def told(self, what: str, written: str) -> str:
        """The same in words: `what` is on the line, and how it was `written`."""
        if self.written_as is None:
            return f"line {self.number} ({what}) is not as it was {written} (edited by hand?)"
        return (
            f"line {self.number} ({what}) was {written} as line {self.written_as}: lines before it were removed, added "
            f"or swapped"
        )


def with_checksum(line: bytes, place: int) -> bytes:
    """`line`, the text of a JSON object, with the checksum that makes it the line at `place`, from 1."""
    text = line.removesuffix(b"}")
    return text + BEGINS + _checksum(text, place) + ENDS


def without_checksum(line: bytes) -> bytes:
    """The line as it was before `with_checksum`; one that has none is not changed."""
    parts = _parts(line)
    return parts[0] + b"}" if parts else line


def wrong_lines(lines: Sequence[bytes]) -> Iterator[WrongLine]:
    """The lines whose checksum is missing or wrong. Of lines that moved together only the first is given."""
    place, shift, n_looked_for = 0, 0, 0
    is_checked = False
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        place += 1
        parts = _parts(line)
        is_checked = is_checked or (place == 1 and parts is not None)
        if parts is None:
            if is_checked:
                yield WrongLine(number, None)
            continue
        text, checksum = parts
        if checksum in (_checksum(text, place), _checksum(text, place + shift)):
            continue
        n_looked_for += 1
        written_as = _place_of(text, checksum, place) if n_looked_for <= MOST_LOOKED_FOR else None
        shift = shift if written_as is None else written_as - place
        yield WrongLine(number, written_as)


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
