"""The scenarios of a run record for reports in CI: the worst first, each with its first failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_duolog.display import counted, listed
from pytest_duolog.gate.blame import Carrier
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision
from pytest_duolog.gate.samples import SamplesDecision
from pytest_duolog.gate.tally import ScenarioTally
from pytest_duolog.reports.numbers import points
from pytest_duolog.reports.wording import VERDICTS, pairs_words, samples_words
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.record import RunRecord, Sample, SampleOutcome

# At most this many failed samples of a scenario are shown.
MOST_FAILURES = 2


class Place(NamedTuple):
    """The place of a test: its file relative to the repository, and its line from 1."""

    path: str
    line: int = 1


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario: its verdict, the verdict as text, and how many samples passed in each arm.

    `harm` is the order of the rows: the share of pairs lost minus won, or of failed samples. `failures` are the first
    failed samples, of the candidate if there is one. A row with `follows_gate` has no decision of its own.
    """

    scenario: str
    decision: Decision
    words: str
    passed: Mapping[Arm, tuple[int, int]]
    harm: float
    failures: tuple[Sample, ...]
    follows_gate: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong with this scenario itself."""
        return self.decision is not Decision.PASS and not self.follows_gate

    @property
    def in_gate(self) -> bool:
        """Whether there are two arms; if not, the text has the counts already."""
        return len(self.passed) > 1

    def place(self, places: Mapping[str, Place]) -> Place:
        """The place of its test; the first line of its file if the place is not known."""
        return places.get(self.scenario, Place(self.scenario.partition("::")[0]))

    @property
    def explanation(self) -> str:
        """The text, the counts, and the first lines of the failures."""
        counts = (f"{arm} {n} of {all_} passed" for arm, (n, all_) in self.passed.items() if self.in_gate)
        failures = (
            f"{failure.label(in_gate=self.in_gate)}: {failure.why or 'no reason given'}"
            for failure in self.failures
        )
        return "\n".join(["; ".join([self.words, *counts]), *failures])


def scenario_rows(record: RunRecord, decided: RecordDecision) -> list[ScenarioRow]:
    """A row for every scenario with a decision: first BLOCK, then INCONCLUSIVE, the worst first."""
    order = (Decision.BLOCK, Decision.INCONCLUSIVE, Decision.PASS)
    return sorted(_rows(record, decided), key=lambda row: (order.index(row.decision), -row.harm))


def _rows(record: RunRecord, decided: RecordDecision) -> Iterator[ScenarioRow]:
    if decided.pairs is not None:
        gaps = scenarios_with_gaps(record)
        for tally in decided.pairs.tallies:
            yield _pairs_row(record, tally, decided.pairs, has_gaps=tally.scenario in gaps)
    for scenario, verdict in decided.scenarios.items():
        yield _samples_row(record, scenario, verdict)


def _pairs_row(
    record: RunRecord, tally: ScenarioTally, decided: PairsDecision, *, has_gaps: bool
) -> ScenarioRow:
    is_accused = tally.scenario in decided.accused
    counts = tally.counts
    lost = f"lost {counts.worse} and won {counts.better} of {counted(tally.n, 'pair')}"
    is_open = has_gaps or decided.decision is Decision.INCONCLUSIVE
    decision = Decision.BLOCK if is_accused else Decision.INCONCLUSIVE if is_open else Decision.PASS
    if tally.scenario in decided.blamed:
        words = f"got worse by {points(tally.drop)}"
    elif decided.decision is Decision.BLOCK and not decided.blamed:
        words = f"{lost}; the suite got worse, but not clearly because of this scenario"
    elif has_gaps:
        words = "pairs are missing"
    elif decided.decision is Decision.INCONCLUSIVE:
        words = f"{lost}; the gate is not decided"
    else:
        words = f"{lost}, but is not blamed" if tally.is_harmed else "no sign of harm"
    return ScenarioRow(
        tally.scenario,
        decision,
        words,
        {arm: record.passed(tally.scenario, arm) for arm in Arm},
        tally.drop,
        _failures(record, tally.scenario, Arm.CANDIDATE),
        follows_gate=is_open and not has_gaps and not is_accused,
    )


def _samples_row(record: RunRecord, scenario: str, verdict: SamplesDecision) -> ScenarioRow:
    n = verdict.n_passed + verdict.n_failed
    return ScenarioRow(
        scenario,
        verdict.decision,
        next(samples_words(verdict)),
        {Arm.BASELINE: record.passed(scenario)},
        verdict.n_failed / n if n else 0.0,
        _failures(record, scenario, Arm.BASELINE),
    )


def scenarios_with_gaps(record: RunRecord) -> set[str]:
    """The scenarios without samples, or with a sample that was tried and never measured."""
    unmeasured = {
        sample.scenario
        for sample in record.samples
        if sample.number not in record.measured(sample.scenario, sample.arm)
    }
    return unmeasured | (record.header.plan.scenarios.keys() - {sample.scenario for sample in record.samples})


def _failures(record: RunRecord, scenario: str, arm: Arm) -> tuple[Sample, ...]:
    found = record.measured(scenario, arm).values()
    return tuple(sample for sample in found if sample.outcome is SampleOutcome.FAILED)[:MOST_FAILURES]


def headline(decided: RecordDecision) -> str:
    """The verdict in one sentence."""
    if decided.pairs is not None:
        return next(pairs_words(decided.pairs))
    if decided.blames:
        named = sum(found.carrier is not Carrier.UNKNOWN for found in decided.blames.values())
        return f"BLAMED: a side is named in {named} of {counted(len(decided.blames), 'scenario')}"
    if not decided.scenarios:
        return "COLLECTED: samples were taken, and none is judged"
    by_decision = {
        decision: [name for name, verdict in decided.scenarios.items() if verdict.decision is decision]
        for decision in Decision
    }
    all_ = counted(len(decided.scenarios), "scenario")
    parts = [
        f"{len(names)} of {all_} {words}: {listed(names)}" for names, words in _verdicts(by_decision) if names
    ]
    return f"{VERDICTS[decided.decision]}: {'; '.join(parts) or f'all of {all_} reach their pass rate'}"


def _verdicts(by_decision: Mapping[Decision, Sequence[str]]) -> Iterator[tuple[Sequence[str], str]]:
    yield by_decision[Decision.BLOCK], "below their pass rate"
    yield by_decision[Decision.INCONCLUSIVE], "undecided"
