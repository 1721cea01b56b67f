"""Finds personal details in text: names, ways to reach somebody, numbers of cards and accounts, where somebody lives.

Shapes with a checksum are checked with python-stdnum, phone numbers with phonenumbers (the extra `[mine]`).
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.mining import detail_words as words
from pytest_duolog.mining import given_names, names
from pytest_duolog.topics import vocabulary


class DetailKind(StrEnum):
    """A kind of personal detail."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    ADDRESS = "address"
    BIRTH_DATE = "birth date"
    ID = "id"
    IP = "ip"
    HANDLE = "handle"


class Span(NamedTuple):
    """A detail in a text: from `start` to before `end`."""

    start: int
    end: int
    kind: DetailKind


def details_in(text: str) -> list[tuple[DetailKind, str]]:
    """The details of a text in the order in which they stand there, each with its kind.

    Raises ConfigurationError if the extra `[mine]` is not installed.
    """
    taken: list[Span] = []
    for kind, find in _FINDERS:
        for start, end in find(text):
            at = bisect(taken, (start, end))
            is_free = (not at or taken[at - 1].end <= start) and (at == len(taken) or end <= taken[at].start)
            if end > start and is_free:
                taken.insert(at, Span(start, end, kind))
    return [(span.kind, text[span.start : span.end]) for span in taken]


def require_extra() -> None:
    """Raises ConfigurationError if the packages that know phone numbers, checksums and names are not installed."""
    _phonenumbers()
    _stdnum()
    given_names.given_names()


def _phonenumbers() -> Any:
    # Not cached: it loads the numbers of a country when they are needed, into the module that is imported then.
    try:
        import phonenumbers  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ConfigurationError(words.MISSING) from error
    return phonenumbers


@cache
def _stdnum() -> Mapping[str, Callable[[str], bool]]:
    try:
        from stdnum import iban, luhn  # noqa: PLC0415
        from stdnum.br import cpf  # noqa: PLC0415
        from stdnum.es import nie, nif  # noqa: PLC0415
        from stdnum.it import codicefiscale  # noqa: PLC0415
        from stdnum.us import ssn  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(words.MISSING) from error
    modules = {
        "iban": iban,
        "luhn": luhn,
        "nif": nif,
        "nie": nie,
        "codicefiscale": codicefiscale,
        "ssn": ssn,
        "cpf": cpf,
    }
    return {name: module.is_valid for name, module in modules.items()}


