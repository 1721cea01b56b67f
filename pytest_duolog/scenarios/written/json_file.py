"""Reads JSON and JSON Lines; the reader of YAML finds the places, because nearly all JSON is YAML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.scenarios.written import yaml_file
from pytest_duolog.scenarios.written.places import FIRST, Misread, Place, Way, Written
from pytest_duolog.storage.json_text import DEEPEST, NestedTooDeep, parsed


class _Twice(ValueError):
    pass


def read(text: str) -> Written:
    """The value of a JSON text; raises Misread if it is not JSON."""
    return _read(text, FIRST) if text.strip() else Written(None)


def read_lines(text: str) -> Written:
    """A list with the value of each non-blank line; raises Misread for the first line that is not JSON."""
    values: list[Any] = []
    places: dict[Way, Place] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            found = _read(line, Place(number, 1))
            places |= {(len(values), *way): place for way, place in found.places.items()}
            values.append(found.value)
    return Written(values, places)


def _read(text: str, start: Place) -> Written:
    try:
        parsed(text)  # also raises for too deep nesting
        value = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        line, column = start.line + error.lineno - 1, error.colno
        raise Misread(Place(line, column), f"not JSON: {error.msg}") from None
    except NestedTooDeep:
        raise Misread(start, f"nested too deeply: more than {DEEPEST} levels") from None
    except _Twice as error:
        raise Misread(start, str(error)) from None
    return Written(value, {(): start, **_places(text, start)})


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(f"the key {shorten(key, 40)} occurs twice")
        found[key] = value
    return found


def _places(text: str, start: Place) -> dict[Way, Place]:
    try:
        found = yaml_file.read(text).places
    except Misread:
        return {}
    return {way: Place(place.line + start.line - 1, place.column) for way, place in found.items()}
