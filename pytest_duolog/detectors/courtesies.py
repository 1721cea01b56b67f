"""Reads the courtesies of many languages from `courtesies.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources

from pytest_duolog.detectors import text

_TABLES = tomllib.loads(resources.files(__package__).joinpath("courtesies.toml").read_text("utf-8"))

LANGUAGES = tuple(_TABLES)
# Words of courtesy, agreement and praise.
SOCIAL = frozenset(word for table in _TABLES.values() for word in text.words(text.normalise(table["social"])))


def phrases(*families: str, languages: Sequence[str] = LANGUAGES) -> Iterator[str]:
    """The plain phrases of these families in some languages, for a `PhraseBook`; a language may lack a family."""
    return (
        phrase
        for language in languages
        for family in families
        for phrase in _TABLES[language].get(family, ())
    )
