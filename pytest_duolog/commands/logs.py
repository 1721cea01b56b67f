"""Reads logs from what a command line names: files, folders, globs, addresses, tables, and stdin."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pytest_duolog.commands.dialogue_files import each_dialogue_at, each_dialogue_in
from pytest_duolog.commands.dialogue_paths import NO_DIALOGUES, dialogues_of_folder
from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.logs.chunks import is_table
from pytest_duolog.transcripts.logs.files import addresses
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS, Columns, columns_from
from pytest_duolog.transcripts.sources import Unreadable
from pytest_duolog.transcripts.text_file import decode_text

STDIN = "-"


def add_column_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--column`."""
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="PART=NAME",
        help="the column of a CSV or Parquet file that has a part of each message: conversation, role, text or order "
        "(what to sort its rows by; order= keeps them), or messages if a row is a whole conversation (default: by "
        "usual names); may be given several times",
    )


def given_columns(files: Sequence[str], given: Sequence[str]) -> Columns:
    """The columns of --column. Raises ConfigurationError if they are wrong, or if no file is a table."""
    if not given:
        return NO_COLUMNS
    for written in files:
        with suppress(TranscriptError):
            if written != STDIN and any(map(is_table, addresses(written))):
                return columns_from(given)
    raise ConfigurationError(
        f"--column {given[0]} is about tables (.csv, .tsv, .parquet), and none of the files is one"
    )


def each_logged(files: Sequence[str], columns: Columns) -> Iterator[FiledDialogue | Unreadable]:
    """The dialogues of files, folders, globs, addresses, and stdin (`-`), one by one, with the secrets in them."""
    known: set[str] = set()
    for file in files:
        if file == STDIN:
            yield from _read_stdin()
        elif Path(file).is_dir():
            entries = dialogues_of_folder(Path(file))
            yield next(entries, Unreadable(file, 1, NO_DIALOGUES))
            yield from entries
        else:
            yield from each_dialogue_at(file, columns, known)


def _read_stdin() -> Iterator[FiledDialogue | Unreadable]:
    try:
        yield from each_dialogue_in(decode_text(sys.stdin.buffer.read(), "stdin"), file="stdin")
    except TranscriptError as error:
        yield Unreadable("stdin", 1, str(error))
