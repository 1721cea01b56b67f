"""Where commands print: the page with the terminal's width and colours, and the file of `--output`."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_duolog.commands.dialogue_files import read_dialogues
from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.reports.dialogue_text import Page
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.storage.line_file import what_to_do
from pytest_duolog.storage.whole_file import write_whole

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


def refuse_inputs(output: Path | None, inputs: Iterable[Path]) -> None:
    """Raises ConfigurationError if the file of `--output` is one of the `inputs`, which it would replace.

    It is one, too, if it has a dialogue and is in a folder that is read.
    """
    if output is None or not output.is_file():
        return
    paths = [Path(found) for path in inputs for found in _found_at(path)]
    same = next((path for path in paths if path.is_file() and path.samefile(output)), None)
    place = output.resolve()
    if same is None and any(path.is_dir() and place.is_relative_to(path.resolve()) for path in paths):
        same = output if _has_dialogue(output) else None
    if same is not None:
        raise ConfigurationError(f"-o {output}: this would replace {same}, which is read; name another file")


def _found_at(path: Path) -> list[str]:
    """The files and folders that a path or a glob means."""
    return glob.glob(str(path), recursive=True) if not path.exists() else [str(path)]  # noqa: PTH207  # Path has relative ones


def _has_dialogue(path: Path) -> bool:
    return any(isinstance(entry, FiledDialogue) for entry in read_dialogues(path))


def write_file(path: Path, text: str) -> None:
    """Write a file that the user named, or nothing of it; raises ConfigurationError if that fails."""
    with writing(path):
        write_whole(path, text)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises ConfigurationError for what cannot be written inside the block, `path` or what the error names."""
    try:
        yield
    except BrokenPipeError:
        raise  # what was printed meanwhile
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or path} cannot be written: {os.strerror(error.errno or 0)}; {what_to_do(error)}"
        ) from error


def put_out(text: str, output: Path | None, what: str) -> None:
    """Print the text, or write it to a file and print `what` is in it."""
    if output is None:
        sys.stdout.write(text)
    else:
        write_file(output, text)
        print(printable(f"{output}: {what}"))
