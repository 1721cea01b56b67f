"""`duolog check`: checks finished transcripts, without a model and without network."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest_duolog.reports
from pytest_duolog.commands.dialogue_files import read_dialogues, read_dialogues_in
from pytest_duolog.commands.properties import add_property_argument, given_properties
from pytest_duolog.display import printable
from pytest_duolog.errors import TranscriptError
from pytest_duolog.properties.by_name import property_types
from pytest_duolog.results.examination import examine
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.sources import Unreadable
from pytest_duolog.transcripts.text_file import decode_text

STDIN = "-"
# The modules of `reports` with this prefix are the report formats; each has a function `report_lines`.
REPORT = "check_"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog check`."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="transcripts, chat logs, cassettes or run records; - reads transcripts or logs from stdin",
    )
    add_property_argument(
        parser,
        "a property to check instead of NoLoops, EndsCleanly and, if a topic is stated, StaysOnTopic "
        f"(known: {', '.join(property_types())})",
    )
    parser.add_argument("--topic", metavar="TEXT", help="the topic of dialogues that do not state one")
    parser.add_argument(
        "--format", choices=_formats(), default="text", help="the format of the report (default text)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the files; 0 if every property holds, 1 if one does not, 2 if something could not be read."""
    properties = given_properties(arguments)
    found = [entry for file in arguments.files for entry in _read(file)]
    unreadable = [entry for entry in found if isinstance(entry, Unreadable)]
    dialogues = [entry.with_topic(arguments.topic) for entry in found if isinstance(entry, FiledDialogue)]
    examinations = [examine(dialogue.source, properties) for dialogue in dialogues]
    report = import_module(f"{pytest_duolog.reports.__name__}.{REPORT}{arguments.format}")
    for line in report.report_lines(examinations, unreadable):
        print(line)
    for dialogue in dialogues:
        for notice in dialogue.notices:
            print(
                printable(f"duolog: {dialogue.source.file}:{dialogue.source.line}: {notice}"), file=sys.stderr
            )
    for failed in unreadable:
        print(printable(f"duolog: {failed.file}:{failed.line}: {failed.problem}"), file=sys.stderr)
    if unreadable:
        return 2
    return int(any(examination.findings for examination in examinations))


def _formats() -> list[str]:
    names = (module.name for module in iter_modules(pytest_duolog.reports.__path__))
    return sorted(name.removeprefix(REPORT) for name in names if name.startswith(REPORT))


def _read(file: str) -> list[FiledDialogue | Unreadable]:
    if file != STDIN:
        return read_dialogues(Path(file))
    try:
        return read_dialogues_in(decode_text(sys.stdin.buffer.read(), "stdin"), file="stdin")
    except TranscriptError as error:
        return [Unreadable("stdin", 1, str(error))]
