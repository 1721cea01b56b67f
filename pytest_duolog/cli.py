"""The `duolog` command: transcripts, cassettes, run records and the embedded model, without pytest."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from pytest_duolog.errors import CassetteError, DuologError, counted
from pytest_duolog.reports.terminal import printable

CHECKED = "Exit status: 0 if every property holds, 1 if one does not, 2 if something could not be read."
DECIDED = "Exit status: 0 for PASS, 1 for BLOCK and INCONCLUSIVE, 2 if nothing could be decided."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status: 0 done, 1 something was found wrong, 2 it could not be done."""
    arguments = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal speaks UTF-8
    try:
        status = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read it has seen enough
        return 1
    except DuologError as error:
        print(printable(f"duolog: {error}"), file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(f"duolog: {error.filename or ''}: {error.strerror}"), file=sys.stderr)
        return 2
    return int(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="duolog",
        description="Two-model dialogues: transcripts, cassettes, run records and the embedded model.",
    )
    from pytest_duolog.commands import check, gate, merge, rejudge
    from pytest_duolog.local import command as local

    parser.add_argument("--version", action="version", version=f"pytest-duolog {version('pytest-duolog')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check.add_arguments(_command(commands, "check", "judge finished transcripts", exit_status=CHECKED))

    cassettes = _command(commands, "cassettes", "list, convert and clean up recordings")
    actions = cassettes.add_subparsers(required=True, metavar="ACTION")

    listed = _command(actions, "list", "show what is recorded, and whether it is whole")
    _add_paths(listed)
    listed.set_defaults(run=_list)

    exported = _command(actions, "export", "write cassettes as plain vcrpy YAML, beside them")
    exported.add_argument(
        "paths", nargs="+", type=Path, metavar="CASSETTE.jsonl", help="becomes CASSETTE.yaml"
    )
    exported.set_defaults(run=_export)

    imported = _command(actions, "import", "write plain vcrpy YAML as cassettes, beside them")
    imported.add_argument(
        "paths", nargs="+", type=Path, metavar="CASSETTE.yaml", help="becomes CASSETTE.jsonl"
    )
    imported.set_defaults(run=_import)

    pruned = _command(actions, "prune", "name recordings that no test uses; with --delete, remove them")
    _add_paths(pruned)
    pruned.add_argument(
        "--superseded", action="store_true", help="also older recordings made with other models"
    )
    pruned.add_argument("--delete", action="store_true", help="remove the files that are named")
    pruned.set_defaults(run=_prune)

    gate.add_arguments(_command(commands, "gate", "decide again from run records", exit_status=DECIDED))
    judging = "judge the dialogues of run records with today's properties"
    rejudge.add_arguments(_command(commands, "rejudge", judging, exit_status=DECIDED))
    merging = "make one run record of those of shards, and decide once"
    merge.add_arguments(_command(commands, "merge", merging, exit_status=DECIDED))
    local.add_arguments(_command(commands, "local", "fetch the embedded model, and say whether it is there"))
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    does: str,
    *,
    exit_status: str | None = None,
) -> argparse.ArgumentParser:
    """A parser whose own help says what the list of commands says of it."""
    described = f"{does[0].upper()}{does[1:]}."
    return commands.add_parser(name, help=does, description=described, epilog=exit_status)


def _add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        default=[Path()],
        metavar="PATH",
        help="cassettes, and folders that are searched for them (default: here and below)",
    )


def _list(arguments: argparse.Namespace) -> int:
    from pytest_duolog.recording.maintenance import cassettes_under

    found = list(cassettes_under(arguments.paths))
    for facts in found:
        state = "finished" if facts.is_finished else "unfinished"
        words = (
            f"{counted(facts.n_replies, 'reply', 'replies')}, {state}, {facts.recorded or 'no date'}, "
            f"{' + '.join(facts.models) or 'models unknown'}"
        )
        print(printable(f"{facts.path}  {words if facts.header else facts.problem}"))
        if facts.header and facts.problem:
            print(printable(f"  {facts.problem}"))
    if not found:
        print(printable(f"no cassettes below {', '.join(map(str, arguments.paths))}"))
    return int(any(facts.problem for facts in found))


def _export(arguments: argparse.Namespace) -> int:
    from pytest_duolog.recording.maintenance import export_yaml

    for path in arguments.paths:
        target = _new_file(path.with_suffix(".yaml"))
        n_replies = export_yaml(path, target, base_urls=_base_urls({}))
        print(printable(f"{target}: {counted(n_replies, 'interaction')}"))
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from pytest_duolog.recording.maintenance import import_yaml
    from pytest_duolog.recording.redaction import Redactor

    for path in arguments.paths:
        target = _new_file(path.with_suffix(".jsonl"))
        n_replies = import_yaml(path, target, base_urls=_base_urls(os.environ), redactor=Redactor(os.environ))
        print(printable(f"{target}: {counted(n_replies, 'interaction')}"))
    return 0


def _new_file(path: Path) -> Path:
    if path.exists():
        advice = "move it away, or delete it if it is not needed"
        raise CassetteError("there is a file already", cassette_path=path, facts=[("to fix", advice)])
    return path


def _prune(arguments: argparse.Namespace) -> int:
    from pytest_duolog.recording.maintenance import cassettes_under, prunable

    for path in arguments.paths:
        path.stat()  # a mistyped folder is not an empty one
    found = list(prunable(cassettes_under(arguments.paths), superseded=arguments.superseded))
    for facts, reason in found:
        print(printable(f"{'removed' if arguments.delete else 'unused'}: {facts.path} ({reason})"))
        if arguments.delete:
            facts.path.unlink()
    return 0


def _base_urls(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    from pytest_duolog.endpoints.providers import base_urls
    from pytest_duolog.settings import configured_providers, read_project_table

    return base_urls(configured_providers(read_project_table(Path("pyproject.toml"))), environ)
