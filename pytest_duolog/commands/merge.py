"""`duolog merge`: merges the run records of shards and decides."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pytest_duolog.commands.gate import add_record_arguments, decide_and_write, report
from pytest_duolog.commands.records import safe_record
from pytest_duolog.display import counted, printable
from pytest_duolog.reports.run_reports import RUN_REPORTS
from pytest_duolog.results.record import merge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog merge`."""
    add_record_arguments(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MERGED.jsonl", help="the record to write"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the merged record and print the decision; the status is that of `report`."""
    record = merge(map(safe_record, arguments.records))
    decided = decide_and_write(record, arguments.output)
    n_samples, n_records = len(record.samples), len(arguments.records)
    said = f"{arguments.output}: {counted(n_samples, 'sample')} of {counted(n_records, 'record')}"
    print(printable(said))
    status = report(record, decided, inconclusive=arguments.inconclusive)
    for wanted in RUN_REPORTS:
        given = os.environ.get(wanted.variable) if wanted.variable else None
        if given and (unwritten := wanted.write(Path(given), record, decided, {})):
            print(printable(unwritten))
    return status
