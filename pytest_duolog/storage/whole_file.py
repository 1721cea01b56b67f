"""Writes files that a user named: all of a file, or nothing of it."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What is below here is open in a process, also where it is an ordinary file.
OPEN_FILES = Path("/dev")
# What a process has not written for so long, it left when it was killed.
LEFT_S = 600


def write_whole(path: Path, text: str) -> None:
    """Write a text file; if that fails, what was there is left as it was. Raises OSError."""
    with whole_file(path) as place:
        place.write_text(text, "utf-8", newline="\n")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write the file `path`: beside it; what is there takes its place if the block ends without an error.

    A link stays, and its target is replaced. What cannot be replaced, such as a pipe, a device or a file in a folder
    without permission, is written in place. What killed processes left beside it is removed. Raises OSError.
    """
    target = Path(os.path.realpath(path))
    if path.is_relative_to(OPEN_FILES) or not _can_be_replaced(target):
        yield path
        return
    begin = f".{target.name[:100]}."
    beside = target.with_name(f"{begin}{os.getpid()}.part")
    try:
        yield beside
        _remove_left(beside, f"{glob.escape(begin)}*.part")
        is_there = target.is_file()
        if is_there:
            shutil.copymode(target, beside)
        try:
            beside.replace(target)
        except OSError:
            if not is_there:
                raise
            shutil.copyfile(beside, target)  # it is mounted by itself, or belongs to someone else
    finally:
        beside.unlink(missing_ok=True)


def _remove_left(beside: Path, pattern: str) -> None:
    """Remove files with such a name that are so much older than the new one that nobody writes them."""
    now_s = beside.stat().st_mtime
    for path in beside.parent.glob(pattern):
        with suppress(OSError):
            if now_s - path.stat().st_mtime > LEFT_S:
                path.unlink()


def _can_be_replaced(target: Path) -> bool:
    is_free = target.is_file() and os.access(target, os.W_OK) if os.path.lexists(target) else True
    return is_free and target.parent.is_dir() and os.access(target.parent, os.W_OK)
