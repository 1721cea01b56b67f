"""The compiled phrases and words of `vocabulary.toml`."""

from __future__ import annotations

import tomllib
from importlib import resources

from pytest_duolog.detectors import lexicon
from pytest_duolog.detectors.phrases import PhraseBook

_TABLES = tomllib.loads(resources.files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))

ANNOUNCES = PhraseBook(lambda: _TABLES["announces"])
NEW_TOPIC = PhraseBook(lambda: [*_TABLES["new_topic"], *_TABLES["announces"]])
HELLO = PhraseBook(lambda: _TABLES["hello"])
HEY = PhraseBook(lambda: _TABLES["hey"])
GENERIC = frozenset(f"{_TABLES['generic']} {_TABLES['polite']}".split())
FUNCTION_WORDS = lexicon.FUNCTION_WORDS | frozenset(_TABLES["function_words"].split())
FUNCTION_CHARACTERS = frozenset(_TABLES["function_characters"])
