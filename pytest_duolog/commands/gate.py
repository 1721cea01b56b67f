"""`duolog gate`: decides again from run records, with no model, no pytest and no network."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from pytest_duolog.display import printable
from pytest_duolog.errors import RunRecordError
from pytest_duolog.gate.decide import RecordDecision, decide_record
from pytest_duolog.gate.decision import Decision, status_of_inconclusive
from pytest_duolog.reports.wording import record_words
from pytest_duolog.results.plan import GatePlan
from pytest_duolog.results.record import RunRecord, merge
from pytest_duolog.results.store import read_record

# The exit status of an inconclusive gate; 2 says that nothing could be decided.
INCONCLUSIVE = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `duolog gate`, and what it runs."""
    add_record_arguments(parser)
    parser.add_argument(
        "--margin",
        metavar="DROP",
        help="another smallest drop of the pass rate that must be caught, such as 0.05; the records say what it was",
    )
    parser.set_defaults(run=run)


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """The records, and what an inconclusive gate is worth."""
    parser.add_argument(
        "records", nargs="+", type=Path, metavar="RECORD.jsonl", help="run records of one run"
    )
    parser.add_argument(
        "--inconclusive",
        metavar="fail|warn|STATUS",
        default="fail",
        help="the exit status of an inconclusive gate: 3 (default), 0, or a number of your own",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the decision; the status is that of `report`."""
    record = merge(read_record(path) for path in arguments.records)
    if arguments.margin is not None:
        record = _with_margin(record, arguments.margin)
    return report(record, decide(record), inconclusive=arguments.inconclusive)


def _with_margin(record: RunRecord, margin: str) -> RunRecord:
    plan = record.header.plan
    if plan.gate is None:
        raise RunRecordError("the plan of these records has no gate, and so no margin")
    gate = GatePlan(margin, plan.gate.max_rounds)  # type: ignore[arg-type]  # the plan makes text a number
    print(f"margin {gate.margin} is given here; the run was planned with {plan.gate.margin}")
    header = record.header.model_copy(update={"plan": replace(plan, gate=gate)})
    return replace(record, header=header)


def decide(record: RunRecord) -> RecordDecision:
    """The decision about a record. Raises RunRecordError if it has no samples to decide by."""
    if not record.samples:
        raise RunRecordError(
            "the run record holds no samples: there is nothing to decide",
            facts=[("damage", "\n".join(record.damage))],
            advice="run the tests that it was planned for",
        )
    return decide_record(record)


def report(record: RunRecord, decided: RecordDecision, *, inconclusive: str) -> int:
    """Print a decision; returns the exit status that it means: 0 for PASS, 1 for BLOCK, else what `inconclusive` says.

    Raises ConfigurationError if that is no status.
    """
    statuses = {
        Decision.PASS: 0,
        Decision.BLOCK: 1,
        Decision.INCONCLUSIVE: status_of_inconclusive(inconclusive, fail=INCONCLUSIVE),
    }
    for line in record_words(record, decided):
        print(printable(line))
    return statuses[decided.decision]
