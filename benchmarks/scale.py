"""One job on every way to run many dialogues: CPU and time of the client side, start-up apart.

    python benchmarks/scale.py [--dialogues 200] [--replies 10] [--latency-ms 200] [--in-flight 100] [--workers 4]
                               [--contestants asyncio dask ray pytest xdist shards] [--repeat 1] [--model]
    python benchmarks/scale.py --scan 10000 100000 [--kinds jsonl csv parquet] [--kills 50]

A canned server on loopback answers every request after the latency. `asyncio` is `duolog talk` in one process, `dask`
and `ray` are the same with `--executor` and local workers; `pytest`, `xdist` and `shards` run one test a dialogue. CPU
is that of all processes of a contestant, of an engine's own ones, too. Each contestant also runs a dialogue for each
worker; that is its start-up, and is subtracted. `--model` prints what a job of a million dialogues takes by a formula,
and checks the formula against a simulation of its workers.

`--scan` measures `duolog check --out` on so many conversations of 12 messages, in each kind of file. Memory is that of
all its processes, each page counted once. `--kills` kills a scan of 1,500 so often after random times, and compares
what it leaves, byte for byte, with a scan that nobody killed. For reports of `duolog check` see `benchmarks/scan.py`.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from labelled import read_dialogues
from live import DUOLOG_TEST, SERVER  # the folder of this script is on the path

TICK = os.sysconf("SC_CLK_TCK")
POLL_S = 0.1
KINDS = ("jsonl", "csv", "parquet")
ALL = ("asyncio", "dask", "ray", "pytest", "xdist", "shards")


@dataclass(frozen=True)
class Cost:
    """What a contestant took, in seconds; `peak_mb` is the memory of all its processes."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def processes() -> Iterator[tuple[int, int, float]]:
    """Every process: its number, its parent's, and its own CPU seconds."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(folder.name), int(fields[1]), sum(map(int, fields[11:13])) / TICK


def measured(commands: Sequence[Sequence[str]], folder: Path, environ: dict[str, str]) -> Cost:
    """Run commands side by side; processes that they start are known by their parents. 1 is a finding of a check."""
    started_s = time.monotonic()
    output = (folder / "output").open("w")
    runs = [subprocess.Popen(one, cwd=folder, env=environ, stdout=output, stderr=output) for one in commands]
    ours = {run.pid for run in runs}
    spent: dict[int, float] = {}
    peak_mb = 0.0
    while any(run.poll() is None for run in runs):
        found = [*processes()]
        for _ in range(3):  # a child may stand before its parent
            ours |= {pid for pid, parent, _ in found if parent in ours}
        spent |= {pid: cpu_s for pid, _, cpu_s in found if pid in ours}
        peak_mb = max(peak_mb, sum(map(memory_mb, (pid for pid, _, _ in found if pid in ours))))
        time.sleep(POLL_S)
    if any(run.returncode not in (0, 1) for run in runs):
        sys.exit((folder / "output").read_text()[-3000:])
    return Cost(time.monotonic() - started_s, sum(spent.values()), peak_mb)


def memory_mb(pid: int) -> float:
    """The memory of a process, with its share of the pages that it shares."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(rollup.partition("\nPss:")[2].split()[0]) / 1024


def commands_of(name: str, options: argparse.Namespace, n_dialogues: int, folder: Path) -> list[list[str]]:
    """The commands of a contestant, with its files."""
    turns = options.replies // 2
    talk = [
        sys.executable,
        "-c",
        "from pytest_duolog.cli import main; raise SystemExit(main())",
        "talk",
        "-q",
    ]
    talk += ["--stop-on", "nothing", "--turns", str(turns)]
    rows = [{"id": f"r{n}", "opener": f"Hello number {n}."} for n in range(n_dialogues)]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    talk += ["--a", "openai:m", "--b", "openai:m", "--scenarios", "rows.jsonl"]
    if name in ("asyncio", "dask", "ray"):
        away = [] if name == "asyncio" else ["--executor", f"{name}://local?workers={options.workers}"]
        return [[*talk, "--concurrency", str(options.in_flight), *away]]
    (folder / "test_job.py").write_text(
        DUOLOG_TEST.format(turns=turns, dialogues=n_dialogues, messages=2 * turns + 1)
    )
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--record-mode=once"]
    share = f"--duolog-concurrency={options.in_flight // options.workers}"
    if name == "pytest":
        return [[*test, f"--duolog-concurrency={options.in_flight}"]]
    if name == "xdist":
        return [[*test, "-n", str(options.workers), share]]
    n = min(options.workers, n_dialogues)
    return [[*test, share, f"--duolog-shard={shard}/{n}"] for shard in range(1, n + 1)]


