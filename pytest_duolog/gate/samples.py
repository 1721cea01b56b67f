"""Decides about one scenario and its required pass rate: at least so many of so many samples.

The caller runs the numbers in `wanted`, adds their results, and calls again until `wanted` is empty. Samples count in
the order of their numbers, not in the order in which they finish: failing dialogues take longer, so the first to finish
are more often good. With many scenarios, run number 1 of all, then number 2, and so on; otherwise samples would start
that an early stop makes unnecessary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_duolog.gate.decision import Decision
from pytest_duolog.results.plan import Claim, ScenarioPlan
from pytest_duolog.results.record import Sample
from pytest_duolog.stats.acceptance import PROOF_RISK
from pytest_duolog.stats.binomial import probability_at_least

# A model takes at least this share of its time to say the same again; a cache is quicker.
QUICKEST_DRAW = 0.2
# After this many samples with a single dialogue, no other one is expected.
MOST_COPIES = 3


class Trial(NamedTuple):
    """One measured sample; a repeat is a copy of an earlier one and does not count again."""

    passed: bool
    is_repeat: bool = False


@dataclass(frozen=True)
class SamplesDecision:
    """The decision about the samples of a scenario.

    `n_passed` and `n_failed` count the distinct samples that were used, `n_repeated` the others, and `stopped_after` is
    the number of the last one. `wanted` are the numbers to run next; empty if the decision is final.
    """

    plan: ScenarioPlan
    decision: Decision
    n_passed: int
    n_failed: int
    n_repeated: int
    wanted: tuple[int, ...] = ()

    @property
    def stopped_after(self) -> int:
        """The number of samples that were used."""
        return self.n_passed + self.n_failed + self.n_repeated


def decide_samples(plan: ScenarioPlan, trials: Sequence[Trial | None]) -> SamplesDecision:
    """The decision about trials in launch order; None is a trial that is not measured, and no later one counts.

    A sequence that is too short is inconclusive and `wanted` has the next number. Too many repeats are also
    inconclusive, because a copy is not a new sample: it ends once no further sample can decide, or none is expected to
    differ.
    """
    n_passed = n_failed = n_repeated = 0
    for trial in trials[: plan.samples]:
        if trial is None:
            break
        n_passed += trial.passed and not trial.is_repeat
        n_failed += not trial.passed and not trial.is_repeat
        n_repeated += trial.is_repeat
        decided = plan.acceptance.decide(n_passed, n_failed)
        if decided is not None:
            decision = Decision.PASS if decided else _decision_against(plan, n_passed, n_failed)
            return SamplesDecision(plan, decision, n_passed, n_failed, n_repeated)
        if n_repeated and _is_stuck(plan, n_passed, n_failed, n_repeated):
            return SamplesDecision(plan, Decision.INCONCLUSIVE, n_passed, n_failed, n_repeated)
    looked_at = n_passed + n_failed + n_repeated
    wanted = (looked_at + 1,) if looked_at < plan.samples else ()
    return SamplesDecision(plan, Decision.INCONCLUSIVE, n_passed, n_failed, n_repeated, wanted)


def _is_stuck(plan: ScenarioPlan, n_passed: int, n_failed: int, n_repeated: int) -> bool:
    """Whether further samples are of no use: they are expected to be copies, or cannot decide even if they are not."""
    n = n_passed + n_failed
    if n == 1 and n_repeated >= MOST_COPIES - 1:
        return True
    n_left = plan.samples - n - n_repeated
    best, worst = (n_passed + n_left, n_failed), (n_passed, n_failed + n_left)
    return all(plan.acceptance.decide(*counts) is None for counts in (best, worst))


def _decision_against(plan: ScenarioPlan, n_passed: int, n_failed: int) -> Decision:
    """BLOCK if the rate is too low; INCONCLUSIVE if it is only not proven to be high enough."""
    if plan.claim is Claim.MEETS:
        return Decision.BLOCK
    chance = probability_at_least(n_failed, n_passed + n_failed, 1 - float(plan.min_pass_rate))
    return Decision.BLOCK if chance <= PROOF_RISK else Decision.INCONCLUSIVE


def trials_of(samples: Mapping[int, Sample], n_samples: int) -> list[Trial | None]:
    """The trials behind samples by number, as `decide_samples` takes them."""
    repeats = {number for _, number in repeats_in(samples[number] for number in sorted(samples))}
    return [
        Trial(samples[number].passed, number in repeats) if number in samples else None
        for number in range(1, n_samples + 1)
    ]


def repeats_in(samples: Iterable[Sample]) -> set[tuple[str, int]]:
    """Scenario and number of the samples that are copies of an earlier one.

    A sample with the same words is no copy if its replies are draws of their own, and took their time. Nor is it one if
    the same words have passed and failed: then something else decides, and each sample says how often it does.
    """
    known: dict[str, list[Sample]] = {}
    repeats: set[tuple[str, int]] = set()
    for sample in samples:
        if sample.fingerprint is None:
            continue
        earlier = known.setdefault(sample.fingerprint, [])
        outcomes = {of.passed for of in earlier if _is_copy(sample, of)}
        if outcomes == {sample.passed}:
            repeats.add((sample.scenario, sample.number))
        else:
            earlier.append(sample)
    return repeats


def _is_copy(sample: Sample, of: Sample) -> bool:
    """Whether a sample with the same words as an earlier one need not be a sample of its own."""
    is_drawn = sample.draws and of.draws and sample.draws.isdisjoint(of.draws)
    return not is_drawn or sample.model_s < QUICKEST_DRAW * of.model_s
