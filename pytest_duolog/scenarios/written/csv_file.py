"""Reads CSV as spreadsheets write it: commas, semicolons or tabs, names in the first line, empty for no value."""

from __future__ import annotations

import csv
import io
from typing import Any

from pytest_duolog.display import counted, shorten
from pytest_duolog.scenarios.written.places import Misread, Place, Way, Written

DELIMITERS = ",;\t"


def read(text: str) -> Written:
    """A list with a mapping from names to texts for each line; raises Misread if a line does not fit the first."""
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    rows: list[dict[str, Any]] = []
    places: dict[Way, Place] = {}
    line = 1
    try:
        for fields in reader:
            started, line = line, reader.line_num + 1
            if not any(field.strip() for field in fields):
                continue
            if not names:
                names = _names(fields, started)
                continue
            if len(fields) > len(names):
                raise Misread(
                    Place(started, len(names) + 1),
                    f"{counted(len(fields), 'field')}, but the first line has {counted(len(names), 'name')}",
                )
            places[len(rows),] = Place(started, 1)
            places |= {
                (len(rows), name): Place(started, column) for column, name in enumerate(names, start=1)
            }
            rows.append({name: field for name, field in zip(names, fields, strict=False) if field != ""})
    except csv.Error as error:
        raise Misread(Place(line, 1), f"not CSV: {error}") from None
    return Written(rows, places)


def _names(fields: list[str], line: int) -> list[str]:
    names = [field.strip() for field in fields]
    for column, name in enumerate(names, start=1):
        if not name:
            raise Misread(Place(line, column), "the column has no name")
        if name in names[: column - 1]:
            raise Misread(Place(line, column), f"the column {shorten(name, 40)} occurs twice")
    return names
