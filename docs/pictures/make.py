"""Makes the pictures of the documentation from real runs of the example project (`make pictures`)."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "example_project"
COLUMNS = 104
LOOP = "round_in_circles"


def terminal_output(command: list[str], folder: Path) -> str:
    """What a command prints on a terminal, colours included."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "NO_COLOR"))},
        "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
        "PAGER": "cat",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    parts = []
    while part := _read(ours):
        parts.append(part)
    process.wait()
    return b"".join(parts).decode("utf-8", "replace").replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other side has closed
        return b""


def write_picture(
    name: str, command: list[str], folder: Path, keep: Callable[[list[str]], list[str]]
) -> None:
    """The picture `name` of a terminal in which `command` ran, with the lines that `keep` leaves."""
    lines = keep(terminal_output(command, folder).splitlines())
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text(f"$ {' '.join(command)}", style="bold"))
    for line in lines:
        console.print(Text.from_ansi(line))
    picture = console.export_svg(title="", theme=MONOKAI, unique_id=name)
    # A picture of ours asks no server for its letters.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (HERE / f"{name}.svg").write_text(picture, "utf-8")


def between(first: str, last: str) -> Callable[[list[str]], list[str]]:
    """Keeps the lines from the one with `first` to the one with `last`."""

    def keep(lines: list[str]) -> list[str]:
        plain = [Text.from_ansi(line).plain for line in lines]
        start = next(at for at, line in enumerate(plain) if first in line)
        end = next(at for at, line in enumerate(plain) if at >= start and last in line)
        return lines[start : end + 1]

    return keep


def edit(path: Path, old: str, new: str) -> None:
    """Change a file of the copy."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def main() -> None:
    """Write every picture anew."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "bakery")
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        tests = folder / "tests"
        write_picture("loop", ["duolog", "show", "-k", LOOP, "tests/cassettes"], folder, lambda lines: lines)

        edit(tests / "test_conversation.py", 'has_no_loops().outcome == "fails"', "has_no_loops()")
        failing = ["pytest", "-q", "-k", LOOP]
        write_picture(
            "failure", failing, folder, between("assert dialogue.has_no_loops()", "message 5 (Model")
        )

        edit(folder / "bakery" / "prompts.py", "in one short, friendly", "in two short, friendly")
        missing = ["pytest", "-q", "tests/test_conversation.py::test_ends_cleanly"]
        write_picture("miss", missing, folder, between("CassetteMismatch", "to fix"))
        edit(folder / "bakery" / "prompts.py", "in two short, friendly", "in one short, friendly")

        (snapshot,) = tests.rglob("*.md")
        edit(snapshot, "bread", "cake")
        different = ["pytest", "-q", "-k", "the_one_we_reviewed"]
        write_picture("snapshot", different, folder, between("messages differ", "to show"))


if __name__ == "__main__":
    main()
