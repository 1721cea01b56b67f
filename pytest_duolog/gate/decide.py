"""Decides about a run record: in the same way for one file, for merged shards, and during a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_duolog.gate.baseline import Canary, Guard
from pytest_duolog.gate.blame import BlameDecision, decide_blame, rounds_of
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision, Reason, decide_pairs
from pytest_duolog.gate.samples import SamplesDecision, decide_samples, repeats_in, trials_of
from pytest_duolog.gate.tally import Pair, ScenarioTally
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.plan import FIRST_CANARY, MOST_SAMPLES
from pytest_duolog.results.record import RunRecord, Sample, n_passed


@dataclass(frozen=True)
class RecordDecision:
    """The decision about a record: of the gate over all scenarios if the plan has one, else of each scenario.

    A record with blame judges nothing: `blames` says for each scenario which side carries its failure.
    """

    pairs: PairsDecision | None
    scenarios: Mapping[str, SamplesDecision]
    blames: Mapping[str, BlameDecision] = field(default_factory=dict)

    @property
    def decision(self) -> Decision:
        """BLOCK if any decision is BLOCK, else INCONCLUSIVE if any is, else PASS."""
        if self.pairs is not None:
            return self.pairs.decision
        found = {scenario.decision for scenario in self.scenarios.values()}
        return next(
            (decision for decision in (Decision.BLOCK, Decision.INCONCLUSIVE) if decision in found),
            Decision.PASS,
        )

    @property
    def is_open(self) -> bool:
        """Whether more samples are needed."""
        parts = (self.pairs, *self.scenarios.values(), *self.blames.values())
        return any(part.wanted for part in parts if part is not None)


def decide_record(record: RunRecord) -> RecordDecision:
    """The decision about the samples of a record.

    During a run, `wanted` of its parts has the samples to run next.
    """
    plan = record.header.plan
    if plan.gate is not None:
        decided = decide_pairs(plan.gate, pairs_of(record), plan.ahead)
        return RecordDecision(guarded(decided, canaries_of(record)) if plan.stored else decided, {})
    if plan.blame is not None:
        blames = {
            scenario: decide_blame(
                plan.blame, rounds_of(sample for sample in record.samples if sample.scenario == scenario)
            )
            for scenario in plan.scenarios
        }
        return RecordDecision(None, {}, blames)
    decisions = {
        scenario: decide_samples(bar, trials_of(record.measured(scenario), bar.samples))
        for scenario, bar in plan.scenarios.items()
        if bar is not None
    }
    return RecordDecision(None, decisions)


def guarded(decided: PairsDecision, found: Mapping[str, Sequence[Canary]]) -> PairsDecision:
    """The decision against a stored baseline, once new samples of the baseline show that it has not changed.

    A PASS requires that the baseline has not become better, a BLOCK that it has not become worse (in the blamed
    scenarios, if there are any). Until this is known, it asks for more canaries, one of each scenario at a time.
    """
    guard = Guard([canary for canaries in found.values() for canary in canaries], float(decided.plan.margin))
    blamed = {
        tally.scenario: _candidate_rate(tally)
        for tally in decided.tallies
        if tally.scenario in decided.blamed and tally.scenario in found
    }
    has_moved = guard.has_moved or any(guard.has_moved_in(*scenario) for scenario in blamed.items())
    if has_moved:
        return replace(
            decided,
            decision=Decision.INCONCLUSIVE,
            reason=Reason.DRIFT,
            blamed=(),
            wanted=(),
            rounds_needed=None,
        )
    if decided.decision is Decision.INCONCLUSIVE:
        return decided
    if decided.decision is Decision.PASS:
        unsure = [] if guard.is_steady_below else list(found)
    elif decided.blamed:
        unsure = [scenario for scenario, rate in blamed.items() if not guard.is_steady_in(scenario, rate)]
    else:
        unsure = [] if guard.is_steady_above else list(found)
    if not unsure:
        return decided
    wanted = tuple(
        (scenario, FIRST_CANARY + len(found[scenario]))
        for scenario in unsure
        if len(found[scenario]) < min(decided.plan.max_rounds, MOST_SAMPLES + 1 - FIRST_CANARY)
    )
    reason = Reason.OPEN if wanted else Reason.DRIFT
    return replace(decided, decision=Decision.INCONCLUSIVE, reason=reason, blamed=(), canaries_wanted=wanted)


def _candidate_rate(tally: ScenarioTally) -> float:
    rates = tally.rates
    return rates.n_passed_2 / rates.n_2 if rates.n_2 else 1.0


def canaries_of(record: RunRecord) -> dict[str, list[Canary]]:
    """The new samples of a stored baseline, by scenario."""
    return {scenario: list(_canaries(record, scenario)) for scenario in record.header.plan.stored}


def _canaries(record: RunRecord, scenario: str) -> Iterator[Canary]:
    samples = record.measured(scenario)
    stored = [sample for sample in samples.values() if sample.is_stored]
    for number, sample in samples.items():
        if number >= FIRST_CANARY:
            yield Canary(scenario, n_passed(stored), len(stored), sample.passed)


def pairs_of(record: RunRecord) -> dict[str, list[Pair | None]]:
    """The pairs of every scenario of the plan, as `decide_pairs` takes them.

    A pair is a repeat if its dialogue occurs in an earlier pair, or in another scenario of the same round: tests with
    the same scenario and seed can have identical dialogues.
    """
    per_pair = record.header.plan.stored
    repeats = {
        (scenario, math.ceil(number / per_pair.get(scenario, 1)) if arm is Arm.BASELINE else number)
        for arm in Arm
        for scenario, number in repeats_in(_round_by_round(record, arm))
    }
    return {
        scenario: _pairs_of_scenario(record, scenario, repeats) for scenario in record.header.plan.scenarios
    }


def _round_by_round(record: RunRecord, arm: Arm) -> list[Sample]:
    samples = [
        sample
        for scenario in record.header.plan.scenarios
        for sample in record.measured(scenario, arm).values()
    ]
    return sorted(samples, key=lambda sample: sample.number)  # those of a round keep the order of the plan


def _pairs_of_scenario(record: RunRecord, scenario: str, repeats: set[tuple[str, int]]) -> list[Pair | None]:
    candidate = _outcomes(record, scenario, Arm.CANDIDATE)
    baseline = _baseline(record, scenario)
    per_pair = record.header.plan.stored.get(scenario, 1)
    return [
        Pair(baseline[number], candidate[number], (scenario, number) in repeats, per_pair)
        if number in baseline and number in candidate
        else None
        for number in range(1, max([0, *baseline, *candidate]) + 1)
    ]


def _baseline(record: RunRecord, scenario: str) -> dict[int, float | None]:
    """The share of passed baseline samples of each pair, by the pair's number; None is an error, as in `_outcomes`.

    With several stored samples for each pair, those of the first pair come first.
    """
    outcomes = _outcomes(record, scenario, Arm.BASELINE)
    is_stored = scenario in record.header.plan.stored
    per_pair = record.header.plan.stored.get(scenario, 1)
    groups: dict[int, list[bool | None]] = {}
    for number, passed in outcomes.items():
        if not (is_stored and number >= FIRST_CANARY):
            groups.setdefault(math.ceil(number / per_pair), []).append(passed)
    return {
        number: None if None in group else sum(map(bool, group)) / per_pair
        for number, group in groups.items()
        if len(group) == per_pair
    }


def _outcomes(record: RunRecord, scenario: str, arm: Arm) -> dict[int, bool | None]:
    """Whether each sample passed, by number; None is an error that remained after all retries."""
    given_up = {
        sample.number: None
        for sample in record.samples
        if (sample.scenario, sample.arm) == (scenario, arm) and sample.is_given_up
    }
    passed = {number: sample.passed for number, sample in record.measured(scenario, arm).items()}
    return {**given_up, **passed}
