"""Which language a text is in, from its script and its function words; `languages.toml` has them.

It says nothing where the evidence is thin: short messages, languages it has no words of, two languages in one text.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from importlib import resources

from pytest_duolog.detectors import text

# A script decides if it writes so much of a text; a letter of an unspaced script counts for half a word.
SCRIPT_SHARE = 0.6
# A language needs so many hits among the words, this share of them, and so many times the hits of any other language.
HITS = 4
HIT_SHARE = 0.2
LEAD = 1.5
# Words, or letters of an unspaced script, below which a script proves nothing.
FEWEST_WORDS = 4
FEWEST_LETTERS = 6
# Japanese mixes Han with kana; so large a share of kana tells it from Chinese.
KANA_SHARE = 0.1

_TABLES = tomllib.loads(resources.files(__package__).joinpath("languages.toml").read_text("utf-8"))
_WORDS = {language: frozenset(words.split()) for language, words in _TABLES["words"].items()}
_SCRIPTS = {name: re.compile(f"[{letters}]+") for name, letters in _TABLES["scripts"].items()}
_UNSPACED = ("Han", "Kana", "Thai")

# The function words of all these languages.
FUNCTION_WORDS = frozenset().union(*_WORDS.values())

LANGUAGES = (
    *_WORDS,
    "zh",
    "ja",
    "ko",
    *(name for name in _SCRIPTS if name not in ("Han", "Kana", "Hangul", "Latin")),
)


def language_of(content: str) -> str | None:
    """The language of a text as one of LANGUAGES, a code or the name of a script; None if unsure."""
    folded = text.fold(text.without_asides(text.excerpt(content)))
    letters = Counter({name: sum(map(len, script.findall(folded))) for name, script in _SCRIPTS.items()})
    east_asian = letters["Han"] + letters["Kana"]
    words = {name: len(script.findall(folded)) for name, script in _SCRIPTS.items()}
    weights = {name: letters[name] / 2 if name in _UNSPACED else float(words[name]) for name in _SCRIPTS}
    weights["Han"] += weights.pop("Kana")
    script = max(weights, key=lambda name: weights[name])
    if weights[script] < SCRIPT_SHARE * sum(weights.values()) or not weights[script]:
        return None
    if script == "Latin":
        return _latin_language(text.words(folded))
    if script == "Han":
        is_japanese = letters["Kana"] >= KANA_SHARE * east_asian
        return None if east_asian < FEWEST_LETTERS else "ja" if is_japanese else "zh"
    enough = letters[script] >= FEWEST_LETTERS if script in _UNSPACED else words[script] >= FEWEST_WORDS
    return ("ko" if script == "Hangul" else script) if enough else None


def _latin_language(words: list[str]) -> str | None:
    """The language with by far the most function words among these; each word counts at most twice."""
    counted = Counter(words)
    hits = {
        language: sum(min(2, n) for word, n in counted.items() if word in known)
        for language, known in _WORDS.items()
    }
    best, second = sorted(hits, key=lambda language: -hits[language])[:2]
    total = sum(min(2, n) for n in counted.values())
    is_clear = hits[best] >= max(HITS, HIT_SHARE * total) and hits[best] >= LEAD * hits[second]
    return best if is_clear else None
