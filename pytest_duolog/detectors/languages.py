"""Recognises the language of a text by its script, its function words and its letters (`languages.toml`).

It returns nothing if there is too little evidence: short messages, unknown languages, two languages in one text. If
`py3langid` is installed (extra `languages`), it decides the cases that these tables leave open.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from pytest_duolog.detectors import text

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# A script decides if it has this share of a text; a letter of an unspaced script counts as half a word.
SCRIPT_SHARE = 0.6
# A language needs this many hits among the words, this share of them, and this multiple of the weight of any other
# language. The more languages share a word or a letter, the smaller is its weight.
HITS = 3
HIT_SHARE = 0.2
LEAD = 1.6
LEAST_WEIGHT = 2.0
LETTER_WEIGHT = 0.7
# A text is half in one language and half in another if the other one has this share of the weight of the first.
SHARED = 0.4
CONTESTED_WEIGHT = 2.8
# With fewer words, or letters of an unspaced script, a script proves nothing.
FEWEST_WORDS = 4
FEWEST_LETTERS = 6
# Japanese mixes Han with kana; this share of kana distinguishes it from Chinese.
KANA_SHARE = 0.1
# With this many words of another language, and this share, a text is a mixture of two.
MIXED_WORDS = 2
MIXED_SHARE = 0.15
# The library's answer counts with at least this many words and this probability, a higher one for few words.
LIBRARY_WORDS = 5
LIBRARY_MANY_WORDS = 8
LIBRARY_CERTAIN = 0.42
LIBRARY_CERTAIN_OF_FEW = 0.9
# A text with this many different words, and this share of function words of a known language, is in that language. If
# the share is smaller, the library decides. Without the library, a text with an even smaller share of function words of
# all languages is in none of them; the limit is lower if all letters are English. Fewer words tell a script.
UNREAD_WORDS = 12
UNREAD_WORDS_OF_SCRIPT = 4
KNOWN_SHARE = 0.3
STRANGE_SHARE = 0.1
STRANGE_SHARE_WITH_LETTERS = 0.17
UNKNOWN = "unknown"

TABLES = tomllib.loads(resources.files(__package__).joinpath("languages.toml").read_text("utf-8"))
_WORDS = {
    language: frozenset(text.words(text.normalise(words))) for language, words in TABLES["words"].items()
}
_MIXED = {language: frozenset(words.split()) for language, words in TABLES["mixed"].items()}
_SCRIPTS = {name: re.compile(f"[{letters}]+") for name, letters in TABLES["scripts"].items()}
_NOT_LATIN = re.compile(
    f"[{''.join(letters for name, letters in TABLES['scripts'].items() if name != 'Latin')}]"
)
LANGUAGES_OF: dict[str, list[str]] = TABLES["languages"]
_LETTERS = {letter: languages for letters, languages in TABLES["letters"].items() for letter in letters}
_UNSPACED = ("Han", "Kana", "Thai")

# Several words with capitals, with particles between them.
_CAPITALISED = r"[A-ZÀ-ÖØ-ÞŁŚŻČŠŽĞİŞ][a-zß-öø-ÿœąćęłńśźżčďěňřšťůžğışő'’-]{1,30}"
_NAMES = re.compile(
    rf"(?<!\w){_CAPITALISED}(?:,?[ ](?:(?:de|del|della|dello|dei|degli|delle|di|da|do|dos|das|du|des|la|le|les|el|los"
    r"|las|van|von|vom|der|den|zu|zum|zur|ter|y|e|et|und|à|al|sur|sous|in)[ ]){0,3}"
    rf"(?:[dl]['’])?{_CAPITALISED}(?!\w))+"
)

# One or two messages cannot distinguish these languages.
_FAMILIES = (
    frozenset({"da", "no", "sv"}),
    frozenset({"cs", "sk"}),
    frozenset({"hr", "sr", "sl", "bs"}),
    frozenset({"id", "ms"}),
    frozenset({"hi", "mr"}),
    frozenset({"nl", "af"}),
    frozenset({"es", "ca"}),
)

# The function words of all these languages.
FUNCTION_WORDS = frozenset().union(*_WORDS.values())

_OWN_SCRIPT = tuple(name for name in _SCRIPTS if name not in ("Han", "Kana", "Hangul", "Latin"))
LANGUAGES = (
    tuple(dict.fromkeys((*_WORDS, "zh", "ja", *(code for codes in LANGUAGES_OF.values() for code in codes))))
    + _OWN_SCRIPT
)


class Guess(NamedTuple):
    """The language of a text as one of LANGUAGES, a code or the name of a script; None if unsure.

    `mixed` are the two languages of a mixed text.
    """

    language: str | None
    mixed: frozenset[str] = frozenset()


def language_of(content: str) -> str | None:
    """The language of a text as one of LANGUAGES, a code or the name of a script; None if unsure."""
    return guess_language(content).language


def guess_language(content: str, *, asks_library: bool = True) -> Guess:
    """The language of a text, or its two languages if it is mixed."""
    return _guessed(text.excerpt(content), asks_library)


@lru_cache(maxsize=256)  # dialogues with loops repeat their messages
def _guessed(content: str, asks_library: bool) -> Guess:  # a key of the cache
    own = own_words(content)
    folded = text.fold(own)
    script = script_of(folded)
    words = text.words(text.normalise(own))
    if script is None or text.is_spelled(words):
        return Guess(None)
    if script == "Han":
        return Guess(_east_asian(folded))
    if script == "Latin":
        return _latin_language(words, folded, asks_library=asks_library)
    codes = LANGUAGES_OF[script]
    enough = FEWEST_LETTERS if script in _UNSPACED else FEWEST_WORDS
    if len(words) < enough:
        return Guess(None)
    if len(codes) == 1:
        return Guess(codes[0])
    found, is_contested = _best_of(words, codes)
    is_open = asks_library and not is_contested
    return Guess(found or (_asked(folded, len(words), codes) if is_open else None) or script)


def own_words(content: str) -> str:
    """The text without asides, and without names and titles of several words: they are in a language of their own."""
    return _NAMES.sub(" ", text.without_asides(content))


def words_of(language: str) -> frozenset[str]:
    """The function words of a language; none if it has no table."""
    return _WORDS.get(language, frozenset())


@lru_cache(maxsize=4096)
def is_same(one: str, other: str) -> bool:
    """Whether two languages are equal, or so similar that a message does not distinguish them."""
    return (
        one == other
        or any({one, other} <= family for family in _FAMILIES)
        or other in LANGUAGES_OF.get(one, ())
        or one in LANGUAGES_OF.get(other, ())
    )


def unread_language(content: str) -> str | None:
    """The language of a text if it is not supported: a code, the name of a script or `unknown`.

    None for a text in a supported language, in several, or too short.
    """
    own = text.without_asides(text.excerpt(content))
    folded = text.fold(own)
    words = [word for word in text.words(text.normalise(own)) if not word[0].isdigit()]
    if len(set(words)) < UNREAD_WORDS:  # enough for a script
        return _foreign_script(folded) if len(set(words)) >= UNREAD_WORDS_OF_SCRIPT else None
    script = script_of(folded)
    if script is None:
        return _foreign_script(folded)
    if script not in ("Latin", "Cyrillic", "Arabic", "Devanagari"):
        return None
    counted = Counter(words)
    known = _known_share(counted)
    if known >= KNOWN_SHARE:
        return None
    identified = _identified(folded)
    if identified is not None:
        code, certainty = identified
        return None if code in LANGUAGES or certainty < LIBRARY_CERTAIN_OF_FEW else code
    heard = sum(n for word, n in counted.items() if word in FUNCTION_WORDS) / len(words)
    strange = STRANGE_SHARE if folded.isascii() else STRANGE_SHARE_WITH_LETTERS
    return UNKNOWN if known < strange and heard < strange else None


def _known_share(counted: Counter[str]) -> float:
    """The largest share of words that belong to one language, or to a mixture of two; any share that is enough."""
    total = counted.total()
    english = sum(n for word, n in counted.items() if word in _WORDS["en"]) / total
    if english >= KNOWN_SHARE:  # as in most texts
        return english
    hits = Counter[str]()
    for word, n in counted.items():
        for code in HAVING.get(word, ()):
            hits[code] += n
    mixed = (sum(n for word, n in counted.items() if word in table) for table in _MIXED.values())
    return max(*hits.values(), *mixed) / total


def _foreign_script(folded: str) -> str | None:
    """The script of most letters of a text if it is not supported."""
    scripts = Counter(
        unicodedata.name(letter, "").partition(" ")[0].capitalize() for letter in folded if letter.isalpha()
    )
    known = {"Latin", "Cjk", "Hiragana", "Katakana", "Hangul", *_OWN_SCRIPT, ""}
    name, n = scripts.most_common(1)[0] if scripts else ("", 0)
    return name if name not in known and n >= SCRIPT_SHARE * scripts.total() else None


def script_of(folded: str) -> str | None:
    """The script of most of a text, with Han for kana as well; None for a text without a script, or with several."""
    if folded.isascii() or not _NOT_LATIN.search(folded):
        return "Latin" if _SCRIPTS["Latin"].search(folded) else None
    words = {name: script.findall(folded) for name, script in _SCRIPTS.items()}
    weights = {
        name: sum(map(len, found)) / 2 if name in _UNSPACED else float(len(found))
        for name, found in words.items()
    }
    weights["Han"] += weights.pop("Kana")
    script = max(weights, key=lambda name: weights[name])
    return script if weights[script] and weights[script] >= SCRIPT_SHARE * sum(weights.values()) else None


def _east_asian(folded: str) -> str | None:
    kana = sum(map(len, _SCRIPTS["Kana"].findall(folded)))
    letters = kana + sum(map(len, _SCRIPTS["Han"].findall(folded)))
    return None if letters < FEWEST_LETTERS else "ja" if kana >= KANA_SHARE * letters else "zh"


def _latin_language(words: Sequence[str], folded: str, *, asks_library: bool) -> Guess:
    counted = Counter(words)
    for language, known in _MIXED.items():
        n_mixed = sum(n for word, n in counted.items() if word in known and word not in _WORDS["en"])
        if n_mixed >= max(MIXED_WORDS, MIXED_SHARE * len(words)):
            n_own = max(sum(n for word, n in counted.items() if word in table) for table in _LATIN.values())
            if n_mixed >= n_own / 2:
                return Guess(None, frozenset({language, "en"}))
    found, is_contested = _best_of(words, tuple(_LATIN))
    if found or is_contested or not asks_library:
        return Guess(None if is_contested else found)
    return Guess(_asked(folded, len(words), tuple(_LATIN)))


def _best_of(words: Sequence[str], codes: Sequence[str]) -> tuple[str | None, bool]:
    """The language with by far the most evidence in these words, and whether another one also has much.

    Each word counts at most twice.
    """
    counted = Counter(words)
    hits = dict.fromkeys(codes, 0)
    weights = dict.fromkeys(codes, 0.0)
    for word, n in counted.items():
        times = 2 if n > 1 else 1
        having = [code for code in HAVING.get(word, ()) if code in hits]
        for code in having:
            hits[code] += times
            weights[code] += times / len(having)
        if not having and not word.isascii():
            letters = next((_LETTERS[letter] for letter in word if letter in _LETTERS), ())
            for code in letters:
                if code in weights:
                    weights[code] += LETTER_WEIGHT / len(letters)
    found = [code for code in codes if weights[code]]
    best = max(found or codes, key=lambda code: (weights[code], hits[code]))
    second = max((weights[code] for code in found if not is_same(code, best)), default=0.0)
    total = sum(min(2, n) for n in counted.values())
    is_clear = (
        len(words) >= FEWEST_WORDS
        and hits[best] >= max(HITS, HIT_SHARE * total)
        and weights[best] >= max(LEAST_WEIGHT, LEAD * second)
    )
    is_contested = second >= max(CONTESTED_WEIGHT, SHARED * weights[best])
    return (best if is_clear and not is_contested else None), is_contested


def _asked(folded: str, n_words: int, codes: Sequence[str]) -> str | None:
    """The library's answer, if its probability is high enough."""
    if n_words < LIBRARY_WORDS:
        return None
    code, certainty = _identified(folded) or ("", 0.0)
    bound = LIBRARY_CERTAIN if n_words >= LIBRARY_MANY_WORDS else LIBRARY_CERTAIN_OF_FEW
    return code if code in codes and certainty >= bound else None


def _identified(folded: str) -> tuple[str, float] | None:
    """The most probable language of a text and its probability; None without the library."""
    library = _library()
    if library is None:
        return None
    code, certainty = library.classify(folded)
    return str(code), float(certainty)


def ranked(folded: str) -> list[tuple[str, float]]:
    """All languages that the library knows, with their probabilities; nothing without the library."""
    library = _library()
    return [] if library is None else library.rank(folded)


def has_library() -> bool:
    """Whether the library is installed."""
    return _library() is not None


@cache
def _library() -> LanguageIdentifier | None:
    """The library, loaded once (0.5 s); None if it is not installed."""
    try:
        from py3langid import langid  # noqa: PLC0415
    except ImportError:
        return None
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


# The languages of each function word.
HAVING: dict[str, list[str]] = {}
for _language, _known in _WORDS.items():
    for _word in _known:
        HAVING.setdefault(_word, []).append(_language)
_OTHER_SCRIPTS = {code for codes in LANGUAGES_OF.values() for code in codes}
_LATIN = {code: table for code, table in _WORDS.items() if code not in _OTHER_SCRIPTS}
