"""Uses samples of an earlier run as the baseline of a gate, so that the run asks little more than the candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import pytest

from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.gate.baseline import anew_words, reasons_against, stored_scenarios
from pytest_duolog.genuine import CLOCK
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import RunRecord, Sample
from pytest_duolog.results.store import read_record


@dataclass(frozen=True)
class StoredBaseline:
    """The record of an earlier run.

    `per_pair` has the scenarios that it is a baseline for, and how many samples of each stand against one of the
    candidate. `anew` says which others are run anew, and why.
    """

    record: RunRecord
    per_pair: Mapping[str, int]
    anew: Sequence[str] = ()

    def samples(self, scenario: str, number: int) -> list[Sample]:
        """What stands in for the baseline of pair `number`; empty if that is to be run."""
        if scenario not in self.per_pair:
            return []
        stored, per_pair = self.record.measured(scenario), self.per_pair[scenario]
        numbers = range(per_pair * (number - 1) + 1, per_pair * number + 1)
        found = [stored[place] for place in numbers if place in stored]
        whole = found if len(found) == per_pair else []
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
            "Make a new one by running these tests with --duolog-collect and --duolog-record, or "
            "leave the option out"
        )
    return StoredBaseline(record, stored_scenarios(record, plan), anew_words(record, plan))
