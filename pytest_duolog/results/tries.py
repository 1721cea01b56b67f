"""What pass rates mean for a user who tries several times: pass^k and pass@k beside the rate."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from pytest_duolog.results.arm import Arm
from pytest_duolog.results.record import RunRecord, SampleOutcome
from pytest_duolog.stats.repeats import pass_at_k, pass_hat_k

N_TRIES = 3


@dataclass(frozen=True)
class Tries:
    """The chances that all of `k` tries pass (pass^k), and that one of them does (pass@k); means over the scenarios."""

    k: int
    all_pass: float
    one_passes: float


def tries_of(record: RunRecord, arm: Arm = Arm.BASELINE, k: int = N_TRIES) -> Tries | None:
    """The chances in one arm; None if a scenario has fewer than `k` samples."""
    outcomes = [
        [sample.outcome for sample in record.measured(scenario, arm).values()]
        for scenario in record.header.plan.scenarios
    ]
    if min(map(len, outcomes)) < k:
        return None
    counts = [(found.count(SampleOutcome.PASSED), len(found), k) for found in outcomes]
    return Tries(
        k, fmean(pass_hat_k(*count) for count in counts), fmean(pass_at_k(*count) for count in counts)
    )
