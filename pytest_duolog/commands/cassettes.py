"""`duolog cassettes`: lists, converts and cleans up recordings."""

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
from pytest_duolog.settings import configured_providers, read_project_table
from pytest_duolog.storage.line_file import is_in_use


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

    moved = _action(actions, "move", "give the recordings of a test that was renamed to the test it is now")
    moved.add_argument(
        "old", metavar="OLD", help="the test as it was called: tests/test_x.py[::class][::test]"
    )
    moved.add_argument("new", metavar="NEW", help="the test as it is called now, in the same form")
    moved.add_argument("--dry-run", action="store_true", help="say what would be moved, and move nothing")
    moved.set_defaults(run=_move)

    adopted = _action(
        actions,
        "adopt",
        "give recordings whose test is gone to the tests that now hold the very same dialogues",
    )
    adopted.add_argument(
        "paths", nargs="*", metavar="TEST", help="what pytest collects (default: as pytest does)"
    )
    adopted.add_argument("--dry-run", action="store_true", help="say what would be moved, and move nothing")
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
    leftovers = list(leftovers_under(arguments.paths))
    for path, name in leftovers:
        print(
            printable(
                f"{path}  a run was killed while it wrote {name}; duolog cassettes prune --delete removes it"
            )
        )
    if not found:
        print(printable(f"no cassettes below {', '.join(map(str, arguments.paths))}"))
    return int(bool(leftovers) or any(facts.problem for facts in found))


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
        raise CassetteError("there is a file already", cassette_path=path, facts=[("to fix", advice)])
    return path


def _prune(arguments: argparse.Namespace) -> int:
    for path in arguments.paths:
        path.stat()  # a mistyped folder is not an empty one
    found = [Recording(facts.path, facts.header) for facts in cassettes_under(arguments.paths)]
    modules = sorted({recording.module for recording in found if recording.module.is_file()})
    inventory = collect(modules) if modules else Inventory()
    for name, problem in inventory.broken.items():
        print(
            printable(f"duolog: {name} cannot be collected, and its recordings are left alone:\n{problem}"),
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
            print(printable(f"left alone: {path} (another run is writing it right now)"))
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
            f"move takes two modules or two tests, not {arguments.old!r} and {arguments.new!r}"
        )
    folder = folder_of(Path(old_file))
    moves = [
        move_of(found, Path(new_file), new + found.test.removeprefix(old))
        for found in recordings_under(folder)
        if _belongs(found.test, old)
    ]
    if not moves:
        raise ConfigurationError(f"{arguments.old}: there is no recording of it in {folder}")
    return _carry_out(moves, dry_run=arguments.dry_run)


def _belongs(test: str, name: str) -> bool:
    """Whether a test is the one that is named, has it with parameters, or is in the class that is named."""
    return bool(test) and (not name or test == name or test.startswith((f"{name}[", f"{name}::")))


def _adopt(arguments: argparse.Namespace) -> int:
    inventory = collect(arguments.paths)
    adoption = adopt(inventory, recordings_under(Path()))
    for line in adoption.left_alone:
        print(printable(line))
    if not adoption.moves and not adoption.left_alone:
        print("nothing to move: every recording that a collected test could take over has its test")
    return _carry_out(adoption.moves, dry_run=arguments.dry_run) or int(bool(adoption.left_alone))


def _carry_out(moves: Sequence[Move], *, dry_run: bool) -> int:
    if not dry_run:
        carry_out(moves)
    for move in moves:
        print(
            printable(
                f"{'would move' if dry_run else 'moved'}: {from_here(move.source)} -> {from_here(move.target)}"
            )
        )
    return 0


def _base_urls(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    configured = configured_providers(read_project_table(Path("pyproject.toml")))
    return base_urls(all_providers(configured), environ)
