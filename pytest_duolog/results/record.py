"""The record of a run: its samples and the looks of the gate, as one value.

`merge` gives the same record for any split of the samples and any order of the parts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter

from pytest_duolog.display import listed
from pytest_duolog.errors import RunRecordError
from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.results.arm import AnyArm, Arm, Pairing
from pytest_duolog.results.dialogue_result import (
    Citation,
    DialogueResult,
    PropertyResult,
    failed_in,
    first_cited,
)
from pytest_duolog.results.plan import MOST_SAMPLES, RunPlan
from pytest_duolog.results.shard import missing_shards
from pytest_duolog.transcripts.stored import Record, Text, stored
from pytest_duolog.transcripts.transcript import Message, StopKind

# Format history: 1, the first; 2, a dialogue is a `DialogueResult` of format 1 and has its own verdicts. Lines have
# checksums.
FORMAT = 2

Line = TypeVar("Line", bound=Record)


class SampleOutcome(StrEnum):
    """Whether a test's body passed; an error says nothing about the model, so it is retried."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


@stored
class _OldVerdict(Record):
    """A verdict in a record of format 1."""

    property: Text
    outcome: Outcome
    explanation: Text
    messages: tuple[int, ...] = ()

    def result(self) -> PropertyResult:
        """The verdict in the current format."""
        evidence = tuple(Citation(message=number) for number in self.messages)
        return PropertyResult(
            property=self.property, outcome=self.outcome, explanation=self.explanation, evidence=evidence
        )


_OLD_VERDICTS: TypeAdapter[tuple[_OldVerdict, ...]] = TypeAdapter(tuple[_OldVerdict, ...])


def of_format_1(sample: Any) -> Any:
    """The value of a sample as it is now; format 1 has verdicts next to the dialogues, without saying on which."""
    if not (isinstance(sample, dict) and "properties" in sample):
        return sample
    fields = dict(sample)
    verdicts = [old.result() for old in _OLD_VERDICTS.validate_python(fields.pop("properties"))]
    match fields.get("dialogues"):
        case [dict() as dialogue]:
            fields["dialogues"] = [{**dialogue, "verdicts": verdicts}]
    return fields


class _Remembering:
    """Has room for what cached properties remember."""


