"""Whether a finished dialogue is what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_duolog.properties.base import Outcome, Property, Verdict, judge
from pytest_duolog.properties.endings import EndsCleanly
from pytest_duolog.properties.loops import NoLoops
from pytest_duolog.properties.topic import StaysOnTopic
from pytest_duolog.transcripts.sources import Source


@dataclass(frozen=True)
class Examination:
    """One dialogue, and the verdicts on what was asked of it."""

    source: Source
    verdicts: tuple[Verdict, ...]

    @property
    def findings(self) -> list[Verdict]:
        """The verdicts that are not good: what fails, and what could not be measured."""
        return [verdict for verdict in self.verdicts if verdict.outcome is not Outcome.HOLDS]

    def line_of(self, verdict: Verdict) -> int:
        """The line of the file that shows it best."""
        return self.source.line_of(verdict.evidence[0].message if verdict.evidence else 0)


def examine(source: Source, properties: Sequence[Property] = ()) -> Examination:
    """The verdicts on `properties`, or on the default ones."""
    chosen = properties or default_properties(source)
    return Examination(source, tuple(judge(check, source.transcript) for check in chosen))


def default_properties(source: Source) -> list[Property]:
    """What is checked where nobody says: loops, the ending, and the topic where one is stated."""
    topic = [StaysOnTopic()] if source.transcript.topic else []
    return [NoLoops(), EndsCleanly(), *topic]
