"""How often `duolog compare` claims what is not so, and how often its intervals hold, on invented dialogues.

    python benchmarks/compare.py [--pages 400] [--sizes 10 30 100] [--rates 0.02 0.2 0.5 0.8 0.98] [--seed 1]

Shares come from six messages a dialogue at a base rate, counts from a Poisson-like draw, and money and seconds are
log-normal with a heavy tail (the largest of 100 is about thirty times the middle one). Dialogues belong to five tests;
those of one test are alike, because each test has an effect of its own on both sides. On the pages of the first table
nothing differs. On those of the second, every second trait differs, by half to two standard deviations.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter

from pytest_duolog.results.comparison import Difference, Measured, differences_of
from pytest_duolog.results.survival import Event
from pytest_duolog.results.traits import TRAITS, Unit
from pytest_duolog.stats.survival import Observation

N_TESTS = 5
N_MESSAGES = 6
CAP = 20
N_EXCHANGES = 1999
SHIFTS = (0.5, 1.0, 2.0)


def shifted(rate: float, by: float) -> float:
    """A rate whose log-odds are larger by this."""
    return 1 / (1 + (1 - rate) / rate * math.exp(-by))


def drawn(rng: random.Random, test: int, effect: float, rate: float, shift: float) -> Measured:
    """A dialogue of a test that shifts all its values by an effect; `shift` is what every second trait differs by."""
    alike = rng.gauss(0, 0.5)  # what the traits of one dialogue share
    values: dict[str, float] = {}
    for at, trait in enumerate(TRAITS):
        by = effect + (shift if at % 2 else 0)
        if trait.unit is Unit.SHARE:
            chance = shifted(rate, by + alike)
            values[trait.name] = sum(rng.random() < chance for _ in range(N_MESSAGES)) / N_MESSAGES
        elif trait.unit is Unit.COUNT:
            values[trait.name] = float(max(0, round(8 + 3 * (by + alike + rng.gauss(0, 1)))))
        else:
            values[trait.name] = math.exp(by + alike + rng.gauss(0, 1.3))
    times: dict[Event, Observation] = {}
    for event in Event:
        hazard = shifted(0.05, effect)
        time = next((at for at in range(1, CAP + 1) if rng.random() < hazard), None)
        times[event] = Observation(time or CAP, time is not None)
    return Measured(test, values, times)


def page(rng: random.Random, n: int, rate: float, shift: float) -> list[Difference]:
    """The differences of two sides of `n` dialogues each."""
    effects = [rng.gauss(0, 0.7) for _ in range(N_TESTS)]
    one, two = (
        [drawn(rng, at % N_TESTS, effects[at % N_TESTS], rate, change) for at in range(n)]
        for change in (0.0, shift)
    )
    return differences_of(one, two, n_exchanges=N_EXCHANGES)[0]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.02, 0.2, 0.5, 0.8, 0.98])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    different = {trait.name for at, trait in enumerate(TRAITS) if at % 2}
    covered, known, without = Counter[str](), Counter[str](), Counter[str]()
    print(
        "| dialogues a side | base rate | pages that claim anything | false claims among claims | differences found |"
    )
    print("|---|---|---|---|---|")
    for n in given.sizes:
        for rate in given.rates:
            rng = random.Random(f"{given.seed} {n} {rate}")
            n_claiming, false_shares, n_found, n_there = 0, 0.0, 0, 0
            for number in range(given.pages):
                nothing = page(rng, n, rate, 0.0)
                n_claiming += any(one.is_claimed for one in nothing)
                for one in nothing:
                    unit = f"{one.unit.value}, {n}" if one.until is None else f"times, {n}"
                    known[unit] += one.interval is not None
                    without[unit] += one.interval is None
                    covered[unit] += one.interval is not None and 0.0 in one.interval
                some = page(rng, n, rate, SHIFTS[number % len(SHIFTS)])
                claims = [one for one in some if one.is_claimed]
                false_shares += sum(one.name not in different for one in claims) / max(1, len(claims))
                n_found += sum(one.name in different for one in claims)
                n_there += sum(one.name in different for one in some)
            print(
                f"| {n} | {rate:g} | {100 * n_claiming / given.pages:.1f} % | "
                f"{100 * false_shares / given.pages:.1f} % | {100 * n_found / max(1, n_there):.0f} % |",
                flush=True,
            )
    print("\n| intervals of, dialogues a side | that hold the true difference | traits without an interval |")
    print("|---|---|---|")
    for unit in sorted(known):
        of_all = known[unit] + without[unit]
        print(
            f"| {unit} | {100 * covered[unit] / known[unit]:.1f} % | {100 * without[unit] / of_all:.1f} % |"
        )


if __name__ == "__main__":
    main()
