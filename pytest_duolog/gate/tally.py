"""The pairs of one scenario in a gate, and the evidence from them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pytest_duolog.stats.differences import TwoRates, score_z
from pytest_duolog.stats.evidence import PairCounts, evidence_of_drops

# After this many pairs with only identical dialogues, no new ones are expected.
MOST_REPEATS = 3
# A scenario that lost this many more pairs than it won is examined before the suite passes. From HARMED_LOSSES on, its
# next pairs run before those of the others. It is cleared by some evidence that its own drop is below 50 points.
SUSPECT_LOSSES = 1
HARMED_LOSSES = 2
CLEARED_DROP = 0.50
LOG_CLEARED = math.log(8)

evidence = lru_cache(maxsize=65536)(evidence_of_drops)

Drops = tuple[tuple[float, int], ...]

NO_PAIRS = PairCounts()


class Pair(NamedTuple):
    """The results of one sample of each arm.

    An arm passed or failed; None is an error that remained after all retries and says nothing about the model.
    `baseline` may be the share that passed of `n_baseline` stored samples. In a repeat, one arm's dialogue is identical
    to that in an earlier pair.
    """

    baseline: float | None
    candidate: bool | None
    is_repeat: bool = False
    n_baseline: int = 1

    @property
    def is_measured(self) -> bool:
        """Whether both arms gave an outcome."""
        return self.baseline is not None and self.candidate is not None

    @property
    def drop(self) -> float:
        """How much worse the candidate is, in [-1, 1]; its errors are failures, those of the baseline passes."""
        return (1.0 if self.baseline is None else float(self.baseline)) - bool(self.candidate)

    @property
    def counts_for_pass(self) -> bool:
        """Whether it is evidence that the candidate is no worse; a repeat counts against that, never for it."""
        has_outcome = self.baseline is not None or self.candidate is not None
        return has_outcome and (not self.is_repeat or self.drop > 0)

    @property
    def counts_for_block(self) -> bool:
        """Whether it is evidence that the candidate is worse; a repeat counts against that, never for it."""
        return self.is_measured and (not self.is_repeat or self.drop < 0)


@dataclass
class ScenarioTally:
    """One scenario so far, pair by pair.

    Repeats and errors count against a decision, never for it: `for_pass` and `for_block` leave out pairs that could
    only make the same decision come sooner, so the guarantees hold.
    """

    scenario: str
    pairs: list[Pair] = field(default_factory=list)
    measured: list[Pair] = field(default_factory=list)
    """The pairs in which both arms gave an outcome."""
    counts: PairCounts = NO_PAIRS
    """The numbers of measured pairs that got worse, stayed the same, and got better."""
    for_pass: Drops = ()
    """Drops, each with its number of pairs, as evidence that the candidate is not worse."""
    for_block: Drops = ()
    """Gains, each with its number of pairs, as evidence that the candidate is worse."""

    def add(self, pair: Pair) -> None:
        """Add the next pair."""
        drop = pair.drop
        self.pairs.append(pair)
        if pair.is_measured:
            self.measured.append(pair)
            worse, same, better = self.counts
            self.counts = PairCounts(worse + (drop > 0), same + (drop == 0), better + (drop < 0))
        if pair.counts_for_pass:
            self.for_pass = _with(self.for_pass, drop)
        if pair.counts_for_block:
            self.for_block = _with(self.for_block, -drop)

    @property
    def n(self) -> int:
        """The number of measured pairs."""
        return len(self.measured)

    @property
    def n_distinct(self) -> int:
        """The number of measured pairs that are not repeats."""
        return sum(not pair.is_repeat for pair in self.measured)

    @property
    def drop(self) -> float:
        """The mean drop over the measured pairs, in [-1, 1]; 0 without pairs."""
        return math.fsum(pair.drop for pair in self.measured) / self.n if self.n else 0.0

    @property
    def rates(self) -> TwoRates:
        """The baseline's passes and samples, then the candidate's, of the measured pairs."""
        return _rates(self.measured)

    @property
    def rates_for_pass(self) -> TwoRates:
        """The same for the pairs of `for_pass`."""
        return _rates(
            pair._replace(
                baseline=1.0 if pair.baseline is None else pair.baseline, candidate=bool(pair.candidate)
            )
            for pair in self.pairs
            if pair.counts_for_pass
        )

    @property
    def rates_for_block(self) -> TwoRates:
        """The same for the pairs of `for_block`."""
        return _rates(pair for pair in self.pairs if pair.counts_for_block)

    @property
    def net_losses(self) -> float:
        """The number of lost pairs minus the number of won pairs; repeats and errors count as losses, not as wins."""
        return math.fsum(drop * n for drop, n in self.for_pass)

    @property
    def log_local(self) -> float:
        """The evidence that this scenario got worse."""
        return evidence(self.for_block, drop=0.0, weight=2)

    @property
    def is_suspect(self) -> bool:
        """Whether it lost more pairs than it won."""
        return self.net_losses >= SUSPECT_LOSSES

    @property
    def is_harmed(self) -> bool:
        """Whether it lost noticeably more pairs than it won."""
        return self.net_losses >= HARMED_LOSSES

    @property
    def is_cleared(self) -> bool:
        """Whether its own drop is shown to be below `CLEARED_DROP`."""
        return evidence(self.for_pass, drop=CLEARED_DROP, weight=1) >= LOG_CLEARED

    @property
    def is_copied(self) -> bool:
        """Whether its pairs are copies of one, and so are the next ones, which blame nobody."""
        return self.n >= MOST_REPEATS and self.n_distinct <= 1

    def is_worse(self, z: float) -> bool:
        """Whether the score test finds the candidate worse, by so many standard errors."""
        return score_z([self.rates_for_block], 0) >= z


def _with(drops: Drops, drop: float) -> Drops:
    found = dict(drops)
    found[drop] = found.get(drop, 0) + 1
    return tuple(sorted(found.items()))


def _rates(pairs: Iterable[Pair]) -> TwoRates:
    n = n_baseline = passed = candidate = 0
    for pair in pairs:
        assert pair.baseline is not None
        n += 1
        n_baseline += pair.n_baseline
        passed += round(pair.baseline * pair.n_baseline)
        candidate += bool(pair.candidate)
    return TwoRates(passed, n_baseline, candidate, n)


def total(parts: Iterable[Drops]) -> Drops:
    """The drops of several scenarios together."""
    whole: Counter[float] = Counter()
    for part in parts:
        for drop, n in part:
            whole[drop] += n
    return tuple(sorted(whole.items()))
