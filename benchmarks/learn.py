"""Learns the weights by which messages are read that think about their answer or leave their part.

    python benchmarks/learn.py [--judge] FOLDER ...

Writes `learned.json` of `pytest_duolog/detectors/` (words alone) and of `pytest_duolog/topics/` (words and meanings,
for which the extra `topic` must be installed). They are made from the labelled messages in `benchmarks/data/` and, as
messages that are of no kind, from its dialogues and from those of public corpora: each FOLDER is a checkout of one, as
for `benchmarks/topics.py`. The weights are those of a logistic regression of messages on the features of their pieces,
held small by their squares.

The bounds come from messages of hands that the weights were not learned from: in turns, weights are learned without
the messages of some hands and a part of the dialogues, and score these. A bound is the lowest with few of the labelled
messages that only sound alike, and hardly any of the messages of dialogues, above it: with meanings, such that about 95
of 100 accused messages of a hand are of the kind. `--judge` prints what is found of
each hand at the bounds, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from corpora import PARTS, parts_in
from labelled import FOLDER, read_dialogues
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

import pytest_duolog
from pytest_duolog.detectors import learned, role_phrases, text
from pytest_duolog.detectors.learned import LEAVES, THINKS, Part, Spoken
from pytest_duolog.topics.learned import meanings_of

# Who wrote which files: the numbers at the end of their names.
HANDS = {
    "reasoning": {
        "first": (1, 2, 3, 4, 5, 7),
        "second": (6,),
        "third": (8, 9),
        "fourth": (10,),
        "fifth": (11,),
        "sixth": (12,),
        "seventh": (13,),
        "eighth": (14,),
        "ninth": (15,),
        "tenth": (16,),
        "eleventh": (17,),
        "twelfth": (18,),
        "thirteenth": (19,),
        "fourteenth": (20,),
        "fifteenth": (21,),
        "sixteenth": (22,),
    },
    "character": {
        "first": (1, 2, 3, 4, 6),
        "second": (5,),
        "third": (7, 8),
        "fourth": (9,),
        "fifth": (10,),
        "sixth": (11,),
        "seventh": (12,),
        "eighth": (13,),
        "ninth": (14,),
        "tenth": (15,),
        "eleventh": (16,),
        "twelfth": (17,),
        "thirteenth": (18,),
        "fourteenth": (19,),
        "fifteenth": (20,),
        "sixteenth": (21,),
    },
}
FILES = {THINKS: "reasoning", LEAVES: "character"}
PACKAGES = {False: "detectors", True: "topics"}

# The weight of the squares, and the steps of learning, of each model: one that stops early and one that is held more
# see through accidents of each other.
HELD = ((0.1, 60), (0.3, 150))
# The weight of a message of the dialogues beside a labelled one, and how long these are at least.
ORDINARY = 0.5
PROMPTED = 0.5
SHORTEST = 8
# So many messages of the dialogues are enough, and so many of each part of a corpus whose licence asks for no more than
# a notice, or nothing for what is learned (MIT, Apache-2.0, CDLA): from the first messages of some dialogues.
MOST_ORDINARY = 5_000
LEARNED = ("XPersona", "tau-bench", "tau2-bench", "CrossWOZ", "QMSum", "Topical-Chat, frequent")
MOST_OF_A_PART, EACH, FIRST = 450, 60, 24
# The folder of XPersona's files, which say what persona one speaker has.
PERSONAS = "dataset/"
# So many features are kept, those that are heaviest and in many messages.
KEPT = 8_000
OFTEN = 8
# In so many turns, hands are left out.
TURNS = 5
# Above a bound are at most these shares of the messages of dialogues (by words, and with meanings), and of the labelled
# ones that only sound alike. They are such that of 1,000 public dialogues, hardly one is accused.
FALSE_ALARMS = {THINKS: (1 / 2_500, 1 / 450), LEAVES: (1 / 2_500, 1 / 280)}
NEAR_MISSES = {THINKS: 0.04, LEAVES: 0.055}

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Example:
    """A message, who wrote it, and whether it is of the kind."""

    spoken: Spoken
    hand: str
    is_kind: bool


def examples_of(kind: str, folders: Sequence[Path]) -> Iterator[Example]:
    stem = FILES[kind]
    parts = [Part()]
    choice = random.Random(0)
    for hand, numbers in HANDS[stem].items():
        for number in numbers:
            lines = (FOLDER / f"{stem}{number if number > 1 else ''}.tsv").read_text("utf-8").splitlines()
            for label, *columns in (line.replace("\\n", "\n").split("\t") for line in lines if line.strip()):
                prompt, said = columns if len(columns) > 1 else ("", columns[0])
                if not role_phrases.MACHINE_PART.search(text.fold(text.without_asides(prompt))):
                    part = part_of(prompt)
                    yield Example(Spoken(said, part), hand, label != "ok")
                    parts += [part] * (label == "ok" and bool(prompt) and not part.is_helped)
    ordinary = list(dict.fromkeys(_said_among_people()))
    for said in choice.sample(ordinary, min(len(ordinary), MOST_ORDINARY)):
        yield Example(
            Spoken(said, choice.choice(parts) if choice.random() < PROMPTED else Part()), "", is_kind=False
        )
    for prompt, said in _said_in(folders):
        yield Example(Spoken(said, part_of(prompt) if kind == LEAVES else Part()), "", is_kind=False)


def _said_in(folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Messages of public corpora, each after the prompt of its speaker, which is known where there are personas."""
    for part, dialogues in parts_in(folders, [one for one in PARTS if one.name.startswith(LEARNED)]):
        some = dialogues[:: 2 * max(1, len(dialogues) // (2 * EACH))][:EACH]
        said = [("", one) for talk in some for one in talk[:FIRST]]
        said = list(_in_persona(part.file, folders)) or said
        yield from random.Random(0).sample(said, min(len(said), MOST_OF_A_PART))


def _in_persona(file: str, folders: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """What speakers with a persona say in XPersona, after the persona."""
    for path in (folder / file for folder in folders if file.startswith(PERSONAS)):
        dialogues = json.loads(path.read_text("utf-8")) if path.is_file() else []
        for dialogue in dialogues[:: 2 * max(1, len(dialogues) // (2 * EACH))][:EACH]:
            yield from ((" ".join(dialogue["persona"]), said) for _, said in dialogue["dialogue"])


def _said_among_people() -> Iterator[str]:
    """The messages of the dialogues in which nobody speaks of machines or thinks in tags."""
    for dialogue in read_dialogues():
        said = [one for _, one in dialogue.messages]
        if not any("<" in one or role_phrases.MACHINE_PART.search(text.fold(one)) for one in said):
            yield from (one for one in said if len(one) >= SHORTEST)


def part_of(prompt: str) -> Part:
    return Part.of(prompt, is_helped=bool(role_phrases.HELPED_PART.search(text.fold(prompt))))


class Examples:
    """Examples as numbers: a row for each piece, and the message that it is of."""

    def __init__(self, examples: Sequence[Example]) -> None:
        pieces = [learned.pieces_of(one.spoken) for one in examples]
        examples = [one for one, own in zip(examples, pieces, strict=True) if own]
        pieces = [own for own in pieces if own]
        self.hands = np.array([one.hand for one in examples])
        self.is_kind = np.array([one.is_kind for one in examples])
        self.of = np.repeat(np.arange(len(examples)), [len(own) for own in pieces])
        features = [piece.features for own in pieces for piece in own]
        self.names = self._names(features)
        place = {name: at for at, name in enumerate(self.names)}
        found = [sorted(place[one] for one in own & place.keys()) for own in features]
        size = [1 / max(learned.FEWEST_FEATURES, len(own)) ** 0.5 for own in features]
        self.words = csr_matrix(
            (
                np.repeat(size, [len(one) for one in found]),
                np.concatenate([np.array(one, dtype=int) for one in found]),
                np.cumsum([0, *map(len, found)]),
            ),
            shape=(len(features), len(self.names)),
        )
        self.meanings = np.concatenate(meanings_of([one.spoken for one in examples]))

    def _names(self, features: Sequence[learned.Features]) -> list[str]:
        """The features that two messages have, one of them labelled."""
        in_message: dict[int, set[str]] = {}
        for at, own in zip(self.of, features, strict=True):
            in_message.setdefault(at, set()).update(own)
        counts = Counter(name for own in in_message.values() for name in own)
        labelled = {name for at, own in in_message.items() if self.hands[at] for name in own}
        return sorted(name for name in labelled if counts[name] > 1)


@dataclass(frozen=True)
class Model:
    """Weights of all features and directions, most of them 0."""

    bias: float
    words: Numbers
    directions: Numbers

    def scores(self, examples: Examples) -> Numbers:
        """The score of each message."""
        pieces = self.bias + examples.words @ self.words
        if len(self.directions):
            pieces = pieces + examples.meanings @ self.directions
        return _totals(pieces, examples.of)[0]


def _totals(pieces: Numbers, of: Numbers) -> tuple[Numbers, Numbers]:
    """The scores of messages, and the share that each piece has in that of its message."""
    highest = np.full(of[-1] + 1, -np.inf)
    np.maximum.at(highest, of, pieces)
    parts = np.exp(pieces - highest[of])
    sums = np.bincount(of, parts)
    return highest + np.log(sums), parts / sums[of]


def learn(examples: Examples, is_read: Numbers, *, with_meanings: bool) -> Model:
    """Weights from the messages that are read.

    Those for words and meanings are the sum of three models, one by words alone and two by both, because each sees
    through accidents of the others.
    """
    heaviest = _fit(examples, is_read, np.arange(len(examples.names)), with_meanings=False)
    n_messages = np.minimum(np.asarray((examples.words > 0).sum(axis=0)).ravel() ** 0.5, OFTEN)
    kept = np.sort(np.argsort(-np.abs(heaviest.words) * n_messages, kind="stable")[:KEPT])
    alone = _fit(examples, is_read, kept, with_meanings=False)
    if not with_meanings:
        return alone
    both = [_fit(examples, is_read, kept, with_meanings=True, held=held) for held in HELD]
    return Model(
        sum(one.bias for one in (alone, *both)),
        sum(one.words for one in (alone, *both)),
        sum(one.directions for one in both),
    )


def _fit(
    examples: Examples,
    is_read: Numbers,
    kept: Numbers,
    *,
    with_meanings: bool,
    held: tuple[float, int] = HELD[0],
) -> Model:
    squares, steps = held
    rows = is_read[examples.of]
    of = (np.cumsum(is_read) - 1)[examples.of[rows]]
    words = examples.words[rows][:, kept]
    used = np.flatnonzero(examples.meanings.any(axis=0) & with_meanings)
    meanings = examples.meanings[np.ix_(rows, used)]
    wanted = examples.is_kind[is_read].astype(float)
    counts = np.where(examples.hands[is_read] == "", ORDINARY, 1.0)
    n_words = len(kept)

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        pieces = weights[-1] + words @ weights[:n_words] + meanings @ weights[n_words:-1].astype(np.float32)
        totals, shares = _totals(pieces, of)
        wrong = counts * (1 / (1 + np.exp(-totals)) - wanted)
        slope = wrong[of] * shares
        pull = squares * weights[:-1]
        gradient = np.concatenate([words.T @ slope, meanings.T @ slope.astype(np.float32)]) + pull
        value = counts @ (np.logaddexp(0, totals) - wanted * totals) + pull @ weights[:-1] / 2
        return float(value), np.append(gradient, slope.sum())

    start = np.append(np.zeros(n_words + len(used)), -1.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    every = np.zeros(len(examples.names))
    every[kept] = found[:n_words]
    directions = np.zeros(examples.meanings.shape[1] * with_meanings)
    directions[used] = found[n_words:-1]
    return Model(float(found[-1]), every, directions)


def left_out(examples: Examples, *, with_meanings: bool) -> Numbers:
    """The scores of all messages by weights that were learned without their hand, or their part of the dialogues."""
    hands = [hand for hand in dict.fromkeys(examples.hands) if hand]
    fold = np.array([hands.index(hand) if hand else at for at, hand in enumerate(examples.hands)]) % TURNS
    scores = np.zeros(len(fold))
    for at in range(TURNS):
        scores[fold == at] = learn(examples, fold != at, with_meanings=with_meanings).scores(examples)[
            fold == at
        ]
    return scores


def bound_of(kind: str, examples: Examples, scores: Numbers, *, with_meanings: bool) -> float:
    """The lowest bound that accuses few near misses, and hardly a message of dialogues."""
    is_labelled = examples.hands != ""
    return max(
        _above(scores[~is_labelled], FALSE_ALARMS[kind][with_meanings]),
        _above(scores[is_labelled & ~examples.is_kind], NEAR_MISSES[kind]),
    )


def _above(scores: Numbers, share: float) -> float:
    """The score above which this share of the scores is."""
    return float(np.sort(scores)[-int(len(scores) * share) - 1])


def print_judgement(kind: str, examples: Examples, scores: Numbers, bound: float, what: str) -> None:
    print(f"{kind}, {what}: bound {bound:.2f}")
    for hand in dict.fromkeys(examples.hands):
        own = examples.hands == hand
        above = own & (scores > bound)
        good, bad = own & ~examples.is_kind, own & examples.is_kind
        print(
            f"  {hand or 'dialogues':<10} found {(above & bad).sum()} of {bad.sum()}, "
            f"accused {(above & good).sum()} of {good.sum()}"
        )


def written(model: Model, names: Sequence[str], bound: float) -> dict[str, Any]:
    """The weights as a file has them: features by hundredths of their weight."""
    by_weight: dict[int, list[str]] = {}
    for name, weight in zip(names, model.words, strict=True):
        if hundredths := round(100 * weight):
            by_weight.setdefault(hundredths, []).append(name)
    table = {
        "bias": round(model.bias, 3),
        "bound": round(bound, 2),
        "weights": {str(weight): "\t".join(by_weight[weight]) for weight in sorted(by_weight)},
    }
    if len(model.directions):
        table["directions"] = " ".join(str(round(100 * one)) for one in model.directions)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--judge", action="store_true", help="print what is found of each hand, and write nothing"
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="a checkout of a corpus")
    given = parser.parse_args()
    tables: dict[bool, dict[str, Any]] = {False: {}, True: {}}
    for kind in FILES:
        examples = Examples(list(examples_of(kind, given.folders)))
        for with_meanings, kinds in tables.items():
            scores = left_out(examples, with_meanings=with_meanings)
            bound = bound_of(kind, examples, scores, with_meanings=with_meanings)
            what = "words and meanings" if with_meanings else "words alone"
            print_judgement(kind, examples, scores, bound, what)
            if not given.judge:
                model = learn(examples, np.ones(len(scores), dtype=bool), with_meanings=with_meanings)
                kinds[kind] = written(model, examples.names, bound)
    for with_meanings, kinds in tables.items() if not given.judge else ():
        path = Path(pytest_duolog.__file__).parent / PACKAGES[with_meanings] / "learned.json"
        files = sorted(path.name for stem in FILES.values() for path in FOLDER.glob(f"{stem}*.tsv"))
        table = {"version": 1, "learned_from": files, "kinds": kinds}
        path.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
