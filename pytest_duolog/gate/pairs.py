"""Compares the candidate with the baseline over all scenarios: pairs in, a decision out.

A pair is number i of a scenario in both arms, with the same seed and opening. A round is one pair from each scenario.
The caller runs the pairs in `wanted`, adds their results, and calls again until `wanted` is empty. These are whole
rounds and, between them, further pairs of scenarios that lost several, which later rounds reuse.

The guarantees hold for all scenarios, as long as dialogues are independent: a candidate whose mean pass rate is lower
by the margin or more passes at most 5 % of the time, and one that is as good in every scenario is blocked at most 5 %
of the time. Between these, both answers are acceptable. `stats.evidence` explains the evidence, `gate.dependence` the
treatment of dialogues that depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.dependence import stickiness, togetherness
from pytest_duolog.gate.tally import MOST_REPEATS, Drops, Pair, ScenarioTally, evidence, total
from pytest_duolog.results.plan import GatePlan
from pytest_duolog.results.record import Look
from pytest_duolog.stats.differences import TwoRates, score_interval, score_z
from pytest_duolog.stats.evidence import evidence_of_drops
from pytest_duolog.stats.exact_tests import fisher_p
from pytest_duolog.stats.intervals import Interval

# How the risks are divided. Passing a bad candidate: 4 % for the looks, 1 % for the last round.
LOG_PASS = math.log(1 / 0.04)
PASS_Z = 2.326
# Blocking a good one: .75 % for the looks, 2 % for the alarms of single scenarios, 1.1 % for the last round.
LOG_BLOCK = math.log(1 / 0.0075)
LOCAL_RISK = 0.02
BLOCK_Z = -2.28
# The first round with a look: fewer pairs rarely decide anything.
FIRST_LOOK = 2
# So many pairs of a suspicious scenario run before the first round; more of them if it loses several.
PAIRS_AHEAD = 3
# A suspect that is not cleared by the last round is blamed if chance alone rarely makes it that much worse: this risk,
# divided by the number of suspects. Suspects are selected by their losses, so docs/gate.md has the simulated rates.
SUSPECT_RISK = 0.014
# The largest p-value at which a difference in errors between the arms prevents a PASS.
ERRORS_RISK = 0.05

MAX_PROJECTED_ROUNDS = 1000


class Reason(StrEnum):
    """The rule that ended the gate, or the reason why it has not ended."""

    SUITE = "the mean over all scenarios"
    SCENARIO = "single scenarios"
    LAST_ROUND = "the last round"
    UNDECIDED = "the last round decides nothing"
    OPEN = "pairs are missing"
    DRIFT = "the baseline is not what its stored samples were"
    REPEATS = "every scenario gave the same dialogue again and again"
    ERRORS = "the candidate ends in errors more often than the baseline"
    UNANSWERED = "no dialogue came to an end"
    DEAD = "the baseline passes too seldom to get worse by the margin"
    DEPENDENCE = "the dialogues depend on each other"


@dataclass(frozen=True)
class PairsDecision:
    """The decision about the pairs of all scenarios.

    `tallies` are the scenarios in the order of the plan, with all pairs that were used. `blamed` are scenarios that
    blocked the gate alone, `suspects` those with pairs ahead of the rounds or after the suite had passed. `wanted` are
    the pairs to run next, as scenario and number; empty if the decision is final. `rounds_needed` is the approximate
    number of rounds until a decision at the rates so far; None if it is decided or no number is enough. `design_effect`
    is the number of dialogues with as much evidence as one independent dialogue. `canaries_wanted` are new samples of a
    stored baseline to run.
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
    design_effect: float = 1.0
    canaries_wanted: tuple[tuple[str, int], ...] = ()

    @property
    def n_dialogues(self) -> int:
        """The number of dialogues that were used, in both arms."""
        return 2 * sum(len(tally.pairs) for tally in self.tallies)

    @property
    def most_dialogues(self) -> int:
        """The largest possible number of dialogues."""
        return 2 * self.plan.max_rounds * len(self.tallies)

    @property
    def n_errors(self) -> tuple[int, int]:
        """How many pairs lack an outcome of the baseline, and how many one of the candidate."""
        pairs = [pair for tally in self.tallies for pair in tally.pairs]
        return sum(pair.baseline is None for pair in pairs), sum(pair.candidate is None for pair in pairs)

    @property
    def harmed(self) -> tuple[ScenarioTally, ...]:
        """The scenarios that lost noticeably more pairs than they won, worst first."""
        found = (tally for tally in self.tallies if tally.is_harmed)
        return tuple(sorted(found, key=lambda tally: tally.drop, reverse=True))

    @property
    def accused(self) -> tuple[str, ...]:
        """The scenarios to name if the gate blocks.

        Those that blocked it alone; else those that were harmed; if none was, those that lost more pairs than they won.
        """
        if self.decision is not Decision.BLOCK:
            return ()
        lost = self.harmed or [tally for tally in self.tallies if tally.is_suspect]
        return self.blamed or tuple(tally.scenario for tally in lost)

    @property
    def drop_interval(self) -> Interval:
        """The 95 % interval of the mean drop over the scenarios; only descriptive, the gate does not use it."""
        return score_interval([tally.rates for tally in self.tallies])


