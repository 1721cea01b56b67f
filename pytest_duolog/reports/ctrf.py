"""Reports of runs in CTRF (Common Test Report Format, ctrf.io): one test for each scenario, and one for the gate."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pytest_duolog.display import printable
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.reports.scenario_rows import Place, ScenarioRow, scenario_rows
from pytest_duolog.reports.wording import pairs_words
from pytest_duolog.results.record import RunRecord

SPEC_VERSION = "0.0.0"
STATUSES = {Decision.PASS: "passed", Decision.BLOCK: "failed", Decision.INCONCLUSIVE: "other"}


def report_text(record: RunRecord, decided: RecordDecision, places: Mapping[str, Place]) -> str:
    """The document as JSON text; times are in milliseconds.

    The stop time assumes that samples ran one after the other, because the record does not have how many ran at a time.
    """
    tests = list(_tests(record, decided, places))
    started = record.header.created
    seconds = sum(sample.duration_s or 0 for sample in record.samples)
    statuses = Counter(test["status"] for test in tests)
    summary = {
        "tests": len(tests),
        **{status: statuses[status] for status in ("passed", "failed", "skipped", "pending", "other")},
        "start": round(started.timestamp() * 1000),
        "stop": round((started + timedelta(seconds=seconds)).timestamp() * 1000),
    }
    tool = {"name": "pytest-duolog", "version": record.header.plugin}
    document = {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "generatedBy": "pytest-duolog",
        "results": {"tool": tool, "summary": summary, "tests": tests},
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _tests(
    record: RunRecord, decided: RecordDecision, places: Mapping[str, Place]
) -> Iterator[dict[str, Any]]:
    plan = record.header.plan
    if decided.pairs is not None:
        yield {
            "name": "gate of dialogues",
            "status": STATUSES[decided.decision],
            "rawStatus": decided.decision.value,
            "duration": 0,
            "message": printable("\n".join(pairs_words(decided.pairs, plan))),
            "extra": {"baseline": dict(plan.baseline), "candidate": dict(plan.candidate)},
        }
    seconds: defaultdict[str, float] = defaultdict(float)
    for sample in record.samples:
        seconds[sample.scenario] += sample.duration_s or 0
    for row in scenario_rows(record, decided):
        yield _test(row, row.place(places), duration_s=seconds[row.scenario])


def _test(row: ScenarioRow, place: Place, *, duration_s: float) -> dict[str, Any]:
    return {
        "name": printable(row.scenario),
        "status": STATUSES[row.decision],
        "rawStatus": row.decision.value,
        "duration": round(1000 * duration_s),
        "message": printable(row.explanation),
        "filePath": place.path,
        "line": place.line,
        "type": "dialogue",
        "extra": {f"{arm}_{what}": n for arm, counts in row.passed.items() for what, n in _named(counts)},
    }


def _named(counts: tuple[int, int]) -> Iterator[tuple[str, int]]:
    return zip(("passed", "samples"), counts, strict=True)
