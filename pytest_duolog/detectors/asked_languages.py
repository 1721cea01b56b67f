"""Tells which languages a message asks for: "answer in German", "how do you say that in Czech?".

The words are in `asked_languages.toml`.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib import resources

from pytest_duolog.detectors import text
from pytest_duolog.detectors.languages import FUNCTION_WORDS, LANGUAGES

# So many words may stand between a verb and the name of a language: "say that again in plain German".
MOST_BETWEEN = 3
ARTICLES = frozenset({"the", "het", "el", "al", "o", "l'", "il"})

_TABLES = tomllib.loads(resources.files(__package__).joinpath("asked_languages.toml").read_text("utf-8"))
_CODE_OF = {name: code for code, names in _TABLES["called"].items() for name in text.normalise(names).split()}
# Chinese, Japanese and Korean names ask with one of these words beside them.
_BESIDE = {
    re.compile(rf"[用说說讲講成译訳](?:一下)?{name}|{name}(?:怎[么麼]|[でにへ](?!は)|으?로)"): code
    for name, code in _CODE_OF.items()
    if text.is_unspaced(name) or "가" <= name[0] <= "힣"
}
_ADJECTIVES = frozenset(_TABLES["before"]["adjectives"].split())
_AFTER = frozenset(_TABLES["before"]["after"].split())
_PREPOSITIONS = frozenset(text.normalise(_TABLES["before"]["preposition"]).split())
_VERBS = frozenset(text.normalise(_TABLES["before"]["verb"]).split())
# Names that say "in" themselves, as all with a hyphen do: "по-немецки", "bahasa-jerman".
_WITHIN = frozenset(text.normalise(_TABLES["before"]["within"]).split())
_TRANSLATE = tuple(text.normalise(_TABLES["translate"]["words"]).split())
_PHRASES = tuple(text.normalise(phrase) for phrase in _TABLES["translate"]["phrases"])
_PREFIX = re.compile(r"\b(bahasa|tiếng) (?=\w)")
_TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[^\w\s]")
_ALL = frozenset(LANGUAGES)


@lru_cache(maxsize=256)  # dialogues with loops repeat their messages
def asked_languages(content: str) -> frozenset[str]:
    """The languages that a message asks for, as codes; LANGUAGES if it asks for a translation and names no language."""
    own = text.normalise(text.without_asides(text.without_thinking(content)))
    tokens = _TOKEN.findall(_PREFIX.sub(r"\1-", own))
    found = set() if own.isascii() else {code for beside, code in _BESIDE.items() if beside.search(own)}
    found.update(
        _CODE_OF[token] for at, token in enumerate(tokens) if token in _CODE_OF and _is_asked(tokens, at)
    )
    if found:
        return frozenset(found)
    is_translation = any(token.startswith(_TRANSLATE) for token in tokens) or any(
        phrase in own for phrase in _PHRASES
    )
    return _ALL if is_translation else frozenset()


def _is_asked(tokens: list[str], at: int) -> bool:
    """Whether the name of a language at this place is what an answer is to be in."""
    name, before = tokens[at], tokens[:at]
    if name in _WITHIN or "-" in name:
        return True
    after = tokens[at + 1] if at + 1 < len(tokens) else "."
    is_adjective = name in _ADJECTIVES
    if is_adjective and after[0].isalpha() and after not in FUNCTION_WORDS and after not in _AFTER:
        return False
    near = before[-2:] if is_adjective or (before and before[-1] in ARTICLES) else before[-1:]
    verbs = (token.partition("-")[0] for token in before[-1 - MOST_BETWEEN :])  # "parlez-vous français ?"
    return not (_PREPOSITIONS.isdisjoint(near) and _VERBS.isdisjoint(verbs))
