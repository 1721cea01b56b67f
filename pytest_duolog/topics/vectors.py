"""Static word vectors of the `topic` extra, read from its files: no download, no model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_duolog.topics.terms import Term, Terms

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

    Vector = np.ndarray[tuple[int], np.dtype[np.float32]]
    Rows = np.ndarray[tuple[int, int], np.dtype[np.float32]]
    Table = np.ndarray[tuple[int, int], np.dtype[np.float16]]

# The vectors of so many words are kept (1 kB each), and the pieces of twice as many.
_KNOWN_WORDS = 16_384

NAME = "vectors (wordllama l2_supercat, 256)"

# wordllama's own loader (0.4.0) looks for the tokenizer in a folder that its wheel does not have, and then downloads
# it. The two files in the wheel are enough.
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_WEIGHTS = "weights/l2_supercat_256.safetensors"


class WordVectors:
    """Vectors of texts; the vector of a word is the sum of the vectors of its pieces.

    Rare words have longer vectors than frequent ones, so a sum needs no further weights.
    """

    def __init__(self, tokenizer: Tokenizer, table: Table) -> None:
        self._tokenizer = tokenizer
        self._table = table
        self._vector = lru_cache(maxsize=_KNOWN_WORDS)(self._find_vector)
        self._pieces_of_word = lru_cache(maxsize=2 * _KNOWN_WORDS)(self._encode)
        self._rows = _Rows(table)

    def sum_of(self, terms: Terms) -> Vector:
        """The weighted sum of the terms' vectors; zeros without terms."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        total: Vector = np.zeros(self._table.shape[1], dtype=np.float32)
        for term in terms:
            total += self._vector(term)
        return total

    def directions_of(self, texts: Sequence[str]) -> Rows:
        """The mean vector of each text's pieces, grammar included, with the length 1; zeros without pieces.

        A row for each text. Much faster than one text after another.
        """
        import numpy as np  # noqa: PLC0415  # part of the extra

        pieces = [self.pieces_of(text) for text in texts]
        rows: Rows = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        vectors = self._rows.of(list(chain.from_iterable(pieces)))
        end = 0
        for row, found in zip(rows, pieces, strict=True):  # faster than add.reduceat
            start, end = end, end + len(found)
            np.add.reduce(vectors[start:end], axis=0, out=row)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(lengths == 0, 1, lengths)
        return rows

    def pieces_of(self, text: str) -> Sequence[int]:
        """The pieces of a text in order, as the tokenizer finds them; words are known again.

        A space begins a piece and stands in no other place, so the pieces of a text are those of its words, unless
        spaces meet, or something may be a special token such as `<s>`.
        """
        if "  " in text or "<" in text or text.startswith(" ") or text.endswith(" "):
            return self._encode(text)
        return list(chain.from_iterable(map(self._pieces_of_word, text.split(" "))))

    def _encode(self, text: str) -> Sequence[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _find_vector(self, term: Term) -> Vector:
        import numpy as np  # noqa: PLC0415  # part of the extra

        pieces = self._encode(term.word)
        vector: Vector = np.float32(term.weight) * self._table[pieces].sum(axis=0, dtype="float32")
        return vector


class _Rows:
    """The rows of a table as 32-bit numbers, which are made when they are first needed, and kept."""

    def __init__(self, table: Table) -> None:
        import numpy as np  # noqa: PLC0415  # part of the extra

        self._table = table
        self._rows: Rows = np.empty(table.shape, dtype=np.float32)
        self._is_made = np.zeros(len(table), dtype=bool)

    def of(self, places: Sequence[int]) -> Rows:
        """The rows at these places, in their order."""
        import numpy as np  # noqa: PLC0415  # part of the extra

        wanted = np.array(places, dtype=np.intp)
        new = wanted[~self._is_made[wanted]]
        if len(new):
            self._rows[new] = self._table[new]
            self._is_made[new] = True
        return self._rows[wanted]


def cosine(one: Vector, other: Vector) -> float:
    """The cosine of the angle between two vectors, -1 to 1; 0 if one has no length."""
    lengths = float(one @ one) * float(other @ other)
    return float(one @ other) / lengths**0.5 if lengths else 0.0


@cache
def folder_of_vectors() -> Path | None:
    """Where the installed extra has its files; None if it is not installed or has other files. Nothing is read."""
    spec = find_spec("wordllama")
    folder = Path(next(iter(spec.submodule_search_locations or ()), "")) if spec else None
    if folder is None or not (folder / _TOKENIZER).is_file() or not (folder / _WEIGHTS).is_file():
        return None
    return folder


@cache
def load_vectors() -> WordVectors | None:
    """The vectors of the installed extra, read once; None if it is not installed or has other files."""
    folder = folder_of_vectors()
    if folder is None:
        return None
    try:
        from safetensors.numpy import load_file  # noqa: PLC0415
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError:
        return None
    tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return WordVectors(tokenizer, load_file(folder / _WEIGHTS)["embedding.weight"])
