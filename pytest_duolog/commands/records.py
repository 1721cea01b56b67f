"""Reads run records for commands, without secrets: an old record may have what the project calls a secret now."""

from __future__ import annotations

from pathlib import Path

from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.results.record import RunRecord
from pytest_duolog.results.store import read_record
from pytest_duolog.transcripts.sources import OwnFile, own_file


def is_record(path: Path) -> bool:
    """Whether there is a file that begins like a run record."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return own_file(file.readline().decode("utf-8", "replace")) is OwnFile.RECORD


def safe_record(path: Path) -> RunRecord:
    """The run record in a file, without secrets; raises RunRecordError if it cannot be read."""
    return read_record(path).without_secrets(project_redactor().json)
