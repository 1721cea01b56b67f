"""How soon a drop is found in a history of builds, and how often a change is claimed that is none: the shipped code.

    python benchmarks/history.py [drops] [alarms] [after] [violations] [process] [--histories 200] [--seed 1]

Tables are Markdown, as in docs/history.md. Every history is invented: independent samples with one rate until the drop.
`drops` and `after` look at 12 and 200 builds after it, `alarms` and `violations` at 1,000 builds without one. `process`
is an e-process on the same drops, in place of the exact tests: the likelihood of two rates with Jeffreys' priors, a
change equally likely in each of 1,000 builds, over the largest likelihood of one rate.
"""

from __future__ import annotations

import argparse
import math
import random
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import accumulate
from statistics import median

from pytest_duolog.history.trends import FALSE_ALARMS, LOOKS, SHARES, Measure, risk_of_look
from pytest_duolog.stats.binomial import binomial_pmf
from pytest_duolog.stats.changes import Count, Shift, find_shifts

FOUND_WITHIN = 12
DROPS = ((0.95, 0.75), (0.9, 0.7), (0.7, 0.5))
Draw = Callable[[random.Random], Count]


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


@cache
def _chances(rate: float, n: int) -> list[float]:
    return list(accumulate(binomial_pmf(k, n, rate) for k in range(n)))


def at_rate(rate: float, n: int = 20) -> Draw:
    """A build of `n` samples."""
    return lambda rng: Count(bisect_left(_chances(rate, n), rng.random()), n)


def shifts(counts: Sequence[Count], n_scenarios: int) -> list[Shift]:
    return find_shifts(counts, lambda _: risk_of_look(Measure.PASSES, n_scenarios))


def drawn(rng: random.Random, draw: Draw, n_builds: int) -> list[Count]:
    return [draw(rng) for _ in range(n_builds)]


def percents(share: float) -> str:
    return f"{100 * share:.1f} %"


def dropping(rng: random.Random, before: Draw, n_before: int, after: Draw, n_after: int) -> list[Count]:
    return drawn(rng, before, n_before) + drawn(rng, after, n_after)


def show_drops(rng: random.Random, n_histories: int) -> None:
    def row(n: int, rates: tuple[float, float], n_before: int, n_scenarios: int) -> list[object]:
        delays, misses, n_early = [], [], 0
        for _ in range(n_histories):
            counts = dropping(rng, at_rate(rates[0], n), n_before, at_rate(rates[1], n), FOUND_WITHIN)
            found = shifts(counts, n_scenarios)
            n_early += any(shift.found < n_before for shift in found)
            first = next((shift for shift in found if shift.found >= n_before and shift.is_fall), None)
            if first is not None:
                delays.append(first.found - n_before + 1)
                misses.append(abs(first.began - n_before))
        near = sum(miss <= 1 for miss in misses) / len(misses) if misses else 0
        return [
            n,
            f"{rates[0]:g} to {rates[1]:g}",
            n_before,
            n_scenarios,
            percents(len(delays) / n_histories),
            f"{median(delays):g}" if delays else "none",
            percents(near),
        ]

    table(
        [
            "samples a build",
            "pass rate",
            "builds before",
            "scenarios",
            f"found within {FOUND_WITHIN} builds",
            "builds until then (median)",
            "names the build, or the one beside it",
        ],
        (
            row(n, rates, n_before, n_scenarios)
            for n in (10, 20, 40)
            for rates in DROPS
            for n_before in (20, 50, 100)
            for n_scenarios in (1, 20)
        ),
    )


QUIET: dict[str, Draw] = {
    "20 samples, rate 0.9": at_rate(0.9),
    "20 samples, rate 0.7": at_rate(0.7),
    "20 samples, rate 0.99": at_rate(0.99),
    "5 samples, rate 0.9": at_rate(0.9, 5),
    "1 sample, rate 0.9": at_rate(0.9, 1),
    "0 to 40 samples, rate 0.8": lambda rng: at_rate(0.8, rng.randint(0, 40))(rng),
}


def until_decided(rate: float, n: int, n_needed: int) -> Draw:
    """A build that stops as soon as enough samples passed or failed, as tests with a bar do."""

    def draw(rng: random.Random) -> Count:
        passed = failed = 0
        while passed < n_needed and failed <= n - n_needed:
            is_pass = rng.random() < rate
            passed, failed = passed + is_pass, failed + (not is_pass)
        return Count(passed, passed + failed)

    return draw


def wobbling(rate: float, spread: float, n: int = 20) -> Draw:
    """A build with a rate of its own: a beta distribution with this standard deviation."""
    size = rate * (1 - rate) / spread**2 - 1

    def draw(rng: random.Random) -> Count:
        own = rng.betavariate(rate * size, (1 - rate) * size)
        return Count(sum(rng.random() < own for _ in range(n)), n)

    return draw


