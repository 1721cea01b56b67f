"""Converts the results of a worker of pytest-xdist to plain data and back, for the way to the controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import TypeAdapter

from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import Sample


@dataclass(frozen=True)
class RecordPart:
    """A worker's part of the run record: its plan, new samples, and the reports of a test in an undecided gate."""

    plan: RunPlan
    samples: tuple[Sample, ...]
    undecided: tuple[pytest.TestReport, ...] = ()


_DIALOGUES: TypeAdapter[tuple[DialogueResult, ...]] = TypeAdapter(tuple[DialogueResult, ...])
_PLAN: TypeAdapter[RunPlan] = TypeAdapter(RunPlan)
_SAMPLES: TypeAdapter[tuple[Sample, ...]] = TypeAdapter(tuple[Sample, ...])


def dump_dialogues(dialogues: Sequence[DialogueResult]) -> Any:
    """Dialogues as plain data."""
    return _DIALOGUES.dump_python(tuple(dialogues), mode="json")


def load_dialogues(data: Any) -> tuple[DialogueResult, ...]:
    """Dialogues from plain data."""
    return _DIALOGUES.validate_python(data)


def dump_part(part: RecordPart, config: pytest.Config) -> Any:
    """A part of the record as plain data."""
    return {
        "plan": _PLAN.dump_python(part.plan, mode="json"),
        "samples": _SAMPLES.dump_python(part.samples, mode="json"),
        "undecided": [
            config.hook.pytest_report_to_serializable(config=config, report=report)
            for report in part.undecided
        ],
    }


def load_part(data: Any, config: pytest.Config) -> RecordPart:
    """A part of the record from plain data."""
    reports = (
        config.hook.pytest_report_from_serializable(config=config, data=report)
        for report in data["undecided"]
    )
    return RecordPart(
        _PLAN.validate_python(data["plan"]), _SAMPLES.validate_python(data["samples"]), tuple(reports)
    )
