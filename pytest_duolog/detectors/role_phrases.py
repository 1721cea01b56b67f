"""The compiled phrases of `role_phrases.toml`."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

from pytest_duolog.detectors.phrases import PhraseBook, Shelf

_TABLES = tomllib.loads(resources.files(__package__).joinpath("role_phrases.toml").read_text("utf-8"))
_SHELF = Shelf()


def _phrases(family: str) -> PhraseBook:
    return PhraseBook(lambda: _TABLES[family], shelf=_SHELF)


LABELS = frozenset(_TABLES["labels"])
PART_LABELS = frozenset(_TABLES["part_labels"])
MACHINE_PART = _phrases("machine_part")
MACHINE = _phrases("machine")
THINKING = _phrases("thinking")
DISCLOSURE = _phrases("disclosure")
INSTRUCTION = _phrases("instruction")
SERVICE = _phrases("service")
SERVES = _phrases("serves")
HELPED_PART = _phrases("helped_part")
AGREEMENT = re.compile("|".join(_TABLES["agreement"]))
