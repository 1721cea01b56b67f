"""What people do with cassette files by hand: list them, convert them, and throw away what no test uses."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.addresses import BaseUrls
from pytest_duolog.recording.journal import FORMAT
from pytest_duolog.recording.journal_file import Journal, read_journal, write_journal
from pytest_duolog.recording.naming import is_partial
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.vcr_yaml import read_yaml, write_yaml

CASSETTE_FOLDER = "cassettes"

DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class CassetteFacts:
    """One cassette as a person asks about it; `problem` says why a file could not be read."""

    path: Path
    header: Mapping[str, Any]
    n_replies: int
    is_finished: bool
    problem: str = ""

    @property
    def recorded(self) -> str:
        """When it was recorded, to the second; empty if the file does not say."""
        return str(self.header.get("recorded") or "")

    @property
    def models(self) -> list[str]:
        """The models asked, one that played both sides once."""
        speakers = self.header.get("speakers")
        listed = speakers if isinstance(speakers, list) else []
        return list(dict.fromkeys(str(item.get("model")) for item in listed if isinstance(item, Mapping)))


def cassettes_under(paths: Iterable[Path]) -> Iterator[CassetteFacts]:
    """Every cassette among `paths` and in `cassettes` folders below those that are folders, sorted by path."""
    for path in sorted({found for given in paths for found in _files(given)}):
        try:
            journal = read_journal(path)
        except (UnreadableCassette, FileNotFoundError) as error:
            problem = error.problem if isinstance(error, UnreadableCassette) else "there is no such file"
            yield CassetteFacts(path, {}, 0, is_finished=False, problem=problem)
        else:
            yield CassetteFacts(
                path,
                journal.header,
                len(journal.interactions),
                is_finished=journal.is_finished,
                problem="; ".join(journal.damage),
            )


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
    else:
        inside = (found for found in path.rglob("*.jsonl") if CASSETTE_FOLDER in found.parts)
        yield from (found for found in inside if found.is_file())


def export_yaml(source: Path, target: Path, *, base_urls: BaseUrls) -> int:
    """Write a cassette as plain vcrpy YAML; returns the number of interactions."""
    journal = read_journal(source)
    write_yaml(target, journal.interactions, base_urls=base_urls)
    return len(journal.interactions)


def import_yaml(source: Path, target: Path, *, base_urls: BaseUrls, redactor: Redactor) -> int:
    """Write a plain vcrpy cassette as one of ours; returns the number of interactions."""
    foreign = read_yaml(source, base_urls=base_urls, redactor=redactor)
    header = {"duolog": FORMAT, "imported_from": source.name}
    end: dict[str, Any] = {"messages": None, "stop": None, "served": []}
    write_journal(target, Journal(header, foreign.interactions, end))
    return len(foreign.interactions)


def prunable(
    facts: Iterable[CassetteFacts], *, superseded: bool = False
) -> Iterator[tuple[CassetteFacts, str]]:
    """Cassettes that no test uses any more, each with the reason.

    That is: the test's module or function is gone, or a newer whole recording stands beside an interrupted
    one. With `superseded` also recordings of the same dialogue with other models than the newest.
    """
    kept: dict[tuple[Any, ...], CassetteFacts] = {}
    for found in facts:
        reason = _unused_reason(found)
        if reason:
            yield found, reason
        elif superseded and found.header.get("test"):
            dialogue = (found.path.parent, *(found.header.get(name) for name in ("test", "run", "sample")))
            older = min(kept.get(dialogue, found), found, key=lambda one: one.recorded)
            kept[dialogue] = max(kept.get(dialogue, found), found, key=lambda one: one.recorded)
            if older is not kept[dialogue]:
                yield older, f"superseded by {kept[dialogue].path.name}"


def _unused_reason(found: CassetteFacts) -> str:
    whole = found.path.with_name(found.path.name.replace(".partial.jsonl", ".jsonl"))
    if is_partial(found.path) and whole.exists():
        return f"interrupted while {whole.name} was recorded again"
    test = str(found.header.get("test") or "")
    if not test:
        return ""
    module, _, names = test.partition("::")
    file = found.path.parent.parent.parent / module
    if not file.is_file():
        return f"its test module {module} is gone"
    if not _defines(file, names.partition("[")[0].split("::")):
        return f"its test {test} is gone"
    return ""


def _defines(file: Path, names: list[str]) -> bool:
    """Whether a module has the function at the end of `names`, inside the classes before it; never runs it.

    A method that a class does not have itself may be inherited, so it counts as there if the class has bases.
    """
    try:
        scope: ast.Module | ast.ClassDef = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return True
    for name in names:
        found = [node for node in scope.body if isinstance(node, DEFINITIONS) and node.name == name]
        if not found:
            return isinstance(scope, ast.ClassDef) and bool(scope.bases)
        if isinstance(found[-1], ast.ClassDef):
            scope = found[-1]
    return True
