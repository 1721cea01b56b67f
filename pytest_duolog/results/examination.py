"""Checks a finished dialogue against properties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_duolog.properties.base import AllOf, AnyOf, Not, Property, judge
from pytest_duolog.properties.endings import EndsCleanly
from pytest_duolog.properties.loops import NoLoops, find_together
from pytest_duolog.properties.topic import StaysOnTopic
from pytest_duolog.properties.verdict import Outcome, Verdict
from pytest_duolog.transcripts.sources import Source


@dataclass(frozen=True)
class Examination:
    """One dialogue and the verdicts on it."""

    source: Source
    verdicts: tuple[Verdict, ...]

    @property
    def findings(self) -> list[Verdict]:
        """The verdicts on properties that fail or could not be measured."""
        return [verdict for verdict in self.verdicts if verdict.outcome is not Outcome.HOLDS]

    def line_of(self, verdict: Verdict) -> int:
        """The line of the file to show for a verdict."""
        return self.source.line_of(verdict.evidence[0].message if verdict.evidence else 0)


def examine(source: Source, properties: Sequence[Property] = ()) -> Examination:
    """The verdicts on `properties`, or on the default ones."""
    chosen = properties or default_properties(source)
    return Examination(source, tuple(judge(check, source.transcript) for check in chosen))


def examine_together(sources: Sequence[Source], properties: Sequence[Property] = ()) -> Iterator[Examination]:
    """The same of several dialogues, at most TOGETHER, which is faster than one by one."""
    if not properties or any(isinstance(check, NoLoops) for check in properties):
        find_together([source.transcript.messages for source in sources])
    for source in sources:
        yield examine(source, properties)


def reads_topic(check: Property) -> bool:
    """Whether the topic that a dialogue states may change the verdict; that of the user's own or combined ones may."""
    from pytest_duolog.properties.roles import StaysInCharacter, StaysInRole  # noqa: PLC0415  # few checks ask

    if isinstance(check, StaysOnTopic):
        return check.topic is None
    is_of_package = type(check).__module__.startswith(StaysOnTopic.__module__.rpartition(".")[0])
    return not is_of_package or isinstance(check, StaysInCharacter | StaysInRole | AllOf | AnyOf | Not)


def default_properties(source: Source) -> list[Property]:
    """The properties that are checked by default: no loops, a clean ending, and the topic if one is stated."""
    topic = [StaysOnTopic()] if source.transcript.topic else []
    return [NoLoops(), EndsCleanly(), *topic]
