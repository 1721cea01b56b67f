"""Judges the dialogues of a run record again with the current properties, without asking a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.properties.base import Property, judge
from pytest_duolog.properties.by_name import parse_property
from pytest_duolog.properties.steps import is_unreached
from pytest_duolog.properties.verdict import Outcome, Verdict
from pytest_duolog.results.dialogue_result import DialogueResult, PropertyResult
from pytest_duolog.results.record import RunRecord, Sample, SampleOutcome

ADVICE = "name the properties to check: --property 'NoLoops()'"


def rejudged(record: RunRecord, properties: Sequence[Property], *, plugin: str) -> RunRecord:
    """The record with new verdicts on its measured samples; errors stay errors, and looks are left out.

    With `properties`, a sample passes if all of them hold for all of its dialogues. Without, the properties that the
    sample names are checked again; a sample that failed although all of them held stays failed, because another
    assertion of its test failed. A sample that can no longer be measured becomes an error. The key of the plan changes,
    so that the record is not merged with records of other verdicts. `plugin` is the version that judges.

    Raises RunRecordError for a sample without a dialogue or, without `properties`, for one that names no known
    property.
    """
    samples = tuple(
        _rejudged(sample, properties) if sample.is_measured else sample for sample in record.samples
    )
    judges = "\n".join([plugin, *map(str, properties)])
    old = record.header.plan
    keys = {scenario: _key(key, judges) for scenario, key in old.keys.items()}
    plan = replace(old, key=_key(old.key, judges), keys=keys)
    header = record.header.model_copy(update={"plan": plan, "plugin": plugin})
    return RunRecord(header, samples, damage=record.damage)


def _key(old: str, judges: str) -> str:
    return hashlib.sha256(f"{old}\n{judges}".encode()).hexdigest()[:16]


def _rejudged(sample: Sample, properties: Sequence[Property]) -> Sample:
    if not sample.dialogues:
        raise RunRecordError(f"{sample}: its record has no dialogue, so it cannot be judged again")
    checked = [properties or _recorded(sample, dialogue) for dialogue in sample.dialogues]
    if not any(checked):
        raise RunRecordError(f"{sample}: its record names no property", advice=ADVICE)
    judged = [
        [judge(check, dialogue.transcript) for check in checks]
        for checks, dialogue in zip(checked, sample.dialogues, strict=True)
    ]
    verdicts = [verdict for of_one in judged for verdict in of_one]
    outcomes = {verdict.outcome for verdict in verdicts}
    wrong = (repr(verdict) for verdict in verdicts if verdict.outcome is not Outcome.HOLDS)
    problem = next(wrong, "").partition("\n")[0]
    if Outcome.FAILS in outcomes or any(is_unreached(verdict.property) for verdict in verdicts):
        outcome = SampleOutcome.FAILED
    elif Outcome.UNMEASURED in outcomes:
        outcome = SampleOutcome.ERROR
    elif not properties and _failed_otherwise(sample):
        outcome, problem = sample.outcome, sample.problem
    else:
        outcome = SampleOutcome.PASSED
    dialogues = tuple(map(_with_verdicts, sample.dialogues, judged))
    return sample.model_copy(update={"outcome": outcome, "problem": problem, "dialogues": dialogues})


def _recorded(sample: Sample, dialogue: DialogueResult) -> list[Property]:
    try:
        return [parse_property(verdict.property) for verdict in dialogue.verdicts]
    except ConfigurationError as error:
        raise RunRecordError(f"{sample}: {error}", advice=ADVICE) from None


def _failed_otherwise(sample: Sample) -> bool:
    held = all(verdict.outcome is Outcome.HOLDS for verdict in sample.verdicts)
    return held and sample.outcome is SampleOutcome.FAILED


def _with_verdicts(dialogue: DialogueResult, verdicts: Sequence[Verdict]) -> DialogueResult:
    results = tuple(PropertyResult.of(verdict, dialogue.transcript) for verdict in verdicts)
    return dialogue.with_reading().model_copy(update={"verdicts": results})
