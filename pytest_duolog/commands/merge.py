"""`duolog merge`: merges the run records of shards and decides."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pytest_duolog.commands.gate import add_record_arguments, decide_and_write, report
from pytest_duolog.commands.records import safe_record
from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.display import counted, printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.history.folder import added
from pytest_duolog.history.line import lines_of_record
from pytest_duolog.reports.run_reports import RUN_REPORTS
from pytest_duolog.results.record import RunRecord, merge
from pytest_duolog.settings.builds import check_name, current_build


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog merge`."""
    add_record_arguments(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MERGED.jsonl", help="the record to write"
    )
    parser.add_argument(
        "--history",
        type=Path,
        metavar="FOLDER",
        help="add what each test took to the history of builds in this folder, as pytest --duolog-history does",
    )
    parser.add_argument(
        "--build", metavar="NAME", help="the name of the build in the history, as pytest --duolog-build"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the merged record and print the decision; the status is that of `report`."""
    if arguments.build and not arguments.history:
        raise ConfigurationError("--build: it has no effect without --history")
    check_name("--build", arguments.build or "")
    record = merge(map(safe_record, arguments.records))
    decided = decide_and_write(record, arguments.output)
    n_samples, n_records = len(record.samples), len(arguments.records)
    said = f"{arguments.output}: {counted(n_samples, 'sample')} of {counted(n_records, 'record')}"
    print(printable(said))
    if arguments.history:
        print(printable(f"history: {_add_to_history(record, arguments)}"))
    status = report(record, decided, inconclusive=arguments.inconclusive)
    for wanted in RUN_REPORTS:
        given = os.environ.get(wanted.variable) if wanted.variable else None
        if given and (unwritten := wanted.write(Path(given), record, decided, {})):
            print(printable(unwritten))
    return status


def _add_to_history(record: RunRecord, arguments: argparse.Namespace) -> str:
    """Write the lines of the record; says where, or why not."""
    build = current_build(arguments.build, os.environ, Path.cwd(), record.header.created)
    redacted = project_redactor().text
    return added(
        arguments.history, [line.without_secrets(redacted) for line in lines_of_record(record, build)]
    )
