"""`--column`: which columns of tables have which parts of messages."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pytest_duolog.errors import ConfigurationError, TranscriptError
from pytest_duolog.transcripts.logs.chunks import is_table
from pytest_duolog.transcripts.logs.files import addresses
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS, Columns, columns_from

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


def given_columns(files: Sequence[str], given: Sequence[str], *, has_folders: bool = False) -> Columns:
    """The columns of --column. Raises ConfigurationError if they are wrong, or if no file is a table.

    With `has_folders`, the tables in folders are read, too.
    """
    if not given:
        return NO_COLUMNS
    for written in files:
        if written == STDIN or (Path(written).is_dir() and not has_folders):
            continue
        with suppress(TranscriptError):
            if any(map(is_table, addresses(written))):
                return columns_from(given)
    raise ConfigurationError(
        f"--column {given[0]} is about tables (.csv, .tsv, .parquet), and none of the files is one"
    )
