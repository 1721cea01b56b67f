"""Reads the dialogues of the paths on a command line: files, and folders with files."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_duolog.commands.columns import add_column_argument, given_columns
from pytest_duolog.commands.dialogue_files import (
    each_dialogue,
    each_dialogue_at,
    each_dialogue_in,
    read_dialogues,
    without_secrets,
)
from pytest_duolog.commands.properties import add_property_argument, given_properties
from pytest_duolog.display import counted, listed, printable
from pytest_duolog.errors import TranscriptError
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.storage.own_folder import OWN_FOLDER
from pytest_duolog.transcripts.logs.files import identity, kind_of
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS, Columns
from pytest_duolog.transcripts.sources import Unreadable
from pytest_duolog.transcripts.text_file import decode_text

# The suffixes of files with dialogues, those with the most facts first; other files in a folder are skipped.
FULLEST = (".json", ".jsonl", ".md")
SUFFIXES = set(FULLEST)
NO_DIALOGUES = f"there are no dialogues in the files ({', '.join(sorted(SUFFIXES))})"
# Folders without dialogues of the project.
PASSED_OVER = {"node_modules", "site-packages", "__pycache__"}
# So many bytes of a text tell whether it is a chat. JSON cannot be read in part.
BEGINNING = 1 << 18
JSON_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*[\[{\"])")


def wanted_text(text: str) -> str:
    """The text of an option that selects; an empty one, from a variable that is not set, would select everything."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is empty: give a text, or leave the option out")
    return text


def add_name_argument(parser: argparse.ArgumentParser) -> None:
    """Add `-k`, which selects dialogues by their names."""
    parser.add_argument(
        "-k",
        dest="text",
        type=wanted_text,
        metavar="TEXT",
        help="only dialogues with this text in the id of their test or in their name; case does not matter",
    )


