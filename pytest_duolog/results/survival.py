"""After how many messages dialogues loop, say goodbye or leave their topic, by model, system prompts and opener.

A dialogue in which it does not happen is censored at its last message: at the cap, or where it ended for another
reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from pytest_duolog.display import shorten
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.copies import distinct, systems_of
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.record import SampleOutcome
from pytest_duolog.stats.exact_tests import holm
from pytest_duolog.stats.log_rank import LogRank, log_rank
from pytest_duolog.stats.survival import (
    Curve,
    MeanDifference,
    Observation,
    common_reach,
    kaplan_meier,
    mean_difference,
    standardised,
)

# A value that differs in most dialogues, such as the first message of a chat log, is no condition that was tried.
LEAST_PER_GROUP = 2
MOST_GROUPS = 12
# With fewer events, the p-value of the test is only rough.
FEW_EVENTS = 10
LONGEST_LABEL = 40


class Event(StrEnum):
    """What may happen in a dialogue: the first loop begins, somebody says goodbye, or it leaves its topic."""

    LOOP = "loop"
    GOODBYE = "goodbye"
    DRIFT = "drift"


class Condition(StrEnum):
    """What differs between groups of dialogues."""

    ARM = "arm"
    MODEL = "model"
    PROMPT = "system prompt"
    OPENER = "opener"
    NONE = "all dialogues"


@dataclass(frozen=True)
class Lifetimes:
    """One event in groups of dialogues that differ in one condition.

    `curves` has the curve of each group by its label, the one that the others are compared with first. If groups held
    several tests, the curves are standardised: each test counts equally much in all groups, and `n_left_out` dialogues
    are of tests that not every group held, or that are not known as far as most. If there is no common test, the curves
    are plain, and `is_comparable` is false: then their differences mean nothing. `test` compares
    the groups within each test and within equal values of the other conditions; None for one group. `adjusted_p` takes
    into account how many tests there are beside it.
    """

    event: Event
    condition: Condition
    curves: Mapping[str, Curve]
    test: LogRank | None = None
    adjusted_p: float = 1.0
    is_comparable: bool = True
    n_left_out: int = 0

    @property
    def n_tests(self) -> int:
        """How many tests the curves are standardised over; 1 if they are plain."""
        return len(next(iter(self.curves.values())).parts)

    @property
    def n_events(self) -> int:
        """In how many dialogues it happened."""
        return sum(curve.n_events for curve in self.curves.values())

    @property
    def is_rough(self) -> bool:
        """Whether it happened too seldom for an exact test."""
        return self.n_events < FEW_EVENTS

    @cached_property
    def until(self) -> int:
        """The message up to which all curves are known."""
        return common_reach(list(self.curves.values()))

    @cached_property
    def differences(self) -> Mapping[str, MeanDifference]:
        """For each group but the first: its mean number of messages without the event, minus that of the first.

        Empty if the groups cannot be compared.
        """
        if not self.is_comparable:
            return {}
        (_, first), *others = self.curves.items()
        return {label: mean_difference(curve, first) for label, curve in others}


@dataclass(frozen=True)
class Survival:
    """The lifetimes of some dialogues, and how many of these were copies of others, which count once."""

    lifetimes: tuple[Lifetimes, ...] = ()
    n_copies: int = 0


def observed(dialogue: FiledDialogue, event: Event) -> Observation | None:
    """When the event happened in a dialogue, or the last message without it; None if nothing was to be seen.

    That is a dialogue without messages, or for a drift one without a stated topic.
    """
    reading, transcript = dialogue.reading, dialogue.source.transcript
    if not transcript.messages or (event is Event.DRIFT and not reading.topic):
        return None
    happened = {
        Event.LOOP: reading.loops[0].first if reading.loops else None,
        Event.GOODBYE: reading.goodbye,
        Event.DRIFT: reading.off_topic[0][0] if reading.off_topic else None,
    }[event]
    return (
        Observation(len(transcript), happened=False)
        if happened is None
        else Observation(happened, happened=True)
    )


def survival_of(dialogues: Iterable[FiledDialogue]) -> Survival:
    """The lifetimes for each event that happened, by each condition that differs; errors are left out."""
    measured = [dialogue for dialogue in dialogues if dialogue.outcome is not SampleOutcome.ERROR]
    counted = distinct(measured)
    conditions = list(_conditions(counted)) or [Condition.NONE]
    found = [
        lifetimes
        for condition in conditions
        for event in Event
        if (lifetimes := _lifetimes(counted, event, condition, conditions))
    ]
    adjusted = iter(holm([lifetimes.test.p for lifetimes in found if lifetimes.test]))
    return Survival(
        tuple(replace(one, adjusted_p=next(adjusted)) if one.test else one for one in found),
        len(measured) - len(counted),
    )


def _opener(dialogue: FiledDialogue) -> Hashable:
    messages = dialogue.source.transcript.messages
    return messages[0].content if messages else ""


VALUES: Mapping[Condition, Callable[[FiledDialogue], Hashable]] = {
    Condition.ARM: lambda dialogue: dialogue.arm,
    Condition.MODEL: lambda dialogue: dialogue.models,
    Condition.PROMPT: systems_of,
    Condition.OPENER: _opener,
    Condition.NONE: lambda _: "all",
}


def _conditions(dialogues: Sequence[FiledDialogue]) -> Iterator[Condition]:
    """The conditions that differ; the arms of a gate are the only one that it compares."""
    if {dialogue.arm for dialogue in dialogues} >= set(Arm):
        yield Condition.ARM
        return
    for condition in (Condition.MODEL, Condition.PROMPT, Condition.OPENER):
        n = len(set(map(VALUES[condition], dialogues)))
        if 1 < n <= min(MOST_GROUPS, len(dialogues) / LEAST_PER_GROUP):
            yield condition


def _lifetimes(
    dialogues: Sequence[FiledDialogue], event: Event, condition: Condition, conditions: Sequence[Condition]
) -> Lifetimes | None:
    """None if the event never happened, or a condition does not differ where it could."""
    others = [VALUES[other] for other in conditions if other is not condition]
    groups: dict[Hashable, list[Observation]] = {}
    strata: dict[Hashable, dict[str, list[Observation]]] = {}
    labels: dict[Hashable, str] = {}
    for dialogue in sorted(dialogues, key=lambda dialogue: dialogue.arm):
        seen = observed(dialogue, event)
        if seen is None:
            continue
        value = VALUES[condition](dialogue)
        label = labels.setdefault(value, _label(condition, value, len(labels) + 1))
        groups.setdefault(value, []).append(seen)
        stratum = (_test(dialogue, condition), *(other(dialogue) for other in others))
        strata.setdefault(stratum, {}).setdefault(label, []).append(seen)
    if not any(one.happened for found in groups.values() for one in found):
        return None
    if len(groups) == 1 and condition is not Condition.NONE:
        return None
    plain = {labels[value]: kaplan_meier(found) for value, found in groups.items()}
    if len(groups) == 1:
        return Lifetimes(event, condition, plain)
    adjusted = standardised([[found.get(label, []) for label in plain] for found in strata.values()])
    return Lifetimes(
        event,
        condition,
        dict(zip(plain, adjusted or plain.values(), strict=True)),
        log_rank(strata.values()),
        is_comparable=bool(adjusted),
        n_left_out=sum(curve.n for curve in plain.values()) - sum(curve.n for curve in adjusted)
        if adjusted
        else 0,
    )


def _test(dialogue: FiledDialogue, condition: Condition) -> str:
    """The test of a dialogue; if its parameters may be the condition, without them."""
    return dialogue.test if condition is Condition.ARM else dialogue.test.partition("[")[0]


def _label(condition: Condition, value: Hashable, number: int) -> str:
    if condition is Condition.PROMPT:
        texts = " / ".join(dict.fromkeys(filter(None, value if isinstance(value, tuple) else ())))
        return (
            f"{number} {shorten(' '.join(texts.split()), LONGEST_LABEL)}" if texts else f"{number} no prompt"
        )
    if condition is Condition.OPENER:
        return f"{number} {shorten(' '.join(str(value).split()), LONGEST_LABEL)}"
    return str(value)
