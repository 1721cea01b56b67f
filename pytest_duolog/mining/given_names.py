"""The given names of many languages, as Faker (the extra `[mine]`) knows them, and the words that they also are.

`common_names.txt` has the names that are also plain words, or places: in small letters they are taken for words.
Source: Faker's names (MIT) that SCOWL's American English has in small letters (see `common_names.LICENSE`),
and words that public dialogues have in small letters.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, resources
from pkgutil import iter_modules

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.mining import detail_words as words
from pytest_duolog.topics import vocabulary

SHORTEST = 3
_COMMON = frozenset(resources.files(__package__).joinpath("common_names.txt").read_text("utf-8").split())


@cache
def given_names() -> frozenset[str]:
    """All known given names of one word, in small letters.

    Raises ConfigurationError if Faker is not installed.
    """
    try:
        people = import_module("faker.providers.person")
    except ImportError as error:
        raise ConfigurationError(words.MISSING) from error
    found: set[str] = set()
    for module in iter_modules(people.__path__):
        provider = import_module(f"{people.__name__}.{module.name}").Provider
        for kind in dir(provider):
            names = getattr(provider, kind)
            if kind.startswith("first_") and isinstance(names, list | tuple | dict):
                found.update(name.casefold() for name in names if isinstance(name, str))
    return frozenset(name for name in found if len(name) >= SHORTEST and name.isalpha())


def is_common(word: str) -> bool:
    """Whether a word is also, or only, something else than a name."""
    folded = word.casefold()
    return folded in _COMMON or folded in vocabulary.FUNCTION_WORDS or folded in words.NO_NAMES


def is_given_name(word: str) -> bool:
    """Whether a word is a given name, and no common word."""
    return word.casefold() in given_names() and not is_common(word)
