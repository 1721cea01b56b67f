"""`duolog shrink`: the shortest beginning of a failed dialogue from which the failure still follows, as a test."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_duolog.commands.pytest_runs import INTERRUPTED, run_pytest
from pytest_duolog.commands.talk_test import check_place

DEFAULT_RATE = 0.5
DOES_NOT_FOLLOW, NOTHING, STOPPED = 1, 2, 3
# The exit statuses of `plugin/shrinking.py`; any other one is pytest's own, which then shortened nothing.
STATUSES = (0, DOES_NOT_FOLLOW, NOTHING, STOPPED, INTERRUPTED)
LOWEST_RATE, HIGHEST_RATE = 0.05, 0.85


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `duolog shrink`."""
    parser.add_argument(
        "tests",
        nargs="+",
        metavar="TEST",
        help="a test that fails in its recording, as for pytest, and after -- further options of pytest",
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        default=DEFAULT_RATE,
        metavar="RATE",
        help=f"the share of live continuations that must fail (default {DEFAULT_RATE})",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="test_FILE.py",
        help="the test module to write (default: beside the test, test_NAME_shrunk.py)",
    )
    parser.set_defaults(run=run)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate from {LOWEST_RATE} to {HIGHEST_RATE}")
    return rate


def run(arguments: argparse.Namespace) -> int:
    """Run the test from its recording and shorten its dialogue; the status is that of `plugin/shrinking.py`."""
    output = [f"--duolog-shrink-output={arguments.output.absolute()}"] if arguments.output else []
    if arguments.output:
        check_place(arguments.output, option="-o")
    options = [
        "-q",
        "--tb=no",
        "-p",
        "pytest_duolog.plugin.shrinking",
        f"--duolog-shrink-rate={arguments.rate}",
        "--override-ini=duolog_history=",  # it looks for one dialogue, and is no build
    ]
    status = run_pytest([*options, *output, *arguments.tests])
    return status if status in STATUSES else NOTHING
