"""How often a screen raises an alarm, and how many dialogues it saves a gate: the shipped code on invented answers.

    python benchmarks/screen.py [alarms] [saved] [real] [--runs 400] [--gates 150] [--seed 1]

Tables are Markdown, as in docs/screen.md. An answer is an act and a length; each turn has its own mixture of them,
which both sides share, except where the candidate refuses. With 400 runs, a share of 1 % is known to within a point.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from statistics import fmean

from pytest_duolog.gate.decision import Decision
from pytest_duolog.gate.pairs import PairsDecision, decide_pairs
from pytest_duolog.gate.screen import Screen, Turn, screen
from pytest_duolog.gate.tally import Pair
from pytest_duolog.plugin.screened import LARGEST_P, MOST_AHEAD
from pytest_duolog.results.acts import Act, Heard
from pytest_duolog.results.plan import GatePlan

N_TURNS = 4
N_TESTS = 20
N_PERMUTATIONS = 999
N_ANSWERS = 5
ROUNDS = 20


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def screened(
    rng: random.Random, *, n_dialogues: int, n_answers: int, refuses: dict[int, float] | None = None
) -> Screen:
    """A screen of dialogues with four turns; in some of them an answer of the candidate refuses, by its share."""
    dialogues = []
    for at in range(n_dialogues):
        turns = []
        for number in range(2, 2 + 2 * N_TURNS, 2):
            weights, length = [rng.random() for _ in range(3)], rng.randint(8, 60)

            def answer(weights: list[float] = weights, length: int = length, share: float = 0.0) -> Heard:
                if rng.random() < share:
                    return Heard(Act.REFUSE, n_words=12)
                (act,) = rng.choices((Act.ASK, Act.ANSWER, Act.END), weights)
                return Heard(act, n_words=max(0, round(rng.gauss(length, length / 3))))

            share = (refuses or {}).get(at, 0.0)
            ours = tuple(answer() for _ in range(n_answers))
            theirs = tuple(answer(share=share) for _ in range(n_answers))
            turns.append(Turn(number, ours, theirs))
        dialogues.append((str(at), turns))
    return screen(dialogues, n_permutations=N_PERMUTATIONS)


def show_alarms(n_runs: int, rng: random.Random) -> None:
    """One model on both sides, and one dialogue in which the candidate refuses."""
    rows: list[list[object]] = []
    for n_dialogues, n_answers in ((3, 3), (6, 3), (3, 5)):
        alike = [screened(rng, n_dialogues=n_dialogues, n_answers=n_answers) for _ in range(n_runs)]
        bad = [
            screened(rng, n_dialogues=n_dialogues, n_answers=n_answers, refuses={1: 0.5})
            for _ in range(n_runs // 4)
        ]
        rows.append(
            [
                n_dialogues,
                n_answers,
                f"{sum(one.is_suspicious for one in alike)} of {n_runs}",
                f"{sum(one.is_suspicious for one in bad)} of {len(bad)}",
                f"{sum(one.dialogues[0].name == '1' for one in bad)} of {len(bad)}",
            ]
        )
    heads = [
        "dialogues",
        "answers of a side",
        "one model: alarms",
        "one dialogue refuses: alarms",
        "it is first",
    ]
    table(heads, rows)


def gate(
    rng: random.Random, candidate: Sequence[float], rate: float, ahead: Collection[str]
) -> PairsDecision:
    pairs = {
        str(at): [Pair(float(rng.random() < rate), rng.random() < falls) for _ in range(ROUNDS)]
        for at, falls in enumerate(candidate)
    }
    return decide_pairs(GatePlan("0.10", ROUNDS), pairs, ahead)


TRUTHS: tuple[tuple[str, float, dict[int, float]], ...] = (
    ("one test falls from 98 % to 0", 0.98, {4: 0.0}),
    ("one test falls from 98 % to 20 %", 0.98, {4: 0.2}),
    ("three tests fall from 98 % to 30 %", 0.98, {4: 0.3, 9: 0.3, 15: 0.3}),
    ("one test falls from 98 % to 50 %", 0.98, {4: 0.5}),
    ("nothing got worse, all at 98 %", 0.98, {}),
    ("nothing got worse, all at 100 %", 1.0, {}),
)


def compared(
    n_gates: int, rng: random.Random, named: Callable[[dict[int, float]], Sequence[str]]
) -> Iterator[tuple[str, dict[int, float], float, float, int, int]]:
    """For each truth: dialogues of a gate without and with a screen, how often it names a bad test, and ends right."""
    for truth, rate, bad in TRUTHS:
        candidate = [bad.get(at, rate) for at in range(N_TESTS)]
        plain, ordered, n_named = [], [], 0
        for _ in range(n_gates):
            seed, ahead = rng.random(), named(bad)
            n_named += bool({str(at) for at in bad} & set(ahead))
            plain.append(gate(random.Random(seed), candidate, rate, ()))  # the same outcomes twice
            ordered.append(gate(random.Random(seed), candidate, rate, ahead))
        means = [fmean(one.n_dialogues for one in gates) for gates in (plain, ordered)]
        right = Decision.BLOCK if bad else Decision.PASS
        yield truth, bad, means[0], means[1], n_named, sum(one.decision is right for one in ordered)


def show_saved(n_gates: int, rng: random.Random) -> None:
    """Gates with a screen that names a bad test among three, or three good ones."""
    good = list(compared(n_gates, rng, lambda bad: [*map(str, [*bad][:1]), "1", "2", "3"][:3] if bad else ()))
    wrong = list(compared(n_gates, rng, lambda _: ("1", "2", "3")))
    table(
        ["truth", "no screen", "the bad test among three", "three good tests"],
        [
            [truth, f"{none:.0f}", f"{with_it:.0f}" if bad else "", f"{other[3]:.0f}"]
            for (truth, bad, none, with_it, _, _), other in zip(good, wrong, strict=True)
        ],
    )


def show_real(n_gates: int, rng: random.Random) -> None:
    """Gates with a screen that is made before each. The candidate refuses as often, in each answer, as a test falls."""

    def named(bad: dict[int, float]) -> Sequence[str]:
        refuses = {at: 1 - falls for at, falls in bad.items()}
        found = screened(rng, n_dialogues=N_TESTS, n_answers=N_ANSWERS, refuses=refuses)
        return [one.name for one in found.dialogues if one.p <= LARGEST_P][:MOST_AHEAD]

    for truth, bad, none, with_it, n_named, n_right in compared(n_gates, rng, named):
        print(
            f"{truth}: {none:.0f} dialogues without, {with_it:.0f} with a screen"
            f"{f', which names a bad test in {n_named} of {n_gates}' if bad else ''}; right in {n_right} of {n_gates}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="alarms|saved|real")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--gates", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    if "alarms" in arguments.parts or not arguments.parts:
        show_alarms(arguments.runs, rng)
    if "saved" in arguments.parts or not arguments.parts:
        show_saved(arguments.gates, rng)
    if "real" in arguments.parts:  # a minute for ten gates of each truth
        show_real(arguments.gates, rng)


if __name__ == "__main__":
    main()
