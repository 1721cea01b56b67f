"""Records with numbers that nobody's run made: refused, or decided, at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.wording import record_words
from pytest_duolog.results.plan import GatePlan, RunPlan, ScenarioPlan
from pytest_duolog.results.record import Look, RunRecord, merge
from pytest_duolog.results.store import read_record, write_record
from pytest_duolog.stats.acceptance import acceptance_plan
from tests.run_records import STARTED, bar_record, gate_record, header, sample

LOOK = Look(round=3, worse=1, same=58, better=1, log_pass=1.25, log_block=-0.5, log_local=0.1)

HUGE = (
    "1000000000",
    "-1",
    "0",
    "1e308",
    "-1e308",
    "1e-308",
    "1" * 5000,
    "Infinity",
    "NaN",
    '"1e-999999999"',
    "[]",
    "null",
)


def records() -> Iterator[RunRecord]:
    gate = gate_record({"a": ("+-+-", "++-!"), "b": ("+!+", "-++")}, GatePlan("0.05", 7))
    yield RunRecord(
        header(gate.header.plan, shard="1/2"),
        (*gate.samples, sample("a", 5, says="Hello.", attempt=2, duration_s=1.5)),
        (LOOK,),
    )
    yield bar_record({"a": "+-+!+", "b": "++"})


def numbers_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a number in a JSON value, as the container and the key or index."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from numbers_in(inner)
        elif type(inner) in (int, float) or (isinstance(inner, str) and inner.replace(".", "").isdigit()):
            yield value, key


def with_other_numbers(path: Path) -> Iterator[bytes]:
    """The file with each number in turn replaced by each of `HUGE`; in its lines' own spelling, without checksums."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        del line["sum"]
    for line in lines:
        for place, key in list(numbers_in(line)):
            was, place[key] = place[key], "@"
            text = "\n".join(json.dumps(line) for line in lines) + "\n"
            place[key] = was
            for number in HUGE:
                yield text.replace('"@"', number).encode()


def use(path: Path) -> None:
    """What `duolog gate` and `duolog merge` do with a record."""
    record = merge([read_record(path)])
    list(record_words(record, decide_record(record)))


@pytest.mark.parametrize("record", list(records()), ids=["gate", "bars"])
def test_any_number_is_refused_or_decided_at_once(tmp_path: Path, record: RunRecord) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, record)
    n_refused = n_tried = 0
    for content in with_other_numbers(path):
        path.write_bytes(content)
        n_tried += 1
        try:
            use(path)
        except (RunRecordError, ConfigurationError):
            n_refused += 1
    assert n_tried > 100
    assert n_refused > n_tried / 3


def test_the_number_that_is_too_large_is_named(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, RunRecord(header(), (sample("a"),)))
    path.write_bytes(path.read_bytes().replace(b'"number":1,', b'"number":1000000000,'))
    with pytest.raises(
        RunRecordError, match=r"line 2 of the run record cannot be read: sample\.number: .*1000"
    ):
        read_record(path)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: ScenarioPlan(10**9), r"1000000000 samples are too many \(at most 1000\)"),
        (lambda: GatePlan("0.1", 10**9), r"1000000000 rounds are too many \(at most 1000\)"),
        (lambda: ScenarioPlan(20, "1e-999999999"), "'1e-999999999' has more than 30 digits"),
        (lambda: GatePlan("0." + "1" * 1000), r"… \(1002 characters\) has more than 30 digits"),
    ],
)
def test_plans_are_bounded(make: Any, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        make()


def test_the_largest_plans_are_made(tmp_path: Path) -> None:
    for rate in (0.001, 0.5, 0.9, 1.0):
        assert acceptance_plan(1000, rate).expect(0.9).mean_samples < 1000
    path = tmp_path / "record.jsonl"
    plan = RunPlan({str(n): None for n in range(200)}, GatePlan("0.1", 1000))
    samples = tuple(sample(str(n), 1000) for n in range(200))
    write_record(path, RunRecord(header(plan, created=STARTED + timedelta(days=1)), samples))
    use(path)
