"""Reports of `duolog check` in SARIF 2.1.0, for code scanning services and editors."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from pytest_duolog.properties.by_name import property_types
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.reports.check_json import inert_json
from pytest_duolog.results.examination import Examination
from pytest_duolog.transcripts.sources import Unreadable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def part_of(examination: Examination) -> list[dict[str, Any]]:
    """What the report says of one dialogue: a result for each finding."""
    return [_result(examination, verdict) for verdict in examination.findings]


def report_lines(
    parts: Iterable[Sequence[dict[str, Any]]], unreadable: Sequence[Unreadable]
) -> Iterator[str]:
    """The report as one JSON text in ASCII; `unreadable` is read after the last part."""
    results = [result for part in parts for result in part]
    rules = sorted({result["ruleId"] for result in results})
    run = {
        "tool": {
            "driver": {
                "name": "duolog",
                "version": version("pytest-duolog"),
                "informationUri": "https://pypi.org/project/pytest-duolog/",
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "results": results,
        "invocations": [
            {
                "executionSuccessful": not unreadable,
                "toolExecutionNotifications": [_notification(failed) for failed in unreadable],
            }
        ],
    }
    yield inert_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(written: str) -> dict[str, Any]:
    """A property as a rule, with the texts that code scanning services show with its findings; some require them."""
    known = property_types().get(written.partition("(")[0])
    what, _, more = (inspect.getdoc(known) or "").partition("\n\n")
    described = {"text": what or written}
    return {
        "id": written,
        "shortDescription": described,
        "fullDescription": described,
        "help": {"text": more or what or written},
    }


def _result(examination: Examination, verdict: Verdict) -> dict[str, Any]:
    return {
        "ruleId": verdict.property,
        "level": "error",
        "message": {"text": f"{examination.source.id}: {verdict!r}"},
        "locations": [_location(examination.source.file, examination.line_of(verdict))],
    }


def _notification(failed: Unreadable) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": failed.problem},
        "locations": [_location(failed.file, failed.line)],
    }


def _location(file: str, line: int) -> dict[str, Any]:
    path = PurePath(file)
    # A file name can contain any bytes.
    uri = quote(os.fsencode(path.as_posix()), safe="/:" if path.drive else "/")
    if path.is_absolute():
        uri = f"file:///{uri.lstrip('/')}"
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
