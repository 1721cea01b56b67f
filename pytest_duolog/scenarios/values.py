"""The arguments of a scenario, where each one was written, and which of them have no effect.

Sources are in the order of docs/settings.md#which-value-holds, the farthest first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import shorten
from pytest_duolog.scenarios.scenario import SIDES, Scenario, Side, StopOn
from pytest_duolog.scenarios.speaker import is_persona, speaker_fields
from pytest_duolog.scenarios.variants import Variant

LONGEST_VALUE = 60


class Source(NamedTuple):
    """Arguments that were written in one place; error messages name `place`, for example 'the marker of the test'.

    `is_matrix` says that they are the parameters of a parametrized test, where each value must make a difference.
    `is_change` says that they change farther values as in `Scenario.changed`, instead of replacing them.
    """

    place: str
    values: Mapping[str, Any]
    is_matrix: bool = False
    is_change: bool = False


class Played(NamedTuple):
    """A speaker's name, and the variant that it uses with its name; None for a plain model."""

    speaker: str
    variant: tuple[str, Variant] | None = None


class Idle(NamedTuple):
    """An argument that has no effect, and the reason.

    `is_overruled` says that a nearer source replaces it, which is allowed.
    """

    name: str
    value: Any
    place: str
    reason: str
    is_overruled: bool = False

    def __str__(self) -> str:
        return f"{self.name}={_shown(self.value)} ({self.place}) has no effect: {self.reason}"


class _Beater(NamedTuple):
    rank: int
    words: str


