"""`duolog report`: writes one HTML page about dialogues or a run, which opens without a server."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_duolog.commands.dialogue_paths import add_dialogue_arguments, given_dialogues
from pytest_duolog.commands.pages import refuse_inputs, write_file
from pytest_duolog.commands.records import is_record, safe_record
from pytest_duolog.display import counted, printable
from pytest_duolog.errors import RunRecordError
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.report import dialogues_text, report_text
from pytest_duolog.results.record import RunRecord, merge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog report`."""
    add_dialogue_arguments(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="REPORT.html", help="the page to write"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page; 0 if everything could be read, 2 if not."""
    refuse_inputs(arguments.output, map(Path, arguments.paths or ["."]))
    record = _run_of(arguments)
    if record is not None:
        n_dialogues, n_unreadable = sum(len(sample.dialogues) for sample in record.samples), 0
        text = report_text(record, decide_record(record), {})
    else:
        dialogues, n_unreadable = given_dialogues(arguments)
        if not dialogues:
            return 2
        n_dialogues = len(dialogues)
        text = dialogues_text(dialogues)
    write_file(arguments.output, text)
    print(printable(f"{arguments.output}: {counted(n_dialogues, 'dialogue')}"))
    return 2 if n_unreadable else 0


def _run_of(arguments: argparse.Namespace) -> RunRecord | None:
    """The run whose records are given, without secrets; the page then shows its decision.

    None if other files or a selection are given, or a record is damaged or without dialogues: `given_dialogues` says
    so, and the page shows what can be read.
    """
    if not _is_run(arguments):
        return None
    try:
        records = [safe_record(Path(path)) for path in arguments.paths]
    except RunRecordError:
        return None
    has_all = not any(record.damage for record in records)
    has_any = any(sample.dialogues for record in records for sample in record.samples)
    return merge(records) if has_all and has_any else None


def _is_run(arguments: argparse.Namespace) -> bool:
    """Whether the paths are only records of one run, with the original verdicts; then the page shows its decision."""
    return (
        bool(arguments.paths)
        and not (arguments.text or arguments.says or arguments.property)
        and all(is_record(Path(path)) for path in arguments.paths)
    )
