"""The run record as a file: JSON Lines, a header, then one line a sample and one a look of the gate.

    {"duolog_record": 1, "plan": {...}, "plugin": "0.1.0", "created": "..."}
    {"sample": {"scenario": "tests/test_refunds.py::test_polite", "number": 1, "outcome": "passed", ...}}
    {"look": {"round": 3, "worse": 0, "same": 60, "better": 0, ...}}

Every line is written at once and whole, so that a run that dies loses what it was doing and nothing before.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import ValidationError

from pytest_duolog.display import wrong_fields
from pytest_duolog.errors import RunRecordError
from pytest_duolog.results.record import FORMAT, Header, Look, RunRecord, Sample, check_sample
from pytest_duolog.transcripts.transcript import Record

try:
    import fcntl
except ImportError:  # Windows: two runs that write one record at once are not told apart there
    fcntl = None  # type: ignore[assignment]


class _Line(Record):
    sample: Sample | None = None
    look: Look | None = None


def read_record(path: Path) -> RunRecord:
    """The record in a file. A last line that is cut short is left out and named in `damage`.

    Raises RunRecordError if the file is missing, is not a record, is of a newer format, or is damaged elsewhere.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[RunRecord, int]:
    """The record, and where its last whole line ends."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunRecordError(f"the run record cannot be read: {error.strerror}", path=path) from error
    first, *lines = content.split(b"\n")
    if not lines:
        raise RunRecordError(
            "the run record has no whole first line" if first else "the run record is empty",
            path=path,
            advice="its run ended before the first sample: leave it out, or run it again",
        )
    torn = lines.pop()
    header = _header(first, path)
    entries = [_line(line, number, path) for number, line in enumerate(lines, start=2)]
    damage = (
        [f"{path}: line {len(lines) + 2} is cut short ({len(torn)} bytes) and was left out"] if torn else []
    )
    try:
        record = RunRecord(
            header,
            tuple(entry.sample for entry in entries if entry.sample),
            tuple(entry.look for entry in entries if entry.look),
            tuple(damage),
        )
    except RunRecordError as error:
        raise RunRecordError(error.problem, path=path, advice=error.advice) from None
    return record, len(content) - len(torn)


def _header(line: bytes, path: Path) -> Header:
    try:
        fields = json.loads(line)
        version = int(fields.pop("duolog_record"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RunRecordError("line 1 is not the header of a run record", path=path) from None
    if version > FORMAT:
        raise RunRecordError(
            f"the run record has format {version}; this version of pytest-duolog reads up to {FORMAT}",
            path=path,
            advice="upgrade pytest-duolog",
        )
    try:
        return Header.model_validate(fields)
    except ValidationError as error:
        raise RunRecordError(
            f"the header of the run record is damaged: {wrong_fields(error)}", path=path
        ) from None


def _line(line: bytes, number: int, path: Path) -> _Line:
    try:
        return _Line.model_validate_json(line)
    except ValidationError as error:
        raise RunRecordError(
            f"line {number} of the run record cannot be read: {wrong_fields(error)}",
            path=path,
            advice="restore the file, or delete the line: its sample then counts as not run",
        ) from None


class RecordWriter:
    """Appends to one run record; the file is locked meanwhile, and reads whole after every call.

    An existing record of the same plan is gone on with. Texts must be free of secrets.
    Raises RunRecordError for a record of another plan, or one that another run is writing.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self._record = RunRecord(header)
        self._file = _opened(path)
        try:
            _lock(self._file, path)
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
        if os.fstat(self._file).st_size == 0:
            self._write({"duolog_record": FORMAT, **header.model_dump(mode="json", exclude_defaults=True)})
            return
        self._record, whole_bytes = _read(self.path)
        differences = self._record.header.plan.differences(header.plan)
        if differences:
            raise RunRecordError(
                "the run record that is there is of another plan",
                path=self.path,
                facts=[("differs", "\n".join(differences))],
                advice="move it away, or run what it was made with",
            )
        os.ftruncate(self._file, whole_bytes)

    @property
    def record(self) -> RunRecord:
        """What is in the file now."""
        return RunRecord(self._record.header, tuple(self._samples), tuple(self._looks), self._record.damage)

    def append(self, sample: Sample) -> None:
        """Write a sample. Raises RunRecordError if it is not of the plan, or there already."""
        check_sample(sample, self._record.header.plan, self._seen)
        self._samples.append(sample)
        self._write({"sample": sample.model_dump(mode="json", exclude_defaults=True)})

    def append_look(self, look: Look) -> None:
        """Write what the gate saw after a round."""
        self._looks.append(look)
        self._write({"look": look.model_dump(mode="json", exclude_defaults=True)})

    def _write(self, value: dict[str, Any]) -> None:
        line = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
        os.write(self._file, line.encode())

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fresh_record(path: Path, header: Header) -> RecordWriter:
    """A writer of a new record; one that is there already is kept beside it, as `NAME.previous.jsonl`.

    Raises RunRecordError if another run is writing it, or if there can be no file.
    """
    if path.is_file():
        earlier = _opened(path)
        try:
            _lock(earlier, path)
            path.replace(path.with_name(f"{path.stem}.previous{path.suffix}"))
        except OSError as error:
            raise _unwritable(path, error) from error
        finally:
            os.close(earlier)
    return RecordWriter(path, header)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> RunRecordError:
    return RunRecordError(
        f"the run record cannot be written: {error.strerror}",
        path=path,
        advice="name a file that can be with --duolog-record=FILE",
    )


def _lock(file: int, path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise RunRecordError(
            "another run is writing this record right now",
            path=path,
            advice="wait for it, stop it, or write another one (pytest --duolog-record=FILE)",
        ) from error


def write_record(path: Path, record: RunRecord) -> None:
    """Write a whole record at once; a file that was there is replaced only by a complete one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with RecordWriter(temporary, record.header) as writer:
            for sample in record.samples:
                writer.append(sample)
            for look in record.looks:
                writer.append_look(look)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
