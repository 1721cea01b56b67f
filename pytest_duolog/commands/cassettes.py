"""`duolog cassettes`: lists, converts, moves and removes recordings."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_duolog.commands.pytest_runs import collect, replay
from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.display import counted, from_here, printable
from pytest_duolog.endpoints.providers import base_urls
from pytest_duolog.endpoints.registry import all_providers
from pytest_duolog.errors import CassetteError, ConfigurationError
from pytest_duolog.recording.inventory import Inventory, adopt, prunable
from pytest_duolog.recording.maintenance import (
    Move,
    carry_out,
    cassettes_under,
    export_yaml,
    import_yaml,
    leftovers_under,
    move_of,
)
from pytest_duolog.recording.naming import folder_of
from pytest_duolog.recording.orphans import Recording, recordings_under
from pytest_duolog.settings.project_table import configured_providers, read_project_table
from pytest_duolog.storage.line_file import is_in_use


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands; each sets `run`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    listed = _action(actions, "list", "list recordings, and whether they are complete")
    _add_paths(listed)
    listed.set_defaults(run=_list)

    exported = _action(actions, "export", "convert cassettes to plain vcrpy YAML, in the same folder")
    exported.add_argument(
        "paths", nargs="+", type=Path, metavar="CASSETTE.jsonl", help="is written as CASSETTE.yaml"
    )
    exported.set_defaults(run=_export)

    imported = _action(actions, "import", "convert plain vcrpy YAML to cassettes, in the same folder")
    imported.add_argument(
        "paths", nargs="+", type=Path, metavar="CASSETTE.yaml", help="is written as CASSETTE.jsonl"
    )
    imported.set_defaults(run=_import)

    pruned = _action(actions, "prune", "list recordings that no test uses; with --delete, remove them")
    _add_paths(pruned)
    pruned.add_argument("--superseded", action="store_true", help="also older recordings with other models")
    pruned.add_argument("--delete", action="store_true", help="remove the listed files")
    pruned.set_defaults(run=_prune)

    moved = _action(actions, "move", "move the recordings of a renamed test to its new name")
    moved.add_argument(
        "old", metavar="OLD", help="the old name of the test: tests/test_x.py[::class][::test]"
    )
    moved.add_argument("new", metavar="NEW", help="the new name of the test, in the same form")
    moved.add_argument("--dry-run", action="store_true", help="print what would be moved, and move nothing")
    moved.set_defaults(run=_move)

    adopted = _action(
        actions,
        "adopt",
        "move recordings whose test no longer exists to tests with equal dialogues",
    )
    adopted.add_argument(
        "paths", nargs="*", metavar="TEST", help="the tests to collect (default: as pytest does)"
    )
    adopted.add_argument("--dry-run", action="store_true", help="print what would be moved, and move nothing")
    adopted.set_defaults(run=_adopt)


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
        help="cassettes, or folders to search for them (default: the working directory)",
    )


def _list(arguments: argparse.Namespace) -> int:
    refused: list[OSError] = []
    found = list(cassettes_under(arguments.paths, refused))
    for error in refused:
        print(printable(f"{error.filename}  cannot be read: {error.strerror}"))
    for facts in found:
        state = "finished" if facts.is_finished else "unfinished"
        words = (
            f"{counted(facts.n_replies, 'reply', 'replies')}, {state}, {facts.recorded or 'no date'}, "
            f"{' + '.join(facts.models) or 'models unknown'}"
        )
        print(printable(f"{facts.path}  {words if facts.header else facts.problem}"))
        if facts.header and facts.problem:
            print(printable(f"  {facts.problem}"))
    leftovers = list(leftovers_under(arguments.paths))
    for path, name in leftovers:
        print(
            printable(
                f"{path}  a run was killed while it wrote {name}; duolog cassettes prune --delete removes it"
            )
        )
    if not (found or refused):
        print(printable(f"no cassettes below {', '.join(map(str, arguments.paths))}"))
    return int(bool(leftovers or refused) or any(facts.problem for facts in found))


def _export(arguments: argparse.Namespace) -> int:
    is_whole = True
    for path in arguments.paths:
        target = _new_file(path.with_suffix(".yaml"))
        journal = export_yaml(path, target, base_urls=_base_urls({}))
        print(printable(f"{target}: {counted(len(journal.interactions), 'interaction')}"))
        for problem in (*journal.damage, *journal.edited):
            is_whole = False
            print(printable(f"  {path.name}: {problem}"))
    return int(not is_whole)


def _import(arguments: argparse.Namespace) -> int:
    for path in arguments.paths:
        target = _new_file(path.with_suffix(".jsonl"))
        redactor = project_redactor()
        n_replies = import_yaml(path, target, base_urls=_base_urls(os.environ), redactor=redactor)
        print(printable(f"{target}: {counted(n_replies, 'interaction')}"))
    return 0


def _new_file(path: Path) -> Path:
    if path.exists():
        advice = "move it away, or delete it if it is not needed"
        raise CassetteError("the file exists already", cassette_path=path, facts=[("to fix", advice)])
    return path


def _prune(arguments: argparse.Namespace) -> int:
    for path in arguments.paths:
        path.stat()  # a folder that does not exist is an error
    found = [Recording(facts.path, facts.header) for facts in cassettes_under(arguments.paths)]
    modules = sorted({recording.module for recording in found if recording.module.is_file()})
    inventory = collect(modules) if modules else Inventory()
    for name, problem in inventory.broken.items():
        print(
            printable(f"duolog: {name} cannot be collected, so its recordings are kept:\n{problem}"),
            file=sys.stderr,
        )
    recordings = prunable(found, inventory, superseded=arguments.superseded, replay=replay)
    unused = [(recording.path, reason) for recording, reason in recordings]
    unused += [
        (path, f"left by a run that was killed while it wrote {name}")
        for path, name in leftovers_under(arguments.paths)
    ]
    for path, reason in unused:
        if is_in_use(path):
            print(printable(f"kept: {path} (another run is writing it right now)"))
            continue
        print(printable(f"{'removed' if arguments.delete else 'unused'}: {path} ({reason})"))
        if arguments.delete:
            path.unlink()
    return 2 if inventory.broken else 0


def _move(arguments: argparse.Namespace) -> int:
    old_file, _, old = arguments.old.partition("::")
    new_file, _, new = arguments.new.partition("::")
    if bool(old) != bool(new):
        raise ConfigurationError(
            f"move needs two modules or two tests, not {arguments.old!r} and {arguments.new!r}"
        )
    folder = folder_of(Path(old_file))
    moves = [
        move_of(found, Path(new_file), new + found.test.removeprefix(old))
        for found in recordings_under(folder)
        if _belongs(found.test, old)
    ]
    if not moves:
        raise ConfigurationError(f"{arguments.old}: there is no recording of this test in {folder}")
    return _carry_out(moves, dry_run=arguments.dry_run)


def _belongs(test: str, name: str) -> bool:
    """Whether `test` is the test `name`, one of its parametrized cases, or in the class `name`."""
    return bool(test) and (not name or test == name or test.startswith((f"{name}[", f"{name}::")))


def _adopt(arguments: argparse.Namespace) -> int:
    inventory = collect(arguments.paths)
    adoption = adopt(inventory, recordings_under(Path()))
    for line in adoption.left_alone:
        print(printable(line))
    if not adoption.moves and not adoption.left_alone:
        print("nothing to move: no test without a recording has a dialogue of a recording without a test")
    return _carry_out(adoption.moves, dry_run=arguments.dry_run) or int(bool(adoption.left_alone))


def _carry_out(moves: Sequence[Move], *, dry_run: bool) -> int:
    if not dry_run:
        carry_out(moves)
    for move in moves:
        print(
            printable(
                f"{'would move' if dry_run else 'moved'}: {from_here(move.source)} -> "
                f"{from_here(move.target)}"
            )
        )
    return 0


def _base_urls(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    configured = configured_providers(read_project_table(Path("pyproject.toml")))
    return base_urls(all_providers(configured), environ)
