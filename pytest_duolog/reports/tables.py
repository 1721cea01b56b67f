"""Writes rows of plain values as JSON, JSON Lines, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.results.rows import Row

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
    """Write the rows as a Parquet file; raises ConfigurationError if pyarrow is not installed."""
    try:
        import pyarrow as pa  # type: ignore[import-not-found,import-untyped,unused-ignore] # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "--format parquet needs pyarrow, which is not installed: `pip install pyarrow`, or use "
            "--format csv"
        ) from error
    parquet.write_table(pa.Table.from_pylist(list(rows)), path)
