"""Learns how the messages of somebody who is stuck are related, and says how well that finds loops of other writers.

    python benchmarks/stuck.py [--write] FOLDER ...

FOLDER is a checkout of a public corpus, as for `benchmarks/empty.py`, whose weights are learned first. A window of
messages counts as stuck if it is inside a labelled loop in which one side says the same, or both say one question and
one deflection; windows that touch another loop are not learned from. Before the last weights are learned, the files of
each writer are left out once, and measured with what the others taught. `--write` replaces `stuck.json` in
`pytest_duolog/topics/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from empty import (
    ONE_SIDED,
    WRITERS,
    Example,
    labelled_examples,
    learned,
    measured,
    public_dialogues,
    read_arguments,
    regression,
)
from labelled import read_dialogues

from pytest_duolog import Message
from pytest_duolog.properties.loops import read_dialogue
from pytest_duolog.topics import empty, meanings, stuck
from pytest_duolog.topics.empty import Weights, load_weights
from pytest_duolog.topics.stuck import BY_WORDS, Heard, Judge, Judges, load_judges, terms_of

# All windows that are stuck weigh so much beside all others; the strength of the regularisation.
STUCK_WEIGHT, RIDGE = 0.3, 30.0
# The judge by words leaves this share of the windows that are stuck to the other one.
LEFT = 0.98
_DIGITS = 4

_PATH = Path(stuck.__file__).with_name("stuck.json")


@dataclass(frozen=True)
class Seen:
    """The traits of a dialogue's windows, a row each, and whether they are stuck (NaN: not learned from)."""

    traits: np.ndarray
    is_stuck: np.ndarray
    source: str


def seen_in(folders: Sequence[Path], weights: Weights) -> Iterator[Seen]:
    """The windows of the labelled dialogues, and of those of public corpora that may be learned from."""
    with patch.object(empty, "load_weights", lambda: weights):
        for dialogue in read_dialogues():
            if "loops" in dialogue.looked_for:
                end = len(dialogue.messages) - 1 if dialogue.loop_end is None else dialogue.loop_end
                inside = (
                    (dialogue.loop[0], end) if dialogue.loop_kind in ONE_SIDED and dialogue.loop else None
                )
                yield from _seen(
                    dialogue.messages, inside, is_healthy=not dialogue.loop, source=dialogue.source
                )
        for part, messages in public_dialogues(folders):
            yield from _seen(messages, None, is_healthy=True, source=part)


def _seen(
    said: Sequence[tuple[str, str]], inside: tuple[int, int] | None, *, is_healthy: bool, source: str
) -> Iterator[Seen]:
    messages = tuple(Message(speaker=name, content=text) for name, text in said)
    heard = Heard(
        [one.content for one in messages],
        [one.speaker for one in messages],
        read_dialogue(messages).n_news,
    )
    windows = list(heard.windows())
    encoder = meanings.load_meanings()
    assert encoder, "needs the extra topic"
    if windows:
        by_words = np.array([heard.traits_by_words(one) for one in windows])
        places = heard.around(windows)
        rows = dict(zip(places, encoder.directions_of([heard.said[at] for at in places]), strict=True))
        by_meaning = np.array([heard.traits_by_meaning(one, rows) for one in windows])
        is_stuck = [
            0.0 if is_healthy else 1.0 if inside and inside[0] <= one[0] and one[-1] <= inside[1] else np.nan
            for one in windows
        ]
        yield Seen(np.hstack([by_words, by_meaning]), np.array(is_stuck), source)


def judges_of(seen: Sequence[Seen], like: Judges) -> Judges:
    """What these windows teach, with the bound of `like` for the one that decides."""
    traits = np.concatenate([one.traits for one in seen])
    is_stuck = np.concatenate([one.is_stuck for one in seen])
    known = ~np.isnan(is_stuck)
    traits, is_stuck = traits[known], is_stuck[known]
    last = _judge(traits, is_stuck, like.all.bound)
    words = _judge(traits[:, : len(BY_WORDS)], is_stuck, 0.0)
    found = (last.scores_of(traits) >= last.bound) & (is_stuck == 1)
    scores = words.scores_of(traits[found, : len(BY_WORDS)])
    return Judges(replace(words, bound=round(float(np.quantile(scores, 1 - LEFT)), 2)), last)


def _judge(traits: np.ndarray, is_stuck: np.ndarray, bound: float) -> Judge:
    means, deviations = traits.mean(axis=0).round(_DIGITS), traits.std(axis=0).round(_DIGITS)
    weights = np.ones(len(traits))
    weights[is_stuck == 1] = STUCK_WEIGHT * (is_stuck == 0).sum() / (is_stuck == 1).sum()
    found = regression(terms_of(traits, means, deviations), is_stuck, weights, RIDGE, _DIGITS)
    return Judge(bound, found[-1], means.tolist(), deviations.tolist(), found[:-1])


class _Remembering(meanings.SentenceVectors):
    """Reads each text once, whatever for."""

    def __init__(self, encoder: meanings.SentenceVectors) -> None:
        self._read = encoder
        self._rows: dict[str, np.ndarray] = {}

    def directions_of(self, texts: Sequence[str]) -> np.ndarray:
        new = [one for one in dict.fromkeys(texts) if one not in self._rows]
        if new:
            self._rows.update(zip(new, self._read.directions_of(new), strict=True))
        return np.array([self._rows[one] for one in texts])


def main() -> None:
    arguments = read_arguments(__doc__)
    encoder = meanings.load_meanings()
    assert encoder, "needs the extra topic"
    remembering = _Remembering(encoder)
    with ExitStack() as patched:
        for module in (meanings, empty, stuck):
            patched.enter_context(patch.object(module, "load_meanings", lambda: remembering))
        like, weights = load_judges(), load_weights()
        examples: list[Example] = list(labelled_examples())
        dialogues = [one for one in read_dialogues() if "loops" in one.looked_for]
        for writer, files in WRITERS.items():
            others = learned([one for one in examples if one.source not in files], weights)
            judges = judges_of(
                [one for one in seen_in(arguments.folders, others) if one.source not in files], like
            )
            of = [one for one in dialogues if one.source in files]
            with patch.object(stuck, "load_judges", lambda found=judges: found):
                print(f"{writer}: {measured(of, others)}", flush=True)
        judges = judges_of(list(seen_in(arguments.folders, weights)), like)
    if arguments.write:
        _PATH.write_text(
            json.dumps({"words": vars(judges.words), "all": vars(judges.all)}, separators=(",", ":")) + "\n",
            "utf-8",
        )


if __name__ == "__main__":
    main()
