"""Reads TOML. Python's own reader reports no places, so they are found by reading statement by statement."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import Any

from pytest_duolog.scenarios.written.places import FIRST, Misread, Place, Way, Written
from pytest_duolog.storage.json_text import DEEPEST

AT = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
# Places are not searched in and after a value with more lines, because each further line means reading all of it again.
MOST_LINES = 500
HEADER = re.compile(r"\s*(\[\[?)")


def read(text: str) -> Written:
    """The table of a TOML text; raises Misread if it is not TOML."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        at = AT.search(problem)
        last = text.count("\n") + 1
        place = Place(int(at["line"]), int(at["column"])) if at and at["line"] else Place(last, 1)
        raise Misread(place, AT.sub("", problem)) from None
    except RecursionError:
        raise Misread(FIRST, f"nested too deeply: more than {DEEPEST} levels") from None
    return Written(value, _places(text))


def _places(text: str) -> dict[Way, Place]:
    """The places of tables and keys in a TOML text."""
    places: dict[Way, Place] = {}
    tables: Counter[Way] = Counter()
    table: Way = ()
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        number, statement = at + 1, lines[at]
        at += 1
        column = len(statement) - len(statement.lstrip()) + 1
        if header := HEADER.match(statement):
            keys = _keys(tomllib.loads(statement))
            table = _numbered(keys, tables, is_new=header[1] == "[[")
            places.setdefault(table, Place(number, column))
            continue
        found = _statement(statement)
        while found is None and at < len(lines):  # a value on several lines
            if at - number > MOST_LINES:
                return places
            statement = f"{statement}\n{lines[at]}"
            at += 1
            found = _statement(statement)
        for way, offset in _ways(found or {}, statement):
            line = number + statement.count("\n", 0, offset)
            in_line = offset - (statement.rfind("\n", 0, offset) + 1) + 1
            places.setdefault((*table, *way), Place(line, max(in_line, column if line == number else 1)))
    return places


def _statement(text: str) -> dict[str, Any] | None:
    """The table of one statement; None if it continues on the next line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _keys(value: Any) -> tuple[str, ...]:
    """The keys of a header: each table contains only the next one."""
    keys: list[str] = []
    while value:
        if isinstance(value, list):
            value = value[0]
            continue
        (key, value), *_ = value.items()
        keys.append(key)
    return tuple(keys)


def _numbered(keys: tuple[str, ...], tables: Counter[Way], *, is_new: bool) -> Way:
    """The path to a table, with the position in each array of tables."""
    way: Way = ()
    for at, key in enumerate(keys, start=1):
        way = (*way, key)
        if is_new and at == len(keys):
            tables[way] += 1
        if tables[way]:
            way = (*way, tables[way] - 1)
    return way


def _ways(value: Any, text: str, way: Way = ()) -> list[tuple[Way, int]]:
    """The paths to the keys of a statement and, as far as possible, their positions in its text."""
    found: list[tuple[Way, int]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        seen = re.search(rf"(?<![\w-])[\"']?{re.escape(str(key))}[\"']?\s*[=.]", text)
        offset = seen.start() if seen and isinstance(key, str) else 0
        found.append(((*way, key), offset))
        found += _ways(inner, text, (*way, key))
    return found
