"""`duolog cassettes`: lists, converts and cleans up recordings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from pytest_duolog.display import counted, printable
from pytest_duolog.endpoints.providers import base_urls
from pytest_duolog.errors import CassetteError
from pytest_duolog.recording.maintenance import cassettes_under, export_yaml, import_yaml, prunable
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.settings import configured_providers, read_project_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions; each sets `run`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    listed = _action(actions, "list", "show what is recorded, and whether it is whole")
    _add_paths(listed)
    listed.set_defaults(run=_list)

    exported = _action(actions, "export", "write cassettes as plain vcrpy YAML, beside them")
    exported.add_argument(
        "paths", nargs="+", type=Path, metavar="CASSETTE.jsonl", help="becomes CASSETTE.yaml"
    )
    exported.set_defaults(run=_export)

    imported = _action(actions, "import", "write plain vcrpy YAML as cassettes, beside them")
    imported.add_argument(
        "paths", nargs="+", type=Path, metavar="CASSETTE.yaml", help="becomes CASSETTE.jsonl"
    )
    imported.set_defaults(run=_import)

    pruned = _action(actions, "prune", "name recordings that no test uses; with --delete, remove them")
    _add_paths(pruned)
    pruned.add_argument(
        "--superseded", action="store_true", help="also older recordings made with other models"
    )
    pruned.add_argument("--delete", action="store_true", help="remove the files that are named")
    pruned.set_defaults(run=_prune)


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str
) -> argparse.ArgumentParser:
    return actions.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")


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
    for path in arguments.paths:
        target = _new_file(path.with_suffix(".yaml"))
        n_replies = export_yaml(path, target, base_urls=_base_urls({}))
        print(printable(f"{target}: {counted(n_replies, 'interaction')}"))
    return 0


def _import(arguments: argparse.Namespace) -> int:
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
    for path in arguments.paths:
        path.stat()  # a mistyped folder is not an empty one
    found = list(prunable(cassettes_under(arguments.paths), superseded=arguments.superseded))
    for facts, reason in found:
        print(printable(f"{'removed' if arguments.delete else 'unused'}: {facts.path} ({reason})"))
        if arguments.delete:
            facts.path.unlink()
    return 0


def _base_urls(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    return base_urls(configured_providers(read_project_table(Path("pyproject.toml"))), environ)
