"""The folder of what a run leaves behind: it lies in the project, and is nothing to commit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

OWN_FOLDER = ".duolog"
IGNORING = "# Made by pytest-duolog. Without this file git sees the folder.\n*\n"


def make_folder(path: Path) -> None:
    """Make a folder with its parents; our own one, if it is new, tells git to ignore it. Raises OSError."""
    own = next((part for part in (path, *path.parents) if part.name == OWN_FOLDER), None)
    is_new = own is not None and not own.exists()
    path.mkdir(parents=True, exist_ok=True)
    if own is not None and is_new:
        with suppress(OSError):  # what is to be written into the folder matters more
            (own / ".gitignore").write_text(IGNORING, "utf-8", newline="\n")


def remove_if_unused(folder: Path) -> None:
    """Remove our own folder if nothing but its word to git is in it."""
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == [".gitignore"]:
            ignoring = folder / ".gitignore"
            if ignoring.read_text("utf-8") == IGNORING:
                ignoring.unlink()
        folder.rmdir()
