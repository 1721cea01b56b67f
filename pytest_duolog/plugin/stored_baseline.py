"""Samples of an earlier run in the place of the baseline's, so that little more than the candidate costs anything."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import pytest

from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.gate.baseline import CANARIES_PER_SCENARIO, reasons_against
from pytest_duolog.genuine import CLOCK
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import Arm, RunRecord, Sample
from pytest_duolog.results.store import read_record


@dataclass(frozen=True)
class StoredBaseline:
    """The record of an earlier run. The first samples of each scenario are run anew all the same, and compared."""

    record: RunRecord

    def sample(self, scenario: str, number: int, arm: Arm) -> Sample | None:
        """What stands in for a sample; None if that one is to be run."""
        if arm is not Arm.BASELINE or number <= CANARIES_PER_SCENARIO:
            return None
        found = self.record.measured(scenario).get(number)
        return found and found.model_copy(update={"attempt": 1})

    def compared(self, sample: Sample) -> Sample:
        """A sample that was run anew, with the outcome of the stored one in whose place it is."""
        found = self.record.measured(sample.scenario).get(sample.number)
        is_canary = found and sample.arm is Arm.BASELINE and sample.number <= CANARIES_PER_SCENARIO
        return sample.model_copy(update={"stored": found.outcome}) if found and is_canary else sample


def stored_baseline(config: pytest.Config, plan: RunPlan | None) -> StoredBaseline | None:
    """The stored baseline that `--duolog-baseline` names; None if it names none.

    Raises ConfigurationError that says why a record is no baseline for this plan.
    """
    given = config.getoption("duolog_baseline") or config.getini("duolog_baseline")
    if not given:
        return None
    if plan is None or plan.gate is None:
        if not config.getoption("duolog_baseline"):
            return None  # it is set for the runs with a candidate
        raise ConfigurationError(
            f"--duolog-baseline {given}: there is no candidate to compare it with (--duolog-candidate)"
        )
    try:
        record = read_record(config.rootpath / given)
    except RunRecordError as error:
        raise ConfigurationError(f"--duolog-baseline: {error}") from None
    reasons = [*record.damage]
    reasons += reasons_against(record, plan, plugin=version("pytest-duolog"), now=CLOCK.now())
    if reasons:
        raise ConfigurationError(
            f"--duolog-baseline {given} is no baseline for this run: {'; '.join(reasons)}. Make a new one by running "
            f"these tests with --duolog-samples and --duolog-record, or leave the option out"
        )
    return StoredBaseline(record)
