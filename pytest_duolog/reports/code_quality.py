"""Reports of runs as GitLab's Code Quality report, which merge requests show.

Format: docs.gitlab.com, "Code Quality report format".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_duolog.display import printable
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.reports.scenario_rows import Place, headline, scenario_rows
from pytest_duolog.results.record import RunRecord

SEVERITIES = {Decision.BLOCK: "major", Decision.INCONCLUSIVE: "minor"}
LONGEST_TEXT = 1000


def report_text(record: RunRecord, decided: RecordDecision, places: Mapping[str, Place]) -> str:
    """The report as JSON text: an entry for each scenario that does not pass, the worst first.

    If a gate does not pass but no single scenario is the cause, there is one entry, at the first test of the plan. The
    fingerprint of an entry is the same in every run, so that GitLab shows only new ones.
    """
    entries = list(_entries(record, decided, places))
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"


def _entries(
    record: RunRecord, decided: RecordDecision, places: Mapping[str, Place]
) -> Iterator[dict[str, Any]]:
    rows = scenario_rows(record, decided)
    wrong = [row for row in rows if row.is_wrong]
    check = "duolog-samples" if decided.pairs is None else "duolog-gate"
    for row in wrong:
        yield _entry(check, row.scenario, row.decision, row.explanation, row.place(places))
    if not wrong and decided.decision is not Decision.PASS:
        yield _entry(check, "suite", decided.decision, headline(decided), rows[0].place(places))


def _entry(check: str, name: str, decision: Decision, text: str, place: Place) -> dict[str, Any]:
    description = printable(f"{name}: {text}")
    return {
        "description": description[:LONGEST_TEXT],
        "check_name": check,
        "fingerprint": hashlib.sha256(f"{check}\n{name}".encode()).hexdigest(),
        "severity": SEVERITIES[decision],
        "location": {"path": place.path, "lines": {"begin": place.line}},
    }
