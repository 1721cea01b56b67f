"""Where commands print: the page with the terminal's width and colours, and the file of `--output`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from pytest_duolog.display import printable
from pytest_duolog.reports.dialogue_text import Page

# Text is at most this many columns wide, so that it stays readable on wide terminals.
MOST_COLUMNS = 110
LEAST_COLUMNS = 40


def terminal_page(*, is_full: bool = False) -> Page:
    """The page that stdout is; one without colours if it is no terminal, or if the user wants none."""
    columns = shutil.get_terminal_size((100, 24)).columns
    return Page(
        width=max(LEAST_COLUMNS, min(columns, MOST_COLUMNS)),
        is_coloured=sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb",
        is_full=is_full,
    )


def page_text(lines: Callable[[Page], Iterable[str]], output: Path | None) -> str:
    """Lines as text, for the terminal or for a file."""
    page = terminal_page() if output is None else Page(width=MOST_COLUMNS)
    return "".join(f"{line}\n" for line in lines(page))


def put_out(text: str, output: Path | None, what: str) -> None:
    """Print the text, or write it to a file and print `what` is in it."""
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, "utf-8", newline="\n")
        print(printable(f"{output}: {what}"))
