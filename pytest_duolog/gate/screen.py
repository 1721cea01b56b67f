"""Compares the next messages of candidate and baseline at each turn of recorded dialogues: what to look at first.

Both models answer the same history several times. The distance between the two is set against the distance of each
from itself, the noise floor: only what exceeds it counts. Under the claim that both are one model, their answers at a
turn can be exchanged, so permuting them says how often chance exceeds what was seen.

After the first turn at which most answers of the two do different things, the recorded dialogue is one that the
candidate would not have had. Later turns of that dialogue are shown, but not scored; permutations obey the same rule.

A screen never passes anything: it does not see loops, recovery, or the reaction of the other side.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from operator import itemgetter
from typing import NamedTuple

from pytest_duolog.results.acts import Heard
from pytest_duolog.transcripts.transcript import Message

# The chance of an alarm if both sides are one model: half of it for the sum over all dialogues, half for the one that
# differs most.
ALARM_RISK = 0.03
N_PERMUTATIONS = 999
# Of each turn, so many divisions of its answers are looked at.
MOST_DIVISIONS = 300
# The weights of what can differ between two answers. The acts carry the weight.
ACT, TOOLS, STANCE, LENGTH = 1.0, 1.0, 0.5, 0.5
# An answer that is so many times as long differs in length as much as it can.
LONGEST_RATIO = 4.0
# The steps of a distance: chance and what was seen must tie where they are equal.
STEPS = 2.0**40
# The share of the answers of each side that must do the same, but not what the other side does, for a divergence.
MOST = 0.8
# At least so many answers of each side, because one has no distance from itself.
FEWEST_ANSWERS = 2


@dataclass(frozen=True)
class Turn:
    """The answers of both sides as message `number`, from 1.

    Dialogues with an equal beginning share the answers after it: turns of one `source` are one turn. Without a source,
    a turn is one of its own.
    """

    number: int
    baseline: tuple[Heard, ...]
    candidate: tuple[Heard, ...]
    source: str = ""

    @cached_property
    def split(self) -> Split:
        """By how much the two sides differ beyond their own noise, and whether they diverge."""
        return split_of(self.baseline, self.candidate)


class Spoken(NamedTuple):
    """What is said at a turn: the message before it, the recorded one, and the answers of both sides."""

    before: Message
    recorded: Message
    baseline: tuple[Message, ...]
    candidate: tuple[Message, ...]

    @property
    def messages(self) -> Iterator[Message]:
        """All of them."""
        yield from (self.before, self.recorded, *self.baseline, *self.candidate)


class Split(NamedTuple):
    """One division of the answers at a turn into two sides: by how much they differ, and whether they diverge.

    `floor` is how far the answers of one side are from each other: the noise that the excess exceeds.
    """

    excess: float
    diverges: bool
    floor: float


@dataclass(frozen=True)
class Screened:
    """One dialogue: its turns, and what the screen makes of them.

    `excess` is the sum over the scored turns of the distance between the sides beyond the noise floor, `p` the share of
    permutations with at least as much.
    """

    name: str
    turns: tuple[Turn, ...]
    excess: float
    p: float

    @cached_property
    def divergence(self) -> int | None:
        """The number of the message at which the two first do different things; None if they never do."""
        return next((turn.number for turn in self.turns if turn.split.diverges), None)

    def is_scored(self, turn: Turn) -> bool:
        """Whether a turn counts."""
        return self.divergence is None or turn.number <= self.divergence

    @property
    def to_read(self) -> list[Turn]:
        """The scored turns with any excess, the largest first."""
        found = [turn for turn in self.turns if turn.split.excess > 0 and self.is_scored(turn)]
        return sorted(found, key=lambda turn: (-turn.split.excess, turn.number))


@dataclass(frozen=True)
class Screen:
    """The dialogues in the order of suspicion. `p_sum` is of all together, `p_most` of the one that differs most."""

    dialogues: tuple[Screened, ...]
    p_sum: float
    p_most: float

    @property
    def is_suspicious(self) -> bool:
        """Whether the candidate differs from the baseline beyond chance."""
        return min(self.p_sum, self.p_most) <= ALARM_RISK / 2


def distance(one: Heard, other: Heard) -> float:
    """How different two answers are, from 0 to 3, in steps that sums of it keep exactly, in any order."""
    ratio = abs(math.log((one.n_words + 1) / (other.n_words + 1))) / math.log(LONGEST_RATIO)
    return (
        ACT * (one.act is not other.act)
        + TOOLS * (one.tools != other.tools)
        + STANCE * (one.stance is not other.stance)
        + round(LENGTH * min(1.0, ratio) * STEPS) / STEPS
    )


def split_of(baseline: Sequence[Heard], candidate: Sequence[Heard]) -> Split:
    """By how much two sides differ beyond their own noise, and whether they diverge.

    The excess is the mean distance between the sides minus half of the mean distances inside them (the energy
    distance); its mean is 0 if both sides are one model.
    """
    return next(_divided([*baseline, *candidate], [range(len(baseline))]))


def _divided(both: Sequence[Heard], divisions: Iterable[Sequence[int]]) -> Iterator[Split]:
    """The answers divided into two sides of two or more; a division is the places of the first side's answers."""
    rows = [[distance(one, other) for other in both] for one in both]
    reach = [sum(row) for row in rows]
    whole = sum(reach) / 2
    acts = [answer.act for answer in both]
    n_all = Counter(acts)
    for chosen in divisions:
        pick, n = itemgetter(*chosen), len(chosen)
        ours = sum(map(sum, map(pick, pick(rows)))) / 2
        cross = sum(pick(reach)) - 2 * ours
        theirs, n_theirs = whole - ours - cross, len(both) - n
        floor = (ours / math.comb(n, 2) + theirs / math.comb(n_theirs, 2)) / 2
        n_ours = Counter(pick(acts))
        our_acts = [act for act in n_all if n_ours[act] >= MOST * n - 1e-9]
        their_acts = [act for act in n_all if n_all[act] - n_ours[act] >= MOST * n_theirs - 1e-9]
        yield Split(
            cross / (n * n_theirs) - floor, bool(our_acts and their_acts) and our_acts != their_acts, floor
        )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def screen(
    dialogues: Sequence[tuple[str, Sequence[Turn]]], *, n_permutations: int = N_PERMUTATIONS
) -> Screen:
    """The dialogues with the most suspicious first.

    Turns with fewer than two answers of a side are left out; dialogues without turns, too. Raises ValueError if none is
    left.
    """
    given = [
        (
            name,
            tuple(turn for turn in turns if min(len(turn.baseline), len(turn.candidate)) >= FEWEST_ANSWERS),
        )
        for name, turns in dialogues
    ]
    given = [(name, turns) for name, turns in given if turns]
    if not given:
        raise ValueError("no turn has two answers of each side")
    drawn = random.Random(0)  # noqa: S311  # the same answers always have the same verdict
    sources = [
        [turn.source or f"{at} {turn.number}" for turn in turns] for at, (_, turns) in enumerate(given)
    ]
    splits: dict[str, list[Split]] = {}
    for keys, (_, turns) in zip(sources, given, strict=True):
        for key, turn in zip(keys, turns, strict=True):
            if key not in splits:
                splits[key] = _splits(turn, drawn)

    def scores(draw: Mapping[str, Split]) -> tuple[list[float], float]:
        """The excess of each dialogue, and of all together: a turn that dialogues share counts once."""
        scored = [_scored(keys, draw) for keys in sources]
        every = dict.fromkeys(key for keys in scored for key in keys)
        return [_excess(keys, draw) for keys in scored], _excess(every, draw)

    observed, total = scores({key: found[0] for key, found in splits.items()})
    permuted, permuted_totals = zip(
        *(scores({key: drawn.choice(found) for key, found in splits.items()}) for _ in range(n_permutations)),
        strict=True,
    )
    columns = list(zip(*permuted, strict=True))
    means = [_mean(column) for column in columns]
    spreads = [
        math.sqrt(_mean([(value - mean) ** 2 for value in column])) or 1e-9
        for column, mean in zip(columns, means, strict=True)
    ]

    def most(scores: Sequence[float]) -> float:
        return max(
            (score - mean) / spread for score, mean, spread in zip(scores, means, spreads, strict=True)
        )

    found = [
        Screened(name, turns, score, _p(score, column))
        for (name, turns), score, column in zip(given, observed, columns, strict=True)
    ]
    return Screen(
        tuple(sorted(found, key=lambda one: (one.p, -one.excess))),
        _p(total, permuted_totals),
        _p(most(observed), [most(row) for row in permuted]),
    )


def _splits(turn: Turn, drawn: random.Random) -> list[Split]:
    """Divisions of the answers at a turn into two sides of their sizes: all, or some if there are many.

    The observed one is the first.
    """
    both = (*turn.baseline, *turn.candidate)
    n = len(turn.baseline)
    divisions: Iterable[Sequence[int]] = combinations(range(len(both)), n)
    if math.comb(len(both), n) > MOST_DIVISIONS:
        others = [drawn.sample(range(len(both)), n) for _ in range(MOST_DIVISIONS - 1)]
        divisions = [range(n), *others]
    return list(_divided(both, divisions))


def _scored(keys: Sequence[str], splits: Mapping[str, Split]) -> Sequence[str]:
    """The turns up to the first divergence."""
    first = next((at for at, key in enumerate(keys) if splits[key].diverges), len(keys))
    return keys[: first + 1]


def _excess(keys: Iterable[str], splits: Mapping[str, Split]) -> float:
    return math.fsum(splits[key].excess for key in keys)


def _p(observed: float, permuted: Sequence[float]) -> float:
    """The share of permutations with at least as much, the observed one included."""
    return (1 + sum(value >= observed - 1e-9 for value in permuted)) / (1 + len(permuted))
