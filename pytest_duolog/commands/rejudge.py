"""`duolog rejudge`: judges the dialogues of run records again, without a model and without network."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from pytest_duolog.commands.gate import add_record_arguments, decide_and_write, report
from pytest_duolog.commands.pages import refuse_inputs
from pytest_duolog.commands.properties import add_property_argument, given_properties
from pytest_duolog.commands.records import safe_record
from pytest_duolog.display import and_more, printable
from pytest_duolog.results.record import RunRecord, merge
from pytest_duolog.results.rejudge import rejudged

# At most this many samples with another outcome are listed.
MOST_NAMED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog rejudge`."""
    add_record_arguments(parser)
    add_property_argument(parser, "a property to check instead of those in the record")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="REJUDGED.jsonl", help="the record to write"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the record with new verdicts and print the decision; the status is that of `report`."""
    refuse_inputs(arguments.output, arguments.records)
    properties = given_properties(arguments)
    old = merge(map(safe_record, arguments.records))
    new = rejudged(old, properties, plugin=version("pytest-duolog"))
    decided = decide_and_write(new, arguments.output)
    for line in _changes(old, new):
        print(printable(line))
    return report(new, decided, inconclusive=arguments.inconclusive)


def _changes(old: RunRecord, new: RunRecord) -> Iterator[str]:
    changed = [
        (before, after)
        for before, after in zip(old.samples, new.samples, strict=True)
        if before.outcome is not after.outcome
    ]
    yield f"{len(changed)} of {len(new.samples)} samples have another outcome"
    for before, after in changed[:MOST_NAMED]:
        why = f" ({after.problem})" if after.problem else ""
        yield f"  {after}: {before.outcome} before, {after.outcome} now{why}"
    yield from (f"  {left_out}" for left_out in and_more(len(changed), MOST_NAMED))
