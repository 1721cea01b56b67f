"""The content of a gate's HTML page as plain values: whether to merge and, if not, the pairs that show why.

It makes no decision: it reads the decision and its record.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from pytest_duolog.display import counted, listed
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import LOCAL_RISK, LOG_BLOCK, LOG_PASS, PairsDecision, Reason
from pytest_duolog.gate.tally import ScenarioTally
from pytest_duolog.reports.dialogue_view import percent_text
from pytest_duolog.reports.forest import Forest, ForestRow, baseline_counts, candidate_counts
from pytest_duolog.reports.numbers import percent, points, range_words
from pytest_duolog.reports.pair_view import PairView, pair_of
from pytest_duolog.reports.run_view import RunView
from pytest_duolog.reports.wording import canary_words, missing_words, needed_words, told_drop
from pytest_duolog.results.arm import AnyArm, Arm
from pytest_duolog.results.record import Look, RunRecord, Sample
from pytest_duolog.stats.repeats import pass_hat_k

# How many lines of the forest plot are shown; the others are folded.
SHOWN_ROWS = 12
# How many scenarios after the worst one have a card, and how many pairs a card has.
MOST_CARDS = 12
MOST_PAIRS = 5
# The largest size of the pairs on a page, in bytes.
PAIRS_BYTES = 500_000
# A heading names at most this many scenarios that got worse, each with its counts.
MOST_IN_HEADING = 2
# The values of `k` in pass^k: how many dialogues must all pass.
TRIES = (1, 2, 4, 8, 16)

STATES = {Decision.PASS: "pass", Decision.BLOCK: "block", Decision.INCONCLUSIVE: "open"}
ANSWERS = {Decision.PASS: "Yes.", Decision.BLOCK: "No.", Decision.INCONCLUSIVE: "Not yet."}
# The headings of an inconclusive gate; the full reason is below them.
OPEN_HEADINGS = {
    Reason.OPEN: "Too little evidence so far.",
    Reason.UNDECIDED: "Too little evidence after the last round.",
    Reason.DRIFT: "The baseline has changed since its stored samples.",
    Reason.REPEATS: "Every scenario gave the same dialogue again and again.",
    Reason.ERRORS: "The candidate ends in errors more often than the baseline.",
    Reason.UNANSWERED: "No dialogue of the last rounds finished.",
    Reason.DEAD: "The baseline passes too seldom to get worse.",
    Reason.DEPENDENCE: "The dialogues depend on each other.",
}


@dataclass(frozen=True)
class Fact:
    """A number about the gate, and how it is made up."""

    label: str
    value: str
    small: str


@dataclass(frozen=True)
class EvidenceRow:
    """A claim, and the evidence for it as a share of the required evidence, after every look."""

    verdict: str
    claim: str
    shares: Sequence[float]
    rounds: Sequence[int]
    most: float

    @property
    def is_enough(self) -> bool:
        """Whether the last look had enough."""
        return bool(self.shares) and self.shares[-1] >= 1

    @property
    def dots(self) -> list[tuple[str, int]]:
        """The positions of the looks, in percent of the width, with their rounds."""
        places = (percent_text(100 * max(0.0, share) / self.most) for share in self.shares)
        return list(zip(places, self.rounds, strict=True))

    @property
    def line(self) -> str:
        """The position of the required evidence."""
        return percent_text(100 / self.most)

    @property
    def last(self) -> str:
        """The share at the last look; it is not rounded up to the required share."""
        if not self.shares:
            return "no look"
        share = 100 * max(0.0, self.shares[-1])
        return f"{min(share, 99) if share < 100 else share:.0f} %"


@dataclass(frozen=True)
class Card:
    """One scenario with some of its pairs: the one with the median harm first, then others as far as there is room."""

    row: ForestRow
    pairs: Sequence[PairView]
    n_pairs: int

    @property
    def n_hidden(self) -> int:
        """How many pairs are left out."""
        return self.n_pairs - len(self.pairs)


@dataclass(frozen=True)
class GateView:
    """The page of a gate. `run` lists its dialogues; `notes` is the whole text about it, the verdict first."""

    record: RunRecord
    decided: PairsDecision
    run: RunView
    notes: Sequence[str]

    @property
    def state(self) -> str:
        """The CSS class of the decision."""
        return STATES[self.decided.decision]

    @property
    def answer(self) -> str:
        """Whether to merge."""
        return ANSWERS[self.decided.decision]

    @property
    def title(self) -> str:
        """The title of the page."""
        return f"{self.decided.decision.upper()}: {self.on_trial}"

    @property
    def on_trial(self) -> str:
        """The candidate for each role, and the model that it would replace."""
        plan = self.record.header.plan
        return (
            "; ".join(
                f"{model} as {role}, instead of {plan.baseline.get(role, 'another model')}"
                for role, model in plan.candidate.items()
            )
            or "the candidate instead of the baseline"
        )

    @cached_property
    def forest(self) -> Forest:
        """The drops, of all and of each scenario."""
        return Forest(self.decided)

    # The answer

    @property
    def heading(self) -> str:
        """The most important reason for the answer."""
        decided = self.decided
        if decided.decision is Decision.PASS:
            return f"The pass rate does not drop by {points(decided.plan.margin)} or more."
        if decided.decision is Decision.INCONCLUSIVE:
            needed = needed_words(decided)
            heading = OPEN_HEADINGS.get(decided.reason, "The evidence is not sufficient.")
            return f"{heading} {needed[0].upper()}{needed[1:]}." if needed else heading
        blamed = [tally for tally in self.forest.ordered if tally.scenario in decided.blamed]
        if 0 < len(blamed) <= MOST_IN_HEADING:
            changes = (
                f"{self.forest.names.short[tally.scenario]} passed {baseline_counts(tally)}, now "
                f"{candidate_counts(tally)}"
                for tally in blamed
            )
            return f"{'; '.join(changes)}."
        if blamed:
            names = listed([self.forest.names.short[tally.scenario] for tally in blamed], most=3)
            return f"{len(blamed)} of {counted(len(decided.tallies), 'scenario')} got worse: {names}."
        passed_1, n_1, passed_2, n_2 = self.forest.totals
        before = f"{n_1 - passed_1} of {n_1}" if passed_1 < n_1 else "none"
        return f"The candidate fails {n_2 - passed_2} of {n_2} dialogues; the baseline fails {before}."

    @property
    def word(self) -> str:
        """The decision of the gate as a word."""
        return self.decided.decision.upper()

    @property
    def risk(self) -> str:
        """The risk of the decision, or what is missing for one."""
        decided, margin = self.decided, points(self.decided.plan.margin)
        if decided.decision is Decision.PASS:
            return (
                f"a candidate whose mean pass rate drops by {margin} or more passes in at most 5 % of "
                f"gates. Between 0 and {margin} both answers are acceptable."
            )
        if decided.decision is Decision.BLOCK:
            which = f"decided by {decided.reason.value}, after {counted(decided.n_rounds, 'round')}"
            return (
                f"{which}. A candidate as good as the baseline in every scenario is blocked in at most 5 "
                "% of gates."
            )
        if decided.reason in (Reason.OPEN, Reason.UNDECIDED):
            lacking = filter(None, [missing_words(decided), canary_words(decided)])
            words = "; ".join(lacking) or "the evidence is not sufficient"
        else:
            words = self.notes[0].partition(": ")[2] if self.notes else decided.reason.value
        return f"{words}. This is not a pass; it fails the run unless --duolog-inconclusive says otherwise."

    @property
    def when(self) -> str:
        """The round of the evidence."""
        n = self.decided.n_rounds
        return f"after round {n}" if n else "before the first round"

    @cached_property
    def facts(self) -> list[Fact]:
        """The numbers of the gate."""
        return list(self._facts())

    def _facts(self) -> Iterator[Fact]:
        decided = self.decided
        passed_1, n_1, passed_2, n_2 = self.forest.totals
        if n_1 and n_2:
            rates = f"{percent(passed_1 / n_1)} → {percent(passed_2 / n_2)}"
            yield Fact("pass rate", rates, f"{passed_1} of {n_1} → {passed_2} of {n_2}")
            what, change, interval = told_drop(decided)
            yield Fact(what, points(change), f"95 % {range_words(interval)}, descriptive")
        else:
            yield Fact("pass rate", "not known", "no pair has an outcome on both sides")
        yield Fact("smallest drop to detect", points(decided.plan.margin), "the margin of this gate")
        counts = [tally.counts for tally in decided.tallies]
        worse, same, better = (sum(found) for found in zip(*counts, strict=True))
        if n_1 and n_2:
            yield Fact("pairs", f"{worse} worse, {better} better", f"{same} the same")
        rounds = f"{decided.n_rounds} of {counted(decided.plan.max_rounds, 'round')}"
        yield Fact(
            "took", counted(decided.n_dialogues, "dialogue"), f"of at most {decided.most_dialogues}; {rounds}"
        )
        if any(decided.n_errors):
            one, two = decided.n_errors
            yield Fact("errors", f"{one} → {two}", "baseline → candidate, after retries")
        if decided.design_effect > 1:
            n = sum(len(tally.pairs) for tally in decided.tallies)
            yield Fact(
                "evidence worth",
                f"{n / decided.design_effect:.0f} of {n} pairs",
                "the dialogues depend on each other",
            )

    # The pairs

    @cached_property
    def cards(self) -> list[Card]:
        """The worst scenario, or the first one of a gate that passes, and then those that lost pairs."""
        room = PAIRS_BYTES
        found: list[Card] = []
        for tally in [*self.forest.ordered[:1], *self._losers[:MOST_CARDS]]:
            pairs = self._pairs(tally)
            kept: list[PairView] = []
            for pair in pairs[:MOST_PAIRS]:
                if pair.size <= room or not found:
                    kept.append(pair)
                    room -= pair.size
            found.append(Card(self.forest.row(tally), kept, len(pairs)))
        return found

    @cached_property
    def _losers(self) -> list[ScenarioTally]:
        """The scenarios after the first one that lost pairs."""
        words = ("worse", "lost", "suspect")
        return [tally for tally in self.forest.ordered[1:] if self.forest.word(tally) in words]

    @property
    def n_more_cards(self) -> int:
        """How many further scenarios lost pairs."""
        return max(0, len(self._losers) - MOST_CARDS)

    def _pairs(self, tally: ScenarioTally) -> list[PairView]:
        """The pairs that were used: first the one with the median harm, then the worst ones."""
        harm: list[tuple[float, PairView]] = []
        for number, pair in enumerate(tally.pairs, start=1):
            baseline, candidate = self._samples(tally.scenario, number)
            if baseline and candidate:
                harm.append((pair.drop, pair_of(number, baseline, candidate)))
        harm.sort(key=lambda found: -found[0])
        n_worse = sum(drop > 0 for drop, _ in harm)
        if n_worse > 2:
            harm.insert(0, harm.pop(n_worse // 2))
        return [pair for _, pair in harm]

    def _samples(self, scenario: str, number: int) -> tuple[list[Sample], Sample | None]:
        per_pair = self.record.header.plan.stored.get(scenario, 1)
        stored = range(per_pair * (number - 1) + 1, per_pair * number + 1)
        baseline = [self._sample(scenario, Arm.BASELINE, at) for at in stored]
        return [sample for sample in baseline if sample], self._sample(scenario, Arm.CANDIDATE, number)

    def _sample(self, scenario: str, arm: Arm, number: int) -> Sample | None:
        return self.record.measured(scenario, arm).get(number) or self._given_up.get((scenario, arm, number))

    @cached_property
    def _given_up(self) -> Mapping[tuple[str, AnyArm, int], Sample]:
        """Errors that remained after all retries, which the gate counts, too."""
        return {
            (sample.scenario, sample.arm, sample.number): sample
            for sample in self.record.samples
            if sample.is_given_up
        }

    @property
    def assertion(self) -> str:
        """The failed assertion of the first pairs of all cards, if it is the same."""
        problems = {card.pairs[0].problem for card in self.cards if card.pairs}
        return problems.pop() if len(problems) == 1 and len(self.cards) > 1 else ""

    # Why it stopped, and the reliability of both arms

    @cached_property
    def evidence(self) -> list[EvidenceRow]:
        """The three claims that a gate tests."""
        looks = self.decided.looks
        claims = [
            ("PASS", "the drop is below the margin", [look.log_pass / LOG_PASS for look in looks]),
            ("BLOCK", "the mean drops at all", [look.log_block / LOG_BLOCK for look in looks]),
            (
                "BLOCK",
                "one scenario drops",
                [look.log_local / math.log(len(self.decided.tallies) / LOCAL_RISK) for look in looks],
            ),
        ]
        most = 1.04 * max([1.2, *(share for _, _, shares in claims for share in shares)])
        rounds = [look.round for look in looks]
        return [EvidenceRow(verdict, claim, shares, rounds, most) for verdict, claim, shares in claims]

    @property
    def looks(self) -> list[Look]:
        """The last look of each round."""
        return list({look.round: look for look in self.decided.looks}.values())

    @cached_property
    def repeats(self) -> list[tuple[int, str, str]]:
        """Pass^k of both arms: the chance that `k` dialogues of one scenario all pass, as the mean over the scenarios.

        Only for `k` that every scenario has enough dialogues for.
        """
        rates = [tally.rates for tally in self.decided.tallies]
        least = min((min(rate.n_1, rate.n_2) for rate in rates), default=0)
        return [
            (
                k,
                percent(fmean(pass_hat_k(rate.n_passed_1, rate.n_1, k) for rate in rates)),
                percent(fmean(pass_hat_k(rate.n_passed_2, rate.n_2, k) for rate in rates)),
            )
            for k in TRIES
            if k <= least
        ]

    @property
    def systems(self) -> list[tuple[str, str]]:
        """The system prompts of the first pair."""
        for card in self.cards:
            for pair in card.pairs:
                if pair.dialogues:
                    speakers = pair.dialogues[0].transcript.speakers
                    return [(speaker.name, speaker.system or "nothing") for speaker in speakers]
        return []
