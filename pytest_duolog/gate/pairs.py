"""The candidate against the baseline, over all scenarios: pairs in, a decision out.

A pair is number i of a scenario in both arms, with the same seed and opening. A round is one pair from each scenario.
To drive it, run the pairs in `wanted`, add what came of them, and ask again until `wanted` is empty: first whole
rounds, later rounds of the suspects alone. The gate looks only at complete rounds, from the third on; a pair that
cannot be measured leaves its round open, and everything after it.

The promises, whatever the scenarios are like, as long as dialogues are independent of each other: a candidate whose
mean pass rate is lower by the margin or more passes at most 5 % of the time, one that is as good everywhere is blocked
at most 5 % of the time. In between either answer is right. The evidence is explained in `stats.evidence`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.tally import Pair, ScenarioTally, evidence
from pytest_duolog.results.plan import GatePlan
from pytest_duolog.results.record import Look
from pytest_duolog.stats.differences import score_interval, score_z
from pytest_duolog.stats.evidence import PairCounts, log_evidence
from pytest_duolog.stats.exact_tests import fisher_p
from pytest_duolog.stats.intervals import Interval

# Where the chances of a wrong answer go. Passing a bad candidate: 3 % to the looks, 2 % to the last round.
LOG_PASS = math.log(1 / 0.03)
PASS_Z = 2.054
# Blocking a good one: 1.25 % to the looks, 2.5 % to the alarms of single scenarios, 1.25 % to the last round.
LOG_BLOCK = math.log(1 / 0.0125)
LOCAL_RISK = 0.025
BLOCK_Z = -2.241
# Before this round the gate does not look: so few pairs seldom decide anything.
FIRST_LOOK = 3
# A suspect that is not cleared by the last round blocks if an exact test says so at this level, over all scenarios.
SUSPECT_RISK = 0.05

MAX_PROJECTED_ROUNDS = 1000


class Reason(StrEnum):
    """Which rule ended the gate, or why it is not ended."""

    SUITE = "the mean over all scenarios"
    SCENARIO = "single scenarios"
    LAST_ROUND = "the last round"
    UNDECIDED = "the last round decides nothing"
    OPEN = "pairs are missing"
    DRIFT = "the baseline is not what its stored samples were"
    REPEATS = "every scenario gave the same dialogue again and again"


@dataclass(frozen=True)
class PairsDecision:
    """What the pairs of all scenarios come to.

    `tallies` are the scenarios in the order of the plan; `blamed` those that blocked it alone; `suspects` those that
    went on after the suite had passed. `wanted` are the pairs to run next, as scenario and number; empty once nothing
    can change the decision. `rounds_needed` is about how many more rounds would settle it at the rates so far, None if
    it is settled or no number would.
    """

    plan: GatePlan
    decision: Decision
    reason: Reason
    tallies: tuple[ScenarioTally, ...]
    looks: tuple[Look, ...] = ()
    n_rounds: int = 0
    blamed: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    wanted: tuple[tuple[str, int], ...] = ()
    rounds_needed: int | None = None

    @property
    def n_dialogues(self) -> int:
        """How many dialogues were looked at, in both arms."""
        return 2 * sum(tally.pairs.n for tally in self.tallies)

    @property
    def most_dialogues(self) -> int:
        """How many it could have taken."""
        return 2 * self.plan.max_rounds * len(self.tallies)

    @property
    def harmed(self) -> tuple[ScenarioTally, ...]:
        """The scenarios that lost noticeably more pairs than they won, worst first."""
        found = (tally for tally in self.tallies if tally.is_suspect)
        return tuple(sorted(found, key=lambda tally: tally.pairs.counts.drop, reverse=True))

    @property
    def accused(self) -> tuple[str, ...]:
        """The scenarios that a gate which blocks is about: those that blocked it alone, else those that were harmed."""
        if self.decision is not Decision.BLOCK:
            return ()
        return self.blamed or tuple(tally.scenario for tally in self.harmed)

    @property
    def drop_interval(self) -> Interval:
        """The 95 % interval of the mean drop over the scenarios; descriptive, the gate does not decide by it."""
        return score_interval([tally.pairs.rates for tally in self.tallies])


def decide_pairs(plan: GatePlan, pairs: Mapping[str, Sequence[Pair | None]]) -> PairsDecision:
    """The decision about the pairs of each scenario in launch order; None stands for one that is not measured.

    It looks after each complete round in turn and stops at the first that decides, so that pairs beyond it change
    nothing. Raises ValueError without scenarios.
    """
    if not pairs:
        raise ValueError("a gate needs scenarios")
    return _Gate(plan, pairs).decide()


class _Gate:
    """The looks at one set of pairs, in their order."""

    def __init__(self, plan: GatePlan, pairs: Mapping[str, Sequence[Pair | None]]) -> None:
        self._plan = plan
        self._margin = float(plan.margin)
        self._pairs = pairs
        self._tallies = {scenario: ScenarioTally(scenario) for scenario in pairs}
        self._looks: list[Look] = []
        self._suspects: list[str] = []
        self._n_rounds = 0

    def decide(self) -> PairsDecision:
        for number in range(1, self._plan.max_rounds + 1):
            if missing := self._take_round(number, self._pairs):
                return self._open(missing)
            if number < FIRST_LOOK:
                continue
            self._looks.append(self._look())
            if self._looks[-1].log_block >= LOG_BLOCK:
                return self._ended(Decision.BLOCK, Reason.SUITE)
            if blamed := self._alarmed():
                return self._ended(Decision.BLOCK, Reason.SCENARIO, blamed)
            if self._looks[-1].log_pass >= LOG_PASS and self._has_distinct_pairs:
                return self._examine_suspects(Reason.SUITE)
        return self._decide_last_round()

    def _take_round(self, number: int, scenarios: Iterable[str]) -> list[tuple[str, int]]:
        """Add a complete round; or the pairs that it lacks, and nothing is added."""
        round_ = {
            scenario: self._pairs[scenario][number - 1] if number <= len(self._pairs[scenario]) else None
            for scenario in scenarios
        }
        missing = [(scenario, number) for scenario, pair in round_.items() if pair is None]
        if not missing:
            for scenario, pair in round_.items():
                assert pair is not None
                self._tallies[scenario] = self._tallies[scenario].with_pair(pair)
            self._n_rounds = number
        return missing

    @property
    def _has_distinct_pairs(self) -> bool:
        """One dialogue a scenario, told again and again, is a single round however often it is run."""
        return self._n_rounds == 1 or any(tally.n_distinct > 1 for tally in self._tallies.values())

    def _look(self) -> Look:
        tables = self._tallies.values()
        seen = _sum(tally.pairs.counts for tally in tables)
        for_pass = _sum(tally.for_pass.counts for tally in tables)
        for_block = _sum(tally.for_block.counts for tally in tables)
        return Look(
            round=self._n_rounds,
            worse=seen.worse,
            same=seen.same,
            better=seen.better,
            log_pass=evidence(*for_pass, drop=self._margin, weight=1),
            log_block=evidence(*for_block.reversed(), drop=0, weight=0),
            log_local=max(tally.log_local for tally in tables),
            suspects=tuple(self._suspects),
        )

    def _alarmed(self) -> tuple[str, ...]:
        wanted = math.log(len(self._tallies) / LOCAL_RISK)
        return tuple(tally.scenario for tally in self._tallies.values() if tally.log_local >= wanted)

    def _decide_last_round(self) -> PairsDecision:
        block_z = -score_z([tally.for_block.rates for tally in self._tallies.values()], 0)
        if block_z <= BLOCK_Z:
            return self._ended(Decision.BLOCK, Reason.LAST_ROUND)
        pass_z = -score_z([tally.for_pass.rates for tally in self._tallies.values()], self._margin)
        if pass_z >= PASS_Z and self._has_distinct_pairs:
            return self._examine_suspects(Reason.LAST_ROUND)
        if not self._has_distinct_pairs:
            return self._ended(Decision.INCONCLUSIVE, Reason.REPEATS)
        undecided = self._ended(Decision.INCONCLUSIVE, Reason.UNDECIDED)
        return replace(undecided, rounds_needed=self._rounds_needed())

    def _examine_suspects(self, reason: Reason) -> PairsDecision:
        """The suite passes; scenarios that lost pairs go on alone until each is blamed or cleared."""
        self._suspects = [tally.scenario for tally in self._tallies.values() if tally.is_suspect]
        uncleared = self._uncleared(self._suspects)
        for number in range(self._n_rounds + 1, self._plan.max_rounds + 1):
            if not uncleared:
                break
            if missing := self._take_round(number, uncleared):
                return self._open(missing)
            self._looks.append(self._look())
            if blamed := self._alarmed():
                return self._ended(Decision.BLOCK, Reason.SCENARIO, blamed)
            uncleared = self._uncleared(uncleared)
        risk = SUSPECT_RISK / len(self._tallies)
        blamed = tuple(
            scenario
            for scenario in uncleared
            if fisher_p(self._tallies[scenario].for_block.rates, alternative="greater") <= risk
        )
        if blamed:
            return self._ended(Decision.BLOCK, Reason.SCENARIO, blamed)
        return self._ended(Decision.PASS, reason)

    def _uncleared(self, scenarios: Iterable[str]) -> list[str]:
        return [scenario for scenario in scenarios if not self._tallies[scenario].is_cleared]

    def _ended(self, decision: Decision, reason: Reason, blamed: tuple[str, ...] = ()) -> PairsDecision:
        return PairsDecision(
            self._plan,
            decision,
            reason,
            tuple(self._tallies.values()),
            tuple(self._looks),
            self._n_rounds,
            blamed,
            tuple(self._suspects),
        )

    def _open(self, missing: list[tuple[str, int]]) -> PairsDecision:
        ended = self._ended(Decision.INCONCLUSIVE, Reason.OPEN)
        return replace(ended, wanted=tuple(missing), rounds_needed=self._rounds_needed())

    def _rounds_needed(self) -> int | None:
        """How many more rounds like those so far reach one of the two thresholds."""
        if self._n_rounds == 0:
            return None
        if self._suspects:
            return self._plan.max_rounds - self._n_rounds
        seen = _sum(tally.pairs.counts for tally in self._tallies.values())
        worse, same, better = (count / self._n_rounds for count in seen)
        for rounds in range(max(self._n_rounds + 1, FIRST_LOOK), MAX_PROJECTED_ROUNDS):
            w, s, b = worse * rounds, same * rounds, better * rounds
            if (
                log_evidence(w, s, b, drop=self._margin, weight=1) >= LOG_PASS
                or log_evidence(b, s, w, drop=0, weight=0) >= LOG_BLOCK
            ):
                return rounds - self._n_rounds
        return None


def _sum(parts: Iterable[PairCounts]) -> PairCounts:
    return PairCounts(*map(sum, zip(*parts, strict=True)))
