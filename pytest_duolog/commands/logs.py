"""Reads logs from what a command line names: files, folders, globs, addresses, tables, and stdin."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_duolog.commands.columns import STDIN
from pytest_duolog.commands.dialogue_files import each_dialogue_at, each_dialogue_in
from pytest_duolog.commands.dialogue_paths import NO_DIALOGUES, dialogues_of_folder
from pytest_duolog.errors import TranscriptError
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.transcripts.logs.tables import Columns
from pytest_duolog.transcripts.sources import Unreadable
from pytest_duolog.transcripts.text_file import decode_text


def each_logged(files: Sequence[str], columns: Columns) -> Iterator[FiledDialogue | Unreadable]:
    """The dialogues of files, folders, globs, addresses, and stdin (`-`), one by one, with the secrets in them."""
    known: set[str] = set()
    for file in files:
        if file == STDIN:
            yield from _read_stdin()
        elif Path(file).is_dir():
            folder = os.path.realpath(file)
            is_used = any(Path(name).is_relative_to(folder) for name in known)
            entries = dialogues_of_folder(Path(file), known)
            if not is_used:
                yield next(entries, Unreadable(file, 1, NO_DIALOGUES))
            yield from entries
        else:
            yield from each_dialogue_at(file, columns, known)


def _read_stdin() -> Iterator[FiledDialogue | Unreadable]:
    try:
        yield from each_dialogue_in(decode_text(sys.stdin.buffer.read(), "stdin"), file="stdin")
    except TranscriptError as error:
        yield Unreadable("stdin", 1, str(error))
