"""The folder `.duolog` for the files of runs, which git ignores."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

OWN_FOLDER = ".duolog"
IGNORING = "# Made by pytest-duolog. Without this file git sees the folder.\n*\n"


def make_folder(path: Path) -> None:
    """Make a folder with its parents; a new `.duolog` gets a file that makes git ignore it. Raises OSError."""
    own = next((part for part in (path, *path.parents) if part.name == OWN_FOLDER), None)
    is_new = own is not None and not own.exists()
    path.mkdir(parents=True, exist_ok=True)
    if own is not None and is_new:
        with suppress(OSError):  # the files in the folder are more important
            (own / ".gitignore").write_text(IGNORING, "utf-8", newline="\n")


def remove_if_unused(folder: Path) -> None:
    """Remove `.duolog` if it has only the file for git."""
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == [".gitignore"]:
            ignoring = folder / ".gitignore"
            if ignoring.read_text("utf-8") == IGNORING:
                ignoring.unlink()
        folder.rmdir()
