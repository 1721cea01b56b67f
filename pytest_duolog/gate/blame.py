"""Says which side of a dialogue carries a failure: outcomes of four pairings in, a carrier out.

Two things are suspected, one on each side: the models of a test, or the candidates of an upgrade. A round has one
dialogue of each pairing, all with the same sample number: with both suspects, with only the one of side a, with only
the one of side b, and with neither. A claim takes two comparisons, and each of them has to hold:

- side a carries the failure: it comes more often with only a than with only b, and it goes when the suspect of side a
  goes (both against only b); side b likewise;
- it takes both: it goes when either of them goes (both against only a, and both against only b);
- either is enough: it comes with only a and with only b, and not with neither.

No side is named while the other one alone looks faulty, too. A claim of two parts that each hold needs no further
correction (Berger 1982, intersection-union test). If the suspects are alike, whatever they do together, a side is named
only if the first comparison is wrong, so its risk over all looks is the risk of naming a side. The caller runs the
rounds in `wanted` and calls again until it is empty. Between looks it ends as soon as what was seen makes every claim
out of reach.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from pytest_duolog.gate.samples import MOST_COPIES, repeats_in
from pytest_duolog.results.arm import Pairing
from pytest_duolog.results.plan import FEWEST_BLAME_ROUNDS, BlamePlan
from pytest_duolog.results.record import Sample
from pytest_duolog.stats.differences import TwoRates
from pytest_duolog.stats.exact_tests import fisher_p
from pytest_duolog.stats.intervals import wilson_interval
from pytest_duolog.stats.medians import Middle, median_interval
from pytest_duolog.stats.power import samples_to_tell, smoothed_rate

# The places of the looks as shares of the rounds, each with the level of its p-values. Together they name one of two
# suspects that are alike in at most 5 % of runs, whatever their rate: by exact recursion, up to 200 rounds.
LOOKS = ((0.175, 0.01), (0.3, 0.015), (0.5, 0.02), (0.75, 0.025), (1.0, 0.035))

COMPARISONS = (
    (Pairing.ONLY_A, Pairing.ONLY_B),
    (Pairing.BOTH, Pairing.ONLY_B),
    (Pairing.BOTH, Pairing.ONLY_A),
    (Pairing.ONLY_A, Pairing.NEITHER),
    (Pairing.ONLY_B, Pairing.NEITHER),
)

# No side is named while the p-value of the other one alone, against neither, is at most this.
SUSPICION = 0.1

# A rate beyond this interval is not reckoned with when it is asked whether a claim is still in reach.
REACH_CONFIDENCE = 0.8
# The advice is a number of rounds that names a side in this share of runs; above the highest one it is none.
ADVISED_POWER = 0.9
MOST_ADVISED = 400

# So many rounds that do not count, and at most one that does, and no further one is held.
MOST_LEFT_OUT = MOST_COPIES - 1


class Carrier(StrEnum):
    """The side that carries a failure."""

    A = "a"
    B = "b"
    UNKNOWN = "cannot tell"


class Why(StrEnum):
    """The finding behind a carrier, or the reason why none is named."""

    NAMED = "it fails with this suspect and not without it"
    TOGETHER = "it takes both: the failure goes if either of them goes"
    EITHER = "either is enough: it fails with each of them alone, and not with neither"
    UNSEEN = "it fails too seldom to compare"
    ALIKE = "the pairings fail alike, as far as so many dialogues can tell"
    COPIES = "some pairing gave the same dialogue again and again"
    OPEN = "rounds are missing"
    UNANSWERED = "the dialogues of some pairing ended in errors"


CLAIMS = frozenset({Why.NAMED, Why.TOGETHER, Why.EITHER})
# The answers that further rounds may change.
UNDECIDED = frozenset({Why.ALIKE, Why.UNSEEN})


class Round(NamedTuple):
    """Whether each pairing failed; in the order of `Pairing`."""

    both: bool
    only_a: bool
    only_b: bool
    neither: bool


class Cell(NamedTuple):
    """In how many of its dialogues a pairing failed."""

    n_failed: int
    n: int


class Comparison(NamedTuple):
    """Two pairings that are compared, and the two-sided p-value of Fisher's exact test."""

    more: Pairing
    less: Pairing
    p: float


@dataclass(frozen=True)
class BlameDecision:
    """Which side carries the failure of one scenario.

    `cells` are the counts by pairing, and `comparisons` what they say. `level` is that of their p-values at the last
    look. `n_left_out` rounds had an error or a copy, and do not count. `wanted` are the numbers of the next rounds;
    empty if the decision is final.
    """

    plan: BlamePlan
    carrier: Carrier
    why: Why
    cells: Mapping[Pairing, Cell]
    comparisons: tuple[Comparison, ...]
    level: float
    n_rounds: int
    n_left_out: int = 0
    wanted: tuple[int, ...] = ()


