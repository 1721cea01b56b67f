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
    check.add_arguments(commands.add_parser("check", help="judge finished transcripts"))

    cassettes = commands.add_parser("cassettes", help="list, convert and clean up recordings")
    actions = cassettes.add_subparsers(required=True, metavar="ACTION")

    listed = actions.add_parser("list", help="show what is recorded, and whether it is whole")
    _add_paths(listed)
    listed.set_defaults(run=_list)

    exported = actions.add_parser("export", help="write cassettes as plain vcrpy YAML, beside them")
    exported.add_argument("paths", nargs="+", type=Path, metavar="CASSETTE.jsonl")
    exported.set_defaults(run=_export)

    imported = actions.add_parser("import", help="write plain vcrpy YAML as cassettes, beside them")
    imported.add_argument("paths", nargs="+", type=Path, metavar="CASSETTE.yaml")
    imported.set_defaults(run=_import)

    pruned = actions.add_parser("prune", help="name recordings that no test uses; with --delete, remove them")
    _add_paths(pruned)
    pruned.add_argument(
        "--superseded", action="store_true", help="also older recordings made with other models"
    )
    pruned.add_argument("--delete", action="store_true", help="remove the files that are named")
    pruned.set_defaults(run=_prune)

    gate.add_arguments(commands.add_parser("gate", help="decide again from run records"))
    rejudge.add_arguments(
        commands.add_parser("rejudge", help="judge the dialogues of run records with today's properties")
    )
    merge.add_arguments(commands.add_parser("merge", help="make one run record of shards', and decide once"))
    local.add_arguments(commands.add_parser("local", help="the embedded model"))
    return parser


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