def run(name: str, options: argparse.Namespace, n_dialogues: int) -> Cost:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(options.latency_ms / 1000)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
            environ = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
            return measured(commands_of(name, options, n_dialogues, folder), folder, environ)
        finally:
            server.kill()
            server.wait()


@dataclass(frozen=True)
class Load:
    """A job for the model: `cpu_s` is the CPU of one reply, `reply_s` how long a model takes for it."""

    cpu_s: float
    cores: int
    in_flight: int
    reply_s: float
    replies: int = 10

    def modelled_s(self, n_dialogues: int) -> float:
        """As long as its processors need, or the waiting for models, whichever is longer."""
        return n_dialogues * self.replies * max(self.cpu_s / self.cores, self.reply_s / self.in_flight)

    def simulated_s(self, n_dialogues: int, *, seed: int = 1) -> float:
        """By events: each reply waits for its model, which takes an exponential time, and then for a processor."""
        draw = random.Random(seed)
        free = [0.0] * self.cores
        n_begun = min(self.in_flight, n_dialogues)
        waiting = [(draw.expovariate(1 / self.reply_s), self.replies) for _ in range(n_begun)]
        heapq.heapify(waiting)
        while waiting:
            answered_s, left = heapq.heappop(waiting)
            ended_s = max(answered_s, heapq.heappop(free)) + self.cpu_s
            heapq.heappush(free, ended_s)
            if left == 1:
                if n_begun == n_dialogues:
                    continue
                n_begun, left = n_begun + 1, self.replies + 1
            heapq.heappush(waiting, (ended_s + draw.expovariate(1 / self.reply_s), left - 1))
        return max(free)


LOADS = (
    Load(0.004, 1, 100, 3.0),
    Load(0.004, 1, 600, 3.0),
    Load(0.004, 1, 1200, 3.0),
    Load(0.007, 8, 1200, 3.0),
    Load(0.007, 64, 10_000, 3.0),
)


def print_model() -> None:
    print("| CPU a reply | cores | in flight | reply | 10^6 dialogues of 10 replies | simulated / formula |")
    print("| --- | --- | --- | --- | --- | --- |")
    for load in LOADS:
        n_simulated = 20 * load.in_flight
        ratio = load.simulated_s(n_simulated) / load.modelled_s(n_simulated)
        hours = load.modelled_s(1_000_000) / 3600
        print(
            f"| {load.cpu_s * 1000:g} ms | {load.cores} | {load.in_flight:,} | {load.reply_s:g} s | {hours:.1f} h "
            f"| {ratio:.2f} |"
        )


N_MESSAGES = 12
SCAN = [
    sys.executable,
    "-c",
    "from pytest_duolog.cli import main; raise SystemExit(main())",
    "check",
    "--out",
]


def conversations(n: int) -> Iterator[list[str]]:
    """The messages of conversations: two or three sentences of the labelled dialogues each, so hardly any is twice."""
    labelled = [one for one in read_dialogues() if one.language == "en"]
    sentences = [text for one in labelled for _, text in one.messages]
    draw = random.Random(1)
    for _ in range(n):
        yield [" ".join(draw.choices(sentences, k=draw.choice((1, 1, 2)))) for _ in range(N_MESSAGES)]


