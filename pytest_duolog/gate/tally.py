"""Where one scenario stands in a gate: its pairs so far, and what they are evidence of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pytest_duolog.stats.differences import TwoRates
from pytest_duolog.stats.evidence import PairCounts, log_evidence

# A scenario that lost so many more pairs than it won is looked at more closely before the suite passes. It is cleared
# by evidence that its own drop is below 40 points, and in the last round blocked by an exact test.
SUSPECT_LOSSES = 2
CLEARED_DROP = 0.40
LOG_CLEARED = math.log(10)

evidence = lru_cache(maxsize=65536)(log_evidence)


class Pair(NamedTuple):
    """Whether each arm passed. In a repeat one arm said word for word what it said in an earlier pair."""

    baseline: bool
    candidate: bool
    is_repeat: bool = False


class PairTable(NamedTuple):
    """How many pairs passed in both arms, got worse, got better, failed in both."""

    both: int = 0
    worse: int = 0
    better: int = 0
    neither: int = 0

    @property
    def counts(self) -> PairCounts:
        """Worse, same, better."""
        return PairCounts(self.worse, self.both + self.neither, self.better)

    @property
    def n(self) -> int:
        """The number of pairs."""
        return sum(self)

    @property
    def rates(self) -> TwoRates:
        """The baseline's passes and samples, then the candidate's."""
        return TwoRates(self.both + self.worse, self.n, self.both + self.better, self.n)

    def with_pair(self, pair: Pair) -> PairTable:
        """One pair more."""
        both, worse, better, neither = self
        if pair.baseline:
            return (
                PairTable(both + 1, worse, better, neither)
                if pair.candidate
                else PairTable(both, worse + 1, better, neither)
            )
        return (
            PairTable(both, worse, better + 1, neither)
            if pair.candidate
            else PairTable(both, worse, better, neither + 1)
        )


NO_PAIRS = PairTable()


@dataclass(frozen=True)
class ScenarioTally:
    """One scenario so far.

    `pairs` are all that were looked at. A repeat is no new evidence for a decision, only against it: `for_pass` has the
    distinct pairs and the repeats that got worse, `for_block` the distinct ones and the repeats that got better. What
    is left out could only have made the same decision come sooner, so the promises hold.
    """

    scenario: str
    pairs: PairTable = NO_PAIRS
    for_pass: PairTable = NO_PAIRS
    for_block: PairTable = NO_PAIRS
    n_distinct: int = 0

    def with_pair(self, pair: Pair) -> ScenarioTally:
        """One pair more."""
        return ScenarioTally(
            self.scenario,
            self.pairs.with_pair(pair),
            self.for_pass.with_pair(pair)
            if not pair.is_repeat or pair.baseline > pair.candidate
            else self.for_pass,
            self.for_block.with_pair(pair)
            if not pair.is_repeat or pair.candidate > pair.baseline
            else self.for_block,
            self.n_distinct + (not pair.is_repeat),
        )

    @property
    def log_local(self) -> float:
        """The evidence that this scenario got worse."""
        return evidence(*self.for_block.counts.reversed(), drop=0, weight=2)

    @property
    def is_suspect(self) -> bool:
        """Whether it lost noticeably more pairs than it won."""
        return self.pairs.worse - self.pairs.better >= SUSPECT_LOSSES

    @property
    def is_cleared(self) -> bool:
        """Whether its own drop is shown to be below 40 points."""
        return evidence(*self.for_pass.counts, drop=CLEARED_DROP, weight=1) >= LOG_CLEARED