# Every pattern begins where a word begins and has a bounded length, so that hostile text costs no more than its length.
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}(?:@|\s?[\[(]at[\])]\s?)[\w-]{1,63}(?:(?:\.|\s?[\[(]dot[\])]\s?)[\w-]{2,63}){1,4}"
    r"|(?<![\w.+%-])[\w.+%-]{1,64} at [\w-]{2,63} dot (?:com|org|net|edu|co|de|fr|es|it|uk)\b"
)
_PROFILE = re.compile(
    r"(?:https?://)?(?:[a-z]{2,3}\.)?(?:linkedin\.com/in|github\.com|gitlab\.com|twitter\.com|x\.com|facebook\.com|"
    r"instagram\.com|t\.me|tiktok\.com|reddit\.com/u(?:ser)?)/@?(?P<value>[\w.-]{2,60})"
)
_AT = re.compile(r"(?<![\w@./:`])(?P<value>@[A-Za-z][\w.]{1,29}\b)(?![(/@])")
_USER_SHAPE = re.compile(r"(?<![\w@./-])(?P<value>[a-z]{2,20}_[a-z]{2,20}_\d{1,6})(?![\w/-])")
_USER = re.compile(
    rf"(?i:\b(?:{words.USER})\b)(?:(?P<said>\s+(?i:is|ist|es|est|è)\b:?|\s?[:=#])|)\s*[\"'`]?(?P<value>[\w.@-]{{2,39}}\w)"
)
# Cards of 12 digits are of one brand, whose numbers begin in few ways; others of this length are orders and phones.
_CARD = re.compile(
    r"(?<![\w-])(?:[2-6]\d{3}(?:[ -]?\d){9,15}|(?:50[123]8|5893|6304|67(?:59|61|62|63))(?:[ -]?\d){8})(?![\w-])"
)
_IBAN = re.compile(r"(?i)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?!\w)")
_IPV4 = re.compile(r"(?<![\w.])(?<!ersion )\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_ID = re.compile(
    rf"(?i:\b(?:{words.ID})\b)[\s.-]{{0,2}}(?:(?i:{words.NUMBER})\b\.?)?[\s:=#]{{0,3}}(?i:is|ist|es|est|è|was)?[\s:=#]{{0,2}}"
    r"(?P<value>(?=(?:[A-Z /-]{0,6}\d){3})[A-Z0-9](?:[ /-]?[A-Z0-9]){4,23})(?!\w)"
)
_ID_SHAPES = {
    "ssn": re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    "nif": re.compile(r"(?<![\w-])\d{8}-?[A-Z](?![\w-])"),
    "nie": re.compile(r"(?<![\w-])[XYZ]-?\d{7}-?[A-Z](?![\w-])"),
    "cpf": re.compile(r"(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"),
    "codicefiscale": re.compile(r"(?<!\w)[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z](?!\w)"),
}
_DATE = (
    r"\d{1,2}(?:st|nd|rd|th|er|\.)?\s(?:de\s|of\s)?[^\W\d_]{3,10}\.?,?\s(?:de\s)?\d{4}"
    r"|[^\W\d_]{3,9}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4}|\d{1,4}[./-]\d{1,2}[./-]\d{2,4}"
)
_BORN = re.compile(rf"(?i:\b(?:{words.BORN})\b)[^\n\d]{{0,24}}?(?P<value>{_DATE})(?!\w)")
_BORN_AFTER = re.compile(rf"(?<!\w)(?P<value>{_DATE})[^\n\d]{{0,20}}?(?i:\b(?:{words.BORN})\b)")
_CAPITAL = r"[^\W\d_a-zà-öø-ÿ][\w'’.-]{0,24}"
_US_TAIL = rf"(?:,?\s{_CAPITAL}(?:\s{_CAPITAL}){{0,2}},\s[A-Z]{{2}}\s\d{{5}}(?:-\d{{4}})?)?"
_UNIT = rf"(?:,?\s(?:{words.UNIT})\.?\s#?\w{{1,6}})?"
_PLACE = rf"(?:,?\s(?:\d{{5}}|\d{{4}}(?:\s[A-Z]{{2}})?|\d{{2}}-\d{{3}})\s{_CAPITAL})?"
_ADDRESSES = (
    re.compile(
        rf"(?<![\w-])\d{{1,6}}[A-Za-z]?\s(?:{_CAPITAL}\s){{1,4}}?(?:{words.STREET})s?\b\.?{_UNIT}{_US_TAIL}"
    ),
    re.compile(
        rf"\b(?:{words.UNIT})\.?\s\w{{1,6}},?\s(?:\d{{1,6}}\s)?(?:{_CAPITAL}\s){{1,3}}?(?:{words.STREET})s?\b{_US_TAIL}"
    ),
    re.compile(
        rf"(?<!\w)(?:(?:{_CAPITAL}[ -]){{1,4}}(?:{words.STRASSE.title()})|{_CAPITAL}(?:{words.STRASSE}))\.?\s\d{{1,4}}"
        rf"\s?[a-z]?(?:[-/]\d{{1,4}})?(?!\w){_PLACE}"
    ),
    re.compile(
        rf"(?<!\w)\d{{1,4}}(?:\s?(?:bis|ter))?,?\s(?i:{words.RUE})\s(?:(?:de|du|des|la|le|les)\s|[ld]['’]){{0,3}}"
        rf"{_CAPITAL}(?:\s{_CAPITAL}){{0,2}}{_PLACE}"
    ),
    re.compile(
        rf"\b(?i:{words.CALLE})\.?\s(?:(?:de|del|la|las|los|di|della|dei|da|das|do|dos)\s){{0,2}}{_CAPITAL}(?:\s{_CAPITAL}){{0,3}},?\s"
        r"\d{1,4}(?:\s(?i:puerta|apt|piso|interno)\.?\s\w{1,4})?(?!\w)"
        rf"{_PLACE}"
    ),
    re.compile(r"\b(?i:p\.?\s?o\.?\s?box)\s\d{1,6}\b"),
    re.compile(
        rf"(?i:\b(?:{words.ZIP})\b)[\s:=]{{0,3}}(?i:is|ist)?[\s:=]{{0,2}}"
        r"(?P<value>\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2})(?!\w)"
    ),
)
# Fields in what looks like JSON, but is none: `{'first_name': 'Mia'}`, or JSON that was cut.
_FIELD = re.compile(
    rf"""(?P<quote>["'])(?:(?P<name>(?i:{words.NAME_FIELD}))|(?P<handle>(?i:{words.USER_FIELD}))|"""
    rf"""(?P<address>(?i:{words.ADDRESS_FIELD}))|(?P<birth>(?i:{words.BIRTH_FIELD}))|(?P<plain>(?i:name)))(?P=quote)"""
    r"""\s{0,3}:\s{0,3}(?P<around>["'])(?P<value>(?:(?!(?P=around))[^\\\n]|\\u[0-9a-fA-F]{4}){2,80})(?P=around)"""
)
_PHONE_LIKE = re.compile(r"\d(?:[\s().+/–-]{0,3}\d){6}")
_PHONE_WORD = re.compile(rf"(?i:\b(?:{words.PHONE})\b)[^\d\n]{{0,30}}$")
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "IN", "BR")


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    group = "value" if "value" in pattern.groupindex else 0
    return (found.span(group) for found in pattern.finditer(text))