def write_log(path: Path, n: int) -> None:
    """A log of this kind: a conversation a line in JSON Lines and Parquet, a message a row in CSV."""
    talks = (
        [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)]
        for texts in conversations(n)
    )
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        entry = pa.struct([("role", pa.string()), ("content", pa.string())])
        schema = pa.schema([("conversation_id", pa.string()), ("messages", pa.list_(entry))])
        with parquet.ParquetWriter(path, schema) as writer:
            size = max(1, min(2000, n // 50))
            for start in range(0, n, size):
                rows = [
                    {"conversation_id": f"c{start + at}", "messages": talk}
                    for at, talk in enumerate(islice(talks, size))
                ]
                writer.write_table(pa.Table.from_pylist(rows, schema))
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".jsonl":
            file.writelines(
                f"{json.dumps({'id': f'c{at}', 'messages': talk})}\n" for at, talk in enumerate(talks)
            )
            return
        writer = csv.writer(file)
        writer.writerow(("conversation_id", "role", "content"))
        writer.writerows(
            (f"c{at}", one["role"], one["content"]) for at, talk in enumerate(talks) for one in talk
        )


def print_scans(numbers: Sequence[int], kinds: Sequence[str]) -> None:
    print("| log | conversations | MB | wall s | CPU s | messages a second of a core | memory MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in kinds:
        for n in numbers:
            with tempfile.TemporaryDirectory() as made:
                folder = Path(made)
                write_log(folder / f"log.{kind}", n)
                n_mb = (folder / f"log.{kind}").stat().st_size / 1e6
                cost = measured([[*SCAN, "out", f"log.{kind}"]], folder, dict(os.environ))
            print(
                f"| {kind} | {n:,} | {n_mb:.0f} | {cost.wall_s:.0f} | {cost.cpu_s:.0f} "
                f"| {n * N_MESSAGES / cost.cpu_s:,.0f} | {cost.peak_mb:.0f} |",
                flush=True,
            )


def print_kills(n_kills: int, kinds: Sequence[str]) -> None:
    draw = random.Random(7)
    for kind in kinds:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            write_log(folder / f"log.{kind}", 1500)
            scan = [*SCAN, "out", "--chunk-mb", "0.03", f"log.{kind}"]
            hits = 0
            while True:
                run = subprocess.Popen(scan, cwd=folder, stdout=subprocess.DEVNULL)
                try:
                    run.wait(draw.uniform(1, 6) if hits < n_kills else None)
                except subprocess.TimeoutExpired:
                    run.kill()
                    hits += 1
                    run.wait()
                    continue
                if hits >= n_kills:
                    break
                shutil.rmtree(folder / "out")  # it was faster than the kills: once more
            clean = [*SCAN, "clean", *scan[len(SCAN) + 1 :]]
            subprocess.run(clean, cwd=folder, stdout=subprocess.DEVNULL, check=False)
            left, expected = (
                {path.name: path.read_bytes() for path in (folder / name).iterdir()}
                for name in ("out", "clean")
            )
            print(f"{kind}: {hits} kills, {len(left)} files, identical: {left == expected}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (
        ("dialogues", 200), ("replies", 10), ("latency-ms", 200), ("in-flight", 100), ("workers", 4), ("repeat", 1)
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--contestants", nargs="+", choices=ALL, default=ALL)
    parser.add_argument("--model", action="store_true")
    parser.add_argument("--scan", type=int, nargs="+", default=[], metavar="CONVERSATIONS")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    if options.scan:
        print_scans(options.scan, options.kinds)
    if options.kills:
        print_kills(options.kills, options.kinds)
    if options.scan or options.kills:
        return
    if options.model:
        print_model()
        return
    print("| contestant | wall s | CPU s | start-up: wall s | CPU s | CPU ms a reply, start-up apart |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in options.contestants:
        for _ in range(options.repeat):
            start = run(name, options, options.workers)
            job = run(name, options, options.dialogues)
            a_reply_ms = (job.cpu_s - start.cpu_s) / (options.dialogues * options.replies) * 1000
            print(
                f"| {name} | {job.wall_s:.1f} | {job.cpu_s:.1f} | {start.wall_s:.1f} | {start.cpu_s:.1f} "
                f"| {a_reply_ms:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