@dataclass(frozen=True)
class ScenarioValues:
    """The arguments of a scenario from all its `sources`; the nearest source is the last."""

    sources: Sequence[Source]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, sources: Sequence[Source]) -> ScenarioValues:
        """Merge the values of all sources; the nearest wins."""
        values: dict[str, Any] = {}
        for source in sources:
            values = (
                Scenario.changed(values, source.values) if source.is_change else {**values, **source.values}
            )
        return cls(sources, values)

    def changed(self, changes: Mapping[str, Any], place: str) -> ScenarioValues:
        """The values with some arguments changed, as in `Scenario.changed`."""
        sources = [Source("the test", self.values), Source(place, changes)]
        return ScenarioValues(sources, Scenario.changed(self.values, changes))

    def is_own(self, side: Side, name: str) -> bool:
        """Whether a speaker has a value of its own."""
        return name in self._own(side)

    def _rank(self, name: str) -> int:
        """The index of the source of `name`, a larger one is nearer; -1 if no source has it."""
        return max((rank for rank, source in enumerate(self.sources) if name in source.values), default=-1)

    def idle(
        self, played: Mapping[Side, Played], *, scenario: Scenario, stop_on: Collection[StopOn]
    ) -> Iterator[Idle]:
        """The arguments that have no effect.

        `scenario` is the scenario of these values, `played` are the variants of its speakers without the command line,
        and `stop_on` is the setting for dialogues that have no value of their own.
        """
        yield from self._hidden_in_matrix()
        for name in filter(self._is_given, Scenario.shared_with_speakers):
            beaters = [self._beater(name, side, played[side]) for side in SIDES]
            yield from self._beaten(name, [found for found in beaters if found], n_needed=len(SIDES))
        for side in SIDES:
            yield from self._beaten_by_variant(side, played[side])
        if self._is_given("opener"):
            yield from self._beaten("opener", self._beaters_of_opener(scenario))
        for name in filter(self._is_given, ("turns", "stop_phrases", "stop_on")):
            yield from self._beaten(name, self._beaters_with_steps(name, scenario))
        if self._is_given("opener_by"):
            yield from self._beaten("opener_by", self._beaters_of_opener_by(scenario))
        if self._is_given("grace"):
            yield from self._beaten("grace", self._beaters_of_grace(scenario, stop_on))

    def _is_given(self, name: str) -> bool:
        return self.values.get(name) is not None

    def _hidden_in_matrix(self) -> Iterator[Idle]:
        """Parameters of a parametrized test that a nearer source sets, too, so that all its cases are the same."""
        for rank, source in enumerate(self.sources):
            if not source.is_matrix:
                continue
            for name, value in source.values.items():
                if (nearest := self._rank(name)) > rank and name not in SIDES:
                    beater = self.sources[nearest]
                    yield Idle(name, value, source.place, f"{beater.place} sets it, too")

    def _beaten(self, name: str, beaters: Sequence[_Beater], *, n_needed: int = 1) -> Iterator[Idle]:
        """The argument as idle if at least `n_needed` others replace it."""
        if len(beaters) < n_needed:
            return
        rank = self._rank(name)
        source = self.sources[rank]
        reason = " and ".join(dict.fromkeys(beater.words for beater in beaters))
        is_overruled = not source.is_matrix and all(beater.rank > rank for beater in beaters)
        yield Idle(name, self.values[name], source.place, reason, is_overruled)

    def _beaten_by_variant(self, side: Side, played: Played) -> Iterator[Idle]:
        """The values of a speaker that its variant replaces."""
        if played.variant is None:
            return
        place = self.sources[self._rank(side)].place
        for name, value in self._own(side).items():
            if value is not None and (beater := self._variant(name, side, played)):
                is_overruled = beater.rank > self._rank(side)
                yield Idle(f"{side}.{name}", value, place, beater.words, is_overruled)

    def _own(self, side: Side) -> Mapping[str, Any]:
        """A speaker's own values; empty if it is not a speaker."""
        return speaker_fields(self.values.get(side)) or {}

    def _beater(self, name: str, side: Side, played: Played) -> _Beater | None:
        """The value that a speaker uses instead of the one for both."""
        if beater := self._variant(name, side, played):
            return beater
        own, rank = self._own(side), self._rank(side)
        if name == "system" and is_persona(own):
            return _Beater(rank, f"{played.speaker} is a Persona, whose prompt is made from its goal")
        if name not in own:
            return None
        return _Beater(rank, f"{played.speaker} has {name}={_shown(own[name])} ({self.sources[rank].place})")

    def _variant(self, name: str, side: Side, played: Played) -> _Beater | None:
        """The variant of a speaker, if it sets this value."""
        if played.variant is None or not played.variant[1].sets(name):
            return None
        words = f"{played.speaker} uses variant:{played.variant[0]}, which sets it"
        return _Beater(self._rank(side if "model" in self._own(side) else "model"), words)

    def _beaters_with_steps(self, name: str, scenario: Scenario) -> list[_Beater]:
        if not scenario.steps:
            return []
        if name == "turns":
            return [
                _Beater(
                    self._rank("steps"), "the steps say how long the dialogue is; talk(turns=...) has its own"
                )
            ]
        from pytest_duolog.scenarios.steps import Talk  # noqa: PLC0415  # most dialogues have no steps

        is_free = any(isinstance(step, Talk) for step in scenario.steps)
        return (
            []
            if is_free
            else [_Beater(self._rank("steps"), "it ends a talk(), and there is none in the steps")]
        )

    def _beaters_of_opener(self, scenario: Scenario) -> list[_Beater]:
        if scenario.steps:
            return [_Beater(self._rank("steps"), "the first step is the first message")]
        if not scenario.history:
            return []
        return [_Beater(self._rank("history"), "a dialogue with a history has no opener")]

    def _beaters_of_opener_by(self, scenario: Scenario) -> list[_Beater]:
        names = {scenario.speaker(side).name for side in SIDES}
        voices = {message.speaker for message in scenario.history}
        if not (voices and voices <= names):
            return []
        return [_Beater(self._rank("history"), "the history says who speaks next")]

    def _beaters_of_grace(self, scenario: Scenario, stop_on: Collection[StopOn]) -> list[_Beater]:
        if beaters := self._beaters_with_steps("grace", scenario):
            return beaters
        if scenario.stop_on is None:
            return [] if stop_on else [_Beater(-1, "duolog_stop_on is 'nothing'")]
        return [] if scenario.stop_on else [_Beater(self._rank("stop_on"), "stop_on is empty")]


def _shown(value: Any) -> str:
    return shorten(value, LONGEST_VALUE) if isinstance(value, str) else f"{value!r:.{LONGEST_VALUE}}"
