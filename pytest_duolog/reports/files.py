"""Reports as files: a file that cannot be written is said and costs nothing else."""

from __future__ import annotations

from pathlib import Path


def write_report(title: str, path: Path, text: str, *, is_added: bool = False) -> str | None:
    """Write a report, or add it to what is in the file; returns the line to say if that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if is_added else "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        return f"{title}: {path} cannot be written: {error.strerror}"
    return None
