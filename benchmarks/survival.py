"""How often the intervals of `stats.survival` hold within several tests, and how often they cry wolf.

    python benchmarks/survival.py [--runs 1000] [--seed 1]

Each dialogue has the same chance of the event at every message, up to a cap of 20. `held` is how often the interval of
the difference of restricted means has the true one in it; `pooled` the same if all tests are thrown together. The
alarms are the shares of log-rank tests with p of at most 0.05 where both groups are alike. Bands are counted at
message 10, in both groups.
"""

from __future__ import annotations

import argparse
import random
from typing import NamedTuple

from pytest_duolog.stats.log_rank import log_rank
from pytest_duolog.stats.survival import Observation, kaplan_meier, mean_difference, standardised

CAP = 20
AT = 10


class Truth(NamedTuple):
    """The chances of the event at a message in each test, in both groups, and their dialogues in odd and even tests."""

    name: str
    chances: list[tuple[float, float]]
    sizes: tuple[int, int]


TRUTHS = [
    Truth("one test, 12 and 12", [(0.05, 0.05)], (12, 12)),
    Truth("one test, 40 and 40, different", [(0.05, 0.1)], (40, 40)),
    Truth("few events: 2 in 40 on average", [(0.0025, 0.0025)], (20, 20)),
    Truth("nothing ever happens", [(0.0, 0.0)], (10, 10)),
    Truth("it always happens at the first message", [(1.0, 1.0)], (10, 10)),
    Truth("four tests, equal sizes", [(0.02, 0.02), (0.3, 0.3)] * 2, (10, 10)),
    Truth("four tests, one group holds the hard ones", [(0.02, 0.02), (0.3, 0.3)] * 2, (6, 14)),
    Truth("four tests, different", [(0.02, 0.05), (0.15, 0.3)] * 2, (6, 14)),
    Truth("ten tests of 2 and 3", [(0.02, 0.02), (0.1, 0.1)] * 5, (2, 3)),
    Truth("fifteen pairs", [(0.02, 0.02), (0.1, 0.1), (0.3, 0.3)] * 5, (1, 1)),
]


def drawn(rng: random.Random, n: int, chance: float) -> list[Observation]:
    """The times of `n` dialogues."""
    found = []
    for _ in range(n):
        time = next((at for at in range(1, CAP + 1) if rng.random() < chance), None)
        found.append(Observation(time or CAP, time is not None))
    return found


def mean(chance: float, until: int) -> float:
    """The true restricted mean."""
    return float(sum((1 - chance) ** k for k in range(until)))


def shares(truth: Truth, n_runs: int, rng: random.Random) -> list[float]:
    """The shares of one row of the table."""
    held = pooled = alarms = bands = 0
    for _ in range(n_runs):
        strata = []
        for at, chances in enumerate(truth.chances):
            sizes = truth.sizes if at % 2 == 0 else truth.sizes[::-1]
            strata.append(tuple(drawn(rng, n, chance) for n, chance in zip(sizes, chances, strict=True)))
        curves = standardised(strata)
        weights = [weight for weight, _ in curves[0].parts]
        found = mean_difference(*curves)
        true = [
            sum(w * mean(one[side], found.until) for w, one in zip(weights, truth.chances, strict=True))
            for side in (0, 1)
        ]
        held += true[0] - true[1] in found.interval
        plain = mean_difference(*(kaplan_meier(curve.observations) for curve in curves))
        pooled += (
            sum(
                w * (mean(a, plain.until) - mean(b, plain.until))
                for w, (a, b) in zip(weights, truth.chances, strict=True)
            )
            in plain.interval
        )
        alarms += log_rank([{"a": one, "b": two} for one, two in strata]).p <= 0.05
        for side, curve in enumerate(curves):
            share = sum(w * (1 - one[side]) ** AT for w, one in zip(weights, truth.chances, strict=True))
            step = next((step for step in reversed(curve.steps) if step.time <= AT), None)
            bands += step is None or share in step.interval
    return [held / n_runs, pooled / n_runs, bands / 2 / n_runs, alarms / n_runs]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print("| truth | held | pooled | bands | alarms |\n|---|---|---|---|---|")
    for truth in TRUTHS:
        *others, alarms = shares(truth, given.runs, random.Random(f"{given.seed} {truth.name}"))
        cells = [f"{100 * share:.1f} %" for share in others]
        is_alike = all(one == two for one, two in truth.chances)
        cells.append(f"{100 * alarms:.1f} %" if is_alike else "they differ")
        print(f"| {truth.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
