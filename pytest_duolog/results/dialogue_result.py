"""The result of one dialogue: the value that the dialogue makes and that the run record and every report use.

If a report needs another fact, add a field with a default here, and a line to the format history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field

from pytest_duolog.properties.verdict import Evidence, Outcome, Verdict
from pytest_duolog.results.reading import Reading, read
from pytest_duolog.transcripts.stored import Record, Text, stored
from pytest_duolog.transcripts.transcript import Message, Transcript
from pytest_duolog.transcripts.usage import Gaps, Usage

# Format history: 1, the first; `judges`, `draws`, `unsaid`, `call` of a citation, and `gaps` of a judge, were added
# with defaults.
DIALOGUE_FORMAT: Literal[1] = 1


@stored
class Citation(Record):
    """One message as evidence of a verdict: its number from 1.

    `quote` is the relevant part, None for the whole message; `speaker` is None for the speaker of the message. If it is
    a tool call, `call` says which one, and `quote` tells it.
    """

    message: int
    speaker: Text | None = None
    quote: Text | None = None
    call: Text = ""


@stored
class PropertyResult(Record):
    """The verdict of one property on a dialogue, without the texts that the transcript already has.

    `asked_at` is the line of the test that asked for it, as `FILE:LINE` relative to the root folder; empty if no test
    did.
    """

    property: Text
    outcome: Outcome
    explanation: Text
    evidence: tuple[Citation, ...] = ()
    asked_at: Text = ""

    @classmethod
    def of(cls, verdict: Verdict, transcript: Transcript, *, asked_at: str = "") -> Self:
        """The result of a verdict on this transcript."""
        return cls(
            property=verdict.property,
            outcome=verdict.outcome,
            explanation=verdict.explanation,
            evidence=tuple(_citation(evidence, transcript) for evidence in verdict.evidence),
            asked_at=asked_at,
        )

    def verdict(self, transcript: Transcript) -> Verdict:
        """The verdict that it was made from, given the same transcript."""
        evidence = tuple(_evidence(citation, transcript) for citation in self.evidence)
        return Verdict(self.property, self.outcome, self.explanation, evidence)


def broken(verdicts: Iterable[PropertyResult]) -> list[PropertyResult]:
    """The verdicts on properties that fail or could not be measured."""
    return [verdict for verdict in verdicts if verdict.outcome is not Outcome.HOLDS]


def first_cited(verdict: PropertyResult) -> int | None:
    """The number of the first message that is evidence; None if none is."""
    return min((citation.message for citation in verdict.evidence if citation.message > 0), default=None)


def failed_in(problem: str, verdicts: Iterable[PropertyResult]) -> list[PropertyResult]:
    """The verdicts that fail, and of these only the ones that a test's error tells, if it tells one."""
    failed = [verdict for verdict in verdicts if verdict.outcome is Outcome.FAILS]
    told = [one for one in failed if f"{one.property} {one.outcome}: " in problem]
    return told or failed


def short_name(verdict: PropertyResult) -> str:
    """The property without its arguments."""
    return verdict.property.partition("(")[0] or verdict.property


@stored
class RecordingMisfit(Record):
    """A dialogue that does not match its recording: the changes since, and the remedy (see `errors.Misfit`)."""

    changes: tuple[Text, ...] = ()
    remedy: Text


@stored
class JudgeUse(Record):
    """The votes on a dialogue that a judge was asked for in this run, and what they took.

    `model` is `provider:model` or the name of a callable; `usage` and `latency_ms` are sums over the votes. `gaps`
    counts the votes that did not say theirs; in results of older versions it has none.
    """

    model: Text
    votes: Annotated[int, Field(ge=0)] = 0
    usage: Usage = Usage()
    latency_ms: Annotated[float, Field(ge=0)] = 0
    gaps: Gaps = Gaps()

    def with_vote(self, usage: Usage | None, latency_ms: float | None) -> Self:
        """The same with one more vote."""
        return self.model_copy(
            update={
                "votes": self.votes + 1,
                "usage": self.usage + (usage or Usage()),
                "latency_ms": self.latency_ms + (latency_ms or 0),
                "gaps": self.gaps + Gaps.of(usage),
            }
        )

    def __add__(self, other: JudgeUse) -> JudgeUse:
        return JudgeUse(
            model=self.model,
            votes=self.votes + other.votes,
            usage=self.usage + other.usage,
            latency_ms=self.latency_ms + other.latency_ms,
            gaps=self.gaps + other.gaps,
        )


@stored
class DialogueResult(Record):
    """One dialogue of a test: its transcript, its recording, its costs, and the verdicts on it.

    `name` is empty for the fixture's own dialogue. `cassette` is None if nothing is recorded. `played` and `recorded`
    count the replies that were replayed and recorded, votes of judges included. `spared` is the number of messages that
    were saved because the dialogue stopped at a goodbye or in a loop. `fresh` are the numbers of the messages that a
    model wrote in this run. `draws` has a text for every reply that is equal if two replies are one draw (a cache, a
    fixed seed); empty if it cannot be told of all. `unsaid` has the costs of a message that failed after some replies,
    and no words. `notices` are messages for the user. `reading` has the findings of
    the detectors, so that reports need not run them; None in results of older versions. `misfit` is None for a dialogue
    that matches its recording, or if no remedy is known.
    """

    format: Literal[1] = DIALOGUE_FORMAT
    name: Text = ""
    transcript: Transcript
    cassette: Text | None = None
    played: Annotated[int, Field(ge=0)] = 0
    recorded: Annotated[int, Field(ge=0)] = 0
    spared: Annotated[int, Field(ge=0)] = 0
    fresh: tuple[int, ...] = ()
    draws: tuple[Text, ...] = ()
    notices: tuple[Text, ...] = ()
    verdicts: tuple[PropertyResult, ...] = ()
    judges: tuple[JudgeUse, ...] = ()
    reading: Reading | None = None
    unsaid: Message | None = None
    misfit: RecordingMisfit | None = None

    @property
    def title(self) -> str:
        """Its name in reports."""
        return f"dialogue {self.name}" if self.name else "dialogue"

    def with_reading(self) -> Self:
        """The result with the findings of the current detectors."""
        return self.model_copy(update={"reading": read(self.transcript)})

    @property
    def fresh_messages(self) -> list[Message]:
        """The messages that a model wrote in this run, with the one that failed."""
        fresh, said = set(self.fresh), [*self.transcript.messages, *filter(None, [self.unsaid])]
        return [message for number, message in enumerate(said, start=1) if number in fresh]


def _citation(evidence: Evidence, transcript: Transcript) -> Citation:
    whole = _whole(evidence.message, transcript)
    return Citation(
        message=evidence.message,
        speaker=None if whole and evidence.speaker == whole.speaker else evidence.speaker,
        quote=None if whole and evidence.quote == whole.quote else evidence.quote,
        call=evidence.call,
    )


def _evidence(citation: Citation, transcript: Transcript) -> Evidence:
    whole = _whole(citation.message, transcript) or Evidence(citation.message, "", "")
    return Evidence(
        citation.message,
        whole.speaker if citation.speaker is None else citation.speaker,
        whole.quote if citation.quote is None else citation.quote,
        citation.call,
    )


def _whole(number: int, transcript: Transcript) -> Evidence | None:
    """The whole message as evidence; None if there is no message with this number."""
    if not 0 < number <= len(transcript):
        return None
    return Evidence.of(number, transcript.messages[number - 1])
