"""Number words in digits, in seven languages (`numbers.toml`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources

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
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:([,. ])\d{3}(?:\1\d{3})*+)(?!\d|[.,]\d{3})\b")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d\d\b)")


def in_digits(text: str) -> str:
    """The text with numbers in digits, without marks of thousands; words only in small letters."""
    text = _DECIMAL_COMMA.sub(".", _THOUSANDS.sub(lambda found: found[0].replace(found[1], ""), text))
    return _NUMBER_WORD.sub(
        lambda found: str(sum(_VALUES[word] for word in found.groups() if word is not None)), text
    )
