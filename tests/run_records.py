"""Builders of plans, samples and records for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult
from pytest_duolog.results.plan import GatePlan, RunPlan, ScenarioPlan
from pytest_duolog.results.record import Arm, Header, RunRecord, Sample, SampleOutcome
from pytest_duolog.transcripts.transcript import Message, Transcript

STARTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
GATE = RunPlan({"a": None, "b": None}, GatePlan())
OUTCOMES = {"+": SampleOutcome.PASSED, "-": SampleOutcome.FAILED, "!": SampleOutcome.ERROR}


def header(plan: RunPlan = GATE, **fields: object) -> Header:
    return Header.model_validate({"plan": plan, "plugin": "0.1.0", "created": STARTED, **fields})


def sample(
    scenario: str = "a",
    number: int = 1,
    outcome: str = "+",
    *,
    arm: Arm = Arm.BASELINE,
    says: str = "",
    verdicts: Sequence[PropertyResult] = (),
    **fields: object,
) -> Sample:
    """A sample; with `says` it holds a dialogue of these words, with these verdicts on it."""
    transcript = Transcript(messages=(Message(speaker="A", content=says),))
    dialogues = (DialogueResult(transcript=transcript, verdicts=tuple(verdicts)),) if says else ()
    return Sample.model_validate(
        {
            "scenario": scenario,
            "number": number,
            "outcome": OUTCOMES[outcome],
            "arm": arm,
            "dialogues": dialogues,
        }
        | fields
    )


def arm_samples(scenario: str, arm: Arm, outcomes: str) -> list[Sample]:
    """Samples numbered from 1: `+` passed, `-` failed, `!` ended in an error, a space was not run."""
    return [
        sample(scenario, number, outcome, arm=arm)
        for number, outcome in enumerate(outcomes, start=1)
        if outcome != " "
    ]


def gate_record(outcomes: dict[str, tuple[str, str]], plan: GatePlan | None = None) -> RunRecord:
    """The record of a gate: for each scenario the baseline's outcomes and the candidate's."""
    samples: list[Sample] = []
    for scenario, (baseline, candidate) in outcomes.items():
        samples += arm_samples(scenario, Arm.BASELINE, baseline)
        samples += arm_samples(scenario, Arm.CANDIDATE, candidate)
    return RunRecord(header(RunPlan(dict.fromkeys(outcomes), plan or GatePlan())), tuple(samples))


def bar_record(
    outcomes: dict[str, str], n_samples: int = 20, rate: str = "0.9", **fields: object
) -> RunRecord:
    """The record of scenarios that have a bar each."""
    bar = ScenarioPlan(n_samples, rate, **fields)
    samples: Sequence[Sample] = [
        one for scenario, text in outcomes.items() for one in arm_samples(scenario, Arm.BASELINE, text)
    ]
    return RunRecord(header(RunPlan(dict.fromkeys(outcomes, bar))), tuple(samples))
