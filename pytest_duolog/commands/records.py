"""Reads run records for commands, without secrets: an old record may have what the project calls a secret now."""

from __future__ import annotations

from pathlib import Path

from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.results.record import RunRecord
from pytest_duolog.results.store import read_record


def safe_record(path: Path) -> RunRecord:
    """The run record in a file, without secrets; raises RunRecordError if it cannot be read."""
    return read_record(path).without_secrets(project_redactor().json)
