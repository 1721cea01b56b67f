"""The compiled phrases of `role_phrases.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from importlib import resources

from pytest_duolog.detectors.phrases import PhraseBook, Shelf

_TABLES = tomllib.loads(resources.files(__package__).joinpath("role_phrases.toml").read_text("utf-8"))
_SHELF = Shelf()


def _phrases(family: str, made: Callable[[], Iterable[str]] = tuple) -> PhraseBook:
    return PhraseBook(lambda: [*_TABLES[family], *made()], shelf=_SHELF)


def _machines() -> Iterator[str]:
    """Saying that one is a machine: "I am", perhaps "only", an article, and what one is."""
    for table in _TABLES["machines"].values():
        only = rf"(?:[ ,]{{1,2}}(?:{table['only']})(?:(?<=')|\b),?)"
        last = rf"(?!\w|{table['not']})"
        yield rf"\b(?:{table['only']}) (?:{table['am']}) ?(?:{table['a']})(?:\w+ )?(?:{table['weak']}){last}"
        for am in (rf"\b(?:{table['am']})", *_as(table["as"])):
            yield rf"{am}{only}{{0,3}} ?(?:{table['a']})(?:{table['what']}){last}"
            yield rf"{am}{only}{{1,3}} ?(?:{table['a']})(?:\w+ )?(?:{table['weak']}){last}"


def _as(words: str) -> Iterator[str]:
    """The word for "as" at the beginning of a clause: elsewhere it compares."""
    if words:
        yield rf"(?:^|[.!?,;:] ?)(?:{words})\b"


def _thoughts() -> Iterator[str]:
    """A label of a thought, and further on one of what is said."""
    signs = _TABLES["signs"]
    yield (
        rf"^\W{{0,4}}(?:{signs['thought_labels']})(?: \w+)?[*_]{{0,3}} ?:(?s:.{{0,2000}}?)"
        rf"[^\w-][*_(]{{0,3}}(?:{signs['said_labels']})[*_)]{{0,3}} ?:"
    )
    yield signs["said_in_han"]


def _signs(kind: str) -> PhraseBook:
    return PhraseBook(lambda: _TABLES["signs"][kind], shelf=_SHELF)


LABELS = frozenset(_TABLES["labels"])
PART_LABELS = frozenset(_TABLES["part_labels"])
MACHINE_PART = _phrases("machine_part")
MODEL_NAME = re.compile(rf"(?<![^\W_])(?:{'|'.join(_TABLES['model_names'])})(?![^\W\d_])")
MACHINE = _phrases("machine", _machines)
THINKING = _phrases("thinking", _thoughts)
USER, OTHER, ORDERS, INTENDS, MANNER, PLAYS = map(
    _signs, ("user", "other", "orders", "intends", "manner", "plays")
)
DISCLOSURE = _phrases("disclosure")
INSTRUCTION = _phrases("instruction")
SERVICE = _phrases("service")
SERVES = _phrases("serves")
HELPED_PART = _phrases("helped_part")
AGREEMENT = re.compile("|".join(_TABLES["agreement"]))
