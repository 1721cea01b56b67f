"""Learns what saying nothing looks like in sentence vectors, and says how well that finds loops of other writers.

    python benchmarks/empty.py [--write] FOLDER ...

FOLDER is a checkout of a public corpus, as for `benchmarks/topics.py`; those whose licence asks for no more than a
notice are learned from as well. The weights are a logistic regression over the vectors of single messages: those in a
labelled loop against all others. Before the last weights are learned, the files of each writer are left out once, and
measured with what the others taught. `--write` replaces `pytest_duolog/topics/empty.toml`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from corpora import PARTS, parts_in
from labelled import FOLDER, Labelled, read_dialogues

from pytest_duolog import Message, Transcript
from pytest_duolog.properties.loops import find_loops
from pytest_duolog.topics import empty
from pytest_duolog.topics.empty import Weights, load_weights
from pytest_duolog.topics.meanings import load_meanings

# XPersona and tau-bench have the MIT licence, CrossWOZ Apache-2.0. Of each part, so many dialogues of some length.
LEARNED = ("XPersona", "tau-bench", "CrossWOZ")
EACH, FEWEST = 150, 8
# A message of these weighs so much beside a labelled one; all messages inside loops so much beside all others.
HEALTHY_WEIGHT, LOOP_WEIGHT = 0.1, 0.5
# The longest message that is learned from, in characters, and the strength of the regularisation.
LONGEST, RIDGE = 400, 0.56
# Files by other writers than that of the rules.
WRITERS = {
    "second": ("elsewhere5", "spirals4"),
    "third": ("elsewhere6", "elsewhere7", "spirals5", "spirals6"),
    "fourth": ("elsewhere8", "spirals7"),
    "fifth": ("elsewhere9", "spirals8"),
    "sixth": ("elsewhere10", "spirals9"),
}
# Kinds of loops in which perhaps only one side says nothing: there, only the side that looks emptier is learned from.
ONE_SIDED = ("stuck", "semantic")

_PATH = Path(empty.__file__).with_name("empty.toml")


@dataclass(frozen=True)
class Example:
    """The vectors of a dialogue's messages, and of each, whether it is in a loop (NaN: it is not learned from)."""

    rows: np.ndarray
    is_empty: np.ndarray
    speakers: Sequence[str]
    one_sided: bool = False
    weight: float = 1.0
    source: str = ""


def labelled_examples() -> Iterator[Example]:
    for dialogue in read_dialogues(FOLDER):
        if "loops" in dialogue.looked_for:
            is_empty = np.zeros(len(dialogue.messages))
            if dialogue.loop:
                first, last = dialogue.loop
                is_empty[first:last] = np.nan
                is_empty[last : None if dialogue.loop_end is None else dialogue.loop_end + 1] = 1
            yield _example(dialogue.messages, is_empty, dialogue)


def healthy_examples(folders: Sequence[Path]) -> Iterator[Example]:
    for _, messages in public_dialogues(folders):
        yield replace(_example(messages, np.zeros(len(messages))), weight=HEALTHY_WEIGHT)


def public_dialogues(folders: Sequence[Path]) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """The dialogues of public corpora that are learned from: the part, and who says what (A and B in turns)."""
    for part, dialogues in parts_in(folders, [one for one in PARTS if one.name.startswith(LEARNED)]):
        for said in [one for one in dialogues if len(one) >= FEWEST][:EACH]:
            yield part.name, [("AB"[at % 2], text) for at, text in enumerate(said)]


def _example(
    messages: Sequence[tuple[str, str]], is_empty: np.ndarray, dialogue: Labelled | None = None
) -> Example:
    speakers, said = zip(*messages, strict=True)
    encoder = load_meanings()
    assert encoder, "needs the extra topic"
    is_empty[[len(text) >= LONGEST for text in said]] = np.nan
    rows = encoder.directions_of([text[:LONGEST] or "." for text in said])
    if dialogue is None:
        return Example(rows, is_empty, speakers)
    return Example(rows, is_empty, speakers, dialogue.loop_kind in ONE_SIDED, source=dialogue.source)


