"""The compiled phrases and words of `vocabulary.toml`."""

from __future__ import annotations

import tomllib
from importlib import resources

from pytest_duolog.detectors import lexicon
from pytest_duolog.detectors.phrases import PhraseBook

_TABLES = tomllib.loads(resources.files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))

NEW_TOPIC = PhraseBook(lambda: [*_TABLES["new_topic"], *_TABLES["announces"]])
HELLO = PhraseBook(lambda: _TABLES["hello"])
# One search for whatever may open another dialogue or subject; it is seldom there.
OPENING = PhraseBook(lambda: [*_TABLES["hello"], *_TABLES["aside"], *_TABLES["announces"]])
GENERIC = frozenset(f"{_TABLES['generic']} {_TABLES['polite']}".split())
FUNCTION_WORDS = lexicon.FUNCTION_WORDS | frozenset(_TABLES["function_words"].split())
FUNCTION_CHARACTERS = frozenset(_TABLES["function_characters"])
