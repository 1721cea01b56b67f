"""Whether the plugin works beside its neighbours, each installed in an environment of its own: docs/neighbours.md.

    python benchmarks/compat.py [NAME ...]      # `make compat`; without names: all of them

Each neighbour of benchmarks/neighbours.toml gets a new virtual environment with the wheel of this project. Its small
suite has a dialogue with a model at an address, and uses the neighbour's own feature. The suite records, the model's
server goes away, and the suite replays. The page keeps the rows of neighbours that were not asked for. It needs a
package index; `uv` is used if it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "neighbours.md"
INTRODUCTION = """\
# Other pytest plugins

Each plugin and library below was installed beside pytest-duolog, in an environment of its own. A small suite used
the plugin's main feature, and a dialogue with a model. The suite was recorded, then replayed without the model.

If a plugin is missing here, or a row is no longer true, `make compat` tries again and writes this page.
"""
LAB = """
[tool.duolog.providers.lab]
base_url = "{address}"
"""
LINES = (
    "The lamp stands on the desk by the window.",
    "Its bulb went out after the storm on Monday.",
    "Which switch did you try, the one on the cable?",
    "Both of them; the shop in Harbour Street sold it.",
)


@dataclass(frozen=True)
class Neighbour:
    """One plugin or library, and the suite that uses it beside a dialogue."""

    name: str
    use: str
    """What the suite uses of it."""
    know: str
    """What a person should know, in a sentence or two; may be empty."""
    packages: tuple[str, ...]
    """What is installed; the first is the one whose version is shown."""
    test: str
    files: dict[str, str] = field(default_factory=dict)
    """More files of the suite, by name."""
    options: tuple[str, ...] = ()
    record: tuple[str, ...] = ("--record-mode=once",)
    replay: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    """Files that the neighbour must have written."""
    environ: dict[str, str] = field(default_factory=dict)


def neighbours() -> Iterator[Neighbour]:
    """All that are to be tried, in the order of the page."""
    for name, more in tomllib.loads(Path(__file__).with_name("neighbours.toml").read_text("utf-8")).items():
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in more.items()}
        yield Neighbour(name=name, **{"packages": (name,), "know": "", **given})


class Model(BaseHTTPRequestHandler):
    """Answers as an OpenAI-compatible server does, and anything else with its path."""

    def do_POST(self) -> None:
        """Answer as a model."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = LINES[len(body["messages"]) % len(LINES)]
        self._answer({"model": "m", "choices": [{"message": {"content": said}, "finish_reason": "stop"}]})

    def do_GET(self) -> None:
        """Answer with the path."""
        self._answer({"path": self.path})

    def _answer(self, value: object) -> None:
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def model_server() -> Iterator[str]:
    """The address of a model, for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def checked(command: list[str | Path], **more: object) -> str:
    """What a command prints; ends the program with all of it if the command fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def environment(folder: Path, packages: tuple[str, ...], wheel: Path) -> Path:
    """A new environment with these packages; its Python."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if uv := shutil.which("uv"):
        checked([uv, "venv", "--quiet", "--python", sys.executable, folder])
        checked([uv, "pip", "install", "--quiet", "--python", python, wheel, *packages])
    else:
        checked([sys.executable, "-m", "venv", folder])
        checked([python, "-m", "pip", "install", "--quiet", wheel, *packages])
    return python


class Suite:
    """The suite of one neighbour, in an environment and a folder of its own."""

    def __init__(self, neighbour: Neighbour, folder: Path, wheel: Path, *, shows_output: bool) -> None:
        self._neighbour = neighbour
        self._project = folder / "project"
        self._python = environment(folder / "venv", neighbour.packages, wheel)
        self._shows_output = shows_output

    def fault(self) -> str:
        """Record and replay; why that does not work, or nothing."""
        self._project.mkdir()
        with model_server() as address:
            files = {"pyproject.toml": LAB.format(address=address), **self._neighbour.files}
            files[f"test_{self._neighbour.name.replace('-', '_')}.py"] = self._neighbour.test
            for name, text in files.items():
                self._project.joinpath(name).write_text(text, "utf-8")
            fault = self._run(address, self._neighbour.record, "recorded")
        fault = fault or self._run(address, self._neighbour.replay, "replayed")
        missing = [name for name in self._neighbour.made if not self._project.joinpath(name).exists()]
        return fault or ", ".join(f"{name} was not written" for name in missing)

    def version(self) -> str:
        """The version of the neighbour that was installed."""
        package = re.split(r"[\[<>=]", self._neighbour.packages[0])[0]
        code = f"from importlib.metadata import version; print(version({package!r}))"
        return checked([self._python, "-c", code]).strip()

    def _run(self, address: str, options: tuple[str, ...], outcome: str) -> str:
        command = [self._python, "-m", "pytest", *self._neighbour.options, *options]
        environ = {**os.environ, "LAB": address, "LAB_MODE": outcome, **self._neighbour.environ}
        run = subprocess.run(
            command, cwd=self._project, env=environ, capture_output=True, text=True, check=False
        )
        if self._shows_output:
            print(run.stdout, run.stderr)
        if run.returncode:
            return f"not {outcome}: {first_problem(run.stdout + run.stderr)}"
        return "" if f"replies {outcome}" in run.stdout else f"no reply was {outcome}"


def first_problem(output: str) -> str:
    """The line that says why a run did not pass."""
    lines = [line for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if re.match(r"E  |ERROR|FAILED|INTERNALERROR", line)]
    return (wrong or lines or ["it printed nothing"])[0].removeprefix("E").strip()


def row(neighbour: Neighbour, version: str, fault: str) -> str:
    """A line of the page's table."""
    cells = (f"`{neighbour.name}`", version, neighbour.use, fault or "works", neighbour.know)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ").strip() for cell in cells) + " |"


def known_rows() -> dict[str, str]:
    """The lines that the page has already, by the neighbour's name."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    return {found[2]: found[1] for found in re.finditer(r"^(\| `([^`]+)` .*)$", text, flags=re.MULTILINE)}


def main() -> None:
    """Try the neighbours that are asked for, and write the page."""
    every = {neighbour.name: neighbour for neighbour in neighbours()}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *every])
    parser.add_argument("--output", action="store_true", help="show what the runs print")
    arguments = parser.parse_args()
    rows = known_rows()
    with tempfile.TemporaryDirectory() as wheels:
        checked([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", wheels, ROOT])
        (wheel,) = Path(wheels).iterdir()
        for name in arguments.names or every:
            with tempfile.TemporaryDirectory() as folder:
                suite = Suite(every[name], Path(folder), wheel, shows_output=arguments.output)
                fault = suite.fault()
                rows[name] = row(every[name], suite.version(), fault)
                print(f"{name} {suite.version()}: {fault or 'works'}", flush=True)
    lines = [rows[name] for name in every if name in rows]
    made = f"Made on {datetime.now(UTC):%d %B %Y} with Python {sys.version.split()[0]}."
    head = ["| name | version | the suite uses | result | what to know |", "| --- | --- | --- | --- | --- |"]
    PAGE.write_text("\n".join([INTRODUCTION, *head, *lines, "", made]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
