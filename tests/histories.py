"""Invented histories for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pytest_duolog.history.folder import write_lines
from pytest_duolog.history.line import Asked, HistoryLine

STARTED = datetime(2026, 3, 1, 3, 17, tzinfo=UTC)
TEST = "tests/test_refund.py::test_polite"


def line(at: int = 0, passed: int = 18, *, model: str = "openai:old", **fields: object) -> HistoryLine:
    """The line of build number `at`: 20 live samples of which `passed` passed."""
    known: dict[str, object] = {
        "build": f"build-{at}",
        "commit": f"{at:040x}",
        "created": STARTED + timedelta(days=at),
        "scenario": TEST,
        "speakers": (
            Asked(
                name="customer",
                model="openai:asker",
                replies=60,
                tokens_read=5000,
                tokens_written=500,
                cost=0.01,
            ),
            Asked(
                name="agent",
                model=model,
                replies=60,
                tokens_read=4000,
                tokens_written=400,
                cost=0.03,
                latency_ms=1200.0 + at,
            ),
        ),
        "samples": 20,
        "passed": passed,
        "looped": max(0, 20 - passed) // 2,
        "messages": 140,
        "prompts": "0123456789abcdef",
        "plugin": "0.1.0",
    }
    return HistoryLine.model_validate(known | fields)


def series(passed: Sequence[int], *, first: int = 0, **fields: object) -> list[HistoryLine]:
    """A line for each build, with these passes."""
    return [line(first + at, n, **fields) for at, n in enumerate(passed)]


def write(folder: Path, lines: Sequence[HistoryLine]) -> list[Path]:
    """A file for each build of these lines; the paths in the order of time."""
    builds = dict.fromkeys(one.build for one in lines)
    return [write_lines(folder, [one for one in lines if one.build == build]) for build in builds]


# A drop with other models from build 30 on.
DROP = [*series([18, 19] * 15), *series([14, 13] * 6, first=30, model="openai:new")]
