"""The dialogues of logs one by one, whatever their format, size and place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.logs.chunks import Chunk, check_table, dialogues_of, holds_lines, is_table
from pytest_duolog.transcripts.logs.files import addresses, identity, opened, shown_address, told
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS, Columns
from pytest_duolog.transcripts.sources import Source, Unreadable, each_source
from pytest_duolog.transcripts.text_file import decode_text


def dialogues_at(written: Iterable[str], columns: Columns = NO_COLUMNS) -> Iterator[Source | Unreadable]:
    """The dialogues of paths, folders, globs and addresses, with their places; each file once, in constant memory.

    JSON Lines, CSV and Parquet are read row by row, other transcripts whole. An Unreadable stands for each place that
    cannot be read. Raises ConfigurationError if an extra is needed and is not there.
    """
    known: set[str] = set()
    for one in written:
        try:
            files = addresses(one)
        except TranscriptError as error:
            yield Unreadable(shown_address(one), 1, error.problem.removeprefix(f"{shown_address(one)}: "))
            continue
        for file in files:
            if (name := identity(file)) not in known:
                known.add(name)
                yield from dialogues_in(file, columns)


def dialogues_in(file: str, columns: Columns = NO_COLUMNS) -> Iterator[Source | Unreadable]:
    """The same of one file."""
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
        yield Unreadable(shown_address(file), 1, error.problem.removeprefix(f"{shown_address(file)}: "))
