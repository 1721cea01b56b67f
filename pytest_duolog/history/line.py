"""What the history keeps of one scenario in one build: counts and figures, and no word that a model wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AwareDatetime, Field

from pytest_duolog.gate.samples import repeats_in
from pytest_duolog.results.arm import AnyArm, Arm
from pytest_duolog.results.dialogue_result import DialogueResult, JudgeUse
from pytest_duolog.results.record import RunRecord, Sample
from pytest_duolog.storage.json_text import canonical, in_utf8
from pytest_duolog.transcripts.stored import Record, Text, stored
from pytest_duolog.transcripts.transcript import Message, Transcript
from pytest_duolog.transcripts.usage import Usage

# Format history: 1, the first.
HISTORY_FORMAT = 1
# The key of this number in each line; a file with it is a history.
FORMAT_KEY = "duolog_history"
# Files are not trusted: no line may claim more samples than this.
MOST_COUNTED = 100_000
LONGEST_BUILD = 200
# Nor more messages, replies or tokens than this, a greater cost, or a longer time in ms; nothing measured comes near.
MOST = 10**12
# Beyond these, a time cannot be told in UTC.
FIRST_YEAR, LAST_YEAR = 1, 9999
KEY_DIGITS = 16

Figure = TypeVar("Figure", int, float)
Counted = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Many = Annotated[int, Field(ge=0, le=MOST)]
Tokens = Annotated[int | None, Field(ge=0, le=MOST)]
Amount = Annotated[float | None, Field(ge=0, le=MOST, allow_inf_nan=False)]


class Build(NamedTuple):
    """A build: its name, and the commit that it tests (empty if it is not known)."""

    name: str
    commit: str = ""


@stored
class Asked(Record):
    """What was asked of one model in the live samples of a line.

    `name` is the speaker, or empty for a judge; `replies` counts replies, of a judge votes. `latency_ms` is their
    median, of a judge the mean. Tokens and cost are None unless every reply says them, latency where none does; cost is
    in the provider's currency.
    """

    name: Text = ""
    model: Text = ""
    replies: Many = 0
    tokens_read: Tokens = None
    tokens_written: Tokens = None
    cost: Amount = None
    latency_ms: Amount = None


@stored
class HistoryLine(Record):
    """One scenario in one build with one choice of models.

    `created` is when the run began. `arm` is `baseline`, or another arm of a gate or of a run with blame. All counts
    are of live samples, whose models were asked in this run: `samples` measured ones, of which `passed` passed,
    `looped` have a loop, and `messages` is the number of their messages; `repeats` are copies of another sample and
    `errors` samples without a result, which count nowhere else. `replayed` are samples from recordings, of which
    `replayed_passed` passed: they are no new evidence. `prompts` is a hash of what the speakers are told, without their
    models.
    """

    build: Annotated[Text, Field(min_length=1, max_length=LONGEST_BUILD)]
    commit: Text = ""
    created: AwareDatetime
    scenario: Text
    arm: AnyArm = Arm.BASELINE
    speakers: tuple[Asked, ...] = ()
    judges: tuple[Asked, ...] = ()
    samples: Counted = 0
    passed: Counted = 0
    looped: Counted = 0
    messages: Many = 0
    repeats: Counted = 0
    errors: Counted = 0
    replayed: Counted = 0
    replayed_passed: Counted = 0
    prompts: Text = ""
    plugin: Text = ""

    @property
    def is_possible(self) -> bool:
        """Whether the counts and the time can be true."""
        is_in_reach = FIRST_YEAR < self.created.year < LAST_YEAR
        return (
            is_in_reach
            and max(self.passed, self.looped) <= self.samples
            and self.replayed_passed <= self.replayed
        )

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """The speakers with their models, in the order of the transcript."""
        return tuple((speaker.name, speaker.model) for speaker in self.speakers)

    @property
    def moment(self) -> datetime:
        """When the run began, in UTC."""
        return self.created.astimezone(UTC)

    def without_secrets(self, redacted: Callable[[str], str]) -> HistoryLine:
        """The same without secrets in any text; `redacted` replaces them. Too long a build ends with a hash."""

        def safe(asked: Sequence[Asked]) -> tuple[Asked, ...]:
            return tuple(
                one.model_copy(update={"name": redacted(one.name), "model": redacted(one.model)})
                for one in asked
            )

        texts = {name: redacted(getattr(self, name)) for name in ("build", "scenario", "plugin")}
        texts["build"] = _shortened(texts["build"])
        return self.model_copy(update={**texts, "speakers": safe(self.speakers), "judges": safe(self.judges)})


def _shortened(build: str) -> str:
    """A name that is short enough, and another one for another build."""
    if len(build) <= LONGEST_BUILD:
        return build
    digest = hashlib.sha256(in_utf8(build)).hexdigest()[:KEY_DIGITS]
    return f"{build[: LONGEST_BUILD - KEY_DIGITS - 1]}-{digest}"


def lines_of_record(record: RunRecord, build: Build) -> Iterator[HistoryLine]:
    """The lines of a run record: one for each scenario, arm and choice of models."""
    header = record.header
    return lines_of(record.samples, build, created=header.created, plugin=header.plugin)


def lines_of(
    samples: Iterable[Sample],
    build: Build,
    *,
    created: datetime,
    plugin: str,
) -> Iterator[HistoryLine]:
    """The lines of some samples, in the order of their first ones."""
    groups: dict[tuple[str, AnyArm, tuple[tuple[str, str], ...]], list[Sample]] = {}
    for sample in samples:
        if sample.dialogues:
            models = tuple((name, model) for name, model in _models(sample.dialogues).items())
            groups.setdefault((sample.scenario, sample.arm, models), []).append(sample)
    for (scenario, arm, models), found in groups.items():
        live = [sample for sample in found if _is_live(sample)]
        measured = sorted((sample for sample in live if sample.is_measured), key=lambda one: one.number)
        repeats = repeats_in(measured)
        counted = [sample for sample in measured if (sample.scenario, sample.number) not in repeats]
        replayed = [sample for sample in found if sample.is_measured and not _is_live(sample)]
        yield HistoryLine(
            build=build.name,
            commit=build.commit,
            created=created,
            scenario=scenario,
            arm=arm,
            speakers=tuple(_asked_of(name, model, live) for name, model in models),
            judges=_judges_of(live),
            samples=len(counted),
            passed=sum(sample.passed for sample in counted),
            looped=sum(map(_has_loop, counted)),
            messages=sum(len(dialogue.transcript) for sample in counted for dialogue in sample.dialogues),
            repeats=len(measured) - len(counted),
            errors=len(live) - len(measured),
            replayed=len(replayed),
            replayed_passed=sum(sample.passed for sample in replayed),
            prompts=_prompts_key(found[0].dialogues[0].transcript),
            plugin=plugin,
        )


def _is_live(sample: Sample) -> bool:
    """Whether nothing of the sample is from a recording; a continued one repeats what is in an earlier build."""
    return not sample.is_stored and not any(dialogue.played for dialogue in sample.dialogues)


def _has_loop(sample: Sample) -> bool:
    readings = (dialogue.reading or dialogue.with_reading().reading for dialogue in sample.dialogues)
    return any(reading is not None and reading.loops for reading in readings)


def _models(dialogues: Iterable[DialogueResult]) -> dict[str, str]:
    """The model of each speaker of some dialogues; the first one of a name."""
    found: dict[str, str] = {}
    for dialogue in dialogues:
        for speaker in dialogue.transcript.speakers:
            found.setdefault(speaker.name, speaker.model or "")
    return found


def _asked_of(name: str, model: str, samples: Sequence[Sample]) -> Asked:
    replies = [
        message
        for sample in samples
        for dialogue in sample.dialogues
        for message in _replies(dialogue)
        if message.speaker == name
    ]
    usages = [reply.usage or Usage() for reply in replies]
    latencies = [reply.latency_ms for reply in replies if reply.latency_ms is not None]
    return _asked(name, model, len(replies), usages, median(latencies) if latencies else None)


def _replies(dialogue: DialogueResult) -> Iterator[Message]:
    """What models said: all messages but a given opener and the given beginning."""
    said = [*dialogue.transcript.messages, *filter(None, [dialogue.unsaid])]
    return (message for message in said if message.finish is not None or message.latency_ms is not None)


def _judges_of(samples: Sequence[Sample]) -> tuple[Asked, ...]:
    found: dict[str, JudgeUse] = {}
    for sample in samples:
        for dialogue in sample.dialogues:
            for use in dialogue.judges:
                found[use.model] = found[use.model] + use if use.model in found else use
    return tuple(
        _asked("", use.model, use.votes, [_whole(use)], use.latency_ms / use.votes if use.votes else None)
        for use in found.values()
    )


def _whole(use: JudgeUse) -> Usage:
    """The usage of all votes, without what only some of them say."""
    cost = None if use.gaps.cost else use.usage.cost
    return Usage(cost=cost) if use.gaps.tokens else use.usage.model_copy(update={"cost": cost})


def _asked(name: str, model: str, replies: int, usages: Sequence[Usage], latency_ms: float | None) -> Asked:
    return Asked(
        name=name,
        model=model,
        replies=replies,
        tokens_read=_possible(total(usage.known_read for usage in usages)),
        tokens_written=_possible(total(usage.known_written for usage in usages)),
        cost=_possible(total(usage.cost for usage in usages)),
        latency_ms=None if latency_ms is None else _possible(round(latency_ms, 1)),
    )


def total(figures: Iterable[Figure | None]) -> Figure | None:
    """The sum; None if one of them is unknown, or if there are none: a part of a sum would look like all of it."""
    known: list[Figure] = []
    for figure in figures:
        if figure is None:
            return None
        known.append(figure)
    return sum(known[1:], known[0]) if known else None


def _possible(figure: Figure | None) -> Figure | None:
    """The figure, or None if what a provider says cannot be true."""
    return figure if figure is not None and 0 <= figure <= MOST else None


def _prompts_key(transcript: Transcript) -> str:
    told = [
        [speaker.name, speaker.system, [tool.model_dump() for tool in speaker.tools]]
        for speaker in transcript.speakers
    ]
    said = canonical([told, transcript.opener, transcript.topic, transcript.turns])
    return hashlib.sha256(said).hexdigest()[:KEY_DIGITS]
