"""Reads messages by weights that were learned from labelled ones, for what comes in ever new words.

A message is cut into pieces: sentences, and what stands in tags or brackets. A piece has features: its words, marks and
pairs of neighbours; the same with a class for each word that `learned.toml` knows, so that "the tenant asks" is like
"the customer wants"; which classes meet; its place; runs of three to five characters, which languages share that
inflect. The score of a piece is a weighted sum, and the score of a message
is the logarithm of the sum of those of its pieces.

`learned.json` has the weights of each kind of message; `benchmarks/learn.py` makes it from the files that it names.
Another kind needs nothing but labelled messages there. With the extra `topic`, `topics/learned.py` reads what pieces
mean besides.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise
from math import exp, log, sqrt
from typing import NamedTuple

from pytest_duolog.detectors import lexicon, text

# The kinds of messages: those that think about the answer, and those that leave their speaker's part.
THINKS, LEAVES = "thinks", "leaves"
# So many characters of a message are read, from its beginning and its end, so many pieces, and words of a piece.
READ = 2_000
_FIRST_PIECES, _LAST_PIECES = 10, 4
_MOST_TOKENS = 60
# The sum is divided by the root of the number of features, but a few words alone say little.
FEWEST_FEATURES = 20
# Shorter words of a prompt are nobody's own; of longer words than STEM, the beginning is a feature.
_OWN_LETTERS = 4
# A prompt states the part in its first characters; what follows is about what to do.
_PART = 200
_READ_OF_PROMPT = 300
_STEM = 5
# So long are runs of characters, and so many characters of a piece have them.
_RUNS = (3, 4, 5)
_RUNS_READ = 300

_END = re.compile(r"(?<=[.!?…])[\"')\]*_»”]*\s+|(?<=[。！？])[\"」』）]*|\n+|(?<=[>\]}])\s*(?=\S)")
_TOKEN = re.compile(
    r"</?|/?>|\|+|[\[\]{}()]|#+|\*+|[-=]>|→|::?|：|[\"“”„«»「」?!…=/_;~]|\.{3}|-{3,}|—"
    r"|\d+|[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]"
    r"|[^\W\d_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+(?:'[^\W\d_]+)*"
)
# Where the marks of a chat template were lost, two words stick together: "analysisThe". It becomes a mark.
_GLUED = re.compile(r"(?<=[a-z])(?=[A-Z\u4e00-\u9fff])")
_DIGITS = re.compile(r"\d+")
_NUMBER = "0"
# What stands before a run: no token has it.
_RUN = "§"

Features = frozenset[str]


class Part(NamedTuple):
    """The part of a speaker as its system prompt states it: its words, whether others serve it, and how it begins."""

    words: frozenset[str] = frozenset()
    is_helped: bool = False
    prompt: str = ""

    @classmethod
    def of(cls, prompt: str, *, is_helped: bool = False) -> Part:
        """The part that a prompt states; it may be empty."""
        words = text.words(text.fold(prompt[:_PART]))
        own = (word for word in words if len(word) >= _OWN_LETTERS and word not in _tables().not_own)
        return cls(frozenset(own) - lexicon.FUNCTION_WORDS, is_helped, prompt[:_READ_OF_PROMPT])


NOBODY = Part()
"""The part of a speaker of whom nothing is known."""


class Spoken(NamedTuple):
    """A message, and the part of who says it."""

    content: str
    part: Part = NOBODY


class Piece(NamedTuple):
    """A piece of a message, as it is written, and its features."""

    said: str
    features: Features


@dataclass(frozen=True)
class Weights:
    """What makes a message one of a kind: with a score above `bound`, it is one."""

    bias: float
    bound: float
    of: Mapping[str, float]
    directions: Sequence[float] = ()
    """For what a piece means, as `topics/learned.py` lays it out; empty for words alone."""

    def score(self, features: Features) -> float:
        """The score of a piece by its features."""
        found = self.of.keys() & features
        return self.bias + sum(map(self.of.__getitem__, found)) / sqrt(max(FEWEST_FEATURES, len(features)))


class _Tables(NamedTuple):
    classes: Mapping[str, str]
    not_own: frozenset[str]


@cache
def _tables() -> _Tables:
    tables = tomllib.loads(resources.files(__package__).joinpath("learned.toml").read_text("utf-8"))
    classes: dict[str, str] = {}
    for name, words in tables["classes"].items():
        for word in words.split():
            classes.setdefault(word, name.upper())
    return _Tables(classes, frozenset(tables["not_own"].split()))


@cache
def weights_of(kind: str, package: str = __package__) -> Weights:
    """The weights of a kind of message, from the `learned.json` of this package or of another one, read once."""
    table = json.loads(resources.files(package).joinpath("learned.json").read_text("utf-8"))["kinds"][kind]
    of = {word: int(weight) / 100 for weight, words in table["weights"].items() for word in words.split("\t")}
    directions = tuple(int(one) / 100 for one in table.get("directions", "").split())
    return Weights(table["bias"], table["bound"], of, directions)


def first_of(kind: str, messages: Sequence[Spoken]) -> list[str | None]:
    """For each message the piece that says most clearly that it is of a kind; None where it is not."""
    weights = weights_of(kind)
    read = ((one, [weights.score(piece.features) for piece in one]) for one in map(pieces_of, messages))
    return [clearest(pieces, scores, weights.bound) for pieces, scores in read]


def clearest(pieces: Sequence[Piece], scores: Sequence[float], bound: float) -> str | None:
    """The piece with the highest score, if the whole message is above the bound."""
    if not pieces or total(scores) <= bound:
        return None
    return max(zip(scores, pieces, strict=True), key=lambda one: one[0])[1].said


def total(scores: Sequence[float]) -> float:
    """The score of a message from the scores of its pieces; there is at least one."""
    highest = max(scores)
    return highest + log(sum(exp(score - highest) for score in scores))


def pieces_of(message: Spoken) -> Sequence[Piece]:
    """The pieces of a message in order, none without words or marks; of a long one the first and the last."""
    return _pieces_of(text.excerpt(message.content, READ), message.part)


@lru_cache(maxsize=256)  # several properties read the same messages
def _pieces_of(message: str, part: Part) -> Sequence[Piece]:
    cut = [said for start, end in _cuts(message) if (said := message[start:end].strip())]
    if len(cut) > _FIRST_PIECES + _LAST_PIECES:
        cut = cut[:_FIRST_PIECES] + cut[-_LAST_PIECES:]
    return [Piece(said, _features(said, at, len(cut), part)) for at, said in enumerate(cut)]


def _cuts(message: str) -> Sequence[tuple[int, int]]:
    ends = [0, *(end.end() for end in _END.finditer(message)), len(message)]
    return list(pairwise(ends))


def _features(said: str, at: int, n_pieces: int, part: Part) -> Features:
    tokens = _TOKEN.findall(text.fold(_GLUED.sub(" ~ ", said)))[:_MOST_TOKENS]
    tokens = ["^", *(_NUMBER if token.isdigit() else token for token in tokens), "$"]
    known = _tables().classes
    classes = [
        "OWN" if token in part.words else known.get(token) or (token if len(token) < _OWN_LETTERS else "_")
        for token in tokens
    ]
    met = sorted({name for name in classes if name.isupper()})
    features = {
        *tokens,
        *(f"{token[:_STEM]}-" for token in tokens if len(token) > _STEM),
        *map(" ".join, pairwise(tokens)),
        *(f"{one}|{other}" for one, other in pairwise(classes)),
        *met,
        *(f"{one}+{other}" for place, one in enumerate(met) for other in met[place + 1 :]),
        "only" if n_pieces == 1 else "first" if not at else "last" if at == n_pieces - 1 else "between",
        f"length {min(len(tokens) // 5, 6)}",
    }
    if "YOU" not in met:
        features.update(f"no you+{name}" for name in ("", *met))
    if part.is_helped:
        features.update([f"helped+{one}" for one in features])
    elif part.words:
        features.add("prompted")
    return frozenset(features | _runs(said))


def _runs(said: str) -> set[str]:
    """The runs of characters; a piece begins and ends with a space."""
    padded = f" {' '.join(_DIGITS.sub(_NUMBER, text.fold(said[:_RUNS_READ])).split())} "
    return {f"{_RUN}{padded[at : at + size]}" for size in _RUNS for at in range(len(padded) - size + 1)}
