"""The decisions about a run record: the same from one file, from shards, and while the run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_duolog.gate.baseline import canaries_of, has_drifted
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision, Reason, decide_pairs
from pytest_duolog.gate.samples import SamplesDecision, decide_samples, repeats_in, trials_of
from pytest_duolog.gate.tally import Pair
from pytest_duolog.results.record import Arm, RunRecord, Sample, SampleOutcome


@dataclass(frozen=True)
class RecordDecision:
    """What a record comes to: the gate over all scenarios if the plan has one, else each scenario by itself."""

    pairs: PairsDecision | None
    scenarios: Mapping[str, SamplesDecision]

    @property
    def decision(self) -> Decision:
        """Block if anything blocks, else inconclusive if anything is, else pass."""
        if self.pairs is not None:
            return self.pairs.decision
        found = {scenario.decision for scenario in self.scenarios.values()}
        return next(
            (decision for decision in (Decision.BLOCK, Decision.INCONCLUSIVE) if decision in found),
            Decision.PASS,
        )

    @property
    def is_open(self) -> bool:
        """Whether samples are wanted that are not there."""
        return any(part.wanted for part in (self.pairs, *self.scenarios.values()) if part is not None)


def decide_record(record: RunRecord) -> RecordDecision:
    """The decision about what is in a record.

    In a run that goes on, the samples to run next are in the `wanted` of what it holds.
    """
    plan = record.header.plan
    if plan.gate is not None:
        return RecordDecision(_without_drift(decide_pairs(plan.gate, pairs_of(record)), record), {})
    decisions = {
        scenario: decide_samples(bar, trials_of(record.measured(scenario), bar.samples))
        for scenario, bar in plan.scenarios.items()
        if bar is not None
    }
    return RecordDecision(None, decisions)


def _without_drift(decided: PairsDecision, record: RunRecord) -> PairsDecision:
    """The decision, unless the baseline is not any more what its stored samples say: then nothing can be decided."""
    if not has_drifted(canaries_of(record)):
        return decided
    return replace(
        decided,
        decision=Decision.INCONCLUSIVE,
        reason=Reason.DRIFT,
        blamed=(),
        wanted=(),
        rounds_needed=None,
    )


def pairs_of(record: RunRecord) -> dict[str, list[Pair | None]]:
    """The pairs of every scenario of the plan, as `decide_pairs` takes them.

    What is said again, in a later pair or in another scenario of the same round, makes a repeat: tests that share a
    scenario and a seed may hold one dialogue between them.
    """
    repeats = {found for arm in Arm for found in repeats_in(_round_by_round(record, arm))}
    return {
        scenario: _pairs_of_scenario(record, scenario, repeats) for scenario in record.header.plan.scenarios
    }


def _round_by_round(record: RunRecord, arm: Arm) -> list[Sample]:
    samples = [
        sample
        for scenario in record.header.plan.scenarios
        for sample in record.measured(scenario, arm).values()
    ]
    return sorted(samples, key=lambda sample: sample.number)  # those of a round stay in the order of the plan


def _pairs_of_scenario(record: RunRecord, scenario: str, repeats: set[tuple[str, int]]) -> list[Pair | None]:
    baseline = record.measured(scenario, Arm.BASELINE)
    candidate = record.measured(scenario, Arm.CANDIDATE)
    return [
        Pair(
            baseline[number].outcome is SampleOutcome.PASSED,
            candidate[number].outcome is SampleOutcome.PASSED,
            (scenario, number) in repeats,
        )
        if number in baseline and number in candidate
        else None
        for number in range(1, max([0, *baseline, *candidate]) + 1)
    ]
