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
from pytest_duolog.commands.dialogue_files import each_dialogue, each_dialogue_in
from pytest_duolog.commands.dialogue_paths import NO_DIALOGUES, dialogues_of_folder
from pytest_duolog.commands.properties import add_property_argument, given_properties
from pytest_duolog.commands.scan import REPORT, Scan
from pytest_duolog.display import printable
from pytest_duolog.errors import TranscriptError
from pytest_duolog.properties.by_name import property_types
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.sources import Unreadable
from pytest_duolog.transcripts.text_file import decode_text

STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog check`."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="PATH",
        help="transcripts, chat logs, cassettes or run records, or folders with such files; - reads transcripts or "
        "logs from stdin",
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
    scan = Scan(given_properties(arguments), arguments.topic, arguments.format)
    report = import_module(f"{pytest_duolog.reports.__name__}.{REPORT}{arguments.format}")
    unreadable: list[Unreadable] = []
    notices: list[str] = []
    has_findings = False

    def parts() -> Iterator[Any]:
        nonlocal has_findings
        for checked in scan.each(entry for file in arguments.files for entry in _read(file)):
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


def _formats() -> list[str]:
    names = (module.name for module in iter_modules(pytest_duolog.reports.__path__))
    return sorted(name.removeprefix(REPORT) for name in names if name.startswith(REPORT))


def _read(file: str) -> Iterator[FiledDialogue | Unreadable]:
    if Path(file).is_dir():
        entries = dialogues_of_folder(Path(file))
        yield next(entries, Unreadable(file, 1, NO_DIALOGUES))
        yield from entries
        return
    if file != STDIN:
        yield from each_dialogue(Path(file))
        return
    try:
        yield from each_dialogue_in(decode_text(sys.stdin.buffer.read(), "stdin"), file="stdin")
    except TranscriptError as error:
        yield Unreadable("stdin", 1, str(error))
