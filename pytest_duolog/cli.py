"""The `duolog` command: parses its arguments; what a command does stands in its module of `commands/`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import NamedTuple

from pytest_duolog.display import printable
from pytest_duolog.errors import DuologError


class Command(NamedTuple):
    """A command, what it does, and what its exit status says; its module is imported when it is called."""

    name: str
    does: str
    exit_status: str | None = None


DECIDED = "Exit status: 0 for PASS, 1 for BLOCK, 3 for INCONCLUSIVE, 2 if nothing could be decided."
COMMANDS = (
    Command(
        "talk",
        "let two models talk, many dialogues at once, without pytest",
        "Exit status: 0 if every dialogue is there, 1 if some are not, 2 if nothing could begin, 130 after Ctrl-C.",
    ),
    Command(
        "check",
        "judge finished transcripts",
        "Exit status: 0 if every property holds, 1 if one does not, 2 if something could not be read.",
    ),
    Command(
        "show",
        "show dialogues as people read them, or as rows for programs",
        "Exit status: 0 if everything was shown, 2 if something could not be read.",
    ),
    Command(
        "report",
        "make one HTML page of dialogues or of a run",
        "Exit status: 0 if the page has everything, 2 if something could not be read.",
    ),
    Command("cassettes", "list, convert and clean up recordings"),
    Command("gate", "decide again from run records", DECIDED),
    Command("rejudge", "judge the dialogues of run records with today's properties", DECIDED),
    Command("merge", "make one run record of those of shards, and decide once", DECIDED),
    Command("local", "fetch the embedded model, and say whether it is there"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0 done, 1 something was found wrong, 2 it could not be done."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser(argv).parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal speaks UTF-8
    try:
        status = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read it has seen enough
        return 1
    except DuologError as error:
        print(printable(f"duolog: {_without_secrets(str(error))}"), file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(f"duolog: {error.filename or ''}: {error.strerror}"), file=sys.stderr)
        return 2
    return int(status)


def _without_secrets(text: str) -> str:
    """An error without secrets, which it may quote from a file; as it is where the project's settings are the error."""
    from pytest_duolog.commands.redaction import project_redactor  # noqa: PLC0415  # most commands make no error

    try:
        return project_redactor().shown(text)
    except DuologError:
        return text


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="duolog",
        description="Two-model dialogues: transcripts, cassettes, run records and the embedded model.",
    )
    parser.add_argument("--version", action="version", version=f"pytest-duolog {version('pytest-duolog')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    called = next((argument for argument in argv if not argument.startswith("-")), None)
    for name, does, exit_status in COMMANDS:
        description = f"{does[0].upper()}{does[1:]}."
        command = commands.add_parser(name, help=does, description=description, epilog=exit_status)
        if name == called:
            import_module(f"pytest_duolog.commands.{name}").add_arguments(command)
    return parser
