"""Reads dialogues from transcripts, chat logs, cassettes and run records, with all facts in the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_duolog.commands.redaction import project_redactor
from pytest_duolog.errors import CassetteError, RunRecordError, TranscriptError
from pytest_duolog.results.filed import FiledDialogue, FileKind, Value, of_sample
from pytest_duolog.transcripts.logs.chunks import is_table
from pytest_duolog.transcripts.logs.files import (
    addresses,
    identity,
    is_address,
    is_glob,
    is_packed,
)
from pytest_duolog.transcripts.logs.reading import dialogues_in, unreadable
from pytest_duolog.transcripts.logs.tables import Columns
from pytest_duolog.transcripts.sources import OwnFile, Source, Unreadable, each_source, own_file
from pytest_duolog.transcripts.text_file import decode_text

if TYPE_CHECKING:
    from pytest_duolog.recording.retelling import Retold

# The values of a cassette's header that belong to the scenario and are not hashes.
SCENARIO_VALUES = ("turns", "opener_by", "grace", "stop_on", "token_budget", "seconds_budget", "cost_budget")
SAMPLE_LINE = b'{"sample":'


def read_dialogues(path: Path) -> list[FiledDialogue | Unreadable]:
    """The dialogues of a file, in order; an Unreadable stands for each one that cannot be read.

    The kind of file (transcript, chat log, cassette or run record) is recognised by its content. Secrets are replaced:
    logs from elsewhere may contain some, and an old file may contain a value that is a secret now.
    """
    return list(map(without_secrets, each_dialogue(path)))


def each_dialogue(path: Path) -> Iterator[FiledDialogue | Unreadable]:
    """The same one by one, with the secrets in them: whoever shows anything of them calls `without_secrets`."""
    try:
        data = path.read_bytes()
        own = own_file(data.partition(b"\n")[0].decode("utf-8", "replace"))
        if own is OwnFile.CASSETTE:
            yield from _of_cassette(path)
        elif own is OwnFile.RECORD:
            yield from _of_record(path)
        else:
            try:
                text = decode_text(data, str(path))
            except TranscriptError as error:
                yield Unreadable(str(path), 1, str(error).removeprefix(f"{path}: "), is_text=False)
                return
            del data
            if not text.strip():
                yield Unreadable(str(path), 1, "the file is empty")
                return
            yield from map(_as_filed, each_source(text, file=str(path)))
    except OSError as error:
        yield Unreadable(str(path), 1, f"cannot be read: {error.strerror}", is_text=False)
    except (TranscriptError, CassetteError, RunRecordError) as error:
        problem = error.problem if isinstance(error, CassetteError | RunRecordError) else str(error)
        yield Unreadable(str(path), 1, problem.removeprefix(f"{path}: ").partition("\n")[0])


def each_dialogue_at(written: str, columns: Columns, known: set[str]) -> Iterator[FiledDialogue | Unreadable]:
    """The same of a path, a glob or an address; tables and compressed files are logs, and are read row by row.

    The files that are read are added to `known`; those that are in it are not read again.
    """
    try:
        files = addresses(written) if is_address(written) or is_glob(written) else [written]
    except TranscriptError as error:
        yield unreadable(written, error)
        return
    for file in files:
        if (name := identity(file)) in known:
            continue
        known.add(name)
        if is_address(file) or is_packed(file) or is_table(file):
            yield from map(_as_filed, dialogues_in(file, columns))
        else:
            yield from each_dialogue(Path(file))


def each_dialogue_in(text: str, *, file: str) -> Iterator[FiledDialogue | Unreadable]:
    """The dialogues of a text with transcripts or chat logs, as `each_dialogue` returns them."""
    return map(_as_filed, each_source(text, file=file))


def _as_filed(entry: Source | Unreadable) -> FiledDialogue | Unreadable:
    """A dialogue without other facts than its transcript."""
    return entry if isinstance(entry, Unreadable) else FiledDialogue(entry)


def without_secrets(entry: FiledDialogue | Unreadable) -> FiledDialogue | Unreadable:
    """The same entry with its secrets replaced."""
    redactor = project_redactor()
    if isinstance(entry, Unreadable):
        return replace(entry, problem=redactor.shown(entry.problem))
    return entry.without_secrets(redactor.json)


def _of_cassette(path: Path) -> Iterator[FiledDialogue | Unreadable]:
    from pytest_duolog.recording.retelling import retold  # noqa: PLC0415  # a scan of logs reads no cassette

    found = retold(path)
    header = found.header
    test, sample = str(header.get("test") or ""), header.get("sample")
    number = sample if isinstance(sample, int) else None
    yield FiledDialogue(
        Source(
            _named(test or path.stem, str(header.get("run") or ""), number), str(path), 1, found.transcript
        ),
        FileKind.CASSETTE,
        test=test,
        sample=number,
        cassette=str(path),
        parameters=dict(_parameters(header)),
        notices=found.notices,
    )
    yield from _damage(path, found)


def _damage(path: Path, found: Retold) -> Iterator[Unreadable]:
    for damage in found.damage:
        number = damage.removeprefix("line ").partition(" ")[0]
        yield Unreadable(str(path), int(number) if number.isdigit() else 1, damage)


def _named(test: str, run: str, sample: int | None) -> str:
    """The name of a test's dialogue for people."""
    of_run = f", dialogue {run}" if run else ""
    return f"{test}{of_run}, sample {sample}" if sample and sample > 1 else f"{test}{of_run}"


def _parameters(header: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for name in SCENARIO_VALUES:
        value = header.get(name)
        yield from _plain(name, " ".join(map(str, value)) if isinstance(value, list) else value)
    speakers = header.get("speakers")
    for speaker in speakers if isinstance(speakers, list) else []:
        knobs = speaker.get("knobs") if isinstance(speaker, dict) else None
        for name, value in (knobs if isinstance(knobs, dict) else {}).items():
            yield from _plain(f"{speaker.get('name')}.{name}", value)


def _plain(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, str | int | float | bool):
        yield name, value


def _of_record(path: Path) -> Iterator[FiledDialogue | Unreadable]:
    from pytest_duolog.results.store import read_record  # noqa: PLC0415  # nor a run record

    record = read_record(path)
    for line, sample in zip(_sample_lines(path), record.samples, strict=False):
        for dialogue in sample.dialogues:
            yield of_sample(record, str(path), line, sample, dialogue)
    for damage in record.damage:
        _, _, problem = damage.rpartition(f"{path}: ")
        number = problem.removeprefix("line ").partition(" ")[0]
        yield Unreadable(str(path), int(number) if number.isdigit() else 1, problem)


def _sample_lines(path: Path) -> list[int]:
    """The numbers of the lines of a record that have a sample, from 1."""
    return [
        number
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1)
        if line.startswith(SAMPLE_LINE)
    ]