def decide_blame(plan: BlamePlan, rounds: Sequence[Round | Why]) -> BlameDecision:
    """The decision about rounds in launch order; one that does not count is COPIES or UNANSWERED."""
    counted_rounds: list[Round] = []
    looks = dict(_looks(plan))
    last = looks[plan.max_rounds]
    for number, one in enumerate(rounds[: plan.max_rounds], start=1):
        is_last = number == plan.max_rounds
        level = last if is_last else None
        if isinstance(one, Round):
            counted_rounds.append(one)
            level = level or looks.get(len(counted_rounds))
        failed, n = _failed(counted_rounds), len(counted_rounds)
        if level is not None and n:
            found = _claim(failed, n, level)
            if is_last or found[1] in CLAIMS:
                return _decision(plan, counted_rounds, number, level, found)
        if not is_last and not _in_reach(failed, n, plan.max_rounds - number, last):
            found = _claim(failed, n, last) if n else (Carrier.UNKNOWN, Why.UNANSWERED)
            why = found[1] if found[1] not in CLAIMS else Why.ALIKE
            return _decision(plan, counted_rounds, number, last, (Carrier.UNKNOWN, why))
        if not isinstance(one, Round) and n <= 1 and number - n >= MOST_LEFT_OUT:
            return _decision(plan, counted_rounds, number, last, (Carrier.UNKNOWN, one))
    n_run = min(len(rounds), plan.max_rounds)
    wanted = (n_run + 1,) if n_run < plan.max_rounds else ()
    why = Why.OPEN if wanted else Why.UNANSWERED
    return _decision(plan, counted_rounds, n_run, last, (Carrier.UNKNOWN, why), wanted=wanted)


def _looks(plan: BlamePlan) -> Iterator[tuple[int, float]]:
    """The numbers of rounds with a look, with the levels of their p-values."""
    for share, level in LOOKS:
        yield max(FEWEST_BLAME_ROUNDS, math.ceil(share * plan.max_rounds)), level


Failed = tuple[int, int, int, int]


def _failed(rounds: Iterable[Round]) -> Failed:
    """How often each pairing failed, in the order of `Pairing`."""
    both, only_a, only_b, neither = (sum(one[place] for one in rounds) for place in range(len(Pairing)))
    return both, only_a, only_b, neither


@lru_cache(maxsize=65536)
def _claim(failed: Failed, n: int, level: float) -> tuple[Carrier, Why]:
    both, only_a, only_b, neither = failed

    def is_more(one: int, other: int, at: float = level) -> bool:
        return one > other and _p(Cell(one, n), Cell(other, n)) <= at

    goes_without_a, goes_without_b = is_more(both, only_b), is_more(both, only_a)
    if is_more(only_a, neither) and is_more(only_b, neither):
        return Carrier.UNKNOWN, Why.EITHER
    if is_more(only_a, only_b) and goes_without_a and not is_more(only_b, neither, SUSPICION):
        return Carrier.A, Why.NAMED
    if is_more(only_b, only_a) and goes_without_b and not is_more(only_a, neither, SUSPICION):
        return Carrier.B, Why.NAMED
    if goes_without_a and goes_without_b:
        return Carrier.UNKNOWN, Why.TOGETHER
    is_seldom = not is_more(max(both, only_a, only_b), 0)  # it could not even differ from no failure
    return Carrier.UNKNOWN, Why.UNSEEN if is_seldom else Why.ALIKE


def _compared(cells: Mapping[Pairing, Cell]) -> tuple[Comparison, ...]:
    return tuple(Comparison(more, less, _p(cells[more], cells[less])) for more, less in COMPARISONS)


@lru_cache(maxsize=65536)
def _p(more: Cell, less: Cell) -> float:
    return fisher_p(TwoRates(more.n_failed, more.n, less.n_failed, less.n))


@lru_cache(maxsize=65536)
def _in_reach(failed: Failed, n: int, n_left: int, level: float) -> bool:
    """Whether some claim could hold at the end, if the rates that are left are the best ones that fit those seen."""
    reaches = [wilson_interval(k, n, confidence=REACH_CONFIDENCE) for k in failed]
    low = [k + math.floor(n_left * reach.low) for k, reach in zip(failed, reaches, strict=True)]
    high = [k + math.ceil(n_left * reach.high) for k, reach in zip(failed, reaches, strict=True)]
    best = (
        (high[0], high[1], low[2], high[3]),
        (high[0], low[1], high[2], high[3]),
        (high[0], low[1], low[2], high[3]),
        (high[0], high[1], high[2], low[3]),
    )
    return any(_claim(counts, n + n_left, level)[1] in CLAIMS for counts in best)


