"""The series of a history: each scenario build after build, where its rates changed, and with which models.

Only live samples of the baseline arm are evidence; a candidate is on trial, and its gate judges it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import accumulate, pairwise

from pytest_duolog.history.folder import Folder
from pytest_duolog.history.line import Asked, Build, HistoryLine, total
from pytest_duolog.results.arm import AnyArm, Arm
from pytest_duolog.stats.changes import Count, Risk, Shift, find_shifts

# At most this chance of a false alarm anywhere in so many looks; a look is a build.
FALSE_ALARMS = 0.05
LOOKS = 1000


class Measure(StrEnum):
    """A rate whose changes are claimed."""

    PASSES = "passes"
    LOOPS = "loops"


# How the chance of a false alarm is divided; the sum is 1.
SHARES: Mapping[Measure, Risk] = {Measure.PASSES: Risk(0.6, 0.2), Measure.LOOPS: Risk(0.05, 0.15)}


def risk_of_look(measure: Measure, n_series: int) -> Risk:
    """What the look at one of `n_series` series after a build may risk."""
    fall, rise = SHARES[measure]
    per_series = FALSE_ALARMS / LOOKS / max(1, n_series)
    return Risk(fall * per_series, rise * per_series)


@dataclass(frozen=True)
class Change:
    """A change of a rate in a series: in `began` it began, after `found` it was seen.

    `has_other_models` and `has_other_prompts` say whether these changed in the build in which it began.
    """

    measure: Measure
    shift: Shift
    began: Build
    found: Build
    has_other_models: bool
    has_other_prompts: bool

    @property
    def is_worse(self) -> bool:
        """Whether it is a change for the worse."""
        return self.shift.is_fall == (self.measure is Measure.PASSES)


@dataclass(frozen=True)
class Stretch:
    """Consecutive builds of a series with the same models and without a change; never empty."""

    lines: Sequence[HistoryLine]

    @property
    def passes(self) -> Count:
        """The samples that passed."""
        return Count(sum(line.passed for line in self.lines), self.n)

    @property
    def loops(self) -> Count:
        """The samples that looped."""
        return Count(sum(line.looped for line in self.lines), self.n)

    @property
    def n(self) -> int:
        """The number of samples."""
        return sum(line.samples for line in self.lines)

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """The speakers with their models."""
        return self.lines[0].models

    @cached_property
    def figures(self) -> Figures:
        """What a sample is like."""
        return Figures.of(self.lines)


@dataclass(frozen=True)
class Figures:
    """What the samples of some builds were like; None for what is not known.

    `messages`, `tokens` and `cost` are means of a sample; `tokens` and `cost` are those of the lines in which they are
    known of every speaker and judge that was asked. `latency_ms` is the median of the medians of the
    speakers in each build, each as often as it has replies. Nothing is claimed about them: the samples of one build
    share its hour and its machine, so that they are no independent evidence of a change.
    """

    messages: float | None
    tokens: float | None
    cost: float | None
    latency_ms: float | None

    @classmethod
    def of(cls, lines: Sequence[HistoryLine]) -> Figures:
        """The figures of these lines."""
        medians = [
            (one.latency_ms, one.replies)
            for line in lines
            for one in line.speakers
            if one.latency_ms is not None
        ]
        return cls(
            _mean(lines, lambda line: line.messages, lambda line: line.samples),
            _mean(lines, _tokens, _n_asked),
            _mean(lines, _cost, _n_asked),
            _median(medians),
        )


def _median(weighted: Iterable[tuple[float, int]]) -> float | None:
    """The median of values, each as often as its number says; None if there are none."""
    values = sorted((value, n) for value, n in weighted if n)
    ends = list(accumulate(n for _, n in values))
    if not ends:
        return None
    low, high = (bisect_left(ends, place) for place in ((ends[-1] + 1) // 2, ends[-1] // 2 + 1))
    return (values[low][0] + values[high][0]) / 2


def _mean(
    lines: Sequence[HistoryLine],
    amount: Callable[[HistoryLine], float | None],
    number: Callable[[HistoryLine], int],
) -> float | None:
    known = [(value, number(line)) for line in lines if (value := amount(line)) is not None]
    n = sum(count for _, count in known)
    return sum(value for value, _ in known) / n if n else None


def _n_asked(line: HistoryLine) -> int:
    """How many samples the models were asked for, with those that do not count as evidence."""
    return line.samples + line.repeats + line.errors


def _tokens(line: HistoryLine) -> float | None:
    return total(n for one in _asked(line) for n in (one.tokens_read, one.tokens_written))


def _cost(line: HistoryLine) -> float | None:
    return total(one.cost for one in _asked(line))


def _asked(line: HistoryLine) -> Iterator[Asked]:
    return (one for one in (*line.speakers, *line.judges) if one.replies)


@dataclass(frozen=True)
class Series:
    """One scenario and arm, build after build; `lines` are those with live samples, by time.

    `is_by_model` says that it is one of several series of this scenario, because builds ran it with several choices of
    models.
    """

    scenario: str
    arm: AnyArm
    lines: Sequence[HistoryLine]
    changes: Sequence[Change] = ()
    is_by_model: bool = False

    @cached_property
    def stretches(self) -> list[Stretch]:
        """The series between its changes and from models to models."""
        cuts = {change.shift.began for change in self.changes} | {
            at for at, (one, two) in enumerate(pairwise(self.lines), start=1) if one.models != two.models
        }
        edges = [0, *sorted(cuts), len(self.lines)]
        return [Stretch(self.lines[begin:end]) for begin, end in pairwise(edges)]

    @cached_property
    def open_changes(self) -> list[Change]:
        """The changes for the worse that are not made up for.

        One is the last change of its measure, or the samples since the last one are still worse than those before it.
        """
        return [change for change in self.changes if change.is_worse and self._is_open(change)]

    def _is_open(self, change: Change) -> bool:
        last = self.last_change(change.measure)
        return last is change or change.shift.lasts_in(self.present(change.measure))

    def last_change(self, measure: Measure) -> Change:
        """The last change of a rate, which must have one."""
        return [change for change in self.changes if change.measure is measure][-1]

    def present(self, measure: Measure) -> Count:
        """The samples since the last change of a rate, which must have one."""
        counts = [_count(line, measure) for line in self.lines[self.last_change(measure).shift.began :]]
        return Count(sum(count.n_passed for count in counts), sum(count.n for count in counts))


@dataclass(frozen=True)
class Rename:
    """A scenario that may go on under a new name: the last build of the old one, and the first of the new one."""

    old: str
    new: str
    last: Build
    first: Build


@dataclass(frozen=True)
class Trends:
    """A history as people read it: its builds by time, its series by name, and what may be the same scenario.

    `n_replayed` is the number of replayed samples, which are no evidence.
    """

    builds: Sequence[Build]
    series: Sequence[Series]
    renames: Sequence[Rename] = ()
    n_replayed: int = 0
    n_copies: int = 0

    @cached_property
    def worse(self) -> list[tuple[Series, Change]]:
        """What is worse now than before, the newest change first."""
        order = {build.name: at for at, build in enumerate(self.builds)}
        found = [(series, change) for series in self.series for change in series.open_changes]
        return sorted(found, key=lambda one: -order[one[1].began.name])


def trends_of(folder: Folder) -> Trends:
    """The trends in the content of a folder."""
    builds = _in_order(folder.lines)
    groups = _groups(line for line in folder.lines if line.samples)
    looked_at = Counter(
        line.build
        for (_, arm), tracks in groups.items()
        if arm is Arm.BASELINE
        for lines in tracks
        for line in lines
    )
    series = [
        Series(
            scenario,
            arm,
            lines,
            _changes(lines, looked_at) if arm is Arm.BASELINE else (),
            is_by_model=len(tracks) > 1,
        )
        for (scenario, arm), tracks in groups.items()
        for lines in tracks
    ]
    series.sort(key=lambda one: (one.scenario, one.arm, one.lines[0].moment))
    return Trends(
        builds,
        series,
        list(_renames(folder.lines, builds)),
        sum(line.replayed for line in folder.lines),
        folder.n_copies,
    )


def _in_order(lines: Iterable[HistoryLine]) -> list[Build]:
    """The builds in the order of their first lines."""
    found: dict[str, Build] = {}
    for line in lines:
        found.setdefault(line.build, _build_of(line))
    return list(found.values())


Track = list[HistoryLine]


def _groups(lines: Iterable[HistoryLine]) -> dict[tuple[str, AnyArm], list[Track]]:
    """The lines of each series of each scenario and arm."""
    found: dict[tuple[str, AnyArm], dict[str, list[HistoryLine]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        found[line.scenario, line.arm][line.build].append(line)
    return {key: _tracks(builds.values()) for key, builds in found.items()}


def _tracks(builds: Iterable[Sequence[HistoryLine]]) -> list[Track]:
    """The series of a scenario, given its lines of each build; a series has at most one line of a build.

    The first series goes on with its models, or else with others. Only models beside these begin another one. Later
    builds move no earlier line.
    """
    tracks: list[Track] = []
    for own in builds:
        left: list[HistoryLine] = []
        for line in own:
            track = _same_models(tracks, line, is_alone=len(own) == 1)
            if track is None:
                left.append(line)
            else:
                track.append(line)
        for line in left:
            if tracks and tracks[0][-1].build != line.build:
                tracks[0].append(line)
            else:
                tracks.append([line])
    return tracks


def _same_models(tracks: Sequence[Track], line: HistoryLine, *, is_alone: bool) -> Track | None:
    """The series with these models; one of a single build is none for a line that is alone in its build."""
    for track in tracks:
        is_lasting = track is tracks[0] or len(track) > 1 or not is_alone
        if is_lasting and track[-1].models == line.models and track[-1].build != line.build:
            return track
    return None


def _changes(lines: Sequence[HistoryLine], looked_at: Mapping[str, int]) -> list[Change]:
    """The changes of a series, by the build in which they began; `looked_at` is the number of series of each build."""
    found: list[Change] = []
    for measure in Measure:

        def risk_of(at: int, measure: Measure = measure) -> Risk:
            return risk_of_look(measure, looked_at[lines[at].build])

        for shift in find_shifts([_count(line, measure) for line in lines], risk_of):
            before, first = lines[shift.began - 1], lines[shift.began]
            found.append(
                Change(
                    measure,
                    shift,
                    _build_of(first),
                    _build_of(lines[shift.found]),
                    before.models != first.models,
                    before.prompts != first.prompts,
                )
            )
    return sorted(found, key=lambda change: change.shift.began)


def _count(line: HistoryLine, measure: Measure) -> Count:
    return Count(line.passed if measure is Measure.PASSES else line.looped, line.samples)


def _renames(lines: Sequence[HistoryLine], builds: Sequence[Build]) -> Iterator[Rename]:
    """Scenarios that end before another with the same prompts begins; only where one fits one."""
    order = {build.name: at for at, build in enumerate(builds)}
    spans: dict[str, list[HistoryLine]] = defaultdict(list)
    for line in lines:
        spans[line.scenario].append(line)
    for last, first in _followers(spans.values(), order):
        if order[last.build] < order[first.build]:
            yield Rename(last.scenario, first.scenario, _build_of(last), _build_of(first))


def _followers(
    spans: Iterable[Sequence[HistoryLine]], order: Mapping[str, int]
) -> Iterator[tuple[HistoryLine, HistoryLine]]:
    """The last line of a scenario that ended, and the first of one that began, if no others have their prompts."""
    ended: dict[str, list[HistoryLine]] = defaultdict(list)
    begun: dict[str, list[HistoryLine]] = defaultdict(list)
    for own in spans:
        if order[own[-1].build] < len(order) - 1:
            ended[own[-1].prompts].append(own[-1])
        if order[own[0].build] > 0:
            begun[own[0].prompts].append(own[0])
    for prompts, last in ended.items():
        if prompts and len(last) == len(begun[prompts]) == 1:
            yield last[0], begun[prompts][0]


def _build_of(line: HistoryLine) -> Build:
    return Build(line.build, line.commit)
