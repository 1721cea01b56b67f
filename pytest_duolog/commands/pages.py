"""The page that commands print dialogues on: the terminal's width and colours."""

from __future__ import annotations

import os
import shutil
import sys

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
