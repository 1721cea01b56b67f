"""Lists cassette files, converts them, and moves them to another test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pytest_duolog.display import from_here
from pytest_duolog.errors import CassetteError, UnreadableCassette
from pytest_duolog.recording.addresses import BaseUrls
from pytest_duolog.recording.journal import FORMAT_WITHOUT_TOOLS
from pytest_duolog.recording.journal_file import Journal, read_journal, rename_test, write_journal
from pytest_duolog.recording.naming import CassetteLocation, folder_of, is_partial, partial_of
from pytest_duolog.recording.orphans import Recording, cassette_files, files_in_cassette_folders
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.storage.line_file import is_in_use, left_by_killed_run


@dataclass(frozen=True)
class CassetteFacts:
    """The facts about one cassette that `duolog cassettes list` shows; `problem` says why a file could not be read."""

    path: Path
    header: Mapping[str, Any]
    n_replies: int
    is_finished: bool
    problem: str = ""

    @property
    def recorded(self) -> str:
        """When it was recorded, to the second; empty if the file does not have it."""
        return str(self.header.get("recorded") or "")

    @property
    def models(self) -> list[str]:
        """The models; a model of both sides is listed once."""
        speakers = self.header.get("speakers")
        listed = speakers if isinstance(speakers, list) else []
        return list(dict.fromkeys(str(item.get("model")) for item in listed if isinstance(item, Mapping)))


def cassettes_under(paths: Iterable[Path], refused: list[OSError] | None = None) -> Iterator[CassetteFacts]:
    """The cassettes in `paths` and in `cassettes` folders below the folders in `paths`, sorted by path.

    The errors of folders that may not be read are added to `refused`.
    """
    for path in sorted({found for given in paths for found in _files(given, refused)}):
        try:
            journal = read_journal(path)
        except (UnreadableCassette, FileNotFoundError) as error:
            problem = error.problem if isinstance(error, UnreadableCassette) else "there is no such file"
            yield CassetteFacts(path, {}, 0, is_finished=False, problem=problem)
        else:
            yield CassetteFacts(
                path,
                journal.header,
                sum(interaction.request.called_tool is None for interaction in journal.interactions),
                is_finished=journal.is_finished,
                problem="; ".join([*journal.damage, *journal.edited]),
            )


def leftovers_under(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Temporary files of killed runs next to cassettes, sorted by path, each with the name of the cassette."""
    folders = {path for path in paths if path.is_dir()}
    for path in sorted({found for folder in folders for found in files_in_cassette_folders(folder)}):
        name = left_by_killed_run(path)
        if name is not None and not is_in_use(path):
            yield path, name


def _files(path: Path, refused: list[OSError] | None) -> Iterator[Path]:
    if path.is_dir():
        yield from cassette_files(path, refused)
    else:
        yield path


def export_yaml(source: Path, target: Path, *, base_urls: BaseUrls) -> Journal:
    """Write a cassette as plain vcrpy YAML, without its damaged lines; returns its content."""
    from pytest_duolog.recording.vcr_yaml import write_yaml  # noqa: PLC0415  # vcrpy takes a second to import

    journal = read_journal(source)
    write_yaml(target, journal.interactions, base_urls=base_urls)
    return journal


def import_yaml(source: Path, target: Path, *, base_urls: BaseUrls, redactor: Redactor) -> int:
    """Convert a plain vcrpy cassette to this package's format; returns the number of interactions."""
    from pytest_duolog.recording.vcr_yaml import read_yaml  # noqa: PLC0415  # vcrpy takes a second to import

    advice = "name a YAML file that vcrpy or pytest-recording wrote"
    foreign = read_yaml(source, base_urls=base_urls, redactor=redactor, advice=advice)
    header = {"duolog": FORMAT_WITHOUT_TOOLS, "imported_from": source.name}
    end: dict[str, Any] = {"messages": None, "stop": None, "served": []}
    write_journal(target, Journal(header, foreign.interactions, end))
    return len(foreign.interactions)


class Move(NamedTuple):
    """A cassette, and the path at which its new test expects it."""

    source: Path
    target: Path
    test: str


def move_of(recording: Recording, module: Path, test: str) -> Move:
    """The move that gives a recording to the test `test` in `module`."""
    speakers = recording.header.get("speakers") or ()
    location = CassetteLocation(
        folder_of(module),
        test,
        [str(speaker["model"]) for speaker in speakers],
        run=str(recording.header.get("run") or ""),
        sample=int(recording.header.get("sample") or 1),
    )
    target = partial_of(location.path) if is_partial(recording.path) else location.path
    return Move(recording.path, target, location.owner)


def carry_out(moves: Sequence[Move]) -> None:
    """Move cassettes and write the new tests into their headers.

    Raises CassetteError, before anything is moved, if a target exists already or two moves have the same one.
    """
    targets = [move.target for move in moves]
    for move in moves:
        if move.target != move.source and (move.target.exists() or targets.count(move.target) > 1):
            raise CassetteError(
                f"{from_here(move.source)} cannot be moved: there is a recording already",
                cassette_path=move.target,
                facts=[
                    ("to fix", "delete the recording that is not needed and try again; nothing was moved")
                ],
            )
    for source, target, test in moves:
        rename_test(source, target, test)
        with suppress(OSError):  # the folder is not empty
            source.parent.rmdir()
