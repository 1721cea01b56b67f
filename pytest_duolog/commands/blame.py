"""`duolog blame`: says which side of a dialogue carries its failure, from tests that it runs or from run records."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pytest_duolog.commands.gate import INCONCLUSIVE
from pytest_duolog.commands.pytest_runs import INTERRUPTED, run_pytest
from pytest_duolog.commands.records import is_record, safe_record
from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError, RunRecordError
from pytest_duolog.gate.blame import Carrier
from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.blame_words import blame_rows, blames_of
from pytest_duolog.reports.wording import record_words
from pytest_duolog.results.record import merge
from pytest_duolog.storage.own_folder import OWN_FOLDER

# The record of a run of this command, unless an option of pytest names another one.
RECORD = Path(OWN_FOLDER) / "blame.jsonl"
# Format history: 1, the first.
JSON_FORMAT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog blame`."""
    parser.add_argument(
        "tests",
        nargs="+",
        metavar="TEST",
        help="tests to run, as for pytest, and after -- further options of pytest; or the records of an earlier run",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="the form of the answer")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the answer; 0 if a side is named for every test, 3 if not, 2 without dialogues, 130 after Ctrl-C."""
    paths = [Path(name) for name in arguments.tests]
    if not all(map(is_record, paths)):
        held = _held(arguments.tests, is_quiet=arguments.format == "json")
        if held is None:
            return INTERRUPTED
        paths = [held]
    record = merge(map(safe_record, paths))
    if record.header.plan.blame is None:
        raise RunRecordError(
            "this record is not of duolog blame: its samples are not in pairings of models",
            advice="duolog blame TEST runs them",
        )
    decided = decide_record(record)
    blames = blames_of(record, decided)
    if arguments.format == "json":
        answer = {"format": JSON_FORMAT, "blames": blame_rows(blames), "damage": list(record.damage)}
        print(json.dumps(answer, indent=2))
    elif all(map(is_record, map(Path, arguments.tests))):  # a run has said all this already
        for line in record_words(record, decided):
            print(printable(line))
    is_told = all(blame.decided.carrier is not Carrier.UNKNOWN for blame in blames)
    return 0 if is_told else INCONCLUSIVE


def _held(arguments: list[str], *, is_quiet: bool) -> Path | None:
    """Run the tests; returns their record, or None after Ctrl-C. Raises ConfigurationError if none ran."""
    given = [one.partition("=")[0] for one in arguments]
    path = Path.cwd() / RECORD
    added = ["--duolog-blame"]
    if "--record-mode" not in given:
        added.append("--record-mode=once")
    if "--duolog-record" in given:
        raise ConfigurationError(f"--duolog-record: duolog blame writes its record to {RECORD}")
    before = _changed(path)
    status = run_pytest(
        [*added, f"--duolog-record={path}", *arguments], stdout=sys.stderr if is_quiet else None
    )
    if status == INTERRUPTED:
        return None
    if _changed(path) == before:
        raise ConfigurationError(f"no dialogue ran: pytest ended with status {status}")
    return path


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
