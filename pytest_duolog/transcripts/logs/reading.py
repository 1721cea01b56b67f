"""The dialogues of logs one by one, whatever their format, size and place."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.logs.chunks import Chunk, check_table, dialogues_of, holds_lines, is_table
from pytest_duolog.transcripts.logs.files import opened, shown_address, told
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS, Columns
from pytest_duolog.transcripts.sources import Source, Unreadable, each_source
from pytest_duolog.transcripts.text_file import decode_text


def dialogues_in(file: str, columns: Columns = NO_COLUMNS) -> Iterator[Source | Unreadable]:
    """The dialogues of a file, with their places, in constant memory.

    JSON Lines, CSV and Parquet are read row by row, other transcripts whole. An Unreadable stands for each place that
    cannot be read. Raises ConfigurationError if an extra is needed and is not there.
    """
    try:
        with told(file):
            if is_table(file):
                check_table(file, columns)
                yield from dialogues_of(Chunk(file, 0, 0, None, 1, ""), columns)
            elif holds_lines(file):
                yield from dialogues_of(Chunk(file, 0, 0, None, 1, ""))
            else:
                with opened(file) as stream:
                    text = decode_text(stream.read(), shown_address(file))
                yield from each_source(text, file=shown_address(file))
    except TranscriptError as error:
        yield unreadable(file, error)


def unreadable(written: str, error: TranscriptError) -> Unreadable:
    """What stands for a path, a glob or an address that cannot be read at all."""
    shown = shown_address(written)
    return Unreadable(shown, 1, error.problem.removeprefix(f"{shown}: "))
