"""`duolog check`: checks finished transcripts, without a model and without network."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest_duolog.reports
from pytest_duolog.commands.columns import STDIN, add_column_argument, given_columns
from pytest_duolog.commands.logs import each_logged
from pytest_duolog.commands.properties import add_property_argument, check_topic, given_properties
from pytest_duolog.commands.scan import REPORT, Scan
from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.properties.by_name import property_names
from pytest_duolog.results.verdict_rows import FORMATS
from pytest_duolog.transcripts.logs.chunks import CHUNK_BYTES
from pytest_duolog.transcripts.sources import Unreadable

MOST_MB = 1024
# The report that says of each dialogue how close its messages are to the topic, whatever is checked.
SHOWS_TOPIC = "json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog check`."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="PATH",
        help="transcripts, chat logs (also .csv, .parquet, .gz and the like), cassettes or run records, folders with "
        "such files, globs, or addresses such as s3://...; - reads transcripts or logs from stdin",
    )
    add_property_argument(
        parser,
        "a property to check instead of NoLoops, EndsCleanly and, if a topic is stated, StaysOnTopic "
        f"(known: {', '.join(property_names())})",
    )
    parser.add_argument("--topic", metavar="TEXT", help="the topic of dialogues that do not state one")
    add_column_argument(parser)
    parser.add_argument(
        "--format", choices=_formats(), default="text", help="the format of the report (default text)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write a row for each verdict into files in this folder, for logs of any size: JSON Lines, CSV (both also "
        ".gz, .bz2, .xz, .zst) or Parquet; a killed scan continues",
    )
    parser.add_argument(
        "--rows",
        choices=FORMATS,
        help="the format of the files in --out (default jsonl); parquet needs pyarrow",
    )
    parser.add_argument(
        "--chunk-mb",
        type=float,
        metavar="N",
        help=f"the size of the parts of a log, in MB, that have a file each in --out (default {CHUNK_BYTES >> 20})",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the files; 0 if every property holds, 1 if one does not, 2 if something could not be read."""
    _check_together(arguments)
    columns = given_columns(arguments.files, arguments.column, has_folders=arguments.out is not None)
    properties = given_properties(arguments)
    check_topic(arguments.topic, properties if arguments.format != SHOWS_TOPIC else ())
    if arguments.out is not None:
        from pytest_duolog.commands.scan_folder import FolderScan, run_scan  # noqa: PLC0415  # few scans want rows

        n_bytes = max(1, int(arguments.chunk_mb * 2**20)) if arguments.chunk_mb else CHUNK_BYTES
        into = FolderScan(
            properties, arguments.topic, arguments.out, arguments.rows or FORMATS[0], n_bytes, columns
        )
        return run_scan(into, arguments.files)
    scan = Scan(properties, arguments.topic, arguments.format)
    report = import_module(f"{pytest_duolog.reports.__name__}.{REPORT}{arguments.format}")
    unreadable: list[Unreadable] = []
    notices: list[str] = []
    has_findings = False

    def parts() -> Iterator[Any]:
        nonlocal has_findings
        for checked in scan.each(each_logged(arguments.files, columns)):
            if isinstance(checked, Unreadable):
                unreadable.append(checked)
            else:
                has_findings |= checked.has_findings
                notices.extend(checked.notices)
                yield checked.part

    for line in report.report_lines(parts(), unreadable):
        print(line, flush=True)
    for notice in notices:
        print(printable(f"duolog: {notice}"), file=sys.stderr)
    for failed in unreadable:
        print(printable(f"duolog: {failed.file}:{failed.line}: {failed.problem}"), file=sys.stderr)
    return 2 if unreadable else int(has_findings)


def _check_together(arguments: argparse.Namespace) -> None:
    """Raises ConfigurationError for options that would have no effect together."""
    if arguments.out is None:
        for option in ("rows", "chunk_mb"):
            if getattr(arguments, option) is not None:
                raise ConfigurationError(
                    f"--{option.replace('_', '-')} is about the files of --out: give a folder"
                )
        return
    if arguments.format != "text":
        raise ConfigurationError(
            f"--format {arguments.format} has no effect with --out, which writes rows: use --rows jsonl or parquet"
        )
    if arguments.chunk_mb is not None and not 0 < arguments.chunk_mb <= MOST_MB:
        raise ConfigurationError(f"--chunk-mb {arguments.chunk_mb:g} is not above 0 and at most {MOST_MB}")
    if STDIN in arguments.files:
        raise ConfigurationError("--out cannot read stdin (-): write the log to a file first")


def _formats() -> list[str]:
    names = (module.name for module in iter_modules(pytest_duolog.reports.__path__))
    return sorted(name.removeprefix(REPORT) for name in names if name.startswith(REPORT))