def _emails(text: str) -> Iterator[tuple[int, int]]:
    return _matches(_EMAIL, text) if "@" in text or "at" in text else iter(())


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for found in _CARD.finditer(text):
        if _stdnum()["luhn"](re.sub(r"\D", "", found[0])):
            yield found.span()


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for found in _IBAN.finditer(text):
        ends = (end for end in range(found.end(), found.start() + 14, -1) if text[end - 1].isalnum())
        end = next((end for end in ends if _stdnum()["iban"](text[found.start() : end])), None)
        if end:
            yield found.start(), end


def _ips(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(found[0])
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified):
                yield found.span()


def _ids(text: str) -> Iterator[tuple[int, int]]:
    yield from _matches(_ID, text)
    for name, pattern in _ID_SHAPES.items():
        for found in pattern.finditer(text):
            if _stdnum()[name](found[0]):
                yield found.span()


def _birth_dates(text: str) -> Iterator[tuple[int, int]]:
    yield from _matches(_BORN, text)
    yield from _matches(_BORN_AFTER, text)
    yield from _fields(text, "birth")


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    yield from _fields(text, "address")
    for pattern in _ADDRESSES:
        yield from _matches(pattern, text)


def _fields(text: str, group: str) -> Iterator[tuple[int, int]]:
    """The values of JSON fields with a name that promises such a detail."""
    if '"' in text or "'" in text:
        yield from (found.span("value") for found in _FIELD.finditer(text) if found[group])


def _phones(text: str) -> Iterator[tuple[int, int]]:
    """Numbers with a country code, formatted ones of some countries, and bare ones after a word that announces them."""
    if not _PHONE_LIKE.search(text):
        return
    lib = _phonenumbers()
    for region in (None, *_REGIONS):
        for leniency in (lib.Leniency.VALID, lib.Leniency.POSSIBLE):
            for found in lib.PhoneNumberMatcher(text, region, leniency=leniency):
                is_announced = bool(_PHONE_WORD.search(text[max(0, found.start - 50) : found.start]))
                is_formatted = bool(re.search(r"^[+(]|^00|\d[ .)/-]{1,2}\d", found.raw_string))
                if is_announced or (leniency == lib.Leniency.VALID and is_formatted):
                    yield found.start, found.end
    yield from _matches(_NORTH_AMERICAN, text)


# Also numbers that were never given out, as people write in examples.
_NORTH_AMERICAN = re.compile(r"(?<![\w.-])(?:\(\d{3}\)\s?|\d{3}[-.])\d{3}[ .-]\d{4}(?![\w-])")


def _handles(text: str) -> Iterator[tuple[int, int]]:
    yield from _fields(text, "handle")
    yield from _matches(_PROFILE, text)
    yield from _matches(_AT, text)
    yield from _matches(_USER_SHAPE, text)
    for found in _USER.finditer(text):
        is_certain = found["said"] or re.search(r"[\d_]", found["value"])
        if is_certain and found["value"].casefold() not in vocabulary.FUNCTION_WORDS:
            yield found.span("value")


def _names(text: str) -> Iterator[tuple[int, int]]:
    yield from _fields(text, "name")
    for start, end in _fields(text, "plain"):
        if names.is_full_name(text[start:end]):
            yield start, end
    yield from names.names_in_text(text)


# A place that fits several kinds is of the first.
_FINDERS: tuple[tuple[DetailKind, Callable[[str], Iterator[tuple[int, int]]]], ...] = (
    (DetailKind.EMAIL, _emails),
    (DetailKind.IBAN, _ibans),
    (DetailKind.CARD, _cards),
    (DetailKind.IP, _ips),
    (DetailKind.BIRTH_DATE, _birth_dates),
    (DetailKind.ID, _ids),
    (DetailKind.ADDRESS, _addresses),
    (DetailKind.PHONE, _phones),
    (DetailKind.HANDLE, _handles),
    (DetailKind.NAME, _names),
)
