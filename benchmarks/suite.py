"""Cost of small tests: a process with one of them, a suite, the same suite under pytest-xdist, and collection.

    python benchmarks/suite.py [--repeat 5] [--cases first suite replies collection tools]

Each figure is the CPU of whole processes, the least of several; contestants take turns, so that a machine's busy minute
falls on all alike. `pytest` runs as many empty tests. `pytest-recording` replays the same chats, held by a plain client
of httpx. Read the ratios; the seconds are this machine's. pytest-recording is looked for in `.venv/neighbours`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from live import SERVER

NEIGHBOURS = Path(sys.prefix) / "neighbours"

EMPTY = """
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_empty(number):
    pass
"""

DIALOGUE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Alice", model="openai:m", system="You are kind."),
    b=Speaker("Bob", model="openai:m", system="You are brief."),
    turns={turns},
    stop_on=(),
)
@pytest.mark.parametrize("opener", [f"Hello number {{number}}." for number in range({tests})])
def test_dialogue(opener, dialogue):
    assert len(dialogue.messages) == {replies} + 1
"""

RECORDING = """
import os
import httpx
import pytest

client = httpx.Client(trust_env=False)

@pytest.mark.vcr
@pytest.mark.parametrize("opener", [f"Hello number {{number}}." for number in range({tests})])
def test_chat(opener):
    history = [opener]
    for number in range({replies}):
        messages = [{{"role": "system", "content": "You are brief."}}]
        messages += [{{"role": ("user", "assistant")[(number + at) % 2], "content": text}}
                     for at, text in enumerate(history)]
        answer = client.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions",
                             json={{"model": "m", "messages": messages}})
        history.append(answer.json()["choices"][0]["message"]["content"])
    assert len(history) == {replies} + 1
"""

CONTESTANTS: Mapping[str, tuple[str, Sequence[str]]] = {
    "pytest": (EMPTY, ()),
    "pytest-recording": (RECORDING, ("-p", "pytest_recording.plugin")),
    "duolog": (DIALOGUE, ("-p", "pytest_duolog.plugin")),
}


