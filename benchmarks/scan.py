"""Cost of `duolog check` on many conversations.

    python benchmarks/scan.py [--conversations 600] [--first 700]

The conversations are those of `benchmarks/data`, taken again and again. Each figure is CPU of a whole process with all
its workers, less that of the same command on one conversation; `first` is the time until the first line is printed,
with the package compiled to bytecode, as it is once installed. Then one process checks each conversation of the data,
or the first ones, once, and once more with all phrases compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from labelled import read_dialogues

from pytest_duolog.commands.logs import each_logged
from pytest_duolog.commands.scan import Scan, in_groups
from pytest_duolog.transcripts.logs.tables import NO_COLUMNS


def cpu_s(*command: str, bytecode: Path) -> tuple[float, float]:
    """CPU seconds of a command with its children, and seconds until its first output."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        process.stdout.read(1)
        first = time.perf_counter() - start
        process.stdout.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, first


def write_conversations(path: Path, n: int) -> int:
    """Write a chat log with `n` conversations; the number of their messages."""
    found = list(islice(cycle(read_dialogues()), n))
    path.write_text(
        "".join(
            json.dumps(
                {
                    "id": f"{at}-{one.name}",
                    "messages": [{"speaker": a, "text": b} for a, b in one.messages],
                }
            )
            + "\n"
            for at, one in enumerate(found)
        )
    )
    return sum(len(one.messages) for one in found)


def scan(folder: Path, n: int) -> None:
    few, many = folder / "few.jsonl", folder / "many.jsonl"
    write_conversations(few, 1)
    n_messages = write_conversations(many, n)
    bytecode = folder / "bytecode"
    print(f"duolog check, {n} conversations, {n_messages} messages")
    for form in ("text", "json"):
        command = (str(Path(sys.executable).with_name("duolog")), "check", "--format", form)
        cpu_s(*command, str(few), bytecode=bytecode)  # writes the bytecode
        start, _ = cpu_s(*command, str(few), bytecode=bytecode)
        all_s, first_s = cpu_s(*command, str(many), bytecode=bytecode)
        print(
            f"  {form:<5} {all_s - start:6.2f} s of CPU, {n / (all_s - start):6.0f} a second; first {first_s:.2f} s; "
            f"one conversation {start:.2f} s of CPU"
        )


def check_twice(folder: Path, first: int | None) -> None:
    path = folder / "all.jsonl"
    n = len(list(islice(read_dialogues(), first)))
    n_messages = write_conversations(path, n)
    print(f"one process, {n} conversations, {n_messages} messages")
    for form in ("text", "json"):
        for name in ("first pass", "again"):
            start = time.process_time()
            for _ in map(Scan((), None, form).checked, in_groups(each_logged([str(path)], NO_COLUMNS))):
                pass
            print(f"  {form:<5} {name:<10} {n / (time.process_time() - start):6.0f} a second of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--conversations", type=int, default=600)
    parser.add_argument("--first", type=int, help="conversations that one process checks (default: all)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scan(Path(name), arguments.conversations)
        check_twice(Path(name), arguments.first)


if __name__ == "__main__":
    main()
