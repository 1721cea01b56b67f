"""Reads and writes run records: JSON Lines with a header, then one line for each sample and each look of the gate.

    {"duolog_record": 1, "plan": {...}, "plugin": "0.1.0", "created": "..."}
    {"sample": {"scenario": "tests/test_refunds.py::test_polite", "number": 1, "outcome": "passed", ...}}
    {"look": {"round": 3, "worse": 0, "same": 60, "better": 0, ...}}

Every line is written at once, with its checksum (under `sum`, see `storage/checksums.py`), so that a run that dies
loses only the sample that it was running.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from pytest_duolog import WithoutCollector
from pytest_duolog.display import wrong_fields
from pytest_duolog.errors import RunRecordError
from pytest_duolog.results.record import FORMAT, Header, Look, RunRecord, Sample, check_sample, of_format_1
from pytest_duolog.storage.checksums import checked_lines, without_checksum
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.storage.line_file import (
    FileChanged,
    FileInUse,
    LineFile,
    check_writable,
    reading,
    replacing,
    what_to_do,
)
from pytest_duolog.transcripts.stored import Record, adapter, stored

# The first bytes of each record.
FIRST_BYTES = b'{"duolog_record":'
# How each line with a sample begins, as this package writes it.
SAMPLE = b'{"sample":'
# The key of a field that only format 1 has.
OLD_VERDICTS = b'"properties":'
UNPROTECTED = "its checksums were removed, so it cannot be told whether somebody changed it: restore the file"


@stored
class _Line(Record):
    sample: Sample | None = None
    look: Look | None = None

    @property
    def name(self) -> str:
        """The content of the line in words."""
        return str(self.sample) if self.sample else f"round {self.look.round}" if self.look else "nothing"


def read_record(path: Path) -> RunRecord:
    """The record in a file. An incomplete last line is left out and named in `damage`.

    Raises RunRecordError if the file is missing, is not a record, has a newer format, or is damaged elsewhere.
    """
    try:
        with reading(path) as file, WithoutCollector():
            return _record(file, path)
    except IsADirectoryError as error:
        advice = "name the record, which is a file (.duolog/record.jsonl, if nothing else was said)"
        raise RunRecordError("this is a folder, and no run record", path=path, advice=advice) from error
    except OSError as error:
        raise RunRecordError(
            f"the run record cannot be read: {error.strerror}", path=path, advice=what_to_do(error)
        ) from error


def _record(lines: Iterable[bytes], path: Path) -> RunRecord:
    """The record in the lines of a file, each with its line feed; one without is incomplete."""
    header: Header | None = None
    samples, looks, problems = list[Sample](), list[Look](), list[str]()
    whole = _WholeLines(lines)
    reads_sample = adapter(Sample).validator.validate_json  # through fewer layers, for each line
    for number, (text, wrong) in enumerate(checked_lines(whole), start=1):
        if header is None:
            (version, header), name = _header(text, path), "the header"
            if version > 1 and not whole.are_sealed:
                problems.append(UNPROTECTED)
        elif wrong is None and (sample := _usual_sample(text, reads_sample)) is not None:
            samples.append(sample)
        else:
            line = _line(text, number, path)
            samples += [line.sample] if line.sample else ()
            looks += [line.look] if line.look else ()
            name = line.name if wrong else ""
        problems += [wrong.told(name, "written")] if wrong else ()
    if header is None:
        raise RunRecordError(
            "the run record has no whole first line" if whole.torn else "the run record is empty",
            path=path,
            advice="its run ended before the first sample: leave the file out, or run again",
        )
    if whole.torn:
        problems.append(f"line {number + 1} is incomplete ({len(whole.torn)} bytes) and was left out")
    try:
        return RunRecord(
            header, tuple(samples), tuple(looks), tuple(f"{path}: {problem}" for problem in problems)
        )
    except RunRecordError as error:
        raise RunRecordError(error.problem, path=path, advice=error.advice) from None


class _WholeLines:
    """The lines that end with a line feed; after them, `torn` is the rest.

    `are_sealed` says whether the first one has a checksum.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self.torn = b""
        self.are_sealed = False

    def __iter__(self) -> Iterator[bytes]:
        is_first = True
        for line in self._lines:
            if line.endswith(b"\n"):
                if is_first:
                    self.are_sealed, is_first = without_checksum(line) != line, False
                yield line
            else:
                self.torn = line


