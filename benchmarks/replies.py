"""Learns the weights by which replies are read that pass their question by.

    python benchmarks/replies.py [--judge] [FOLDER ...]

Writes `pytest_duolog/topics/replies.json`, and needs the extra `topic`. The weights are those of a logistic regression
between answers and each way to pass a question by, held small by their squares. They are learned from the pairs of
`benchmarks/data/answers*.tsv`; as answers, from the questions and replies in its dialogues without a loop, and in
those of public corpora (`corpora.py`) whose FOLDER is given: XDailyDialog, XPersona, Topical-Chat, Schema-Guided
Dialogue and tau-bench for the weights in the package; and as unrelated replies, from answers to other questions.

The bounds come from pairs of hands that the weights were not learned from. A bound is the lowest at which at most so
many answers are accused, of those in dialogues and of those in the labelled pairs. `--judge` prints what is found of
each hand at these bounds, and writes nothing.
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
from labelled import FOLDER, read_dialogues
from scipy.optimize import minimize

import pytest_duolog
from pytest_duolog import Message, Transcript
from pytest_duolog.properties.content import asked_pairs
from pytest_duolog.topics import meanings
from pytest_duolog.topics.replies import (
    ACKNOWLEDGED,
    ECHOED,
    EVADED,
    UNRELATED,
    WAYS,
    Pair,
    last_question,
    meanings_of,
)

# Who wrote which files: the numbers at the end of their names.
HANDS = {"first": (1, 2, 3, 4, 5, 6, 10), "second": (7, 8), "third": (9,), "fourth": (11,)}
KINDS = ("answered", *WAYS)

# The weight of the squares; of a pair from dialogues, and of an answer to another question, beside a labelled pair.
SQUARES = 1.0
ORDINARY, SWAPPED = 0.3, 0.3
MOST_OF_A_PART = 900
SWAPS = 2
STEPS = 200
# The share of answers that each way may accuse, in dialogues and among labelled pairs.
FALSE_ALARMS = {ACKNOWLEDGED: 0.0012, ECHOED: 0.0012, EVADED: 0.0012, UNRELATED: 0.003}
ACCUSED = 0.0085

Numbers = np.ndarray[Any, np.dtype[np.float64]]


class Example(NamedTuple):
    """A question and a reply, the place of its kind in KINDS, and who wrote it."""

    pair: Pair
    way: int
    hand: str
    """Empty for dialogues."""


def labelled() -> Iterator[Example]:
    for hand, numbers in HANDS.items():
        for number in numbers:
            lines = (FOLDER / f"answers{number if number > 1 else ''}.tsv").read_text("utf-8").splitlines()
            for line in lines:
                way, asked, said = line.split("\t")
                yield Example(Pair(last_question(asked), said), KINDS.index(way), hand)


def ordinary(folders: Sequence[Path]) -> Iterator[Example]:
    own = [[said for _, said in one.messages] for one in read_dialogues() if one.loop is None]
    for dialogues in (own, *(said for part, said in parts_in(folders, PARTS) if part.chose)):
        pairs = [pair for said in dialogues for pair in _pairs(said)]
        random.Random(0).shuffle(pairs)
        limit = len(pairs) if dialogues is own else MOST_OF_A_PART
        yield from (Example(pair, 0, "") for pair in pairs[:limit])


def _pairs(said: Sequence[str]) -> Iterator[Pair]:
    messages = tuple(Message(speaker="AB"[at % 2], content=one) for at, one in enumerate(said))
    for asked, reply in asked_pairs(Transcript(messages=messages)):
        yield Pair(last_question(asked), reply)


def swapped(examples: Sequence[Example]) -> Iterator[Example]:
    """Answers of one hand to its other questions."""
    rng = random.Random(1)
    for hand in sorted({one.hand for one in examples}):
        own = [one for one in examples if one.hand == hand and not one.way]
        for one in own if hand else rng.sample(own, len(own) // 3):
            for other in rng.sample(own, SWAPS if hand else 1):
                if other.pair.question != one.pair.question:
                    yield Example(
                        Pair(one.pair.question, other.pair.reply), KINDS.index(UNRELATED), f"{hand}, swapped"
                    )


def learn(rows: Numbers, ways: Numbers, counts: Numbers) -> Numbers:
    """A row of weights for each way, less those of answers."""
    wanted = np.eye(len(KINDS))[ways]

    def loss(flat: Numbers) -> tuple[float, Numbers]:
        weights = flat.reshape(len(KINDS), -1)
        scores = rows @ weights.T.astype(np.float32)
        highest = scores.max(axis=1, keepdims=True)
        totals = highest + np.log(np.exp(scores - highest).sum(axis=1, keepdims=True))
        held = SQUARES * weights
        held[:, -1] = 0
        slope = ((np.exp(scores - totals) - wanted) * counts[:, None]).astype(np.float32)
        value = counts @ (totals[:, 0] - (scores * wanted).sum(axis=1)) + (held * weights).sum() / 2
        return float(value), (slope.T @ rows + held).ravel()

    start = np.zeros(len(KINDS) * rows.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    found = found.reshape(len(KINDS), -1)
    return found[1:] - found[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="folders of public corpora")
    parser.add_argument(
        "--judge", action="store_true", help="print what is found of each hand, and write nothing"
    )
    given = parser.parse_args()
    examples = [*labelled(), *ordinary(given.folders)]
    examples += swapped(examples)
    rows = meanings_of([one.pair for one in examples])
    ways = np.array([one.way for one in examples])
    hands = np.array([one.hand for one in examples])
    is_swapped = np.char.endswith(hands, ", swapped")
    own = np.char.replace(hands, ", swapped", "")
    counts = np.where(is_swapped, SWAPPED, np.where(hands == "", ORDINARY, 1.0))
    folds = np.array([list(HANDS).index(hand) if hand else at % len(HANDS) for at, hand in enumerate(own)])
    scores = np.zeros((len(examples), len(WAYS)))
    for fold in range(len(HANDS)):
        kept = folds != fold
        scores[~kept] = rows[~kept] @ learn(rows[kept], ways[kept], counts[kept]).T
    answers = (ways == 0) & ~is_swapped
    bounds = [
        bound_of(one[answers & (hands == "")], one[answers & (hands != "")], share)
        for one, share in zip(scores.T, FALSE_ALARMS.values(), strict=True)
    ]
    print_judgement(scores > bounds, ways, hands)
    if not given.judge:
        weights = learn(rows, ways, counts)
        table = {
            "encoder": meanings.NAME,
            "ways": {
                name: {
                    "bound": round(bound, 2),
                    "hundredths": [round(100 * weight) for weight in own.tolist()],
                }
                for name, bound, own in zip(WAYS, bounds, weights, strict=True)
            },
        }
        path = Path(pytest_duolog.__file__).parent / "topics" / "replies.json"
        path.write_text(
            json.dumps(table).replace('"ways"', '\n"ways"').replace("}, ", "},\n") + "\n", "utf-8"
        )


def bound_of(in_dialogues: Numbers, in_pairs: Numbers, share: float) -> float:
    """The lowest bound that accuses few answers: this share of those in dialogues."""
    return max(
        float(np.sort(scores)[-int(most * len(scores)) - 1])
        for scores, most in ((in_dialogues, share), (in_pairs, ACCUSED))
    )


def print_judgement(above: Numbers, ways: Numbers, hands: Numbers) -> None:
    is_found = above.any(axis=1)
    for hand in dict.fromkeys(hands):
        shown = []
        for at, name in enumerate(KINDS):
            own = (hands == hand) & (ways == at)
            shown.append(f"{name} {(own & is_found).sum()} of {own.sum()}")
        print(f"{hand or 'dialogues':<16} {', '.join(shown)}")


if __name__ == "__main__":
    main()