def learned(examples: Sequence[Example], like: Weights) -> Weights:
    """The weights, with the bounds of `like`."""
    first = _regression(examples, like)
    return _regression([_one_side(example, first) for example in examples], like)


def _one_side(example: Example, weights: Weights) -> Example:
    if not example.one_sided:
        return example
    scores = np.array(weights.scores_of(example.rows))
    speakers = np.array(example.speakers)
    inside = example.is_empty == 1
    means = {
        one: scores[inside & (speakers == one)].mean()
        for one in sorted(set(example.speakers))
        if (inside & (speakers == one)).any()
    }
    emptier = max(means, key=means.__getitem__)
    return replace(example, is_empty=np.where(inside & (speakers != emptier), np.nan, example.is_empty))


def _regression(examples: Sequence[Example], like: Weights) -> Weights:
    rows = np.concatenate([example.rows for example in examples])
    labels = np.concatenate([example.is_empty for example in examples])
    weights = np.concatenate([np.full(len(example.rows), example.weight) for example in examples])
    used = ~np.isnan(labels)
    rows, labels, weights = rows[used], labels[used], weights[used]
    weights[labels == 1] *= LOOP_WEIGHT * weights[labels == 0].sum() / (labels == 1).sum()
    found = regression(rows, labels, weights, RIDGE)
    return replace(like, constant=found[-1], direction=found[:-1])


def regression(
    rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, ridge: float, digits: int = 3
) -> list[float]:
    """Logistic regression by Newton's method: a weight for each column, then the constant, which is not regularised."""
    rows = np.hstack([rows.astype(float), np.ones((len(rows), 1))])
    held = np.full(rows.shape[1], ridge)
    held[-1] = 1e-6
    found = np.zeros(rows.shape[1])
    for _ in range(12):
        odds = 1 / (1 + np.exp(-(rows @ found).clip(-30, 30)))
        curvature = (rows * (weights * odds * (1 - odds))[:, None]).T @ rows + np.diag(held)
        found -= np.linalg.solve(curvature, rows.T @ (weights * (odds - labels)) + held * found)
    return [round(float(one), digits) for one in found]


def measured(dialogues: Sequence[Labelled], weights: Weights) -> str:
    """How many loops are found, and how many false alarms there are."""
    with patch.object(empty, "load_weights", lambda: weights):
        found = [bool(find_loops(_transcript(dialogue))) for dialogue in dialogues]
    pairs = [(one, dialogue.loop is not None) for one, dialogue in zip(found, dialogues, strict=True)]
    true, false = pairs.count((True, True)), pairs.count((True, False))
    missed, quiet = pairs.count((False, True)), pairs.count((False, False))
    f1 = 2 * true / (2 * true + false + missed)
    return f"found {true} of {true + missed}, false alarms {false} of {false + quiet}, F1 {f1:.3f}"


def _transcript(dialogue: Labelled) -> Transcript:
    return Transcript(messages=tuple(Message(speaker=name, content=text) for name, text in dialogue.messages))


def read_arguments(description: str | None) -> argparse.Namespace:
    """`write` and `folders` of the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="replace the weights of the package")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="a checkout of a corpus")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments(__doc__)
    like = load_weights()
    examples = [*labelled_examples(), *healthy_examples(arguments.folders)]
    dialogues = [one for one in read_dialogues() if "loops" in one.looked_for]
    for writer, files in WRITERS.items():
        weights = learned([one for one in examples if one.source not in files], like)
        print(f"{writer}: {measured([one for one in dialogues if one.source in files], weights)}", flush=True)
    weights = learned(examples, like)
    print(f"all, with what they taught: {measured(dialogues, weights)}")
    if arguments.write:
        head, _, _ = _PATH.read_text("utf-8").partition("constant =")
        lines = [", ".join(map(str, weights.direction[at : at + 16])) for at in range(0, 512, 16)]
        body = "".join(f"    {line},\n" for line in lines)
        _PATH.write_text(f"{head}constant = {weights.constant}\ndirection = [\n{body}]\n", "utf-8")


if __name__ == "__main__":
    main()