def _decision(
    plan: BlamePlan,
    rounds: Sequence[Round],
    n_run: int,
    level: float,
    found: tuple[Carrier, Why],
    *,
    wanted: tuple[int, ...] = (),
) -> BlameDecision:
    cells = dict(zip(Pairing, (Cell(k, len(rounds)) for k in _failed(rounds)), strict=True))
    return BlameDecision(
        plan,
        *found,
        cells=cells,
        comparisons=_compared(cells),
        level=level,
        n_rounds=len(rounds),
        n_left_out=n_run - len(rounds),
        wanted=wanted,
    )


def rounds_to_name(decided: BlameDecision) -> tuple[Carrier, int] | None:
    """Which side is more suspicious, and how many rounds would name it in 9 of 10 runs if the rates are those seen.

    None if there is an answer, nothing points at one of the sides, or it would take more than `MOST_ADVISED` rounds.
    """
    if decided.wanted or decided.why not in UNDECIDED:
        return None
    only_a, only_b = decided.cells[Pairing.ONLY_A], decided.cells[Pairing.ONLY_B]
    carrier, suspect, other = (
        (Carrier.A, only_a, only_b) if only_a.n_failed > only_b.n_failed else (Carrier.B, only_b, only_a)
    )
    without = smoothed_rate(*other)
    needed = [
        samples_to_tell(smoothed_rate(*cell), without, level=LOOKS[-1][1], power=(1 + ADVISED_POWER) / 2)
        for cell in (suspect, decided.cells[Pairing.BOTH])
        if cell.n_failed > other.n_failed
    ]
    if len(needed) < 2 or max(needed) > MOST_ADVISED:
        return None
    return carrier, max(*needed, decided.n_rounds + 1)


def rounds_of(samples: Iterable[Sample]) -> list[Round | Why]:
    """The complete rounds of one scenario, in launch order, as `decide_blame` takes them."""
    found = _by_pairing(samples)
    n_complete = _n_complete(found)
    copies = {number for numbers in _copies(found).values() for number in numbers}
    return [_round(found, number, copies) for number in range(1, n_complete + 1)]


def copies_by_pairing(samples: Iterable[Sample]) -> dict[Pairing, int]:
    """In how many complete rounds each pairing gave a dialogue that it had given before; only pairings that did."""
    found = _by_pairing(samples)
    n_complete = _n_complete(found)
    counts = {arm: sum(number <= n_complete for number in numbers) for arm, numbers in _copies(found).items()}
    return {arm: n for arm, n in counts.items() if n}


def _by_pairing(samples: Iterable[Sample]) -> dict[Pairing, dict[int, Sample]]:
    found: dict[Pairing, dict[int, Sample]] = {arm: {} for arm in Pairing}
    for sample in samples:
        if sample.is_measured or sample.is_given_up:
            found[Pairing(sample.arm)][sample.number] = sample
    return found


def _n_complete(found: Mapping[Pairing, Mapping[int, Sample]]) -> int:
    n_complete = 0
    while all(n_complete + 1 in numbers for numbers in found.values()):
        n_complete += 1
    return n_complete


def _copies(found: Mapping[Pairing, Mapping[int, Sample]]) -> dict[Pairing, list[int]]:
    """The numbers of the samples of each pairing that are copies."""
    return {
        arm: [number for _, number in repeats_in(numbers[number] for number in sorted(numbers))]
        for arm, numbers in found.items()
    }


def _round(found: Mapping[Pairing, Mapping[int, Sample]], number: int, copies: set[int]) -> Round | Why:
    samples = [found[arm][number] for arm in Pairing]
    if not all(sample.is_measured for sample in samples):
        return Why.UNANSWERED
    if number in copies:
        return Why.COPIES
    both, only_a, only_b, neither = (not sample.passed for sample in samples)
    return Round(both, only_a, only_b, neither)


@dataclass(frozen=True)
class Onset:
    """Where the failure begins in the failed dialogues of one pairing, as message numbers from 1.

    `speakers` says how often each speaker's message is the first evidence, the commonest first. `n_untold` dialogues
    failed without evidence, for example in a plain assertion.
    """

    messages: Middle
    n: int
    speakers: tuple[tuple[str, int], ...]
    n_untold: int


def onset_of(samples: Iterable[Sample]) -> Onset | None:
    """Where the failure begins in the failed samples among these; None if no verdict says."""
    failed = [sample for sample in samples if sample.is_measured and not sample.passed]
    told = [evidence for sample in failed if (evidence := sample.first_evidence)]
    if not told:
        return None
    speakers: dict[str, int] = {}
    for _, message in told:
        speakers[message.speaker] = speakers.get(message.speaker, 0) + 1
    return Onset(
        median_interval([number for number, _ in told]),
        len(told),
        tuple(sorted(speakers.items(), key=lambda found: -found[1])),
        len(failed) - len(told),
    )