def _header(line: bytes, path: Path) -> tuple[int, Header]:
    """The format of a record, and its header."""
    try:
        fields = parsed(line)
        version = int(fields.pop("duolog_record"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise RunRecordError("line 1 is not the header of a run record", path=path) from None
    if version > FORMAT:
        raise RunRecordError(
            f"the run record has format {version}; this version of pytest-duolog reads up to {FORMAT}",
            path=path,
            advice="upgrade pytest-duolog",
        )
    try:
        return version, Header.model_validate(fields)
    except ValidationError as error:
        raise RunRecordError(
            f"the header of the run record is damaged: {wrong_fields(error)}", path=path
        ) from None


def _usual_sample(text: bytes, reads_sample: Callable[[bytes], Sample]) -> Sample | None:
    """The sample in a line of the usual form; None for any other line, and for one that cannot be read."""
    if not (text.startswith(SAMPLE) and text.endswith(b"}")):
        return None
    try:
        return reads_sample(text[len(SAMPLE) : -1])
    except ValidationError:
        return None


def _line(text: bytes, number: int, path: Path) -> _Line:
    try:
        if OLD_VERDICTS in text and (old := _of_format_1(text)):
            return old
        return _Line.model_validate_json(text)
    except ValidationError as error:
        raise RunRecordError(
            f"line {number} of the run record cannot be read: {wrong_fields(error)}",
            path=path,
            advice="restore the file, or delete the line: its sample then counts as not run",
        ) from None


def _of_format_1(text: bytes) -> _Line | None:
    """The line if its sample is of format 1; the field may be anybody's elsewhere in it."""
    try:
        value = parsed(text)
        sample = value["sample"]
        if "properties" not in sample:
            return None
    except (ValueError, LookupError, TypeError):
        return None
    return _Line.model_validate({**value, "sample": of_format_1(sample)})


class RecordWriter:
    """Appends to one run record; the file is locked meanwhile, and can be read after every call.

    If a record of the same plan exists, it is continued. Texts must be free of secrets. Raises RunRecordError for a
    record with another plan, or one that another run is writing.
    """

    def __init__(self, path: Path, header: Header, *, is_fresh: bool = False) -> None:
        """With `is_fresh`, an existing record is an error: another run has just begun it."""
        self.path = path
        self._record = RunRecord(header)
        with _writing(path):
            self._file = LineFile(path, expected_bytes=0 if is_fresh else None)
        try:
            self._take_over(header)
        except BaseException:
            self.close()
            raise
        self._samples = list(self._record.samples)
        self._looks = list(self._record.looks)
        self._seen: set[tuple[object, ...]] = set()
        for sample in self._samples:
            check_sample(sample, header.plan, self._seen)

    def _take_over(self, header: Header) -> None:
        if self._file.n_bytes == 0:
            self._write(_header_fields(header))
            return
        lines = self._file.read()
        self._record = _record(BytesIO(lines.content), self.path)
        differences = self._record.header.plan.differences(header.plan)
        if differences:
            raise RunRecordError(
                "the existing run record has another plan",
                path=self.path,
                facts=[("differs", "\n".join(differences))],
                advice="move it away, or run the tests that it was made with",
            )
        with _writing(self.path):
            self._file.cut(lines.whole_bytes)

    @property
    def record(self) -> RunRecord:
        """The current content of the file."""
        return RunRecord(self._record.header, tuple(self._samples), tuple(self._looks), self._record.damage)

    def append(self, sample: Sample) -> None:
        """Write a sample. Raises RunRecordError if it is not in the plan, or was written already."""
        check_sample(sample, self._record.header.plan, self._seen)
        self._samples.append(sample)
        self._write(_sample_fields(sample))

    def append_look(self, look: Look) -> None:
        """Write a look of the gate after a round."""
        self._looks.append(look)
        self._write(_look_fields(look))

    def _write(self, value: dict[str, Any]) -> None:
        with _writing(self.path):
            self._file.append([_line_bytes(value)])

    def close(self) -> None:
        """Release the lock and close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fresh_record(path: Path, header: Header) -> RecordWriter:
    """A writer of a new record; an existing one is renamed to `NAME.previous.jsonl`.

    Raises RunRecordError if another run is writing it, or if the file cannot be written.
    """
    with _writing(path):
        if path.is_file() and (n_bytes := path.stat().st_size):
            earlier = LineFile(path, expected_bytes=n_bytes)
            earlier.take_place_of(path.with_name(f"{path.stem}.previous{path.suffix}"))
    return RecordWriter(path, header, is_fresh=True)


def check_place(path: Path) -> None:
    """Raises RunRecordError if no record can be written at `path`; called before a sample costs anything.

    A file that is no run record stays where it is.
    """
    with _writing(path):
        check_writable(path, expected_bytes=None)
        is_foreign = path.is_file() and not _may_be_record(path)
    if is_foreign:
        raise RunRecordError(
            "another file is there, which is not a run record",
            path=path,
            advice="name another file (--duolog-record of pytest, -o of duolog), or move this one away",
        )


def _may_be_record(path: Path) -> bool:
    """Whether a file is empty, or begins as a record; a killed run may have left less than the first line."""
    with path.open("rb") as file:
        start = file.read(len(FIRST_BYTES))
    return FIRST_BYTES.startswith(start)


def write_record(path: Path, record: RunRecord) -> None:
    """Write a whole record at once; a file that was there is replaced only by a complete one.

    Raises RunRecordError if the file cannot be written, or another run is writing it.
    """
    fields = [
        _header_fields(record.header),
        *map(_sample_fields, record.samples),
        *map(_look_fields, record.looks),
    ]
    with _writing(path), replacing(path) as file:
        file.append(map(_line_bytes, fields))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except FileInUse:
        raise RunRecordError(
            "another run is writing this record right now",
            path=path,
            advice="wait for it, stop it, or write another one (pytest --duolog-record=FILE)",
        ) from None
    except FileChanged:
        raise RunRecordError(
            "another run has written this record in the meantime",
            path=path,
            advice="run again, or write another one (pytest --duolog-record=FILE)",
        ) from None
    except OSError as error:
        raise RunRecordError(
            f"the run record cannot be written: {error.strerror}",
            path=path,
            advice=f"{what_to_do(error)}, or name another file (--duolog-record of pytest, -o of duolog)",
        ) from error


def _header_fields(header: Header) -> dict[str, Any]:
    return {"duolog_record": FORMAT, **header.model_dump(mode="json", exclude_defaults=True)}


def _sample_fields(sample: Sample) -> dict[str, Any]:
    return {"sample": sample.model_dump(mode="json", exclude_defaults=True)}


def _look_fields(look: Look) -> dict[str, Any]:
    return {"look": look.model_dump(mode="json", exclude_defaults=True)}


def _line_bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
