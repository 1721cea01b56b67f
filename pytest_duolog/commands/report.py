"""`duolog report`: writes one HTML page about dialogues or a run, which opens without a server."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_duolog.commands.dialogue_paths import add_dialogue_arguments, given_dialogues
from pytest_duolog.display import counted, printable
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.report import dialogues_text, report_text
from pytest_duolog.results.record import merge
from pytest_duolog.results.store import read_record
from pytest_duolog.transcripts.sources import OwnFile, own_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog report`."""
    add_dialogue_arguments(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="REPORT.html", help="the page to write"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page; 0 if everything could be read, 2 if not."""
    dialogues, n_unreadable = given_dialogues(arguments)
    if not dialogues:
        return 2
    if not n_unreadable and _is_run(arguments):
        record = merge(read_record(path) for path in arguments.paths)
        text = report_text(record, decide_record(record), {})
    else:
        text = dialogues_text(dialogues)
    arguments.output.write_text(text, "utf-8", newline="\n")
    print(printable(f"{arguments.output}: {counted(len(dialogues), 'dialogue')}"))
    return 2 if n_unreadable else 0


def _is_run(arguments: argparse.Namespace) -> bool:
    """Whether the paths are only records of one run, with the original verdicts; then the page shows its decision."""
    return (
        bool(arguments.paths)
        and not (arguments.text or arguments.property)
        and all(map(_is_record, arguments.paths))
    )


def _is_record(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return own_file(file.readline().decode("utf-8", "replace")) is OwnFile.RECORD
