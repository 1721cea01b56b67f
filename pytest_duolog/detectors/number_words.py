"""Numbers in digits: number words of seven languages (`numbers.toml`), and marks of thousands and decimals."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources

from pytest_duolog.detectors import languages, text

_TABLES = tomllib.loads(resources.files(__package__).joinpath("numbers.toml").read_text("utf-8"))


def _values(rows: list[str], *, step: int = 1, start: int = 0) -> dict[str, int]:
    return {word: at * step for at, row in enumerate(rows, start) for word in row.split("|")}


def _any_of(words: Mapping[str, int]) -> str:
    counted = rf"(?= (?:{_TABLES['counted']})\b)"
    return "|".join(word.replace("~", counted) for word in sorted(words, key=len, reverse=True))


def _plain(word: str) -> str:
    """The word without the conditions beside it."""
    return re.sub(r"~|\(.*?\)", "", word)


_SMALL = _values(_TABLES["small"])
_ONES = _SMALL | dict.fromkeys(_TABLES["one"].split("|"), 1)
_TENS = _values(_TABLES["tens"], step=10, start=2)
_VALUES = {_plain(word): value for word, value in (_ONES | _TENS).items()}
_BESIDE_TENS = "|".join(sorted((_plain(word) for word in _ONES if word != "one"), key=len, reverse=True))
# "Thirty-five", "fünfunddreißig", "trente et un", "treinta y cinco", "trentacinque".
_NUMBER_WORD = re.compile(
    rf"\b(?:(?P<ones>{_BESIDE_TENS})(?:und|en|ën)(?P<after>{_any_of(_TENS)})"
    rf"|(?P<tens>{_any_of(_TENS)})(?:(?:[- ]| y | e |[- ]et[- ])?(?P<unit>one|{_BESIDE_TENS}))?"
    rf"|(?P<small>{_any_of(_SMALL)}))\b"
)
# "1,234,567" with one mark, and with no more digits beside it: two numbers may stand next to each other.
_GROUPED = re.compile(
    r"(?<![\d.,])\d{1,3}(?:([,.'’ \u00a0\u202f])\d{3}(?:\1\d{3})*+)(?!\d|[.,]\d{3})\b(?=(?P<decimal>[.,]\d)?)"
)
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d\d\b)")
_ANY_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d+\b)")
_MARKED = re.compile(r"\d[.,]\d")
_COMMA = ("de", "fr", "es", "it", "pt", "nl")


def in_digits(content: str) -> str:
    """The text with numbers in digits; words only in small letters."""
    return _NUMBER_WORD.sub(
        lambda found: str(sum(_VALUES[word] for word in found.groups() if word is not None)), content
    )


def without_marks(content: str, decimal_mark: str | None) -> str:
    """The text without marks of thousands, and with a point before decimals.

    Three digits after a single mark are decimals if it is the decimal mark, and thousands if that is not known.
    """

    def grouped(found: re.Match[str]) -> str:
        n_marks = found[0].count(found[1])
        is_decimal = found[1] == decimal_mark and n_marks == 1 and not found["decimal"]
        return found[0].replace(found[1], "." if is_decimal else "")

    commas = _ANY_DECIMAL_COMMA if decimal_mark == "," else _DECIMAL_COMMA
    return commas.sub(".", _GROUPED.sub(grouped, content))


def decimal_mark(content: str, otherwise: str = "") -> str | None:
    """The decimal mark of the language that a text has most small words of, or another text, if it has as many of two.

    None if neither tells, and for a text without such marks.
    """
    if not _MARKED.search(content):
        return None
    for one in (content, otherwise):
        words = set(text.words(text.normalise(text.excerpt(one))))
        n_english = len(words & languages.words_of("en"))
        n_others = max(len(words & languages.words_of(code)) for code in _COMMA)
        if n_english != n_others:
            return "." if n_english > n_others else ","
    return None
