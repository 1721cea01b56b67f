"""Learns the weights by which three messages of a speaker are taken to say the same in other words.

    python benchmarks/restating.py [--write] FOLDER ...

FOLDER is a checkout of a public corpus (`corpora.py`); of each part, some dialogues are taken as ones in which nobody
repeats itself. Corpora of chatbots and agents, which do, are left out. Of the labelled dialogues of
`benchmarks/data/repeats*.tsv`, those of each hand are left out once, and measured with what the others taught, at the
bound that accuses one in MOST_ACCUSED of the public dialogues that were not learned from. `--write` learns from all,
and replaces `restating.json` in `pytest_duolog/topics/`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from corpora import PARTS, parts_in
from labelled import FOLDER
from scipy.optimize import minimize

from pytest_duolog.topics import meanings, restating
from pytest_duolog.topics.restating import Restated, Said, candidates

# Who wrote which files: the numbers at the end of their names.
HANDS = {"first": (1,), "second": (2, 3), "third": (4,), "fourth": (5,), "fifth": (6,), "sixth": (7,)}
REPEATING = ("ConvAI", "tau-bench, airline", "tau2-bench, retail")
OF_A_PART, MESSAGES = 60, 16
SQUARES, ORDINARY, ROUNDS = 3.0, 0.5, 3
MOST_ACCUSED = 300
_DIGITS = 4
_PATH = Path(restating.__file__).with_name("restating.json")

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class Example(NamedTuple):
    """The nearest messages of a dialogue's speakers, whether one repeats itself, and who wrote it."""

    found: Sequence[Restated]
    repeats: bool
    hand: str


def found_in(said: Sequence[str]) -> list[Restated]:
    return list(candidates([Said("AB"[at % 2], one) for at, one in enumerate(said)]))


def labelled() -> Iterator[Example]:
    for hand, numbers in HANDS.items():
        for number in numbers:
            path = FOLDER / f"repeats{number if number > 1 else ''}.tsv"
            for line in path.read_text("utf-8").splitlines():
                kind, dialogue, *_ = line.split("\t")
                yield Example(found_in(dialogue.split(" | ")), kind == "repeats", hand)


def public(folders: Sequence[Path]) -> Iterator[Example]:
    for part, dialogues in parts_in(folders, PARTS):
        if part.name not in REPEATING:
            random.Random(5).shuffle(dialogues)
            for said in dialogues[:OF_A_PART]:
                yield Example(found_in(said[:MESSAGES]), repeats=False, hand="")


class Table(NamedTuple):
    """What weighs the numbers of the nearest messages."""

    means: Numbers
    deviations: Numbers
    weights: Numbers
    constant: float

    def score(self, example: Example) -> float:
        """That of the speaker who seems to repeat itself most."""
        return max((self.of(one) for one in example.found), default=-np.inf)

    def of(self, one: Restated) -> float:
        """How much three messages seem to say the same."""
        scaled = (np.array(one.traits) - self.means) / self.deviations
        return float(scaled @ self.weights + self.constant)


def learn(examples: Sequence[Example]) -> Table:
    """In a dialogue in which somebody repeats itself, the speaker counts who seems to do so by what is known so far."""
    rows = np.array([one.traits for example in examples for one in example.found])
    means, deviations = rows.mean(axis=0), rows.std(axis=0)
    table = Table(means, deviations, np.eye(rows.shape[1])[0], 0.0)
    for _ in range(ROUNDS):
        chosen = [
            (one, example)
            for example in examples
            for one in (
                [max(example.found, key=table.of)] if example.repeats and example.found else example.found
            )
        ]
        scaled = (np.array([one.traits for one, _ in chosen]) - means) / deviations
        wanted = np.array([example.repeats for _, example in chosen], dtype=float)
        counts = np.array([1.0 if example.hand else ORDINARY for _, example in chosen])

        def loss(
            flat: Numbers, scaled: Numbers = scaled, wanted: Numbers = wanted, counts: Numbers = counts
        ) -> tuple[float, Numbers]:
            scores = scaled @ flat[:-1] + flat[-1]
            wrong = counts * (1 / (1 + np.exp(-scores)) - wanted)
            value = counts @ (np.logaddexp(0, scores) - wanted * scores) + SQUARES * flat[:-1] @ flat[:-1] / 2
            return float(value), np.append(scaled.T @ wrong + SQUARES * flat[:-1], wrong.sum())

        flat = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B").x
        table = Table(means, deviations, flat[:-1], float(flat[-1]))
    return table


def bound_for(table: Table, ordinary: Sequence[Example]) -> float:
    """The lowest bound at which at most one in MOST_ACCUSED of these dialogues is accused."""
    scores = sorted((table.score(example) for example in ordinary), reverse=True)
    return scores[len(scores) // MOST_ACCUSED]


def judge(written: Sequence[Example], ordinary: Sequence[Example]) -> None:
    for hand in HANDS:
        table = learn([*(one for one in written if one.hand != hand), *ordinary[::2]])
        bound = bound_for(table, ordinary[1::2])
        own = [one for one in written if one.hand == hand]
        found, accused = (
            (sum(table.score(one) > bound for one in some), len(some))
            for some in ([one for one in own if one.repeats], [one for one in own if not one.repeats])
        )
        print(f"{hand}: found {found[0]} of {found[1]}, accused {accused[0]} of {accused[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true", help="replace restating.json")
    given = parser.parse_args()
    written, ordinary = list(labelled()), list(public(given.folders))
    judge(written, ordinary)
    if given.write:
        table = learn([*written, *ordinary])
        values = {
            name: [round(value, _DIGITS) for value in getattr(table, name).tolist()]
            for name in ("means", "deviations", "weights")
        }
        bound = round(bound_for(learn([*written, *ordinary[::2]]), ordinary[1::2]), 2)
        found = {
            "encoder": meanings.NAME,
            "bound": bound,
            "constant": round(table.constant, _DIGITS),
            **values,
        }
        _PATH.write_text(json.dumps(found) + "\n", "utf-8")


if __name__ == "__main__":
    main()
