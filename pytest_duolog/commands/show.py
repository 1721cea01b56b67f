"""`duolog show`: shows dialogues as text for people, or as rows for programs."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_duolog.commands.dialogue_paths import add_dialogue_arguments, given_dialogues
from pytest_duolog.commands.pages import MOST_COLUMNS, refuse_inputs, terminal_page, write_file, writing
from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.reports.dialogue_text import Page, dialogue_lines
from pytest_duolog.reports.tables import FORMATS, table_text, write_parquet
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.rows import Row, dialogue_rows, message_rows
from pytest_duolog.storage.whole_file import whole_file

TEXT, MARKDOWN = "text", "md"
# The pager if PAGER is not set; it passes colours through.
PAGER = "less -R"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog show`."""
    add_dialogue_arguments(parser)
    parser.add_argument(
        "--format",
        choices=(TEXT, MARKDOWN, *FORMATS),
        default=TEXT,
        help="text for people (default), transcripts in Markdown, or a table with one row for each dialogue",
    )
    parser.add_argument("--messages", action="store_true", help="in a table, one row for each message")
    parser.add_argument(
        "--full",
        action="store_true",
        help="in text, show everything: repeats, tools, reasoning, system prompts",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write to this file, with all characters unchanged; on stdout, control characters are shown as escapes",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the dialogues; 0 if everything could be read, 2 if not."""
    _check(arguments)
    dialogues, n_unreadable = given_dialogues(arguments)
    if not dialogues:
        return 2
    if arguments.format == TEXT:
        _show_text(dialogues, arguments)
    elif arguments.format == MARKDOWN:
        _write(
            "\n".join(dialogue.source.transcript.to_markdown() for dialogue in dialogues), arguments.output
        )
    else:
        _write_table(message_rows(dialogues) if arguments.messages else dialogue_rows(dialogues), arguments)
    return 2 if n_unreadable else 0


def _check(arguments: argparse.Namespace) -> None:
    """Raises ConfigurationError for an option without effect, or an output that is an input."""
    if arguments.messages and arguments.format not in FORMATS:
        raise ConfigurationError(f"--messages is for tables: add --format {'|'.join(FORMATS)}")
    if arguments.property and arguments.format == MARKDOWN:
        raise ConfigurationError("--property has no effect with --format md, which shows no verdicts")
    if arguments.full and arguments.format != TEXT:
        raise ConfigurationError(f"--full is for text: --format {arguments.format} always shows everything")
    refuse_inputs(arguments.output, map(Path, arguments.paths or ["."]))
    if arguments.format == "parquet" and arguments.output is None:
        raise ConfigurationError("--format parquet is not text: write it to a file with -o FILE")


def _write_table(rows: list[Row], arguments: argparse.Namespace) -> None:
    if arguments.format == "parquet":
        with writing(arguments.output), whole_file(arguments.output) as place:
            write_parquet(rows, place)
    else:
        _write(table_text(rows, arguments.format), arguments.output)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(printable(text))
    else:
        write_file(output, text)


def _show_text(dialogues: Sequence[FiledDialogue], arguments: argparse.Namespace) -> None:
    is_terminal = arguments.output is None and sys.stdout.isatty()
    size = shutil.get_terminal_size((100, 24))
    page = terminal_page(is_full=arguments.full)
    if arguments.output is not None:
        page = Page(width=MOST_COLUMNS, is_full=arguments.full)
    lines = _lines(dialogues, page)
    if arguments.output is not None:
        write_file(arguments.output, "\n".join(lines) + "\n")
        return
    if is_terminal:
        text = "\n".join(lines)
        if text.count("\n") >= size.lines and _paged(text):
            return
        lines = iter([text])
    for line in lines:
        print(line)


def _lines(dialogues: Sequence[FiledDialogue], page: Page) -> Iterator[str]:
    for at, dialogue in enumerate(dialogues):
        if at:
            yield from ("", "=" * page.width, "")
        yield from dialogue_lines(dialogue, page)


def _paged(text: str) -> bool:
    """Show the text in a pager; False if there is no pager."""
    command = shlex.split(os.environ.get("PAGER") or PAGER)
    program = shutil.which(command[0]) if command else None
    if program is None:
        return False
    environment = {"LESS": "-R", **os.environ}
    subprocess.run(  # noqa: S603  # what the user names in PAGER
        [program, *command[1:]], input=text.encode("utf-8"), env=environment, check=False
    )
    return True
