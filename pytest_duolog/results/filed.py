"""One dialogue with all facts that its file has about it: a transcript, a cassette or a run record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.properties.base import Property
from pytest_duolog.results.dialogue_result import DialogueResult, JudgeUse, PropertyResult, broken, short_name
from pytest_duolog.results.examination import examine
from pytest_duolog.results.reading import Reading, read
from pytest_duolog.results.record import RunRecord, Sample, SampleOutcome
from pytest_duolog.transcripts.sources import Source
from pytest_duolog.transcripts.transcript import Message

Value = str | int | float | bool


class FileKind(StrEnum):
    """The kind of file that a dialogue was read from."""

    TRANSCRIPT = "transcript"
    CASSETTE = "cassette"
    RECORD = "record"


@dataclass(frozen=True)
class FiledDialogue:
    """One dialogue of a file: its transcript, and the other facts that the file has.

    `test` is the test that ran it, `sample` its number among the samples of that test, `arm` its side of a gate.
    `parameters` are the values of the scenario, as far as the file has them; a speaker's settings have keys
    `NAME.SETTING`. `verdicts` and `outcome` are those of the run, `judges` the votes that it asked for, `unsaid` what
    a message took that failed. `notices` say what is missing.
    """

    source: Source
    kind: FileKind = FileKind.TRANSCRIPT
    test: str = ""
    sample: int | None = None
    arm: str = ""
    outcome: SampleOutcome | None = None
    problem: str = ""
    cassette: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)
    verdicts: tuple[PropertyResult, ...] = ()
    judges: tuple[JudgeUse, ...] = ()
    unsaid: Message | None = None
    notices: tuple[str, ...] = ()
    stored_reading: Reading | None = None

    @cached_property
    def reading(self) -> Reading:
        """The findings of the detectors: from the file, or else computed now."""
        stored, transcript = self.stored_reading, self.source.transcript
        return stored if stored is not None and stored.fits(transcript) else read(transcript)

    @property
    def models(self) -> str:
        """The models of the dialogue; its speakers, where no model is known."""
        speakers = self.source.transcript.speakers
        return ", ".join(dict.fromkeys(speaker.model or speaker.name for speaker in speakers))

    @property
    def broken(self) -> list[PropertyResult]:
        """The verdicts on properties that fail or could not be measured."""
        return broken(self.verdicts)

    @property
    def cited(self) -> Mapping[int, Mapping[str, Sequence[str]]]:
        """For each message that is evidence of a broken property: their short names, with the parts to show of it."""
        found: dict[int, dict[str, list[str]]] = {}
        for verdict in self.broken:
            for citation in verdict.evidence:
                quotes = found.setdefault(citation.message, {}).setdefault(short_name(verdict), [])
                if citation.call:
                    quotes.append(f"{citation.call}: {citation.quote}")
                elif citation.quote is not None:
                    quotes.append(shorten(citation.quote))
        return found

    def without_secrets(self, redacted: Callable[[Any], Any]) -> FiledDialogue:
        """The same without secrets in anything that is said; `redacted` replaces them in plain data."""
        verdicts = tuple(
            PropertyResult.model_validate(redacted(verdict.model_dump(mode="json")))
            for verdict in self.verdicts
        )
        return replace(
            self,
            source=self.source.without_secrets(redacted),
            test=redacted(self.test),
            problem=redacted(self.problem),
            parameters={name: redacted(value) for name, value in self.parameters.items()},
            verdicts=verdicts,
            judges=tuple(use.model_copy(update={"model": redacted(use.model)}) for use in self.judges),
            notices=tuple(map(redacted, self.notices)),
        )

    def judged(self, properties: Sequence[Property]) -> FiledDialogue:
        """The dialogue with verdicts on these properties; without any, on the default ones, unless a run judged it."""
        if not properties and (self.verdicts or self.kind is FileKind.RECORD):
            return self
        transcript = self.source.transcript
        verdicts = examine(self.source, properties).verdicts
        return replace(self, verdicts=tuple(PropertyResult.of(verdict, transcript) for verdict in verdicts))

    def with_topic(self, topic: str | None) -> FiledDialogue:
        """The dialogue with `topic`, unless it states its own topic."""
        return replace(self, source=self.source.with_topic(topic))


def of_record(record: RunRecord, file: str = "") -> Iterator[FiledDialogue]:
    """The dialogues of a record, in the order of its samples; `file` is the path to show."""
    for sample in record.samples:
        for dialogue in sample.dialogues:
            yield of_sample(record, file, 1, sample, dialogue)


def of_test(test: str, dialogue: DialogueResult, outcome: SampleOutcome, problem: str) -> FiledDialogue:
    """One dialogue of a test without samples; `problem` says why the test did not pass."""
    name = f"{test}, {dialogue.title}" if dialogue.name else test
    turns = dialogue.transcript.turns
    return FiledDialogue(
        Source(name, "", 1, dialogue.transcript),
        FileKind.RECORD,
        test=test,
        outcome=outcome,
        problem=problem,
        cassette=dialogue.cassette,
        parameters={} if turns is None else {"turns": turns},
        verdicts=dialogue.verdicts,
        judges=dialogue.judges,
        unsaid=dialogue.unsaid,
        notices=dialogue.notices,
        stored_reading=dialogue.reading,
    )


def of_sample(
    record: RunRecord, file: str, line: int, sample: Sample, dialogue: DialogueResult
) -> FiledDialogue:
    """One dialogue of the sample on this line of the record's file."""
    in_gate = record.header.plan.has_arms
    name = f"{sample.label(in_gate=in_gate)}{f', {dialogue.title}' if dialogue.name else ''}"
    return replace(
        of_test(sample.scenario, dialogue, sample.outcome, sample.why),
        source=Source(name, file, line, dialogue.transcript),
        sample=sample.number,
        arm=sample.arm.value if in_gate else "",
    )