VIOLATIONS: dict[str, Draw] = {
    "stopped at the first failure: 20 of 20 must pass, rate 0.9": until_decided(0.9, 20, 20),
    "stopped early: 18 of 20 must pass, rate 0.9": until_decided(0.9, 20, 18),
    "stopped early: 14 of 20 must pass, rate 0.7": until_decided(0.7, 20, 14),
    "rate 0.9 that varies between builds by 2 points (standard deviation)": wobbling(0.9, 0.02),
    "rate 0.9 that varies by 5 points": wobbling(0.9, 0.05),
    "rate 0.9 that varies by 8 points": wobbling(0.9, 0.08),
}


def show_alarms(rng: random.Random, n_histories: int, kinds: dict[str, Draw]) -> None:
    def row(name: str, draw: Draw, n_scenarios: int, n: int) -> list[object]:
        wrong = [
            any(shifts(drawn(rng, draw, LOOKS), n_scenarios) for _ in range(n_scenarios)) for _ in range(n)
        ]
        return [name, n_scenarios, n, percents(sum(wrong) / n)]

    rows = [row(name, draw, 1, n_histories) for name, draw in kinds.items()]
    if kinds is QUIET:
        rows.append(row("20 samples, rate 0.9", at_rate(0.9), 10, max(1, n_histories // 4)))
    table(["builds", "scenarios", "histories of 1,000 builds", "with a false alarm"], rows)


def show_after(rng: random.Random, n_histories: int) -> None:
    """Claims after a true drop was found: there is one change, so every second one is false."""

    def row(rates: tuple[float, float], n_after: int = 200) -> list[object]:
        n_second = 0
        for _ in range(n_histories):
            counts = dropping(rng, at_rate(rates[0]), 50, at_rate(rates[1]), n_after)
            n_second += len(shifts(counts, 1)) > 1
        return [f"{rates[0]:g} to {rates[1]:g}", n_histories, percents(n_second / n_histories)]

    table(
        ["20 samples, 50 builds, then 200 at", "histories", "with a second change claimed"], map(row, DROPS)
    )


def show_process(rng: random.Random, n_histories: int) -> None:
    def row(rates: tuple[float, float], n_before: int, n_scenarios: int) -> list[object]:
        n_exact = n_process = 0
        for _ in range(n_histories):
            counts = dropping(rng, at_rate(rates[0]), n_before, at_rate(rates[1]), FOUND_WITHIN)
            n_exact += any(shift.is_fall and shift.found >= n_before for shift in shifts(counts, n_scenarios))
            n_process += process_alarms(counts, n_scenarios)
        cells = (percents(n / n_histories) for n in (n_exact, n_process))
        return [f"{rates[0]:g} to {rates[1]:g}", n_before, n_scenarios, *cells]

    table(
        ["20 samples a build", "builds before", "scenarios", "exact tests", "e-process"],
        (row(rates, before, n) for rates in DROPS for before in (20, 50, 100) for n in (1, 20)),
    )


def process_alarms(counts: Sequence[Count], n_scenarios: int) -> bool:
    """Whether the e-process ever exceeds what its share of the budget allows; its claims have two sides."""
    limit = math.log(n_scenarios / (FALSE_ALARMS * sum(SHARES[Measure.PASSES])))
    passed = [0, *accumulate(count.n_passed for count in counts)]
    n = [0, *accumulate(count.n for count in counts)]
    for end in range(2, len(counts) + 1):
        logs = [
            _marginal(passed[at], n[at]) + _marginal(passed[end] - passed[at], n[end] - n[at])
            for at in range(1, end)
        ]
        largest = max(logs)
        mixture = largest + math.log(math.fsum(math.exp(log - largest) for log in logs) / LOOKS)
        if mixture - _highest(passed[end], n[end]) >= limit:
            return True
    return False


def _marginal(passed: int, n: int) -> float:
    return (
        math.lgamma(passed + 0.5)
        + math.lgamma(n - passed + 0.5)
        - math.lgamma(n + 1)
        - 2 * math.lgamma(0.5)
        + math.lgamma(1)
    )


def _highest(passed: int, n: int) -> float:
    return sum(part * math.log(part / n) for part in (passed, n - passed) if part)


def main() -> None:
    tables: dict[str, Callable[[random.Random, int], None]] = {
        "drops": show_drops,
        "alarms": lambda rng, n: show_alarms(rng, n, QUIET),
        "after": show_after,
        "violations": lambda rng, n: show_alarms(rng, n, VIOLATIONS),
        "process": show_process,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", choices=[*tables, []], help="default: all")
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for name in arguments.tables or tables:
        tables[name](random.Random(f"{arguments.seed} {name}"), arguments.histories)


if __name__ == "__main__":
    main()
