"""Uses samples of an earlier run as the baseline of a gate, so that the run asks little more than the candidate."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import pytest

from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.gate.baseline import reasons_against, stored_per_pair
from pytest_duolog.genuine import CLOCK
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import RunRecord, Sample
from pytest_duolog.results.store import read_record


@dataclass(frozen=True)
class StoredBaseline:
    """The record of an earlier run; `per_pair` of its samples are compared with one sample of the candidate."""

    record: RunRecord
    per_pair: int

    def samples(self, scenario: str, number: int) -> list[Sample]:
        """The stored samples for the baseline of pair `number`; empty if the baseline must run."""
        stored = self.record.measured(scenario)
        numbers = range(self.per_pair * (number - 1) + 1, self.per_pair * number + 1)
        found = [stored[place] for place in numbers if place in stored]
        whole = found if len(found) == self.per_pair else []
        return [sample.model_copy(update={"attempt": 1, "is_stored": True}) for sample in whole]


def stored_baseline(config: pytest.Config, plan: RunPlan | None) -> StoredBaseline | None:
    """The stored baseline of `--duolog-baseline`; None without that option.

    Raises ConfigurationError that says why the record cannot be the baseline of this plan.
    """
    given = config.getoption("duolog_baseline") or config.getini("duolog_baseline")
    if not given:
        return None
    if plan is None or plan.gate is None:
        if not config.getoption("duolog_baseline"):
            return None  # the ini key is for runs with a candidate
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
            f"--duolog-baseline {given} cannot be the baseline of this run: {'; '.join(reasons)}. "
            "Make a new one by running these tests with --duolog-samples and --duolog-record, or "
            "leave the option out"
        )
    return StoredBaseline(record, stored_per_pair(record, plan))
