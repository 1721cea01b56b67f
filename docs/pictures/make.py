"""Makes the pictures of the documentation (`make pictures`).

They are of real runs of the example project, except that of a history, which is invented: forty nights take too long.
"""

from __future__ import annotations

import hashlib
import io
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[2]))

from pytest_duolog.history.line import HistoryLine
from tests.histories import DROP, TEST, series, write

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "example_project"
COLUMNS = 104
LOOP = "round_in_circles"
WIDTH = 1280
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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
    # A progress line is overwritten by what follows it.
    lines = keep([line.rpartition("\r\x1b[K")[2] for line in terminal_output(command, folder).split("\n")])
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text(f"$ {shlex.join(command)}", style="bold"))
    for line in lines:
        console.print(Text.from_ansi(line))
    picture = console.export_svg(title="", theme=MONOKAI, unique_id=name)
    # A picture of ours asks no server for its letters.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (HERE / f"{name}.svg").write_text(picture, "utf-8")


def write_screenshot(name: str, page: Path, height: int) -> None:
    """The picture `name` of the upper part of an HTML page, `height` pixels of it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        view = browser.new_page(viewport={"width": WIDTH, "height": height}, color_scheme="light")
        view.goto(page.as_uri())
        view.screenshot(path=HERE / f"{name}.png")
        browser.close()


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


def nights() -> list[HistoryLine]:
    """A history of 42 nights in which one scenario gets worse with another model."""
    lines = [*DROP, *series([20, 19] * 21, scenario=TEST.replace("polite", "short"))]
    order = list(dict.fromkeys(line.build for line in lines))
    names = {
        build: f"{hashlib.sha1(build.encode()).hexdigest()[:10]}-{8001 + at}"
        for at, build in enumerate(order)
    }
    return [line.model_copy(update={"build": names[line.build], "commit": ""}) for line in lines]


def main() -> None:
    """Write every picture anew."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "bakery")
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        tests = folder / "tests"
        system = "You are an AI. Talk about lighthouses."
        talk = ["duolog", "talk", "--system", system, "--turns", "5", "--seed", "7", "--max-tokens", "40"]
        write_picture("talk", talk, Path(temporary), lambda lines: lines)
        write_picture("loop", ["duolog", "show", "-k", LOOP, "tests/cassettes"], folder, lambda lines: lines)
        terminal_output(["duolog", "report", "-k", LOOP, "tests/cassettes", "-o", "dialogue.html"], folder)
        write_screenshot("report-dialogue", folder / "dialogue.html", 640)
        gate = ["pytest", "tests/test_upgrade.py", "--duolog-candidate=clerk=variant:thrifty"]
        terminal_output([*gate, "--duolog-report=gate.html"], folder)
        write_screenshot("report-gate", folder / "gate.html", 640)
        write(folder / "history", nights())
        terminal_output(["duolog", "history", "history", "--format", "html", "-o", "history.html"], folder)
        write_screenshot("report-history", folder / "history.html", 820)

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