@stored
class Sample(Record, _Remembering):
    """One run of one test's body, with any number of dialogues.

    `number` is its position in the launch order of its scenario and arm, from 1; in a gate it is the round. `attempt`
    is 1 plus the number of errors before it. `problem` is the first line of the reason why it did not pass, `asserted`
    the line of the test that failed (empty in older versions). `is_stored` says that it is from an earlier run,
    `is_given_up` that it is not retried after this error.
    """

    scenario: Text
    number: Annotated[int, Field(ge=1, le=MOST_SAMPLES)]
    arm: AnyArm = Arm.BASELINE
    attempt: Annotated[int, Field(ge=1)] = 1
    outcome: SampleOutcome
    is_stored: bool = False
    is_given_up: bool = False
    problem: Text = ""
    asserted: Text = ""
    dialogues: tuple[DialogueResult, ...] = ()
    duration_s: Annotated[float | None, Field(ge=0)] = None

    @property
    def verdicts(self) -> Iterator[PropertyResult]:
        """The verdicts on all its dialogues."""
        return (verdict for dialogue in self.dialogues for verdict in dialogue.verdicts)

    @property
    def why(self) -> str:
        """Why it did not pass; for a plain assertion, the line that failed and its values."""
        found = self.problem.removeprefix("AssertionError: ")
        if self.asserted and found.startswith("assert "):
            return f"{self.asserted}: {found.removeprefix('assert ')}"
        return self.problem

    @property
    def first_evidence(self) -> tuple[int, Message] | None:
        """The first message that is evidence of a failed property, with its number; None if there is none.

        If the problem tells the property that the test asserts, only that one counts.
        """
        for dialogue in self.dialogues:
            messages = dialogue.transcript.messages
            failed = failed_in(self.problem, dialogue.verdicts)
            first = min(filter(None, map(first_cited, failed)), default=0)
            if 0 < first <= len(messages):
                return first, messages[first - 1]
        return None

    @property
    def passed(self) -> bool:
        """Whether the test's body passed."""
        return self.outcome is SampleOutcome.PASSED

    @property
    def is_measured(self) -> bool:
        """Whether it says anything about the model."""
        return self.outcome is not SampleOutcome.ERROR

    @cached_property
    def fingerprint(self) -> str | None:
        """Equal for samples with the same messages; None without dialogues, or if one ended in an error.

        Before an error there may be only the opener, so an equal text would not mean a repeated sample.
        """
        stops = [dialogue.transcript.stop_reason for dialogue in self.dialogues]
        if not stops or any(stop is not None and stop.kind is StopKind.ERROR for stop in stops):
            return None
        said = [
            [[message.speaker, message.content] for message in dialogue.transcript.messages]
            for dialogue in self.dialogues
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @cached_property
    def draws(self) -> frozenset[str]:
        """The draws of its replies; empty if it cannot be told of all whether they are new ones."""
        known = [dialogue.draws for dialogue in self.dialogues]
        return frozenset(draw for draws in known for draw in draws) if all(known) else frozenset()

    @property
    def model_s(self) -> float:
        """The model time of its dialogues, in seconds."""
        messages = (message for dialogue in self.dialogues for message in dialogue.transcript.messages)
        return sum(message.latency_ms or 0 for message in messages) / 1000

    def without_secrets(self, redacted: Callable[[Any], Any]) -> Sample:
        """The same without secrets; `redacted` replaces them in plain data."""
        safe = _redacted(self, redacted)
        if safe is self:
            return self
        dialogues = [
            dialogue.model_copy(update={"transcript": own.transcript.without_secrets(redacted)})
            for dialogue, own in zip(safe.dialogues, self.dialogues, strict=True)
        ]
        return safe.model_copy(update={"dialogues": tuple(dialogues)})

    @property
    def key(self) -> tuple[str, int, AnyArm, int]:
        """The key of the sample, unique in a run."""
        return self.scenario, self.number, self.arm, self.attempt

    def __str__(self) -> str:
        return self.label(in_gate=True)

    def label(self, *, in_gate: bool) -> str:
        """The name of the sample for people; it mentions the arm if there is more than one (`in_gate`)."""
        arm = f" of {'' if isinstance(self.arm, Pairing) else 'the '}{self.arm}" if in_gate else ""
        attempt = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.scenario}, sample {self.number}{arm}{attempt}"


def n_passed(samples: Iterable[Sample]) -> int:
    """How many of the samples passed."""
    return sum(sample.passed for sample in samples)


@stored
class Look(Record):
    """The state of the gate after a complete round, which explains why it stopped or continued; round 0 is before them.

    The counts are of all pairs so far. The evidence is in natural logarithms: for a drop below the margin, for a drop
    at all, and the largest for a drop of one scenario. After the suite has passed, only the `suspects` continue.
    """

    round: Annotated[int, Field(ge=0)]
    worse: Annotated[int, Field(ge=0)]
    same: Annotated[int, Field(ge=0)]
    better: Annotated[int, Field(ge=0)]
    log_pass: float
    log_block: float
    log_local: float
    suspects: tuple[Text, ...] = ()


@stored
class Header(Record):
    """The first line of a record: the plan, the version of the plugin, the start time, and the shard."""

    plan: RunPlan
    plugin: Text
    created: datetime
    shard: Text = ""


