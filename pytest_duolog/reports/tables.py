"""Writes rows of plain values as JSON, JSON Lines, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_duolog.results.rows import COLUMN_TYPES, Row
from pytest_duolog.transcripts.logs.parquet_rows import pyarrow_for

FORMATS = ("json", "jsonl", "csv", "parquet")


def table_text(rows: Sequence[Row], kind: str) -> str:
    """The rows as text; `kind` is json, jsonl or csv."""
    if kind == "json":
        return json.dumps(rows, indent=1) + "\n"
    if kind == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_parquet(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as a Parquet file; raises ConfigurationError if pyarrow is not installed.

    A column has one type in every file, also where nothing is known, so that files can be read together. Values of
    different types, and numbers of more than 64 bits, become text.
    """
    pa, parquet = pyarrow_for("--format parquet", "--format csv")
    types = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}
    columns = {name: _column(name, [row[name] for row in rows]) for name in (rows[0] if rows else ())}
    arrays = {name: pa.array(values, types[kind]) for name, (kind, values) in columns.items()}
    parquet.write_table(pa.table(arrays), path)


def _column(name: str, values: Sequence[Any]) -> tuple[type, list[Any]]:
    """The type of a column, and its values in that type."""
    found = {type(value) for value in values if value is not None}
    kind: type = COLUMN_TYPES.get(name, str)
    if len(found) == 1:
        (kind,) = {float} if kind is float and found == {int} else found
    elif found:
        kind = float if found == {int, float} else str
    if kind is int and any(value is not None and not -(2**63) <= value < 2**63 for value in values):
        kind = str
    return kind, [None if value is None else _as(kind, value) for value in values]


def _as(kind: type, value: Any) -> Any:
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8") if kind is str else kind(value)
