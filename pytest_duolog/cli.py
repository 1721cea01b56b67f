"""The `duolog` command line: parses the arguments; each command is a module of `commands/`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import NamedTuple

from pytest_duolog import WithoutCollector
from pytest_duolog.display import printable
from pytest_duolog.errors import DuologError


class Command(NamedTuple):
    """A command: its help and its exit status. Its module is imported only when it is called."""

    name: str
    does: str
    exit_status: str | None = None


DECIDED = "Exit status: 0 for PASS, 1 for BLOCK, 3 for INCONCLUSIVE, 2 if nothing could be decided."
COMMANDS = (
    Command("init", "write a first test, its configuration and a CI job into a project"),
    Command(
        "talk",
        "let two models talk, many dialogues at once, without pytest",
        "Exit status: 0 if every dialogue is there, 1 if some are not, 2 if nothing could begin, 130 after Ctrl-C.",
    ),
    Command(
        "check",
        "check finished transcripts",
        "Exit status: 0 if all properties hold, 1 if one does not, 2 if something could not be read.",
    ),
    Command(
        "show",
        "show dialogues as text for people, or as rows for programs",
        "Exit status: 0 if everything could be read, 2 if not.",
    ),
    Command(
        "diff",
        "compare two dialogues, aligned by message",
        "Exit status: 0 if they are the same, 1 if they differ, 2 if something could not be read.",
    ),
    Command(
        "compare",
        "compare the character of a candidate with that of a baseline: length, questions, tools, cost, time",
        "Exit status: 0 if no difference may be claimed, 1 if one may, 2 if something could not be read.",
    ),
    Command(
        "report",
        "write an HTML page about dialogues or a run",
        "Exit status: 0 if everything could be read, 2 if not.",
    ),
    Command(
        "blame",
        "say which side of a dialogue carries its failure, and from which message on",
        "Exit status: 0 if a side is named for every test, 3 if not, 2 if no dialogue could run.",
    ),
    Command(
        "shrink",
        "find the shortest beginning of a failed dialogue that still fails, and write it as a test",
        "Exit status: 0 if it is found, 1 if the failure does not follow, 2 if there is nothing to shorten, 3 if the "
        "budget was used up, 130 after Ctrl-C.",
    ),
    Command(
        "mine",
        "find failing dialogues in chat logs, and write one of each kind as a test",
        "Exit status: 0 if every new kind that was wanted is written, 1 if not, 2 if something could not be read.",
    ),
    Command(
        "history",
        "show pass rates, loops, cost and time build after build, and the build in which they changed",
        "Exit status: 0 if nothing is worse than before, 1 if something is, 2 if something could not be read.",
    ),
    Command("cassettes", "list, convert and clean up recordings"),
    Command("gate", "repeat the decision of a gate from run records", DECIDED),
    Command("rejudge", "judge the dialogues of run records again with the current properties", DECIDED),
    Command("merge", "merge the run records of shards and decide", DECIDED),
    Command(
        "doctor",
        "say what is installed, which keys are set, and what is wrong with recordings",
        "Exit status: 0 if nothing is wrong, 1 if something is, 2 if it could not look.",
    ),
    Command("local", "download the embedded model, or show whether it is installed"),
)


# The commands that run tests, and pass on to pytest what stands after --.
RUN_PYTEST = ("blame", "shrink")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0 for success, 1 if it found something wrong, 2 if it could not run."""
    argv = sys.argv[1:] if argv is None else argv
    argv, pytest_options = _split(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal supports UTF-8
    try:
        arguments = _parser(argv).parse_args(argv)  # imports the command, which takes a while
        if pytest_options:
            arguments.tests += pytest_options
        status = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of the pipe has closed it
        return 1
    except KeyboardInterrupt:
        from pytest_duolog.commands.pytest_runs import INTERRUPTED  # noqa: PLC0415  # few commands need it

        print("duolog: interrupted", file=sys.stderr)
        return INTERRUPTED
    except DuologError as error:
        print(printable(f"duolog: {_without_secrets(str(error))}"), file=sys.stderr)
        return 2
    except OSError as error:
        where = error.filename or "the output cannot be written"
        print(printable(f"duolog: {where}: {error.strerror}"), file=sys.stderr)
        return 2
    return int(status)


def _split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The arguments of a command, and those after -- which it passes on to pytest."""
    if not argv or argv[0] not in RUN_PYTEST or "--" not in argv:
        return argv, ()
    at = list(argv).index("--")
    return argv[:at], argv[at + 1 :]


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
            with WithoutCollector():
                import_module(f"pytest_duolog.commands.{name}").add_arguments(command)
    return parser
