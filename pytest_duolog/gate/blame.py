"""Says which side of a dialogue carries a failure: outcomes of four pairings in, a carrier out.

Two things are suspected, one on each side: the models of a test, or the candidates of an upgrade. A round has one
dialogue of each pairing, all with the same sample number: with both suspects, with only the one of side a, with only
the one of side b, and with neither. Four comparisons decide, and their p-values are corrected for being four (Holm):

1. only a against only b: which of the two fails alone;
2. both against only b: does the failure go when the suspect of side a goes;
3. both against only a: does it go when the suspect of side b goes;
4. both against neither: does it go with both of them.

Side a carries the failure if 1 and 2 say so, side b if 1 and 3 do. The caller runs the rounds in `wanted` and calls
again until it is empty. There are at most three looks; each has its share of the risk, so looking early is free of
charge. Between looks it ends as soon as no outcome of the rest can name a side.
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
from pytest_duolog.stats.exact_tests import fisher_p, holm
from pytest_duolog.stats.medians import Middle, median_interval

# The places of the looks as shares of the rounds, each with its risk of naming a side although the four pairings fail
# alike: 5 % together.
LOOKS = ((0.35, 0.01), (0.6, 0.01), (1.0, 0.03))

COMPARISONS = (
    (Pairing.ONLY_A, Pairing.ONLY_B),
    (Pairing.BOTH, Pairing.ONLY_B),
    (Pairing.BOTH, Pairing.ONLY_A),
    (Pairing.BOTH, Pairing.NEITHER),
)

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
    UNSEEN = "it fails too seldom to compare"
    ALIKE = "the pairings fail alike, as far as so many dialogues can tell"
    COPIES = "some pairing gave the same dialogue again and again"
    OPEN = "rounds are missing"
    UNANSWERED = "the dialogues of some pairing ended in errors"


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
    """Two pairings that are compared; `p` is the two-sided p-value, corrected for the four comparisons."""

    more: Pairing
    less: Pairing
    p: float


@dataclass(frozen=True)
class BlameDecision:
    """Which side carries the failure of one scenario.

    `cells` are the counts by pairing, and `comparisons` what they say. `risk` is the share of the risk at the last
    look. `n_left_out` rounds had an error or a copy, and do not count. `wanted` are the numbers of the next rounds;
    empty if the decision is final.
    """

    plan: BlamePlan
    carrier: Carrier
    why: Why
    cells: Mapping[Pairing, Cell]
    comparisons: tuple[Comparison, ...]
    risk: float
    n_rounds: int
    n_left_out: int = 0
    wanted: tuple[int, ...] = ()


def decide_blame(plan: BlamePlan, rounds: Sequence[Round | Why]) -> BlameDecision:
    """The decision about rounds in launch order; one that does not count is COPIES or UNANSWERED."""
    counted_rounds: list[Round] = []
    looks = list(_looks(plan))
    for number, one in enumerate(rounds[: plan.max_rounds], start=1):
        due: list[float] = []
        if isinstance(one, Round):
            counted_rounds.append(one)
            due = [risk for at, risk in looks if at == len(counted_rounds)]
        is_last = number == plan.max_rounds
        risk = looks[-1][1] if is_last else due[0] if due else None
        if risk is not None and counted_rounds:
            found = _named(counted_rounds, risk)
            if is_last or found[0] is not Carrier.UNKNOWN or found[1] is Why.TOGETHER:
                return _decision(plan, counted_rounds, number, risk, found)
        n_left = plan.max_rounds - number
        if not is_last and not _can_name(plan, _failed(counted_rounds), len(counted_rounds), n_left):
            why = _named(counted_rounds, looks[-1][1])[1] if counted_rounds else Why.UNANSWERED
            return _decision(plan, counted_rounds, number, looks[-1][1], (Carrier.UNKNOWN, why))
        if (
            not isinstance(one, Round)
            and len(counted_rounds) <= 1
            and number - len(counted_rounds) >= MOST_LEFT_OUT
        ):
            return _decision(plan, counted_rounds, number, looks[-1][1], (Carrier.UNKNOWN, one))
    n_run = min(len(rounds), plan.max_rounds)
    wanted = (n_run + 1,) if n_run < plan.max_rounds else ()
    why = Why.OPEN if wanted else Why.UNANSWERED
    return _decision(plan, counted_rounds, n_run, looks[-1][1], (Carrier.UNKNOWN, why), wanted=wanted)


def _looks(plan: BlamePlan) -> Iterator[tuple[int, float]]:
    """The numbers of rounds with a look, with their risks."""
    *early, last = [
        (max(FEWEST_BLAME_ROUNDS, math.ceil(share * plan.max_rounds)), risk) for share, risk in LOOKS
    ]
    yield from ((at, risk) for at, risk in dict(early).items() if at < last[0])
    yield last


def _failed(rounds: Iterable[Round]) -> tuple[int, int, int, int]:
    """How often each pairing failed, in the order of `Pairing`."""
    both, only_a, only_b, neither = (sum(one[place] for one in rounds) for place in range(len(Pairing)))
    return both, only_a, only_b, neither


def _named(rounds: Sequence[Round], risk: float) -> tuple[Carrier, Why]:
    return _carrier(_failed(rounds), len(rounds), risk)


@lru_cache(maxsize=65536)
def _carrier(failed: tuple[int, int, int, int], n: int, risk: float) -> tuple[Carrier, Why]:
    comparisons = _compared(dict(zip(Pairing, (Cell(k, n) for k in failed), strict=True)))
    alone, without_a, without_b, _ = (comparison.p <= risk for comparison in comparisons)
    both, only_a, only_b, _ = failed
    goes_without_a, goes_without_b = without_a and both > only_b, without_b and both > only_a
    if alone and only_a > only_b and goes_without_a:
        return Carrier.A, Why.NAMED
    if alone and only_b > only_a and goes_without_b:
        return Carrier.B, Why.NAMED
    if goes_without_a and goes_without_b:
        return Carrier.UNKNOWN, Why.TOGETHER
    if len(COMPARISONS) * _p(Cell(both, n), Cell(0, n)) > risk:  # it could not even differ from no failure
        return Carrier.UNKNOWN, Why.UNSEEN
    return Carrier.UNKNOWN, Why.ALIKE


def _compared(cells: Mapping[Pairing, Cell]) -> tuple[Comparison, ...]:
    p_values = [_p(cells[more], cells[less]) for more, less in COMPARISONS]
    return tuple(
        Comparison(more, less, p) for (more, less), p in zip(COMPARISONS, holm(p_values), strict=True)
    )


@lru_cache(maxsize=65536)
def _p(more: Cell, less: Cell) -> float:
    return fisher_p(TwoRates(more.n_failed, more.n, less.n_failed, less.n))


def _can_name(plan: BlamePlan, failed: tuple[int, int, int, int], n: int, n_left: int) -> bool:
    """Whether the rounds that are left could still name a side, or show that it takes both."""
    both, only_a, only_b, neither = failed
    best = (
        (both + n_left, only_a + n_left, only_b, neither),
        (both + n_left, only_a, only_b + n_left, neither),
        (both + n_left, only_a, only_b, neither),
    )
    risk = list(_looks(plan))[-1][1]
    found = [_carrier(counts, n + n_left, risk) for counts in best]
    return any(carrier is not Carrier.UNKNOWN or why is Why.TOGETHER for carrier, why in found)


def _decision(
    plan: BlamePlan,
    rounds: Sequence[Round],
    n_run: int,
    risk: float,
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
        risk=risk,
        n_rounds=len(rounds),
        n_left_out=n_run - len(rounds),
        wanted=wanted,
    )


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