class Project:
    """A folder with one test module, recorded when it needs to be."""

    def __init__(self, contestant: str, port: int, *, tests: int, replies: int) -> None:
        template, self._plugin = CONTESTANTS[contestant]
        self.name = contestant
        self._folder = tempfile.TemporaryDirectory()
        self._environ = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(NEIGHBOURS) if contestant == "pytest-recording" else "",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "OPENAI_API_KEY": "none-needed",
        }
        test = template.format(tests=tests, replies=replies, turns=replies // 2)
        (self.folder / "test_it.py").write_text(test, "utf-8")
        (self.folder / "pytest.ini").write_text("[pytest]\naddopts = -q -p no:cacheprovider\n", "utf-8")

    @property
    def folder(self) -> Path:
        """Where its test module lies."""
        return Path(self._folder.name)

    def record(self) -> None:
        """Have cassettes."""
        if self.name != "pytest":
            self.cpu_s("--record-mode=once")

    def cpu_s(self, *options: str) -> float:
        """CPU seconds of a pytest process, and of all that it starts."""
        command = [sys.executable, "-m", "pytest", *self._plugin, *options]
        return cpu_s(command, self.folder, self._environ)

    def close(self) -> None:
        """Remove it."""
        self._folder.cleanup()


def cpu_s(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> float:
    """CPU seconds of a process and its children."""
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = 0  # it has been waited for
    if status:
        raise SystemExit((folder / "out.txt").read_text()[-3000:])
    return usage.ru_utime + usage.ru_stime


def least(work: Mapping[str, Callable[[], float]], repeat: int) -> dict[str, float]:
    """The least of several runs of each, taken in turns."""
    rounds = [{name: run() for name, run in work.items()} for _ in range(repeat)]
    return {name: min(row[name] for row in rounds) for name in work}


def show(title: str, seconds: Mapping[str, float], *, per: int = 1) -> None:
    """One line a contestant: seconds, and how many times those of the first."""
    ours = seconds["duolog"]
    print(f"\n{title}")
    for name, used in seconds.items():
        each = f"  {1000 * used / per:>8.2f} ms each" if per > 1 else ""
        print(f"  {name:<18} {used:>8.3f} s{each}  duolog is {ours / used:>5.2f} x this", flush=True)


@contextmanager
def projects(port: int, *, tests: int, replies: int):  # type: ignore[no-untyped-def]
    """A recorded project of each contestant that is installed."""
    made = [
        Project(name, port, tests=tests, replies=replies)
        for name in CONTESTANTS
        if name != "pytest-recording" or (NEIGHBOURS / "pytest_recording").is_dir()
    ]
    try:
        for project in made:
            project.record()
        yield made
    finally:
        for project in made:
            project.close()


def first(port: int, repeat: int) -> None:
    with projects(port, tests=1, replies=2) as made:
        seconds = least({project.name: project.cpu_s for project in made}, repeat)
        show("a process with one test of two replies", seconds)


def suite(port: int, repeat: int) -> None:
    with projects(port, tests=100, replies=4) as made:
        seconds = least({project.name: project.cpu_s for project in made}, repeat)
        show("100 tests of four replies", seconds)
        parallel = ("-p", "xdist", "-n2")
        both = least({project.name: lambda of=project: of.cpu_s(*parallel) for project in made}, repeat)  # type: ignore[misc]
        show("the same with two workers of pytest-xdist", both)
        for name, used in both.items():
            print(f"  {name:<18} {used / seconds[name]:>8.2f} x the CPU of one process")


def replies(port: int, repeat: int) -> None:
    """What a test and a reply cost: the differences of suites that differ in nothing else."""
    few, many, per = (100, 4), (300, 4), {}
    with (
        projects(port, tests=few[0], replies=few[1]) as small,
        projects(port, tests=many[0], replies=many[1]) as large,
    ):
        one = least({project.name: project.cpu_s for project in small}, repeat)
        three = least({project.name: project.cpu_s for project in large}, repeat)
        per = {name: (three[name] - one[name]) / 200 for name in one}
    print("\none more test of four replies")
    for name, used in per.items():
        print(f"  {name:<18} {1000 * used:>8.2f} ms", flush=True)
    with projects(port, tests=100, replies=20) as made:
        longer = least({project.name: project.cpu_s for project in made}, repeat)
    print("\none more reply in a test")
    for name, used in longer.items():
        print(f"  {name:<18} {1000 * (used - one[name]) / 1600:>8.2f} ms", flush=True)


def collection(port: int, repeat: int) -> None:
    made = [Project(name, port, tests=2000, replies=4) for name in ("pytest", "duolog")]
    few = [Project(name, port, tests=1, replies=4) for name in ("pytest", "duolog")]
    work = {project.name: lambda of=project: of.cpu_s("--collect-only") for project in made}  # type: ignore[misc]
    one = {project.name: lambda of=project: of.cpu_s("--collect-only") for project in few}  # type: ignore[misc]
    seconds, base = least(work, repeat), least(one, repeat)
    show("collecting 2,000 tests, the whole process", seconds)
    show(
        "collecting 2,000 tests, without starting up",
        {name: seconds[name] - base[name] for name in seconds},
        per=2000,
    )
    for project in [*made, *few]:
        project.close()


def tools(_port: int, repeat: int) -> None:
    """What the command line tool takes before it does anything."""
    with tempfile.TemporaryDirectory() as name:
        folder, duolog = Path(name), str(Path(sys.executable).with_name("duolog"))
        work = {
            "python -c pass": lambda: cpu_s([sys.executable, "-c", "pass"], folder, os.environ),
            "duolog": lambda: cpu_s([duolog, "--help"], folder, os.environ),
        }
        show("duolog --help", least(work, repeat))


CASES = {"first": first, "suite": suite, "replies": replies, "collection": collection, "tools": tools}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    given = parser.parse_args()
    server = subprocess.Popen([sys.executable, "-c", SERVER, "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for name in given.cases:
            CASES[name](port, given.repeat)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
