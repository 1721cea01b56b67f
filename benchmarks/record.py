"""Reading and writing a run record: seconds of CPU and peak memory, beside parsing the same lines as JSON.

    python benchmarks/record.py [--lines 100000] [--messages 4] [--words 25] [--repeat 3]

Each line is a sample with one dialogue of so many messages and two verdicts, as a run writes it. `json` only parses
every line and keeps nothing. All are taken in turns, in processes of their own, and the least of each counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

CONTESTANTS = ("json", "read", "write")


def write(path: Path, lines: int, messages: int, words: int) -> float:
    """Write a record with so many samples; returns the seconds that it took, without making them."""
    from pytest_duolog.properties.verdict import Outcome
    from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult
    from pytest_duolog.results.plan import RunPlan, ScenarioPlan
    from pytest_duolog.results.record import Header, RunRecord, Sample, SampleOutcome
    from pytest_duolog.results.store import write_record
    from pytest_duolog.transcripts.transcript import Message, StopKind, StopReason, Transcript

    names = [f"tests/test_shop.py::test_order[{number}]" for number in range(100)]
    per_scenario = -(-lines // len(names))
    plan = RunPlan(scenarios={name: ScenarioPlan(samples=per_scenario) for name in names})
    verdicts = tuple(
        PropertyResult(property=name, outcome=Outcome.HOLDS, explanation=f"{name} holds in all messages")
        for name in ("NoLoops()", "EndsCleanly()")
    )

    def sample(number: int) -> Sample:
        said = [
            Message(
                speaker="AB"[at % 2],
                content=" ".join(f"word{(number * 31 + at * 7 + place) % 5000}" for place in range(words)),
                latency_ms=812.5,
            )
            for at in range(messages)
        ]
        transcript = Transcript.model_validate(
            {
                "speakers": [{"name": "A", "model": "openai:m"}, {"name": "B", "model": "openai:m"}],
                "messages": said,
                "stop_reason": StopReason(kind=StopKind.TURNS),
            }
        )
        return Sample(
            scenario=names[number % len(names)],
            number=number // len(names) + 1,
            outcome=SampleOutcome.PASSED,
            dialogues=(DialogueResult(transcript=transcript, verdicts=verdicts, recorded=messages),),
        )

    header = Header(plan=plan, plugin="0.1.0", created=datetime(2026, 1, 1, tzinfo=UTC))
    record = RunRecord(header, tuple(map(sample, range(lines))))
    started_s = time.process_time()
    write_record(path, record)
    return time.process_time() - started_s


def work(contestant: str, path: Path, lines: int, messages: int, words: int) -> dict[str, float]:
    """One measurement, in this process."""
    if contestant == "write":
        cpu_s = write(path, lines, messages, words)
    elif contestant == "json":
        started_s = time.process_time()
        with path.open("rb") as file:
            for line in file:
                json.loads(line)
        cpu_s = time.process_time() - started_s
    else:
        from pytest_duolog.results.store import read_record

        started_s = time.process_time()
        record = read_record(path)
        cpu_s = time.process_time() - started_s
        assert len(record.samples) == lines
    return {"cpu_s": cpu_s, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=4)
    parser.add_argument("--words", type=int, default=25, help="of a message")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        contestant, path, *numbers = given.work
        print(json.dumps(work(contestant, Path(path), *map(int, numbers))))
        return
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "record.jsonl"
        numbers = [str(number) for number in (given.lines, given.messages, given.words)]

        def measured(contestant: str) -> dict[str, float]:
            command = [sys.executable, __file__, "--work", contestant, path, *numbers]
            return json.loads(subprocess.check_output(command))  # type: ignore[no-any-return]

        measured("write")  # what the others read
        rounds = [{name: measured(name) for name in CONTESTANTS} for _ in range(given.repeat)]
        print(f"{given.lines:,} lines, {path.stat().st_size / 1e6:.0f} MB")
    for contestant in CONTESTANTS:
        cpu_s, mb = (min(row[contestant][unit] for row in rounds) for unit in ("cpu_s", "mb"))
        print(f"{contestant:<6} {cpu_s:>6.2f} s  {1e6 * cpu_s / given.lines:>6.1f} us a line  {mb:>6.0f} MB")


if __name__ == "__main__":
    main()
