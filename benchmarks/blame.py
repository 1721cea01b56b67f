"""How often `duolog blame` names the right side, and with how many dialogues: the shipped code on invented outcomes.

    python benchmarks/blame.py [--runs 400] [--rounds 20 40 80] [--seed 1]

Each row is a truth: the failure rates of the pairings (both suspects, only that of side a, only that of side b,
neither). The table is Markdown, as in docs/blame.md.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Sequence

from pytest_duolog.gate.blame import Carrier, Round, Why, decide_blame
from pytest_duolog.results.plan import BlamePlan

FAULTY_A = [
    *((1.0, 0.0), (0.9, 0.1), (0.7, 0.05), (0.6, 0.1), (0.5, 0.05), (0.3, 0.0)),
    *((0.9, 0.5), (0.6, 0.2), (0.4, 0.1), (0.3, 0.05)),
]
TRUTHS: dict[str, list[tuple[float, float, float, float]]] = {
    "side a": [(high, high, low, low) for high, low in FAULTY_A],
    "side a, wherever its model sits": [(high, high, low, high) for high, low in FAULTY_A[3:5]],
    "neither": [(rate,) * 4 for rate in (0.0, 0.05, 0.3, 0.5, 0.7, 1.0)],
    "either is enough": [(0.7, 0.7, 0.7, 0.05), (0.9, 0.7, 0.7, 0.0), (0.6, 0.6, 0.6, 0.1)],
    "it takes both": [(0.7, 0.05, 0.05, 0.05), (0.6, 0.1, 0.1, 0.1), (1.0, 0.3, 0.3, 0.0)],
    "both, side a more": [(0.72, 0.6, 0.3, 0.05), (0.95, 0.9, 0.5, 0.05)],
}


def decided(rates: Sequence[float], n_rounds: int, n_runs: int, seed: int) -> tuple[Counter[str], float]:
    """The answers of simulated runs, and their mean number of dialogues."""
    drawn = random.Random(f"{seed} {rates} {n_rounds}")
    answers, n_dialogues = Counter[str](), 0
    for _ in range(n_runs):
        rounds = [Round(*(drawn.random() < rate for rate in rates)) for _ in range(n_rounds)]
        found = decide_blame(BlamePlan(n_rounds), rounds)
        answers[found.carrier.value if found.carrier is not Carrier.UNKNOWN else found.why.name] += 1
        n_dialogues += 4 * found.n_rounds
    return answers, n_dialogues / n_runs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--rounds", type=int, nargs="+", default=[20, 40, 80])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    heads = [f"a / b / both / either, dialogues ({n} rounds)" for n in given.rounds]
    print(f"| at fault | failure rates | {' | '.join(heads)} |\n|---|---|{'---|' * len(heads)}")
    for fault, truths in TRUTHS.items():
        for rates in truths:
            cells = []
            for n_rounds in given.rounds:
                answers, mean = decided(rates, n_rounds, given.runs, given.seed)
                named = ("a", "b", Why.TOGETHER.name, Why.EITHER.name)
                shares = " / ".join(f"{100 * answers[one] / given.runs:.1f}" for one in named)
                cells.append(f"{shares} %, {mean:.0f}")
            print(
                f"| {fault} | {', '.join(f'{rate:g}' for rate in rates)} | {' | '.join(cells)} |", flush=True
            )


if __name__ == "__main__":
    main()
