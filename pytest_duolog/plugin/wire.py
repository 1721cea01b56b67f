"""Converts the results of a worker of pytest-xdist to plain data and back, for the way to the controller."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from pytest_duolog.plugin import RECORD_ATTRIBUTE, REPORT_ATTRIBUTE
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.results.plan import RunPlan

if TYPE_CHECKING:
    from pytest_duolog.results.record import Sample


@dataclass(frozen=True)
class RecordPart:
    """A worker's part of the run record: its plan, new samples, and the reports of a test in an undecided gate."""

    plan: RunPlan
    samples: tuple[Sample, ...]
    undecided: tuple[pytest.TestReport, ...] = ()


# pytest-xdist receives reports in several threads, and older versions of pydantic build without a lock.
_building = Lock()


@cache
def _dialogues() -> TypeAdapter[tuple[DialogueResult, ...]]:
    with _building:
        return TypeAdapter(tuple[DialogueResult, ...])


@cache
def _plan() -> TypeAdapter[RunPlan]:
    return TypeAdapter(RunPlan)


@cache
def _samples() -> TypeAdapter[tuple[Sample, ...]]:
    from pytest_duolog.results.record import Sample  # noqa: PLC0415  # in most runs each test runs once

    return TypeAdapter(tuple[Sample, ...])


def dump_report(data: dict[str, Any], config: pytest.Config) -> None:
    """Make plain data, in place, of what a report carries."""
    if REPORT_ATTRIBUTE in data:
        data[REPORT_ATTRIBUTE] = _dialogues().dump_python(tuple(data[REPORT_ATTRIBUTE]), mode="json")
    if RECORD_ATTRIBUTE in data:
        data[RECORD_ATTRIBUTE] = _dumped(data[RECORD_ATTRIBUTE], config)


def load_report(data: dict[str, Any], config: pytest.Config) -> None:
    """Validate, in place, what a report carries."""
    if REPORT_ATTRIBUTE in data:
        data[REPORT_ATTRIBUTE] = _dialogues().validate_python(data[REPORT_ATTRIBUTE])
    if RECORD_ATTRIBUTE in data:
        data[RECORD_ATTRIBUTE] = _loaded(data[RECORD_ATTRIBUTE], config)


def _dumped(part: RecordPart, config: pytest.Config) -> Any:
    return {
        "plan": _plan().dump_python(part.plan, mode="json"),
        "samples": _samples().dump_python(part.samples, mode="json"),
        "undecided": [
            config.hook.pytest_report_to_serializable(config=config, report=report)
            for report in part.undecided
        ],
    }


def _loaded(data: Any, config: pytest.Config) -> RecordPart:
    reports = (
        config.hook.pytest_report_from_serializable(config=config, data=report)
        for report in data["undecided"]
    )
    return RecordPart(
        _plan().validate_python(data["plan"]), _samples().validate_python(data["samples"]), tuple(reports)
    )
