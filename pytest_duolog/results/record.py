"""What a run came to: its samples and what the gate saw, as one value.

Records add up: `merge` gives the same record for any split of the samples and any order of the parts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, model_validator

from pytest_duolog.display import listed
from pytest_duolog.errors import RunRecordError
from pytest_duolog.properties.base import Outcome
from pytest_duolog.results.dialogue_result import Citation, DialogueResult, PropertyResult
from pytest_duolog.results.plan import MOST_SAMPLES, RunPlan
from pytest_duolog.results.shard import missing_shards
from pytest_duolog.transcripts.transcript import Record, StopKind, Text

# Format history: 1, the first; 2, a dialogue is a `DialogueResult` of format 1 and has its verdicts itself. Lines have
# checksums if the header has one.
FORMAT = 2


class Arm(StrEnum):
    """Which side of a gate a sample is on; a run without a candidate is all baseline."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"


class SampleOutcome(StrEnum):
    """Whether a test's body passed; an error says nothing of the model and is repeated, never counted."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


class _OldVerdict(Record):
    """A verdict in a record of format 1."""

    property: Text
    outcome: Outcome
    explanation: Text
    messages: tuple[int, ...] = ()

    def result(self) -> PropertyResult:
        """The same in today's form."""
        evidence = tuple(Citation(message=number) for number in self.messages)
        return PropertyResult(
            property=self.property, outcome=self.outcome, explanation=self.explanation, evidence=evidence
        )


_OLD_VERDICTS: TypeAdapter[tuple[_OldVerdict, ...]] = TypeAdapter(tuple[_OldVerdict, ...])


