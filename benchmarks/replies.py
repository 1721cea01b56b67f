"""Learns the weights by which replies are read that pass their question by.

    python benchmarks/replies.py [--judge] [FOLDER ...]

Writes `pytest_duolog/topics/replies.json`, and needs the extra `topic`. The weights are those of a logistic regression
between answers and each way to pass a question by, held small by their squares. They are learned from the pairs of
`benchmarks/data/answers*.tsv`; as answers, from the questions and replies in its dialogues without a loop, and in
those of public corpora (`corpora.py`) whose FOLDER is given: XDailyDialog, XPersona, Topical-Chat, Schema-Guided
Dialogue and tau-bench for the weights in the package; and as unrelated replies, from answers to other questions.
What is said next in dialogues is learned from all messages of these corpora: the next message against those after
other messages of the same corpus.

The bounds come from pairs of hands that the weights were not learned from. A bound is the lowest at which at most so
many answers are accused, of those in dialogues and of those in the labelled pairs. `--judge` prints what is found of
each hand at these bounds, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import random
from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import pairwise
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
    Next,
    Pair,
    last_question,
    meanings_of,
)

# Who wrote which files: the numbers at the end of their names.
HANDS = {
    "first": (1, 2, 3, 4, 5, 6, 10),
    "second": (7, 8),
    "third": (9,),
    "fourth": (11,),
    "fifth": (12,),
    "sixth": (13,),
    "seventh": (14,),
}
KINDS = ("answered", *WAYS)

# The weight of the squares; of a pair from dialogues, and of an answer to another question, beside a labelled pair.
SQUARES = 1.0
ORDINARY, SWAPPED = 0.3, 0.3
MOST_OF_A_PART = 900
SWAPS = 2
STEPS = 200
# The share of answers that each way may accuse, in dialogues and among labelled pairs.
FALSE_ALARMS = {ACKNOWLEDGED: 0.0024, ECHOED: 0.0024, EVADED: 0.0012, UNRELATED: 0.003}
ACCUSED = 0.0085
# What is said next: the width of the turned vectors, the messages of a part and their last or first letters that are
# read, the pairs that are told apart at once, how clearly, how often all are read, and the pace of learning (Adam).
WIDTH = 32
NEXT_OF_A_PART = 4_000
LETTERS = 200
AT_ONCE = 192
CLEARLY = 12.0
ROUNDS = 4
PACE, SLOWLY, MORE_SLOWLY, TINY = 2e-3, 0.9, 0.999, 1e-8
LARGEST = 127

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


def learn_next(folders: Sequence[Path]) -> Next:
    """What turns the vectors of a message and of the next one towards each other, rounded as a file has it."""
    pairs: list[list[Pair]] = []
    for part, dialogues in parts_in(folders, PARTS):
        if part.chose:
            random.Random(3).shuffle(dialogues)
            found = [
                Pair(one[-LETTERS:], other[:LETTERS]) for said in dialogues for one, other in pairwise(said)
            ]
            pairs.append(found[:NEXT_OF_A_PART])
    encoder = meanings.load_meanings()
    assert encoder, "the extra is not installed"
    vectors = [
        np.split(encoder.directions_of([one for side in zip(*own, strict=True) for one in side]), 2)
        for own in pairs
    ]
    rng = np.random.default_rng(0)
    start = np.linalg.qr(rng.standard_normal((vectors[0][0].shape[1], WIDTH)))[0] * 2
    turns = [start.astype(np.float32), start.astype(np.float32)]
    means, squares = ([np.zeros_like(one) for one in turns] for _ in range(2))
    step = 0
    for _ in range(ROUNDS):
        batches = [(sides, chosen) for sides in vectors for chosen in _chosen(len(sides[0]), rng)]
        for at in rng.permutation(len(batches)):
            (asked, said), chosen = batches[at]
            step += 1
            for side, slope in enumerate(_slopes(asked[chosen], said[chosen], *turns)):
                means[side] = SLOWLY * means[side] + (1 - SLOWLY) * slope
                squares[side] = MORE_SLOWLY * squares[side] + (1 - MORE_SLOWLY) * slope**2
                size = np.sqrt(squares[side] / (1 - MORE_SLOWLY**step)) + TINY
                turns[side] = turns[side] - PACE * means[side] / (1 - SLOWLY**step) / size
    unit = unit_of(turns)
    return Next(*(np.float32(unit) * np.rint(one / unit).astype(np.int8) for one in turns))


def _chosen(n: int, rng: np.random.Generator) -> Iterator[Numbers]:
    order = rng.permutation(n)
    for start in range(0, n - AT_ONCE // 2, AT_ONCE):
        yield order[start : start + AT_ONCE]


def _slopes(asked: Numbers, said: Numbers, turn_asked: Numbers, turn_said: Numbers) -> Iterator[Numbers]:
    """By how much both turns change how well each message is told from the others, and each next one."""
    turned_asked, turned_said = asked @ turn_asked, said @ turn_said
    odds = np.exp(CLEARLY * (turned_asked @ turned_said.T))
    shares = (odds / odds.sum(axis=1, keepdims=True) + odds / odds.sum(axis=0, keepdims=True)) / 2
    wrong = CLEARLY / len(odds) * (shares - np.eye(len(odds), dtype=np.float32))
    yield asked.T @ (wrong @ turned_said)
    yield said.T @ (wrong.T @ turned_asked)


def unit_of(turns: Sequence[Numbers]) -> float:
    return max(float(np.abs(one).max()) for one in turns) / LARGEST


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
    following = learn_next(given.folders)
    rows = meanings_of([one.pair for one in examples], following)
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
            "next": {
                "width": WIDTH,
                "unit": (unit := unit_of(following)),
                **{
                    side: b64encode(np.rint(turn / unit).astype(np.int8).tobytes()).decode()
                    for side, turn in following._asdict().items()
                },
            },
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