@dataclass(frozen=True)
class RunRecord:
    """A header, samples in the order in which they finished, and the looks of the gate.

    `damage` names what could not be read and, for merged records, missing shards. Raises RunRecordError for a sample
    that is not in the plan or occurs twice.
    """

    header: Header
    samples: tuple[Sample, ...] = ()
    looks: tuple[Look, ...] = ()
    damage: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        keys = {(sample.scenario, sample.number, sample.arm) for sample in self.samples}
        is_plain = {(scenario, arm) for scenario, _, arm in keys} <= {
            (scenario, Arm.BASELINE) for scenario in self.header.plan.scenarios
        }
        if is_plain and len(keys) == len(self.samples):
            return
        seen: set[tuple[object, ...]] = set()
        for sample in self.samples:
            check_sample(sample, self.header.plan, seen)

    @classmethod
    def read(cls, path: str | Path) -> RunRecord:
        """The record in a file; raises RunRecordError if it is not a run record."""
        from pytest_duolog.results.store import read_record  # noqa: PLC0415  # it makes records itself

        return read_record(Path(path))

    def to_rows(self) -> list[dict[str, Any]]:
        """One row for each dialogue, for pandas or polars, with the columns of `duolog show --format csv`."""
        from pytest_duolog.results.filed import of_record  # noqa: PLC0415  # these are made of records
        from pytest_duolog.results.rows import dialogue_rows  # noqa: PLC0415

        return dialogue_rows(of_record(self))

    def without_secrets(self, redacted: Callable[[Any], Any]) -> RunRecord:
        """The same without secrets in any text, names of tests included; `redacted` replaces them in plain data."""
        return RunRecord(
            _redacted(self.header, redacted),
            tuple(sample.without_secrets(redacted) for sample in self.samples),
            tuple(_redacted(look, redacted) for look in self.looks),
            tuple(map(redacted, self.damage)),
        )

    def measured(self, scenario: str, arm: AnyArm = Arm.BASELINE) -> Mapping[int, Sample]:
        """The measured samples of a scenario by number, in launch order."""
        return self._measured.get((scenario, arm), {})

    def passed(self, scenario: str, arm: AnyArm = Arm.BASELINE) -> tuple[int, int]:
        """How many of the measured samples of a scenario passed, and how many there are."""
        found = self.measured(scenario, arm).values()
        return n_passed(found), len(found)

    @cached_property
    def _measured(self) -> Mapping[tuple[str, AnyArm], dict[int, Sample]]:
        found: dict[tuple[str, AnyArm], dict[int, Sample]] = {}
        for sample in sorted(self.samples, key=lambda sample: sample.number):
            if sample.is_measured:
                found.setdefault((sample.scenario, sample.arm), {})[sample.number] = sample
        return found


def _redacted(value: Line, redacted: Callable[[Any], Any]) -> Line:
    said = value.model_dump(mode="json")
    safe = redacted(said)
    return value if safe == said else type(value).model_validate(safe)


def check_sample(sample: Sample, plan: RunPlan, seen: set[tuple[object, ...]]) -> None:
    """Add the sample to `seen`. Raises RunRecordError if it is not in the plan or was seen already."""
    if sample.scenario not in plan.scenarios:
        raise RunRecordError(f"{sample}: the plan does not have this scenario")
    if sample.arm is Arm.CANDIDATE and plan.gate is None:
        raise RunRecordError(f"{sample}: the plan has no gate, and so no candidate")
    if isinstance(sample.arm, Pairing) and plan.blame is None:
        raise RunRecordError(f"{sample}: the plan blames nobody, and so has no pairings")
    keys: list[tuple[object, ...]] = [sample.key]
    if sample.is_measured:
        keys.append((sample.scenario, sample.number, sample.arm))
    if not seen.isdisjoint(keys):
        raise RunRecordError(f"{sample}: it occurs twice", advice="give every record only once")
    seen.update(keys)


def merge(records: Iterable[RunRecord]) -> RunRecord:
    """The record with all samples, in the order of the plan; looks are left out, as no part saw all samples.

    Raises RunRecordError without records, if plans or plugin versions differ, or if a sample occurs twice.
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
        yield f"shard {shard} is missing or ended early: it has no samples of {listed(scenarios)}"


def _check_same_plan(one: Header, other: Header) -> None:
    differences = one.plan.differences(other.plan)
    if one.plugin != other.plugin:
        differences.append(f"plugin: {one.plugin} and {other.plugin}")
    if differences:
        raise RunRecordError(
            "these records have different plans",
            facts=[("differs", "\n".join(differences))],
            advice="merge only shards of one run",
        )
