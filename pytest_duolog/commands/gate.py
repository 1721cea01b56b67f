"""`duolog gate`: repeats the decision of a gate from run records, without models, pytest and network."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from pytest_duolog.commands.records import safe_record
from pytest_duolog.display import printable
from pytest_duolog.errors import RunRecordError
from pytest_duolog.gate.decide import RecordDecision, decide_record
from pytest_duolog.gate.decision import Decision, status_of_inconclusive
from pytest_duolog.reports.wording import record_words
from pytest_duolog.results.plan import GatePlan
from pytest_duolog.results.record import RunRecord, merge
from pytest_duolog.results.store import write_record

# The exit status of an inconclusive gate; 2 means that nothing could be decided.
INCONCLUSIVE = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog gate`."""
    add_record_arguments(parser)
    parser.add_argument(
        "--margin",
        metavar="DROP",
        help="another margin (the smallest drop of the pass rate that must be detected), for example 0.05",
    )
    parser.set_defaults(run=run)


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for records and for an inconclusive decision."""
    parser.add_argument(
        "records", nargs="+", type=Path, metavar="RECORD.jsonl", help="the run records of one run"
    )
    parser.add_argument(
        "--inconclusive",
        metavar="fail|warn|STATUS",
        default="fail",
        help="the exit status of an inconclusive gate: fail (3, default), warn (0), or another number",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the decision; returns the exit status of `report`."""
    record = merge(map(safe_record, arguments.records))
    if arguments.margin is not None:
        record = _with_margin(record, arguments.margin)
    if record.header.plan.collect:
        raise RunRecordError(
            "these samples were collected (--duolog-collect), and none is judged: there is nothing to decide",
            advice="duolog show reads the record, and --duolog-baseline takes it as the baseline of a gate",
        )
    if record.header.plan.blame:
        raise RunRecordError(
            "these samples are in pairings of models (--duolog-blame), and no test is judged",
            advice="duolog blame reads them",
        )
    return report(record, decide(record), inconclusive=arguments.inconclusive)


def _with_margin(record: RunRecord, margin: str) -> RunRecord:
    plan = record.header.plan
    if plan.gate is None:
        raise RunRecordError("the plan of these records has no gate, so it has no margin")
    gate = GatePlan(margin, plan.gate.max_rounds)  # type: ignore[arg-type]  # the plan makes text a number
    print(f"margin {gate.margin} is from the command line; the run was planned with {plan.gate.margin}")
    header = record.header.model_copy(update={"plan": replace(plan, gate=gate)})
    return replace(record, header=header)


def decide(record: RunRecord) -> RecordDecision:
    """The decision about a record. Raises RunRecordError if it has no samples."""
    if not record.samples:
        raise RunRecordError(
            "the run record has no samples, so nothing can be decided",
            facts=[("damage", "\n".join(record.damage))],
            advice="run its tests first",
        )
    return decide_record(record)


def decide_and_write(record: RunRecord, path: Path) -> RecordDecision:
    """The decision about a record, which is written to `path` with the looks of the gate."""
    decided = decide(record)
    write_record(path, replace(record, looks=decided.pairs.looks if decided.pairs else ()))
    return decided


def report(record: RunRecord, decided: RecordDecision, *, inconclusive: str) -> int:
    """Print a decision; returns its exit status: 0 for PASS, 1 for BLOCK, otherwise `inconclusive`.

    Raises ConfigurationError if that is not an exit status.
    """
    statuses = {
        Decision.PASS: 0,
        Decision.BLOCK: 1,
        Decision.INCONCLUSIVE: status_of_inconclusive(inconclusive, fail=INCONCLUSIVE),
    }
    for line in record_words(record, decided):
        print(printable(line))
    return statuses[decided.decision]
