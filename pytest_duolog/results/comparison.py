"""The character of a candidate next to that of a baseline: each trait with its interval, and what may be claimed.

A dialogue is one piece of evidence, however many messages it has. Dialogues are compared within their test, or with
those of the same name; for files that share no names, all with all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from pytest_duolog.results.arm import Arm
from pytest_duolog.results.copies import distinct
from pytest_duolog.results.filed import FiledDialogue
from pytest_duolog.results.record import SampleOutcome
from pytest_duolog.results.survival import Event, observed
from pytest_duolog.results.traits import TRAITS, Trait, Unit, main_language, said_by
from pytest_duolog.stats.exact_tests import benjamini_yekutieli
from pytest_duolog.stats.intervals import Interval
from pytest_duolog.stats.log_rank import log_rank_scores
from pytest_duolog.stats.permutation import (
    N_EXCHANGES,
    TwoGroups,
    difference_interval,
    permutation_ps,
    weighted_difference,
)
from pytest_duolog.stats.survival import Observation, common_reach, mean_difference, standardised

# The share of false claims on a page.
RATE = 0.05
# Names tell which dialogues belong together if this share of them is on both sides.
MOST_SHARED = 0.5
TIMES = {
    Event.LOOP: "messages until the first loop",
    Event.GOODBYE: "messages until a goodbye",
    Event.DRIFT: "messages until it leaves the topic",
}


@dataclass(frozen=True)
class Measured:
    """The numbers of one dialogue: its stratum, the value of each trait, and when each event happened.

    Traits and events that the dialogue does not tell are left out.
    """

    stratum: Hashable
    values: Mapping[str, float]
    times: Mapping[Event, Observation]


@dataclass(frozen=True)
class Difference:
    """One trait on both sides. Times have means up to the message `until`; for other traits it is None.

    `baseline` and `candidate` are means over dialogues, `n` the numbers of dialogues that tell the trait.
    `difference` is candidate minus baseline within the strata, so it can differ from that of the means. `interval` is
    None if the values do not vary enough. `adjusted_p` takes all traits of the page into account. `pair` are the
    indices of the two dialogues that show the difference best. `values` are those of the dialogues of each side; for
    times, when it happened or the last message.
    """

    name: str
    title: str
    unit: Unit
    n: tuple[int, int]
    baseline: float
    candidate: float
    difference: float
    interval: Interval | None
    p: float = 1.0
    adjusted_p: float = 1.0
    is_claimed: bool = False
    until: int | None = None
    pair: tuple[int, int] = (0, 0)
    values: tuple[Sequence[float], Sequence[float]] = ((), ())


@dataclass(frozen=True)
class Comparison:
    """What is compared, and the traits: those that may be claimed to differ first, then by p-value.

    `speakers` are those whose messages are compared; `language` is the main one. `same` are the traits that have one
    value in every dialogue, `unmeasured` those that no dialogue of a side tells. `n_alone` is the number of dialogues
    whose test or name the other side does not have, `n_copies` that of copies; neither are compared.
    """

    baseline: Sequence[FiledDialogue]
    candidate: Sequence[FiledDialogue]
    speakers: Sequence[str]
    language: str | None
    rate: float
    n_strata: int
    differences: Sequence[Difference]
    same: Sequence[str]
    unmeasured: Sequence[str]
    n_alone: int = 0
    n_copies: int = 0

    @cached_property
    def claimed(self) -> list[Difference]:
        """The traits that may be claimed to differ."""
        return [difference for difference in self.differences if difference.is_claimed]

    def pair_of(self, difference: Difference) -> tuple[FiledDialogue, FiledDialogue]:
        """The two dialogues that show a difference best."""
        one, two = difference.pair
        return self.baseline[one], self.candidate[two]


def on_trial(baseline: Iterable[FiledDialogue], candidate: Iterable[FiledDialogue]) -> list[str]:
    """The speakers whose models differ between the sides, if others have the same; else all, in order."""
    models: dict[str, list[set[str]]] = {}
    for side, dialogues in enumerate((baseline, candidate)):
        for dialogue in dialogues:
            for speaker in dialogue.source.transcript.speakers:
                models.setdefault(speaker.name, [set(), set()])[side].add(speaker.model or "")
    changed = [name for name, (one, two) in models.items() if one != two]
    return changed or list(models)


def compare(
    baseline: Iterable[FiledDialogue],
    candidate: Iterable[FiledDialogue],
    *,
    speakers: Sequence[str] = (),
    rate: float = RATE,
) -> Comparison:
    """The comparison of two sides by what `speakers` say; without any, by those `on_trial`. Errors are left out.

    With `speakers`, the times of events are unmeasured: they belong to the whole dialogue.
    """
    given = [
        [
            replace(dialogue, arm=arm.value)
            for dialogue in side
            if dialogue.outcome is not SampleOutcome.ERROR and len(dialogue.source.transcript)
        ]
        for arm, side in zip(Arm, (baseline, candidate), strict=True)
    ]
    sides = [distinct(side) for side in given]
    n_copies = sum(map(len, given)) - sum(map(len, sides))
    strata = _strata(*sides)
    shared = set(map(strata, sides[0])) & set(map(strata, sides[1]))
    kept = [[dialogue for dialogue in side if strata(dialogue) in shared] for side in sides]
    compared = list(speakers) or on_trial(*kept)
    language = main_language(said_by(dialogue, compared) for dialogue in kept[0])
    events = () if speakers else tuple(Event)
    measured = [[_measured(one, strata(one), compared, language, events) for one in side] for side in kept]
    differences, same, unmeasured = differences_of(measured[0], measured[1], rate=rate)
    return Comparison(
        kept[0],
        kept[1],
        compared,
        language,
        rate,
        len(shared),
        differences,
        same,
        unmeasured,
        sum(map(len, sides)) - sum(map(len, kept)),
        n_copies,
    )


def _strata(
    baseline: Sequence[FiledDialogue], candidate: Sequence[FiledDialogue]
) -> Callable[[FiledDialogue], Hashable]:
    """What a dialogue is compared within: its test, or its name if most names are on both sides; else nothing."""
    for key, least in ((_test, 0.0), (_name, MOST_SHARED)):
        names = [Counter(filter(None, map(key, side))) for side in (baseline, candidate)]
        shared = names[0].keys() & names[1].keys()
        if shared and all(sum(found[name] for name in shared) >= least * found.total() for found in names):
            return key
    return lambda _: "all"


def _test(dialogue: FiledDialogue) -> Hashable:
    return dialogue.test


def _name(dialogue: FiledDialogue) -> Hashable:
    return dialogue.source.id


def _measured(
    dialogue: FiledDialogue,
    stratum: Hashable,
    speakers: Sequence[str],
    language: str | None,
    events: Sequence[Event],
) -> Measured:
    said = said_by(dialogue, speakers, language)
    values = {trait.name: trait.measure(said) for trait in TRAITS} if said.messages else {}
    times = {event: observed(dialogue, event) for event in events}
    return Measured(
        stratum,
        {name: float(value) for name, value in values.items() if value is not None},
        {event: time for event, time in times.items() if time is not None},
    )


@dataclass(frozen=True)
class _Column:
    """One trait in all dialogues that tell it: the values that are exchanged, in strata, and what is shown of it."""

    strata: Sequence[TwoGroups]
    shown: Difference

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        return tuple((len(one.first), len(one.second)) for one in self.strata)


def differences_of(
    baseline: Sequence[Measured],
    candidate: Sequence[Measured],
    *,
    rate: float = RATE,
    n_exchanges: int = N_EXCHANGES,
) -> tuple[list[Difference], list[str], list[str]]:
    """The traits that vary, and the titles of those that do not, and of those that a side does not tell.

    At most the share `rate` of the claimed differences is false, on average over pages; if nothing differs, at most
    this share of pages claims anything.
    """
    columns: list[_Column] = []
    same: list[str] = []
    unmeasured: list[str] = []
    for trait in TRAITS:
        found = _trait_column(trait, baseline, candidate)
        _sort_in(trait.title, found, columns, same, unmeasured)
    for event, title in TIMES.items():
        found = _time_column(event, title, baseline, candidate)
        _sort_in(title, found, columns, same, unmeasured)
    by_sizes: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for at, column in enumerate(columns):
        by_sizes.setdefault(column.sizes, []).append(at)
    ps = [1.0] * len(columns)
    for places in by_sizes.values():
        strata = [columns[at].strata for at in places]
        for at, p in zip(places, permutation_ps(strata, n_exchanges=n_exchanges), strict=True):
            ps[at] = p
    adjusted = benjamini_yekutieli(ps)
    differences = [
        replace(column.shown, p=p, adjusted_p=q, is_claimed=q <= rate)
        for column, p, q in zip(columns, ps, adjusted, strict=True)
    ]
    differences.sort(key=lambda difference: (not difference.is_claimed, difference.p))
    return differences, same, unmeasured


def _sort_in(
    title: str, found: _Column | None, columns: list[_Column], same: list[str], unmeasured: list[str]
) -> None:
    if found is None:
        unmeasured.append(title)
    elif len({value for one in found.strata for value in (*one.first, *one.second)}) > 1:
        columns.append(found)
    else:
        same.append(title)


Indexed = Mapping[Hashable, tuple[list[int], list[int]]]


def _indexed(
    baseline: Sequence[Measured], candidate: Sequence[Measured], tells: Callable[[Measured], bool]
) -> Indexed:
    """The indices of the dialogues of both sides that tell something, by stratum; only strata with both sides."""
    found: dict[Hashable, tuple[list[int], list[int]]] = {}
    for side, dialogues in enumerate((baseline, candidate)):
        for at, one in enumerate(dialogues):
            if tells(one):
                found.setdefault(one.stratum, ([], []))[side].append(at)
    return {stratum: both for stratum, both in found.items() if all(both)}


def _trait_column(
    trait: Trait, baseline: Sequence[Measured], candidate: Sequence[Measured]
) -> _Column | None:
    name = trait.name
    indexed = _indexed(baseline, candidate, lambda one: name in one.values)
    if not indexed:
        return None
    strata = [
        TwoGroups(
            tuple(baseline[at].values[name] for at in one), tuple(candidate[at].values[name] for at in two)
        )
        for one, two in indexed.values()
    ]
    first = [value for stratum in strata for value in stratum.first]
    second = [value for stratum in strata for value in stratum.second]
    difference = weighted_difference(strata)
    shown = Difference(
        name,
        trait.title,
        trait.unit,
        (len(first), len(second)),
        fmean(first),
        fmean(second),
        difference,
        _possible(difference_interval(strata), trait.unit),
        pair=_clearest(strata, indexed, difference),
        values=(first, second),
    )
    return _Column(strata, shown)


def _possible(interval: Interval | None, unit: Unit) -> Interval | None:
    """The part of an interval that a difference can lie in: shares differ by at most 1."""
    if interval is None or unit != Unit.SHARE:
        return interval
    return Interval(max(-1.0, interval.low), min(1.0, interval.high))


def _time_column(
    event: Event, title: str, baseline: Sequence[Measured], candidate: Sequence[Measured]
) -> _Column | None:
    """The times of an event: exchanged by their log-rank scores, and shown as restricted means."""
    indexed = _indexed(baseline, candidate, lambda one: event in one.times)
    if not indexed:
        return None
    strata: list[TwoGroups] = []
    times: list[tuple[list[Observation], list[Observation]]] = []
    for one, two in indexed.values():
        times.append(([baseline[at].times[event] for at in one], [candidate[at].times[event] for at in two]))
        scores = log_rank_scores([*times[-1][0], *times[-1][1]])
        strata.append(TwoGroups(tuple(scores[: len(one)]), tuple(scores[len(one) :])))
    curves = standardised(times)
    until = common_reach(curves)
    change = mean_difference(curves[1], curves[0])
    shown = Difference(
        event.value,
        title,
        Unit.COUNT,
        (curves[0].n, curves[1].n),
        curves[0].mean_until(until).mean,
        curves[1].mean_until(until).mean,
        change.difference,
        change.interval,
        until=until,
        pair=_clearest(strata, indexed, weighted_difference(strata)),
        values=([one.time for one in curves[0].observations], [one.time for one in curves[1].observations]),
    )
    return _Column(strata, shown)


def _clearest(strata: Sequence[TwoGroups], indexed: Indexed, difference: float) -> tuple[int, int]:
    """The indices of the two dialogues of one stratum that differ most in the direction of the difference."""
    best, pair = -1.0, (0, 0)
    sign = -1 if difference < 0 else 1
    for stratum, (one, two) in zip(strata, indexed.values(), strict=True):
        low = min(range(len(one)), key=lambda at: sign * stratum.first[at])  # used at once
        high = max(range(len(two)), key=lambda at: sign * stratum.second[at])
        size = sign * (stratum.second[high] - stratum.first[low])
        if size > best:
            best, pair = size, (one[low], two[high])
    return pair
