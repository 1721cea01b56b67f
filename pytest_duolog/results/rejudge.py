"""A run record judged again: the same dialogues under today's properties, with no model asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.properties.base import Outcome, Property, Verdict, judge
from pytest_duolog.properties.by_name import parse_property
from pytest_duolog.results.record import PropertyResult, RunRecord, Sample, SampleDialogue, SampleOutcome


def rejudged(record: RunRecord, properties: Sequence[Property], *, plugin: str) -> RunRecord:
    """The record with its measured samples judged anew; errors stay errors, and looks are left out.

    With `properties` a sample passes if all of them hold for all of its dialogues. Without, those that its record
    names are checked again, and one that failed though all of them had held stays failed: other assertions of its test
    decided that. What can no longer be measured is an error. The record's key says that the judge is another one, so
    that it is not merged with records of the old one; `plugin` is the version that judges.

    Raises RunRecordError for a sample that keeps no dialogue or, without `properties`, names none that are known.
    """
    samples = tuple(
        _rejudged(sample, properties) if sample.is_measured else sample for sample in record.samples
    )
    judges = "\n".join([record.header.plan.key, plugin, *map(str, properties)])
    key = hashlib.sha256(judges.encode()).hexdigest()[:16]
    plan = replace(record.header.plan, key=key)
    header = record.header.model_copy(update={"plan": plan, "plugin": plugin})
    return RunRecord(header, samples, damage=record.damage)


def _rejudged(sample: Sample, properties: Sequence[Property]) -> Sample:
    verdicts = [
        judge(check, dialogue.transcript)
        for dialogue in _dialogues(sample)
        for check in properties or _recorded(sample)
    ]
    outcomes = {verdict.outcome for verdict in verdicts}
    problem = next((repr(verdict) for verdict in verdicts if not verdict), "").partition("\n")[0]
    if Outcome.FAILS in outcomes:
        outcome = SampleOutcome.FAILED
    elif Outcome.UNMEASURED in outcomes:
        outcome = SampleOutcome.ERROR
    elif not properties and _failed_otherwise(sample):
        outcome, problem = sample.outcome, sample.problem
    else:
        outcome = SampleOutcome.PASSED
    return sample.model_copy(
        update={"outcome": outcome, "problem": problem, "properties": tuple(map(_result, verdicts))}
    )


def _dialogues(sample: Sample) -> Iterator[SampleDialogue]:
    if not sample.dialogues:
        raise RunRecordError(f"{sample}: its record keeps no dialogue, so there is nothing to judge again")
    yield from sample.dialogues


def _recorded(sample: Sample) -> list[Property]:
    advice = "say what is to be checked: --property 'NoLoops()'"
    if not sample.properties or len(sample.dialogues) > 1:
        found = (
            "no property" if not sample.properties else "several dialogues, and not which property is whose"
        )
        raise RunRecordError(f"{sample}: its record names {found}", advice=advice)
    try:
        return [parse_property(result.property) for result in sample.properties]
    except ConfigurationError as error:
        raise RunRecordError(f"{sample}: {error}", advice=advice) from None


def _failed_otherwise(sample: Sample) -> bool:
    held = all(result.outcome is Outcome.HOLDS for result in sample.properties)
    return held and sample.outcome is SampleOutcome.FAILED


def _result(verdict: Verdict) -> PropertyResult:
    return PropertyResult(
        property=verdict.property,
        outcome=verdict.outcome,
        explanation=verdict.explanation,
        messages=tuple(evidence.message for evidence in verdict.evidence),
    )