def add_dialogue_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that select dialogues and the properties to judge."""
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="transcripts, chat logs (also .csv, .parquet, .gz and the like), cassettes or run records, folders with "
        "such files, globs, or addresses such as s3://... (default: the working directory)",
    )
    add_column_argument(parser)
    add_name_argument(parser)
    parser.add_argument(
        "--says",
        type=wanted_text,
        metavar="TEXT",
        help="only dialogues in which a message has this text; case, and line breaks for spaces, do not matter",
    )
    add_property_argument(
        parser, "a property to judge instead of those that a run recorded, or NoLoops and EndsCleanly"
    )


def given_dialogues(
    arguments: argparse.Namespace, *, are_sides: bool = False
) -> tuple[list[FiledDialogue], int]:
    """The selected dialogues with verdicts, and how many could not be read; each of those is reported on stderr.

    A file that is named twice is used once, unless the paths are sides of a comparison. Raises TranscriptError if there
    is no dialogue.
    """
    properties = given_properties(arguments)
    paths = arguments.paths or ["."]
    columns = given_columns(paths, arguments.column)
    found, n_unreadable = selected_dialogues(
        paths, text=arguments.text or "", says=arguments.says or "", columns=columns, are_sides=are_sides
    )
    return [dialogue.judged(properties) for dialogue in found], n_unreadable


def selected_dialogues(
    paths: Sequence[str],
    *,
    text: str = "",
    says: str = "",
    columns: Columns = NO_COLUMNS,
    are_sides: bool = False,
) -> tuple[list[FiledDialogue], int]:
    """The dialogues of some paths with these texts, as they are, and how many could not be read (see above).

    Each of those is reported on stderr. Raises TranscriptError if there is none.
    """
    found = list(_entries(paths, columns, are_sides=are_sides))
    unreadable = [entry for entry in found if isinstance(entry, Unreadable)]
    for entry in unreadable:
        print(printable(f"duolog: {entry.file}:{entry.line}: {entry.problem}"), file=sys.stderr)
    dialogues = [entry for entry in found if isinstance(entry, FiledDialogue)]
    named = [dialogue for dialogue in dialogues if _is_meant(dialogue, text)]
    if not named and dialogues:
        names = listed(list(dict.fromkeys(dialogue.source.id for dialogue in dialogues)))
        raise TranscriptError(
            f"none of {counted(len(dialogues), 'dialogue')} has {text!r} in its name: {names}"
        )
    wanted = [dialogue for dialogue in named if _says(dialogue, says)]
    if not wanted and named:
        raise TranscriptError(f"no message of {counted(len(named), 'dialogue')} has {says!r}")
    if not wanted and not unreadable:
        where = listed([path for path in paths if path != "."]) or "the working directory"
        raise TranscriptError(f"{where}: {NO_DIALOGUES}")
    return wanted, len(unreadable)


def _is_meant(dialogue: FiledDialogue, text: str) -> bool:
    return text.casefold() in f"{dialogue.test}\n{dialogue.source.id}".casefold()


def _says(dialogue: FiledDialogue, text: str) -> bool:
    wanted = _searched(text)
    messages = dialogue.source.transcript.messages
    return not text or any(wanted in _searched(message.content) for message in messages)


def _searched(text: str) -> str:
    return " ".join(text.casefold().split())


def _entries(
    paths: Sequence[str], columns: Columns, *, are_sides: bool
) -> Iterator[FiledDialogue | Unreadable]:
    known: set[str] = set()
    for path in paths:
        used = set() if are_sides else known  # a file may be compared with itself
        if Path(path).is_dir():
            yield from dialogues_of_folder(Path(path), used)
        else:
            yield from map(without_secrets, each_dialogue_at(path, columns, used))


def dialogues_of_folder(folder: Path, known: set[str]) -> Iterator[FiledDialogue | Unreadable]:
    """The dialogues of a folder's files, in the order of their names.

    A file without a readable dialogue, such as a README, is skipped; the number of such files is reported. One that is
    not text in UTF-8, or may not be read, may be a log, so it is Unreadable. If a
    dialogue is there as JSON, as a recording and as Markdown (`duolog talk` writes all three), it is used once. The
    number of tables, compressed logs and `.txt` files with a dialogue, which are not used here, is reported, too. The
    files that are read are added to `known`; those that are in it are not used again.
    """
    n_others = 0
    refused: list[OSError] = []
    files = list(_files_below(folder, refused))
    for error in refused:
        yield Unreadable(error.filename, 1, f"cannot be read: {error.strerror}", is_text=False)
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    found: dict[Path, object] = {}
    for path in sorted(paths, key=lambda path: (path.with_suffix(""), FULLEST.index(path.suffix.lower()))):
        entries = read_dialogues(path)
        words = [_words(entry) for entry in entries if isinstance(entry, FiledDialogue)]
        is_new = (name := identity(str(path))) not in known
        if (
            not words
            and is_new
            and not all(entry.is_text for entry in entries if isinstance(entry, Unreadable))
        ):
            yield from entries
        elif not words:
            n_others += is_new
        elif is_new and (len(entries) > 1 or found.get(path.with_suffix("")) != words):
            yield from entries
        known.add(name)
        found.setdefault(path.with_suffix(""), words)
    logs = sorted(str(path) for path in set(files).difference(paths) if kind_of(path.name) or _is_chat(path))
    left_out = [log for log in logs if identity(log) not in known]
    if left_out:
        n_logs = counted(len(left_out), "log")
        advice = "to read them, name them or write a glob"
        print(
            printable(f"duolog: {folder}: left out {n_logs} ({listed(left_out, 3)}): {advice}"),
            file=sys.stderr,
        )
    if n_others:
        print(
            printable(f"duolog: {folder}: no dialogue in {counted(n_others, 'other file')}"), file=sys.stderr
        )


def _is_chat(path: Path) -> bool:
    """Whether it is text with a dialogue, by its beginning; JSON is read as a whole."""
    if path.suffix.lower() != ".txt":
        return False
    try:
        with path.open("rb") as file:
            beginning = file.read(BEGINNING)
        if len(beginning) < BEGINNING or JSON_BEGINS.match(beginning):
            entries = each_dialogue(path)
        else:
            lines = decode_text(beginning.rpartition(b"\n")[0], str(path))
            entries = each_dialogue_in(lines, file=str(path))
        return any(isinstance(entry, FiledDialogue) for entry in entries)
    except (OSError, TranscriptError):
        return False


def _words(dialogue: FiledDialogue) -> list[tuple[str, str]]:
    return [(message.speaker, message.content) for message in dialogue.source.transcript.messages]


def _files_below(root: Path, refused: list[OSError]) -> Iterator[Path]:
    """The files below a folder, except in hidden folders other than `.duolog` and in folders of other projects.

    The errors of folders that may not be read are added to `refused`.
    """
    for name, folders, files in os.walk(root, onerror=refused.append):
        folders[:] = [
            one for one in folders if one == OWN_FOLDER or not (one in PASSED_OVER or one.startswith("."))
        ]
        yield from (path for file in files if (path := Path(name, file)).is_file())