def decide_pairs(
    plan: GatePlan, pairs: Mapping[str, Sequence[Pair | None]], ahead: Collection[str] = ()
) -> PairsDecision:
    """The decision about the pairs of each scenario in launch order; None is a pair that has not run.

    Pairs of the scenarios in `ahead`, which something else finds suspicious, run before the first round. Evidence about
    a single scenario is valid in any order, and later rounds reuse these pairs, so the risks stay the same.

    It checks after each complete round and stops at the first decision, so that later pairs do not change it. Raises
    ValueError without scenarios.
    """
    if not pairs:
        raise ValueError("a gate needs scenarios")
    return _Gate(plan, pairs, ahead).decide()


class _Gate:
    """The looks at one set of pairs, in their order.

    `_suite` has the complete rounds, `_own` the pairs of a scenario that were run ahead of them as well. Evidence about
    one scenario is valid in any order of its pairs; evidence about the suite needs complete rounds.
    """

    def __init__(
        self, plan: GatePlan, pairs: Mapping[str, Sequence[Pair | None]], ahead: Collection[str] = ()
    ) -> None:
        self._plan = plan
        self._ahead = ahead
        self._margin = float(plan.margin)
        self._pairs = pairs
        self._suite = {scenario: ScenarioTally(scenario) for scenario in pairs}
        self._own = {scenario: ScenarioTally(scenario) for scenario in pairs}
        self._looks: list[Look] = []
        self._suspects: dict[str, None] = {}
        self._n_rounds = 0

    def decide(self) -> PairsDecision:
        if ended := self._run_suspicious():
            return ended
        for number in range(1, self._plan.max_rounds + 1):
            if missing := self._take_round(number):
                return self._open(missing)
            if number >= FIRST_LOOK and (ended := self._look()):
                return ended
        return self._decide_last_round()

    def _take_round(self, number: int) -> list[tuple[str, int]]:
        """Add a complete round; if pairs are missing, add nothing and return them."""
        round_ = {scenario: self._pair(scenario, number) for scenario in self._suite}
        missing = [(scenario, number) for scenario, pair in round_.items() if pair is None]
        if not missing:
            for scenario, pair in round_.items():
                assert pair is not None
                self._suite[scenario].add(pair)
                if len(self._own[scenario].pairs) < number:
                    self._own[scenario].add(pair)
            self._n_rounds = number
        return missing

    def _pair(self, scenario: str, number: int) -> Pair | None:
        pairs = self._pairs[scenario]
        return pairs[number - 1] if number <= len(pairs) else None

    # After a complete round

    def _look(self) -> PairsDecision | None:
        """The decision if this look ends the gate."""
        if self._is_unanswered:
            return self._ended(Decision.INCONCLUSIVE, Reason.UNANSWERED)
        if self._n_rounds >= MOST_REPEATS and not self._has_distinct_pairs:
            return self._ended(Decision.INCONCLUSIVE, Reason.REPEATS)
        look = self._seen()
        self._looks.append(look)
        if _suffices(look.log_block, LOG_BLOCK, self._design_effect):
            return self._ended(Decision.BLOCK, Reason.SUITE)
        if ended := self._alarm() or self._run_ahead():
            return ended
        if _suffices(look.log_pass, LOG_PASS, self._design_effect):
            return self._suite_passes(Reason.SUITE)
        return None

    @property
    def _is_unanswered(self) -> bool:
        """Whether the last rounds had no outcome at all, so that further rounds would only cost time."""
        last = [pair for tally in self._suite.values() for pair in tally.pairs[-FIRST_LOOK:]]
        return not any(pair.is_measured for pair in last)

    @property
    def _has_distinct_pairs(self) -> bool:
        """Whether there are different dialogues: identical ones count as a single round."""
        return self._n_rounds == 1 or any(tally.n_distinct > 1 for tally in self._own.values())

    def _seen(self) -> Look:
        suite = self._suite.values()
        seen = [sum(counts) for counts in zip(*(tally.counts for tally in suite), strict=True)]
        return Look(
            round=self._n_rounds,
            worse=seen[0],
            same=seen[1],
            better=seen[2],
            log_pass=evidence(total(tally.for_pass for tally in suite), drop=self._margin, weight=1),
            log_block=evidence(total(tally.for_block for tally in suite), drop=0.0, weight=0),
            log_local=max(tally.log_local for tally in self._own.values()),
            suspects=tuple(self._suspects),
        )

    @property
    def _stickiness(self) -> float:
        """How many dialogues of one scenario give as much evidence as one independent dialogue."""
        return stickiness(
            [getattr(pair, arm) == 1 for pair in tally.measured]
            for tally in self._own.values()
            for arm in ("baseline", "candidate")
        )

    @property
    def _design_effect(self) -> float:
        """How many dialogues of the suite give as much evidence as one independent dialogue."""
        drops = [[pair.drop for pair in tally.pairs] for tally in self._suite.values()]
        return self._stickiness * togetherness(drops)

    def _alarm(self) -> PairsDecision | None:
        """BLOCK if single scenarios got worse beyond doubt."""
        wanted = math.log(len(self._own) / LOCAL_RISK)
        alarming = [tally for tally in self._own.values() if tally.log_local >= wanted]
        effect = self._stickiness if alarming else 1.0
        blamed = tuple(tally.scenario for tally in alarming if _suffices(tally.log_local, wanted, effect))
        return self._ended(Decision.BLOCK, Reason.SCENARIO, blamed) if blamed else None

    def _run_ahead(self) -> PairsDecision | None:
        """Run the next pairs of scenarios that lost several, until each is blamed or no longer suspect."""
        return self._examine(lambda tally: tally.is_harmed and not tally.is_copied)

    def _run_suspicious(self) -> PairsDecision | None:
        """Run the first pairs of the scenarios in `ahead`, and more of those that lose several of them."""
        return self._examine(
            lambda tally: (
                tally.scenario in self._ahead
                and (len(tally.pairs) < PAIRS_AHEAD or tally.is_harmed)
                and not tally.is_copied
            )
        )

    def _examine(self, is_suspect: Callable[[ScenarioTally], bool]) -> PairsDecision | None:
        """Take further pairs of suspects alone; the decision if pairs are missing, or one is blamed."""
        while suspects := [
            tally
            for tally in self._own.values()
            if is_suspect(tally) and not tally.is_cleared and len(tally.pairs) < self._plan.max_rounds
        ]:
            self._suspects |= dict.fromkeys(tally.scenario for tally in suspects)
            following = {tally.scenario: len(tally.pairs) + 1 for tally in suspects}
            found = {scenario: self._pair(scenario, number) for scenario, number in following.items()}
            if missing := [
                (scenario, following[scenario]) for scenario, pair in found.items() if pair is None
            ]:
                return self._open(missing)
            for scenario, pair in found.items():
                assert pair is not None
                self._own[scenario].add(pair)
            self._looks.append(self._seen())
            if ended := self._alarm():
                return ended
        return None

    # Passing, and the last round

    def _suite_passes(self, reason: Reason) -> PairsDecision | None:
        """PASS if nothing prevents it; scenarios that lost pairs continue alone until each is blamed or cleared."""
        if not self._has_distinct_pairs or self._errors_differ:
            return None
        if self._baseline_rate < self._margin:
            return self._ended(Decision.INCONCLUSIVE, Reason.DEAD)
        suspects = {scenario for scenario, tally in self._own.items() if tally.is_suspect}
        if ended := self._examine(lambda tally: tally.scenario in suspects):
            return ended
        worse = [
            tally
            for tally in self._own.values()
            if tally.scenario in suspects and not tally.is_cleared and tally.is_worse(self._suspect_z)
        ]
        bound = self._suspect_z * math.sqrt(self._stickiness)
        if blamed := tuple(tally.scenario for tally in worse if tally.is_worse(bound)):
            return self._ended(Decision.BLOCK, Reason.SCENARIO, blamed)
        if worse:
            return self._ended(Decision.INCONCLUSIVE, Reason.DEPENDENCE)
        return self._ended(Decision.PASS, reason)

    @property
    def _suspect_z(self) -> float:
        """By how many standard errors a suspect must be worse; the more suspects there were, the more."""
        return NormalDist().inv_cdf(1 - SUSPECT_RISK / max(1, len(self._suspects)))

    @property
    def _errors_differ(self) -> bool:
        """Whether the candidate ends in errors more often than chance explains."""
        pairs = [pair for tally in self._own.values() for pair in tally.pairs]
        baseline, candidate = (
            sum(getattr(pair, arm) is None for pair in pairs) for arm in ("baseline", "candidate")
        )
        errors = TwoRates(candidate, len(pairs), baseline, len(pairs))
        return candidate > baseline and fisher_p(errors, alternative="greater") <= ERRORS_RISK

    @property
    def _baseline_rate(self) -> float:
        """The mean pass rate of the baseline, the largest possible drop of the candidate's."""
        rates = [tally.rates for tally in self._suite.values() if tally.n]
        return math.fsum(rate.n_passed_1 / rate.n_1 for rate in rates) / len(rates) if rates else 0.0

    def _decide_last_round(self) -> PairsDecision:
        if self._is_unanswered:
            return self._ended(Decision.INCONCLUSIVE, Reason.UNANSWERED)
        effect = math.sqrt(self._design_effect)
        block_z = -score_z([tally.rates_for_block for tally in self._suite.values()], 0)
        if block_z / effect <= BLOCK_Z:
            return self._ended(Decision.BLOCK, Reason.LAST_ROUND)
        pass_z = -score_z([tally.rates_for_pass for tally in self._suite.values()], self._margin)
        if pass_z / effect >= PASS_Z and (ended := self._suite_passes(Reason.LAST_ROUND)):
            return ended
        hindrances = {
            Reason.REPEATS: not self._has_distinct_pairs,
            Reason.ERRORS: self._errors_differ,
            Reason.DEPENDENCE: block_z <= BLOCK_Z or pass_z >= PASS_Z,
        }
        reason = next((reason for reason, is_so in hindrances.items() if is_so), Reason.UNDECIDED)
        rounds_needed = self._rounds_needed() if reason is Reason.UNDECIDED else None
        return replace(self._ended(Decision.INCONCLUSIVE, reason), rounds_needed=rounds_needed)

    def _ended(self, decision: Decision, reason: Reason, blamed: tuple[str, ...] = ()) -> PairsDecision:
        return PairsDecision(
            self._plan,
            decision,
            reason,
            tuple(self._own.values()),
            tuple(self._looks),
            self._n_rounds,
            blamed,
            tuple(self._suspects),
            design_effect=self._design_effect,
        )

    def _open(self, missing: list[tuple[str, int]]) -> PairsDecision:
        ended = self._ended(Decision.INCONCLUSIVE, Reason.OPEN)
        return replace(ended, wanted=tuple(missing), rounds_needed=self._rounds_needed())

    def _rounds_needed(self) -> int | None:
        """The number of further rounds, with as much evidence as those so far, that reach one of the thresholds."""
        if self._n_rounds == 0:
            return None
        effect = self._design_effect
        for_pass = total(tally.for_pass for tally in self._suite.values())
        for_block = total(tally.for_block for tally in self._suite.values())
        for rounds in range(max(self._n_rounds + 1, FIRST_LOOK), MAX_PROJECTED_ROUNDS):
            more = rounds / self._n_rounds
            if (
                _projected(for_pass, more, drop=self._margin, weight=1) / effect >= LOG_PASS
                or _projected(for_block, more, drop=0.0, weight=0) / effect >= LOG_BLOCK
            ):
                return rounds - self._n_rounds
        return None


def _suffices(log: float, wanted: float, effect: float) -> bool:
    """Whether evidence is sufficient, also if dialogues depend on each other; a root of it is evidence as well."""
    return log / effect >= wanted


def _projected(drops: Drops, more: float, *, drop: float, weight: float) -> float:
    return evidence_of_drops([(difference, n * more) for difference, n in drops], drop=drop, weight=weight)
