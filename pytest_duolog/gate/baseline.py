"""Whether stored baseline samples may stand in for new ones, so that only the candidate costs money."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pytest_duolog.gate.pairs import LOG_BLOCK
from pytest_duolog.gate.tally import NO_PAIRS, Pair
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import RunRecord, SampleOutcome
from pytest_duolog.stats.evidence import log_evidence

# Providers change models behind one name; older samples than this are not compared with.
MAX_AGE = timedelta(days=30)
# How often each scenario is run anew to see whether that has happened.
CANARIES_PER_SCENARIO = 2


def reasons_against(stored: RunRecord, plan: RunPlan, *, plugin: str, now: datetime) -> list[str]:
    """Why a stored record is no baseline for a run with this plan, in words; empty if it is one."""
    header = stored.header
    age = now - header.created
    reasons = []
    if header.plan.baseline != plan.baseline:
        reasons.append(
            f"it was run with {dict(header.plan.baseline)}, and the baseline is {dict(plan.baseline)}"
        )
    if header.plan.key != plan.key:
        reasons.append("its tests (-k chooses others), prompts or judges were others")
    if header.plugin != plugin:
        reasons.append(f"it was judged by pytest-duolog {header.plugin}, and this is {plugin}")
    if age > MAX_AGE:
        reasons.append(f"it is {age.days} days old, more than {MAX_AGE.days}")
    missing = [scenario for scenario in plan.scenarios if not stored.measured(scenario)]
    if missing:
        reasons.append(f"it has no samples of {', '.join(missing)}")
    return reasons


def canaries_of(record: RunRecord) -> list[Pair]:
    """The stored samples of a record that were run anew, each with the new one."""
    return [
        Pair(sample.stored is SampleOutcome.PASSED, sample.outcome is SampleOutcome.PASSED)
        for sample in record.samples
        if sample.is_measured and sample.stored is not None
    ]


def has_drifted(canaries: Iterable[Pair]) -> bool:
    """Whether new runs of the baseline pass more or less often than the stored ones they are paired with.

    The stored sample stands as the pair's baseline. A model that has not changed is said to have in at most 2.5 % of
    runs.
    """
    table = NO_PAIRS
    for pair in canaries:
        table = table.with_pair(pair)
    return any(
        log_evidence(*counts, drop=0, weight=0) >= LOG_BLOCK
        for counts in (table.counts, table.counts.reversed())
    )
