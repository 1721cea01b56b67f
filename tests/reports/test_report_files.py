"""CTRF and Code Quality: documents that other programs read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports import code_quality, ctrf
from pytest_duolog.reports.scenario_rows import Place
from pytest_duolog.results.record import RunRecord
from tests.hostile import HOSTILE
from tests.run_records import STARTED, bar_record, gate_record

BLOCKED = gate_record({f"t.py::t{n}": ("+" * 10, "+" * 10 if n else "-" * 10) for n in range(5)})
PLACES = {"t.py::t0": Place("app/t.py", 7)}


def ctrf_of(record: RunRecord) -> dict[str, Any]:
    return json.loads(ctrf.report_text(record, decide_record(record), PLACES))


def quality(record: RunRecord) -> list[dict[str, Any]]:
    return json.loads(code_quality.report_text(record, decide_record(record), PLACES))


def test_ctrf_has_a_test_for_the_gate_and_each_scenario() -> None:
    document = ctrf_of(BLOCKED)
    assert (document["reportFormat"], document["results"]["tool"]["name"]) == ("CTRF", "pytest-duolog")
    tests = document["results"]["tests"]
    assert [(test["name"], test["status"]) for test in tests[:3]] == [
        ("gate of dialogues", "failed"),
        ("t.py::t0", "failed"),
        ("t.py::t1", "passed"),
    ]
    assert tests[0]["message"].startswith("BLOCK: 1 of 5 scenarios got worse: t.py::t0\n")
    assert tests[1]["extra"] == {
        "baseline_passed": 10,
        "baseline_samples": 10,
        "candidate_passed": 0,
        "candidate_samples": 10,
    }
    assert (tests[1]["filePath"], tests[1]["line"]) == ("app/t.py", 7)
    summary = document["results"]["summary"]
    assert summary["start"] == summary["stop"] == STARTED.timestamp() * 1000
    assert {name: summary[name] for name in ("tests", "passed", "failed", "skipped", "pending", "other")} == {
        "tests": 6,
        "passed": 4,
        "failed": 2,
        "skipped": 0,
        "pending": 0,
        "other": 0,
    }


def test_ctrf_calls_neither_way_other() -> None:
    tests = ctrf_of(gate_record({"a": ("+!", "+")}))["results"]["tests"]
    assert [(test["status"], test["rawStatus"]) for test in tests] == [("other", "inconclusive")] * 2


def test_code_quality_has_an_entry_for_what_got_worse() -> None:
    (entry,) = quality(BLOCKED)
    assert entry["check_name"] == "duolog-gate"
    assert entry["severity"] == "major"
    assert entry["location"] == {"path": "app/t.py", "lines": {"begin": 7}}
    assert entry["description"].startswith("t.py::t0: got worse by 100 points; baseline 10 of 10 passed")
    assert entry["fingerprint"] == quality(BLOCKED)[0]["fingerprint"]


def test_code_quality_of_a_pass_is_an_empty_list() -> None:
    assert quality(bar_record({"a": "+" * 12})) == []


def test_code_quality_is_not_silent_where_no_scenario_is_to_blame() -> None:
    (entry,) = quality(gate_record({"t.py::a": ("+", "+")}))
    assert entry["severity"] == "minor"
    assert entry["description"].startswith("suite: INCONCLUSIVE: ")
    assert entry["location"]["path"] == "t.py"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_spelled_out_in_both(text: str) -> None:
    record = bar_record({f"t.py::t[{text}]": "--"})
    shown = json.dumps([ctrf_of(record)["results"]["tests"][0]["name"], quality(record)[0]["description"]])
    assert "\\u001b" not in shown
    assert "##[" not in shown
