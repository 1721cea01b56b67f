"""Finds and replaces personal details in the fields of JSON, such as the arguments of a tool call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from pytest_duolog.mining import detail_words as words
from pytest_duolog.mining.details import DetailKind, details_in
from pytest_duolog.mining.names import is_full_name
from pytest_duolog.storage.json_text import parsed

FIELDS = (
    (DetailKind.NAME, re.compile(rf"(?i){words.NAME_FIELD}")),
    (DetailKind.HANDLE, re.compile(rf"(?i){words.USER_FIELD}")),
    (DetailKind.ADDRESS, re.compile(rf"(?i){words.ADDRESS_FIELD}")),
    (DetailKind.BIRTH_DATE, re.compile(rf"(?i){words.BIRTH_FIELD}")),
)
# Fields of people: a plain field `name` beside one of them is the name of a person.
OF_PEOPLE = re.compile(
    rf"(?i){words.NAME_FIELD}|{words.USER_FIELD}|{words.BIRTH_FIELD}|e-?mail\w*|phone\w*|mobile\w*|age|gender|ssn|passport\w*"
)
# A number in a field counts as a detail from so many digits on: a shorter one stands for too much else.
DIGITS = 5
LONGEST = 80
# The strings and numbers of a JSON text.
LEAF = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')


def details_of(text: str) -> Iterator[tuple[DetailKind, str]]:
    """The details of a text, and of its fields if it is JSON, also of JSON in its strings.

    Raises ConfigurationError if the extra `[mine]` is not installed.
    """
    if not is_data(text):
        yield from details_in(text)
        return
    value = parsed(text)
    yield from details_in(_plain(value))
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            yield from _of_fields(one)
        if isinstance(one, str):
            if is_data(one) or _plain(one)[1:-1] != one:
                yield from details_of(one)
        elif isinstance(one, dict | list):
            rest += one.values() if isinstance(one, dict) else one


def _plain(value: Any) -> str:
    """JSON with as few escapes as possible."""
    return json.dumps(value, ensure_ascii=False)


def is_data(text: str) -> bool:
    """Whether a text is a JSON object or array."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        parsed(text)
    except ValueError:
        return False
    return True


def _of_fields(fields: dict[str, Any]) -> Iterator[tuple[DetailKind, str]]:
    is_person = any(map(OF_PEOPLE.fullmatch, fields))
    for name, value in fields.items():
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            continue
        if not isinstance(value, str) and len(text) < DIGITS:
            continue
        for kind, pattern in FIELDS:
            if pattern.fullmatch(name):
                yield kind, text
        if name.casefold() == "name" and (is_person or is_full_name(text)):
            yield DetailKind.NAME, text


def with_replaced(text: str, replaced: Callable[[str], str]) -> str:
    """A text after `replaced`; of JSON, its strings and numbers one by one, so that it stays JSON."""
    if not is_data(text):
        return replaced(text)
    return LEAF.sub(lambda leaf: _leaf(leaf[0], replaced), text)


def _leaf(leaf: str, replaced: Callable[[str], str]) -> str:
    if not leaf.startswith('"'):
        digits = re.sub(r"\D", "", found) if (found := replaced(leaf)) != leaf else ""
        return str(int(digits)) if digits else leaf
    said = json.loads(leaf, strict=False)
    new = with_replaced(said, replaced)
    return leaf if new == said else json.dumps(new, ensure_ascii=leaf.isascii())
