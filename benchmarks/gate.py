"""How often gates are right and what they cost, beside rules that people use: the shipped code on invented outcomes.

    python benchmarks/gate.py [samples] [suite] [hostile] [stored] [sensitivity] [order] [planner] [record]
                              [--gates 1000] [--seed 1]

Tables are Markdown, as in docs/gate.md. `samples` is exact, by recursion, apart from the peeking rule; the others are
simulated with independent dialogues: with 1,000 gates a share is known to within 3 points (95 %), a small one to less.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pytest_duolog.gate.baseline import Canary
from pytest_duolog.gate.decide import decide_record, guarded
from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision, decide_pairs
from pytest_duolog.gate.planner import forecast
from pytest_duolog.gate.samples import Trial, decide_samples
from pytest_duolog.gate.tally import Pair
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.results.plan import GatePlan, RunPlan, ScenarioPlan
from pytest_duolog.results.record import Arm, Header, RunRecord, Sample, SampleOutcome
from pytest_duolog.results.store import read_record, write_record
from pytest_duolog.stats.acceptance import acceptance_plan
from pytest_duolog.stats.binomial import probability_at_least
from pytest_duolog.stats.differences import TwoRates
from pytest_duolog.stats.exact_tests import benjamini_hochberg, fisher_p
from pytest_duolog.stats.intervals import wilson_interval
from pytest_duolog.transcripts.transcript import Message, Transcript

S = 20
BAR = 0.9
Rates = Sequence[float]


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def spread(mean: float, reach: float, n: int = S) -> list[float]:
    """Rates from `mean - reach` to `mean + reach` in equal steps."""
    return [mean] if n == 1 else [mean - reach + 2 * reach * place / (n - 1) for place in range(n)]


# One scenario against its bar.


def peeking_wilson(rng: random.Random, rate: float, n: int) -> tuple[bool, int]:
    """Stops at the first 95 % Wilson interval that lies above or below the bar, or once the count is decided.

    The rule of agentcheck-pytest-plugin 0.1.
    """
    n_passed = 0
    need = acceptance_plan(n, BAR).n_needed
    for used in range(1, n + 1):
        n_passed += rng.random() < rate
        low, high = wilson_interval(n_passed, used)
        if high < BAR or used - n_passed > n - need:
            return False, used
        if low >= BAR or n_passed >= need:
            return True, used
    raise AssertionError("the count decides at the end")


def show_samples(n_gates: int, rng: random.Random) -> None:
    rates = (1, 0.97, 0.9, 0.75, 0.5)
    rows: list[list[object]] = []
    for n in (5, 10, 15, 20, 30, 40, 50):
        plan = acceptance_plan(n, BAR)
        cells = [
            f"{plan.expect(rate).pass_probability:.3f} / {plan.expect(rate).mean_samples:.1f}"
            for rate in rates
        ]
        stops = ", ".join(map(str, plan.passes_at))
        rows.append(
            [f"{n} ({plan.n_needed})", f"{plan.healthy_rate:.3f} / {plan.broken_rate:.3f}", stops, *cells]
        )
    rows.append(["one run", "", "1", *(f"{rate:.3f} / 1" for rate in rates)])
    seen = {rate: [peeking_wilson(rng, rate, 20) for _ in range(n_gates)] for rate in rates}
    cells = [
        f"{sum(p for p, _ in found) / n_gates:.3f} / {sum(n for _, n in found) / n_gates:.1f}"
        for found in seen.values()
    ]
    rows.append(["20, Wilson after every run (agentcheck)", "", "", *cells])
    table(
        ["samples (needed)", "healthy / broken rate", "passes after 0, 1, ... failures at", *map(str, rates)],
        rows,
    )
    worst = max(
        abs(plan.expect(step / 200).pass_probability - probability_at_least(plan.n_needed, n, step / 200))
        for bar in ("0.8", "0.9", "0.95")
        for n in range(5, 51)
        for plan in [acceptance_plan(n, bar)]
        for step in range(80, 201)
    )
    print(f"\nLargest deviation from the full count, 5 to 50 samples, bars 0.8, 0.9, 0.95: {worst:.4f}")


# The gate over a suite.

EVEN = spread(0.93, 0.07)
TRUTHS: dict[str, tuple[Rates, Rates]] = {
    "equal, all 1.00": ([1.0] * S, [1.0] * S),
    "equal, 0.98": ([0.98] * S, [0.98] * S),
    "equal, mean 0.93 (0.86 to 1)": (EVEN, EVEN),
    "equal, 0.80": ([0.80] * S, [0.80] * S),
    "0.93, better by 0.05": ([0.93] * S, [0.98] * S),
    "0.93, worse by 0.05 (inside the margin)": ([0.93] * S, [0.88] * S),
    "0.93, worse by 0.10": ([0.93] * S, [0.83] * S),
    "1.00, worse by 0.10": ([1.0] * S, [0.9] * S),
    "0.93, worse by 0.20": ([0.93] * S, [0.73] * S),
    "mean 0.93, one of 20 from 1.00 to 0": (EVEN, [*EVEN[:-1], 0.0]),
    "mean 0.93, one of 20 from 1.00 to 0.2": (EVEN, [*EVEN[:-1], 0.2]),
    "mean 0.93, one of 20 from 1.00 to 0.5": (EVEN, [*EVEN[:-1], 0.5]),
    "all 0.93, one of 20 to 0.2": ([0.93] * S, [0.93] * (S - 1) + [0.2]),
    "all 0.98, one of 20 to 0": ([0.98] * S, [0.98] * (S - 1) + [0.0]),
    "all 0.98, one of 20 to 0.2": ([0.98] * S, [0.98] * (S - 1) + [0.2]),
    "all 0.98, one of 20 to 0.5": ([0.98] * S, [0.98] * (S - 1) + [0.5]),
    "0.98, worse by 0.10": ([0.98] * S, [0.88] * S),
    "0.80, worse by 0.10": ([0.80] * S, [0.70] * S),
}


def invented(rng: random.Random, base: Rates, cand: Rates, n_rounds: int) -> dict[str, list[Pair | None]]:
    return {
        str(place): [Pair(rng.random() < one, rng.random() < other) for _ in range(n_rounds)]
        for place, (one, other) in enumerate(zip(base, cand, strict=True))
    }


def gates(rng: random.Random, plan: GatePlan, base: Rates, cand: Rates, n: int) -> list[PairsDecision]:
    return [decide_pairs(plan, invented(rng, base, cand, plan.max_rounds)) for _ in range(n)]


def share(decisions: Sequence[PairsDecision], decision: Decision) -> float:
    return sum(found.decision is decision for found in decisions) / len(decisions)


def dialogues(decisions: Sequence[PairsDecision]) -> list[int]:
    return sorted(found.n_dialogues for found in decisions)


def any_scenario_worse(tables: Sequence[TwoRates]) -> bool:
    return any(one.difference > 0 for one in tables)


def suite_mean_lower(tables: Sequence[TwoRates]) -> bool:
    return sum(one.difference for one in tables) > 0


def fisher_and_bh(tables: Sequence[TwoRates]) -> bool:
    """The rule of agentrial 0.2: two-sided Fisher a scenario, Benjamini-Hochberg at 5 %, blocks if one fell."""
    adjusted = benjamini_hochberg([fisher_p(one) for one in tables])
    return any(p < 0.05 and one.difference > 0 for p, one in zip(adjusted, tables, strict=True))


NAIVE: list[tuple[str, int, Callable[[Sequence[TwoRates]], bool]]] = [
    ("1 run each, any scenario worse", 1, any_scenario_worse),
    ("1 run each, suite mean lower", 1, suite_mean_lower),
    ("5 runs each, any scenario worse", 5, any_scenario_worse),
    ("5 runs each, suite mean lower", 5, suite_mean_lower),
    ("20 runs each, suite mean lower", 20, suite_mean_lower),
    ("20 runs each, Fisher and BH a scenario (agentrial)", 20, fisher_and_bh),
]


def naive_blocks(
    rng: random.Random, base: Rates, cand: Rates, n_runs: int, rule: Callable[[Sequence[TwoRates]], bool]
) -> bool:
    def passes(rate: float) -> int:
        return sum(rng.random() < rate for _ in range(n_runs))

    return rule(
        [TwoRates(passes(one), n_runs, passes(other), n_runs) for one, other in zip(base, cand, strict=True)]
    )


def show_suite(n_gates: int, rng: random.Random) -> None:
    plan = GatePlan()
    blocked: dict[str, float] = {}
    rows = []
    for name, (base, cand) in TRUTHS.items():
        found = gates(rng, plan, base, cand, n_gates)
        blocked[name] = share(found, Decision.BLOCK)
        n = dialogues(found)
        cells = [f"{share(found, decision):.3f}" for decision in Decision]
        rows.append([name, *cells, f"{sum(n) / n_gates:.0f} ({n[math.ceil(0.9 * n_gates) - 1]})"])
    print(f"\n{S} scenarios, margin 0.10, at most 20 rounds (800 dialogues), {n_gates} gates a row")
    table(["truth", "pass", "block", "inconclusive", "dialogues, mean (p90)"], rows)
    shown = [
        "equal, 0.98",
        "equal, mean 0.93 (0.86 to 1)",
        "equal, 0.80",
        "0.93, worse by 0.10",
        "0.93, worse by 0.20",
        "mean 0.93, one of 20 from 1.00 to 0.2",
    ]
    rows = [
        [
            f"{rule_name} ({2 * S * n_runs})",
            *(
                f"{sum(naive_blocks(rng, *TRUTHS[name], n_runs, rule) for _ in range(n_gates)) / n_gates:.3f}"
                for name in shown
            ),
        ]
        for rule_name, n_runs, rule in NAIVE
    ]
    rows.append(["this gate", *(f"{blocked[name]:.3f}" for name in shown)])
    print("\nHow often it blocks")
    table(["rule (dialogues)", *shown], rows)


CELLS = [
    (1, 20, "0.20"),
    (1, 50, "0.20"),
    (5, 20, "0.20"),
    (5, 50, "0.10"),
    (10, 20, "0.10"),
    (20, 10, "0.10"),
    (20, 20, "0.10"),
    (20, 20, "0.05"),
    (50, 10, "0.05"),
    (50, 20, "0.03"),
]


def show_sensitivity(n_gates: int, rng: random.Random) -> None:
    means = (0.98, 0.93, 0.85)
    rows = []
    for n, cap, margin in CELLS:
        plan = GatePlan(margin, cap)
        cells = []
        for mean in means:
            base = spread(mean, min(0.07, 1 - mean), n)
            equal = gates(rng, plan, base, base, n_gates)
            worse = gates(rng, plan, base, [rate - float(margin) for rate in base], n_gates)
            cost = sum(dialogues(equal)) / n_gates
            cells.append(
                f"{share(equal, Decision.PASS):.2f} / {share(equal, Decision.BLOCK):.3f} / {cost:.0f}; "
                f"{share(worse, Decision.PASS):.3f} / {share(worse, Decision.BLOCK):.2f}"
            )
        rows.append([f"{n}, {cap}, {margin}", *cells])
    print("\nequal: pass / block / dialogues; worse by the margin: pass / block")
    table(["scenarios, rounds, margin", *(f"mean {mean}" for mean in means)], rows)


# Dialogues that are not independent, or not all there; and a baseline that is stored.


def sticky(rng: random.Random, rate: float, n: int, correlation: float) -> list[bool]:
    """Outcomes of which each repeats the one before it with this chance, and else is drawn anew."""
    found = [rng.random() < rate]
    while len(found) < n:
        found.append(found[-1] if rng.random() < correlation else rng.random() < rate)
    return found


def sticky_pairs(
    rng: random.Random, base: float, cand: float, correlation: float
) -> dict[str, list[Pair | None]]:
    return {
        str(place): [
            Pair(one, other)
            for one, other in zip(
                sticky(rng, base, ROUNDS, correlation), sticky(rng, cand, ROUNDS, correlation), strict=True
            )
        ]
        for place in range(S)
    }


def pairs_with_outages(
    rng: random.Random, rate: float, share_of_rounds: float
) -> dict[str, list[Pair | None]]:
    """Equal arms; in a share of the rounds every dialogue of one arm fails."""
    out = [(rng.random() < share_of_rounds, rng.random() < share_of_rounds) for _ in range(ROUNDS)]
    return {
        str(place): [
            Pair(not one and rng.random() < rate, not other and rng.random() < rate) for one, other in out
        ]
        for place in range(S)
    }


def pairs_with_errors(
    rng: random.Random, rate: float, base_errors: float, cand_errors: float
) -> dict[str, list[Pair | None]]:
    """Equal arms, in which a share of the samples is still an error after all tries."""

    def sample(errors: float) -> bool | None:
        return None if rng.random() < errors else rng.random() < rate

    return {
        str(place): [Pair(sample(base_errors), sample(cand_errors)) for _ in range(ROUNDS)]
        for place in range(S)
    }


ROUNDS = GatePlan().max_rounds
Invent = Callable[[random.Random], dict[str, list[Pair | None]]]
HOSTILE: dict[str, Invent] = {
    "equal 0.98, 2 % errors in both arms": lambda rng: pairs_with_errors(rng, 0.98, 0.02, 0.02),
    "equal 0.93, 2 % errors in both arms": lambda rng: pairs_with_errors(rng, 0.93, 0.02, 0.02),
    "equal 0.98, 10 % errors in the candidate alone": lambda rng: pairs_with_errors(rng, 0.98, 0, 0.10),
    "equal 0.98, 20 % errors in the candidate alone": lambda rng: pairs_with_errors(rng, 0.98, 0, 0.20),
    "equal 0.93, each sample repeats the last one with a chance of 0.5": lambda rng: sticky_pairs(
        rng, 0.93, 0.93, 0.5
    ),
    "0.93, worse by 0.10, each repeats the last one with a chance of 0.5": lambda rng: sticky_pairs(
        rng, 0.93, 0.83, 0.5
    ),
    "equal 0.93, one arm fails as a whole in 5 % of the rounds": lambda rng: pairs_with_outages(
        rng, 0.93, 0.05
    ),
}


def show_hostile(n_gates: int, rng: random.Random) -> None:
    rows = []
    for name, invent in HOSTILE.items():
        found = [decide_pairs(GatePlan(), invent(rng)) for _ in range(n_gates)]
        rows.append(
            [
                name,
                *(f"{share(found, one):.3f}" for one in Decision),
                f"{sum(dialogues(found)) / n_gates:.0f}",
            ]
        )
    print(f"\n{n_gates} gates a row")
    table(["truth", "pass", "block", "inconclusive", "dialogues"], rows)


# The baseline when it was stored, today, and the candidate.
STORED: dict[str, tuple[float, float, float]] = {
    "equal, all 1.00": (1.0, 1.0, 1.0),
    "equal, 0.98": (0.98, 0.98, 0.98),
    "equal, 0.93": (0.93, 0.93, 0.93),
    "0.93, worse by 0.10": (0.93, 0.93, 0.83),
    "fell from 0.98 to 0.88 since, candidate equal to today's": (0.98, 0.88, 0.88),
    "rose from 0.88 to 0.98 since, candidate worse than today's by 0.10": (0.88, 0.98, 0.88),
    "fell from 0.93 to 0.83 since, candidate equal to today's": (0.93, 0.83, 0.83),
}
PER_PAIR = 3


def stored_gate(rng: random.Random, then: float, today: float, cand: float) -> tuple[PairsDecision, int]:
    """The decision with 60 stored samples of each scenario, and how many new ones of the baseline it took."""
    outcomes = {str(place): [rng.random() < then for _ in range(PER_PAIR * ROUNDS)] for place in range(S)}
    pairs: dict[str, list[Pair | None]] = {
        name: [
            Pair(
                sum(found[PER_PAIR * at : PER_PAIR * (at + 1)]) / PER_PAIR,
                rng.random() < cand,
                False,
                PER_PAIR,
            )
            for at in range(ROUNDS)
        ]
        for name, found in outcomes.items()
    }
    plain = decide_pairs(GatePlan(), pairs)
    canaries: dict[str, list[Canary]] = {name: [] for name in outcomes}
    while True:
        decided = guarded(plain, canaries)
        if not decided.canaries_wanted:
            return decided, sum(map(len, canaries.values()))
        for name, _ in decided.canaries_wanted:
            used = outcomes[name]
            canaries[name].append(Canary(name, sum(used), len(used), rng.random() < today))


def show_stored(n_gates: int, rng: random.Random) -> None:
    rows = []
    for name, rates in STORED.items():
        found = [stored_gate(rng, *rates) for _ in range(n_gates)]
        decisions = [decided for decided, _ in found]
        rows.append(
            [
                name,
                *(f"{share(decisions, one):.3f}" for one in Decision),
                f"{sum(dialogues(decisions)) / 2 / n_gates:.0f}",
                f"{sum(n for _, n in found) / n_gates:.0f}",
            ]
        )
    print(f"\n{n_gates} gates a row")
    table(["stored baseline", "pass", "block", "inconclusive", "the candidate's dialogues", "new ones"], rows)


# Results that arrive out of order.


def first_answer(
    rng: random.Random, rate: float, n_workers: int, *, in_launch_order: bool
) -> tuple[bool, int]:
    """Whether a scenario passes with failing runs four times as slow, and how many were launched by then."""
    plan = ScenarioPlan(20, "0.9")
    known: list[Trial | None] = []
    arrived: list[Trial | None] = []
    running: list[tuple[float, int, bool]] = []
    now = 0.0
    while True:
        while len(running) < n_workers and len(known) < plan.samples:
            passed = rng.random() < rate
            heapq.heappush(running, (now + (1 if passed else 4), len(known), passed))
            known.append(None)
        now, place, passed = heapq.heappop(running)
        known[place] = Trial(passed)
        arrived.append(Trial(passed))
        decided = decide_samples(plan, known if in_launch_order else arrived)
        if decided.decision is not Decision.INCONCLUSIVE:
            return decided.decision is Decision.PASS, len(known)


def show_order(n_gates: int, rng: random.Random) -> None:
    rows = []
    for n_workers in (1, 8, 20):
        cells = []
        for in_launch_order in (True, False):
            found = [
                first_answer(rng, 0.755, n_workers, in_launch_order=in_launch_order) for _ in range(n_gates)
            ]
            cells.append(f"{sum(passed for passed, _ in found) / n_gates:.3f}")
        rows.append([n_workers, *cells])
    print("\nHow often a broken scenario (0.755) passes 18 of 20 if failing runs take four times as long")
    table(["workers", "decided in launch order", "decided as results arrive"], rows)


# What a forecast is worth, and what a decision costs.


def show_planner(n_gates: int, rng: random.Random) -> None:
    rows = []
    for name in (
        "equal, all 1.00",
        "equal, 0.98",
        "equal, mean 0.93 (0.86 to 1)",
        "equal, 0.80",
        "0.93, worse by 0.10",
    ):
        base, cand = TRUTHS[name]
        predicted = forecast(GatePlan(), base, cand).mean_dialogues
        seen = sum(dialogues(gates(rng, GatePlan(), base, cand, n_gates))) / n_gates
        rows.append([name, f"{predicted:.0f}", f"{seen:.0f}", f"{100 * (predicted / seen - 1):+.1f} %"])
    table(["truth", "forecast (200 gates)", "simulated", "error"], rows)


def show_record(_: int, rng: random.Random) -> None:
    words = ["word"] * 60
    samples = []
    for number in range(1, 21):
        for scenario in range(S):
            for arm in Arm:
                talk = [
                    Message(speaker="AB"[turn % 2], content=" ".join([*words, str(rng.random())]))
                    for turn in range(12)
                ]
                dialogue = DialogueResult(transcript=Transcript(messages=tuple(talk)))
                outcome = SampleOutcome.PASSED if rng.random() < 0.8 else SampleOutcome.FAILED
                samples.append(
                    Sample(
                        scenario=str(scenario), number=number, arm=arm, outcome=outcome, dialogues=(dialogue,)
                    )
                )
    plan = RunPlan({str(scenario): None for scenario in range(S)}, GatePlan("0.02"))
    header = Header(plan=plan, plugin="benchmark", created=datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.jsonl"
        write_record(path, RunRecord(header, tuple(samples)))
        began = time.process_time()
        record = read_record(path)
        read = time.process_time() - began
        decision = decide_record(record)
        seconds = time.process_time() - began
        size = path.stat().st_size / 1e6
    print(
        f"\n{S} x 20 x 2 dialogues of 12 messages ({size:.1f} MB): {decision.decision} in {seconds:.2f} CPU s "
        f"({read:.2f} to read)"
    )


PARTS = {
    "samples": show_samples,
    "suite": show_suite,
    "hostile": show_hostile,
    "stored": show_stored,
    "sensitivity": show_sensitivity,
    "order": show_order,
    "planner": show_planner,
    "record": show_record,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    parser.add_argument("--gates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for part in arguments.parts or PARTS:
        PARTS[part](arguments.gates, random.Random(arguments.seed))


if __name__ == "__main__":
    sys.exit(main())
