"""Writes workflow commands of GitHub Actions (`::error file=...::text`), and disables commands in other output.

Format: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pytest_duolog.display import and_more, printable
from pytest_duolog.gate.decide import RecordDecision
from pytest_duolog.gate.decision import Decision
from pytest_duolog.reports.scenario_rows import Place, headline, scenario_rows
from pytest_duolog.results.record import RunRecord

# A step shows at most ten errors and ten warnings, and a job fifty; some are left for other tools.
MOST_ANNOTATIONS = 8
LONGEST_TEXT = 2000

LEVELS = {Decision.BLOCK: "error", Decision.INCONCLUSIVE: "warning"}


def workflow_command(name: str, text: str, **properties: str | int) -> str:
    """One command on one line; the values cannot end it or begin another one."""
    given = ",".join(f"{key}={_value(str(value))}" for key, value in properties.items())
    return f"::{name}{' ' if given else ''}{given}::{_data(text)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def annotation_lines(
    record: RunRecord, decided: RecordDecision, places: Mapping[str, Place]
) -> Iterator[str]:
    """The verdict and the scenarios that do not pass, the worst first, as annotations; none if all pass.

    There are at most eight; the last one says how many were left out.
    """
    found = list(_found(record, decided, places))
    if len(found) <= MOST_ANNOTATIONS:
        yield from found
        return
    yield from found[: MOST_ANNOTATIONS - 1]
    (left_out,) = and_more(len(found), MOST_ANNOTATIONS - 1)
    yield workflow_command("warning", f"{left_out}: see the summary of the step", title="dialogues")


def _found(record: RunRecord, decided: RecordDecision, places: Mapping[str, Place]) -> Iterator[str]:
    if decided.pairs is not None and decided.decision is not Decision.PASS:
        yield workflow_command(LEVELS[decided.decision], _cut(headline(decided)), title="gate of dialogues")
    for row in scenario_rows(record, decided):
        if row.is_wrong:
            place = row.place(places)
            yield workflow_command(
                LEVELS[row.decision],
                _cut(row.explanation),
                file=place.path,
                line=place.line,
                title=_cut(row.scenario),
            )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"


@contextmanager
def commands_stopped(write_line: Callable[[str], object]) -> Iterator[None]:
    """Inside the block, no printed line is a command; only a random token can end this."""
    token = secrets.token_hex(16)
    write_line(f"::stop-commands::{token}")
    try:
        yield
    finally:
        write_line(f"::{token}::")
