"""What pass rates mean for a user who tries several times, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_duolog.display import counted
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.reports.numbers import percent
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.record import RunRecord
from pytest_duolog.results.tries import N_TRIES, Tries, tries_of


def tries_words(n_passed: int, n: int) -> Iterator[str]:
    """The chances in one scenario; nothing if it has too few samples, or all have the same outcome."""
    if 0 < n_passed < n and (tries := tries_of([(n_passed, n)])):
        yield _told({"": tries})


def mean_tries_words(record: RunRecord, decided: RecordDecision) -> Iterator[str]:
    """The mean chances over the scenarios of a record, for each arm; nothing if one of them has too few samples.

    Of a single scenario with a bar, `tries_words` has told them already.
    """
    if decided.scenarios:
        counts = [(one.n_passed, one.n_passed + one.n_failed) for one in decided.scenarios.values()]
        if len(counts) > 1 and (tries := tries_of(counts)):
            yield f"mean of {counted(len(counts), 'scenario')}: {_told({'': tries})}"
        return
    found = {
        f"{arm} ": tries_of(record.passed(scenario, arm) for scenario in record.header.plan.scenarios)
        for arm in (Arm if decided.pairs is not None else [Arm.BASELINE])
    }
    told = {whose: tries for whose, tries in found.items() if tries}
    if len(told) == len(found):
        yield _told(told)


def _told(found: Mapping[str, Tries]) -> str:
    all_pass = ", ".join(f"{whose}{percent(tries.all_pass)}" for whose, tries in found.items())
    one_passes = ", ".join(f"{whose}{percent(tries.one_passes)}" for whose, tries in found.items())
    k = N_TRIES
    return f"pass^{k} ({k} of {k} tries pass): {all_pass}; pass@{k} (1 of {k} passes): {one_passes}"
