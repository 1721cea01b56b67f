"""Time of recording slow dialogues in one process and in workers of pytest-xdist.

    python benchmarks/workers.py [--dialogues 48] [--replies 6] [--latency-ms 300] [--workers 0 2 4] [--repeat 2]

A canned server on loopback answers every request after the latency. Each figure is the least time (by the clock) of
whole pytest processes, which take turns; the seconds of CPU are those of all their processes. The ideal is the time in
which nothing is waited for but the server, with the usual 8 dialogues at a time in each process.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
import time

from live import SERVER
from suite import Project

IN_FLIGHT = 8


def run(project: Project, n_workers: int) -> tuple[float, float]:
    """Seconds by the clock and of CPU of one recording from nothing."""
    shutil.rmtree(project.folder / "cassettes", ignore_errors=True)
    started = time.monotonic()
    xdist = ("-p", "xdist", f"-n{n_workers}") if n_workers else ()
    cpu_s = project.cpu_s("--record-mode=once", *xdist)
    return time.monotonic() - started, cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dialogues", type=int, default=48)
    parser.add_argument("--replies", type=int, default=6)
    parser.add_argument("--latency-ms", type=int, default=300)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2, 4])
    parser.add_argument("--repeat", type=int, default=2)
    given = parser.parse_args()
    command = [sys.executable, "-c", SERVER, str(given.latency_ms / 1000)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        project = Project("duolog", port, tests=given.dialogues, replies=given.replies)
        rounds = [[run(project, n) for n in given.workers] for _ in range(given.repeat)]
        project.close()
    finally:
        server.terminate()
        server.wait()
    one_s = given.replies * given.latency_ms / 1000
    for at, n in enumerate(given.workers):
        wall_s, cpu_s = min(row[at] for row in rounds)
        ideal_s = math.ceil(given.dialogues / (IN_FLIGHT * max(1, n))) * one_s
        where = f"-n {n}" if n else "one process"
        print(f"{where:<12} {wall_s:>6.2f} s  ideal {ideal_s:>5.2f} s  CPU {cpu_s:>5.2f} s", flush=True)


if __name__ == "__main__":
    main()