class Sample(Record):
    """One run of one test's body: one trial, however many dialogues it held.

    `number` is its place in the launch order of its scenario and arm, from 1: in a gate the round. `attempt`
    counts the errors before it, from 1. `problem` is the first line of why it did not pass, and `asserted` the line of
    the test that failed; versions before it had the field leave it empty. One that `is_stored` is
    from an earlier run. After an error that `is_given_up` it is not tried again.
    """

    scenario: Text
    number: int = Field(ge=1, le=MOST_SAMPLES)
    arm: Arm = Arm.BASELINE
    attempt: int = Field(default=1, ge=1)
    outcome: SampleOutcome
    is_stored: bool = False
    is_given_up: bool = False
    problem: Text = ""
    asserted: Text = ""
    dialogues: tuple[DialogueResult, ...] = ()
    duration_s: float | None = Field(default=None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _of_format_1(cls, value: Any) -> Any:
        """There the verdicts stood beside the dialogues; of several dialogues nobody knows which is whose."""
        if not (isinstance(value, dict) and "properties" in value):
            return value
        fields = dict(value)
        verdicts = [old.result() for old in _OLD_VERDICTS.validate_python(fields.pop("properties"))]
        match fields.get("dialogues"):
            case [dict() as dialogue]:
                fields["dialogues"] = [{**dialogue, "verdicts": verdicts}]
        return fields

    @property
    def verdicts(self) -> Iterator[PropertyResult]:
        """The verdicts on all its dialogues."""
        return (verdict for dialogue in self.dialogues for verdict in dialogue.verdicts)

    @property
    def why(self) -> str:
        """Why it did not pass; of an assertion about no property, the line that failed and what it came to."""
        found = self.problem.removeprefix("AssertionError: ")
        if self.asserted and found.startswith("assert "):
            return f"{self.asserted}: {found.removeprefix('assert ')}"
        return self.problem

    @property
    def is_measured(self) -> bool:
        """Whether it says anything of the model."""
        return self.outcome is not SampleOutcome.ERROR

    @cached_property
    def fingerprint(self) -> str | None:
        """The same for samples in which the same words were said; None without dialogues, or if one ended in an error.

        What was said before an error may be the opener alone, and that the error came again is news.
        """
        stops = [dialogue.transcript.stop_reason for dialogue in self.dialogues]
        if not stops or any(stop is not None and stop.kind is StopKind.ERROR for stop in stops):
            return None
        said = [
            [[message.speaker, message.content] for message in dialogue.transcript.messages]
            for dialogue in self.dialogues
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def key(self) -> tuple[str, int, Arm, int]:
        """What no two samples of a run share."""
        return self.scenario, self.number, self.arm, self.attempt

    def __str__(self) -> str:
        return self.label(in_gate=True)

    def label(self, *, in_gate: bool) -> str:
        """Which sample it is; outside a gate nobody speaks of arms."""
        arm = f" of the {self.arm}" if in_gate else ""
        attempt = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.scenario}, sample {self.number}{arm}{attempt}"


class Look(Record):
    """What the gate saw after a complete round, and so why it stopped or went on.

    The counts are of all pairs so far. The evidence is in natural logarithms: for a drop below the margin, for a
    drop at all, and the largest for a drop of one scenario. After the suite has passed only the `suspects` go on.
    """

    round: int = Field(ge=1)
    worse: int = Field(ge=0)
    same: int = Field(ge=0)
    better: int = Field(ge=0)
    log_pass: float
    log_block: float
    log_local: float
    suspects: tuple[Text, ...] = ()


class Header(Record):
    """The first line of a record: the plan, the version of the plugin that judged, when it began, which shard."""

    plan: RunPlan
    plugin: Text
    created: datetime
    shard: Text = ""


@dataclass(frozen=True)
class RunRecord:
    """A header, samples in the order in which they came, and the looks of the gate.

    `damage` names what could not be read, and of merged records the shards that are missing. Raises RunRecordError for
    a sample that is not of this plan or is there twice.
    """

    header: Header
    samples: tuple[Sample, ...] = ()
    looks: tuple[Look, ...] = ()
    damage: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        seen: set[tuple[object, ...]] = set()
        for sample in self.samples:
            check_sample(sample, self.header.plan, seen)

    @classmethod
    def read(cls, path: str | Path) -> RunRecord:
        """The record in a file; raises RunRecordError if it is none."""
        from pytest_duolog.results.store import read_record  # noqa: PLC0415  # it makes records itself

        return read_record(Path(path))

    def to_rows(self) -> list[dict[str, Any]]:
        """One row a dialogue, ready for pandas or polars: the columns of `duolog show --format csv`."""
        from pytest_duolog.results.filed import of_record  # noqa: PLC0415  # these are made of records
        from pytest_duolog.results.rows import dialogue_rows  # noqa: PLC0415

        return dialogue_rows(of_record(self))

    def measured(self, scenario: str, arm: Arm = Arm.BASELINE) -> Mapping[int, Sample]:
        """The measured samples of a scenario by number, in launch order."""
        return self._measured.get((scenario, arm), {})

    @cached_property
    def _measured(self) -> Mapping[tuple[str, Arm], dict[int, Sample]]:
        found: dict[tuple[str, Arm], dict[int, Sample]] = {}
        for sample in sorted(self.samples, key=lambda sample: sample.number):
            if sample.is_measured:
                found.setdefault((sample.scenario, sample.arm), {})[sample.number] = sample
        return found


def check_sample(sample: Sample, plan: RunPlan, seen: set[tuple[object, ...]]) -> None:
    """Raises RunRecordError if the sample is not of this plan or is among `seen`; adds it to them."""
    if sample.scenario not in plan.scenarios:
        raise RunRecordError(f"{sample}: the plan has no such scenario")
    if sample.arm is Arm.CANDIDATE and plan.gate is None:
        raise RunRecordError(f"{sample}: the plan has no gate, and so no candidate")
    keys: list[tuple[object, ...]] = [sample.key]
    if sample.is_measured:
        keys.append((sample.scenario, sample.number, sample.arm))
    if not seen.isdisjoint(keys):
        raise RunRecordError(f"{sample}: it is there twice", advice="give every record once")
    seen.update(keys)


def merge(records: Iterable[RunRecord]) -> RunRecord:
    """The record of all samples together, in the order of the plan; looks are left out, for a part cannot see all.

    Raises RunRecordError if there is none, if plans or plugin versions differ, or if a sample is there twice.
    """
    parts = list(records)
    if not parts:
        raise RunRecordError("there is no record to merge")
    first = min((part.header for part in parts), key=lambda header: (header.created, header.shard))
    for part in parts:
        _check_same_plan(first, part.header)
    places = {scenario: place for place, scenario in enumerate(first.plan.scenarios)}
    samples = [sample for part in parts for sample in part.samples]
    damage = sorted(damage for part in parts for damage in part.damage)
    return RunRecord(
        first.model_copy(update={"shard": ""}),
        tuple(sorted(samples, key=lambda sample: (places[sample.scenario], *sample.key[1:]))),
        damage=(*damage, *_missing_words([part.header.shard for part in parts], first.plan, samples)),
    )


def _missing_words(labels: Sequence[str], plan: RunPlan, samples: Sequence[Sample]) -> Iterator[str]:
    missing = plan.scenarios.keys() - {sample.scenario for sample in samples}
    for shard, scenarios in missing_shards(labels, missing, plan.scenarios).items():
        yield f"shard {shard} is missing, or ended early: no samples of {listed(scenarios)}"


def _check_same_plan(one: Header, other: Header) -> None:
    differences = one.plan.differences(other.plan)
    if one.plugin != other.plugin:
        differences.append(f"plugin: {one.plugin} and {other.plugin}")
    if differences:
        raise RunRecordError(
            "these records are of different plans",
            facts=[("differs", "\n".join(differences))],
            advice="merge only shards of one run",
        )
