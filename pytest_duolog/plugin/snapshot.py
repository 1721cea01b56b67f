"""Transcripts as syrupy snapshots: one Markdown file for each test, compared message by message."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.session import SnapshotSession

from pytest_duolog.display import and_more, from_here, printable
from pytest_duolog.errors import ConfigurationError, DuologError, TranscriptError
from pytest_duolog.recording.naming import safe_name, snapshot_test_part
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.transcripts.markdown import from_markdown, to_snapshot
from pytest_duolog.transcripts.text_file import decode_text
from pytest_duolog.transcripts.transcript import ToolCall, Transcript

MOST_MESSAGES_SHOWN = 5
SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")

# With the test and ".md", a name must not exceed the 255 bytes that file systems allow.
LONGEST_INDEX = 80

# What may follow the test's name in the names of its files.
REST = re.compile(r"(-sample-[0-9]+)?([.\[]|$)")

HAS_FAILED: pytest.StashKey[bool] = pytest.StashKey()


def spare_unseen(item: pytest.Item, report: pytest.TestReport) -> None:
    """Keep the snapshots of a test that did not pass: it may have ended before it used them."""
    has_failed = not report.passed or (report.when != "setup" and item.stash.get(HAS_FAILED, False))
    item.stash[HAS_FAILED] = has_failed
    if report.when == "teardown" and has_failed:
        spare(item)


def spare(item: pytest.Item) -> None:
    """Keep the snapshots of a test: they are not reported as unused and not removed by an update.

    syrupy itself does this for skipped tests.
    """
    # syrupy may be disabled (-p no:syrupy). Its own hook ignores the last report, and there is no public way to its
    # session (7.0 to 7.0.2). To be dropped when it keeps the snapshots of failed tests by itself.
    session: SnapshotSession | None = getattr(item.config, "_syrupy", None)
    if session:
        session.ran_item(item.nodeid, "skipped")


@dataclass(frozen=True)
class SampleLocation(PyTestLocation):
    """The place of a test and the number of its sample; sample 1 has the file names of a test without samples."""

    sample: int

    @property
    def part(self) -> str:
        """The part for the sample in the names of its files, after the test's name."""
        return f"-sample-{self.sample}" if self.sample > 1 else ""


class TranscriptExtension(SingleFileSnapshotExtension):
    """Stores a transcript as Markdown.

    The date is left out, so that recording the same messages again gives the same snapshot.
    """

    _write_mode = WriteMode.TEXT
    file_extension = "md"

    def serialize(self, data: Any, **kwargs: Any) -> str:
        """The Markdown of a transcript, or of a dialogue's.

        syrupy shows an exception from here as the difference, so its text must be self-explanatory.
        """
        transcript = getattr(data, "transcript", data)
        if not isinstance(transcript, Transcript):
            raise ConfigurationError(
                f"duolog_snapshot compares a dialogue or its transcript, not {type(data).__name__}"
            )
        return to_snapshot(transcript)

    def read_snapshot_data_from_location(self, *, snapshot_location: str, **_kwargs: Any) -> str | None:
        """The text of a snapshot, None if there is no such file; raises TranscriptError if it cannot be read."""
        path = Path(snapshot_location)
        try:
            return decode_text(path.read_bytes(), from_here(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TranscriptError(f"{from_here(path)}: cannot be read: {error.strerror}") from error

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: Any = 0) -> str:
        """The test's name (unique, unlike syrupy's), its sample, and the snapshot's own name."""
        which = f"[{index}]" if isinstance(index, str) else f".{index}" if index else ""
        sample = test_location.part if isinstance(test_location, SampleLocation) else ""
        return cls._test_part(test_location) + sample + safe_name(which, limit=LONGEST_INDEX)

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        """Whether the file is a snapshot of this test; syrupy keeps files of other tests."""
        name = Path(snapshot_location).name.removesuffix(f".{cls.file_extension}")
        rest = name.removeprefix(cls._test_part(test_location))
        is_named_so = rest != name and REST.match(rest) is not None
        return is_named_so and Path(snapshot_location).parent == Path(
            cls.dirname(test_location=test_location)
        )

    @staticmethod
    def _test_part(test_location: PyTestLocation) -> str:
        return snapshot_test_part(test_location.snapshot_name)

    def diff_lines(self, serialized_data: Any, snapshot_data: Any) -> Iterator[str]:
        """The messages that differ, compared sentence by sentence; safe for terminals.

        The most important lines come first: pytest shows eight lines, and all of them only with `-vv`.
        """
        yield from map(printable, _differences(str(snapshot_data or ""), str(serialized_data)))


class TranscriptSnapshot(SnapshotAssertion):  # noqa: PLW1641  # the base class has no hash either
    """Syrupy's assertion for transcripts; its repr is the path of its file, not the content."""

    redactor: Redactor

    @classmethod
    def beside(cls, snapshot: SnapshotAssertion, redactor: Redactor, *, sample: int) -> TranscriptSnapshot:
        """An assertion for the same test and options, with separate files for a sample; it stores no secrets."""
        options = {field.name: getattr(snapshot, field.name) for field in fields(snapshot) if field.init}
        own = {
            "extension_class": TranscriptExtension,
            "test_location": SampleLocation(snapshot.test_location.item, sample=sample),
        }
        made = cls(**{**options, **own})
        made.redactor = redactor
        return made

    def __call__(self, *, name: str | int | None = None, **options: Any) -> SnapshotAssertion:
        """The snapshot with this name, which is part of its file's name.

        Raises ConfigurationError for options of syrupy that choose what is compared.
        """
        if options and "extension_class" not in options:
            raise ConfigurationError(
                f"duolog_snapshot({next(iter(options))}=...) has no effect: it compares a transcript as a whole, "
                "without dates, usage and latency; to compare parts, give plain values to syrupy's `snapshot`"
            )
        return super().__call__(name=self.redactor.text(name) if isinstance(name, str) else name, **options)

    def with_defaults(self, **options: Any) -> SnapshotAssertion:
        """Another one for the same test with these options of syrupy; it stores no secrets, too."""
        made = super().with_defaults(**options)
        assert isinstance(made, TranscriptSnapshot), "syrupy makes another one of its class"
        made.redactor = self.redactor
        return made

    def get_assert_diff(self, **options: Any) -> list[str]:
        """The difference; of an error of this package only its text, where syrupy shows a traceback."""
        error = self.executions[self.num_executions - 1].exception
        return (
            str(error).splitlines() if isinstance(error, DuologError) else super().get_assert_diff(**options)
        )

    def __eq__(self, other: object) -> bool:
        """Compare with the file; secrets are removed first, because transcripts from other sources may contain some."""
        transcript = getattr(other, "transcript", other)
        if isinstance(transcript, Transcript):
            other = transcript.without_secrets(self.redactor.json)
        return super().__eq__(other)

    def __repr__(self) -> str:
        last = self.executions.get(self.num_executions - 1)
        location = (
            last.snapshot_location
            if last
            else self.extension.get_location(test_location=self.test_location, index=self.index)
        )
        return f"<snapshot {from_here(Path(location))}>"


def _differences(snapshot: str, serialized: str) -> Iterator[str]:
    received = from_markdown(serialized)
    try:
        recorded = from_markdown(snapshot) if snapshot else None
    except TranscriptError as error:
        recorded = None
        yield f"the snapshot is no longer a transcript: {error}"
    if recorded is None:
        yield f"received {len(received)} messages; store them with --snapshot-update"
        return
    yield from _message_differences(recorded, received)
    yield from _header_differences(recorded, received)


def _header_differences(recorded: Transcript, received: Transcript) -> Iterator[str]:
    for name in (field.name for field in fields(Transcript)):
        was, now = getattr(recorded, name), getattr(received, name)
        if name != "messages" and was != now:
            yield f"{name.replace('_', ' ')} differs"
            yield f"- {_field_text(was)}"
            yield f"+ {_field_text(now)}"


def _field_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _message_differences(recorded: Transcript, received: Transcript) -> Iterator[str]:
    n_both = min(len(recorded), len(received))
    longer = max(recorded, received, key=len)
    differing = [
        number
        for number in range(1, n_both + 1)
        if recorded.messages[number - 1] != received.messages[number - 1]
    ] + list(range(n_both + 1, len(longer) + 1))
    if not differing:
        return
    first = longer.messages[differing[0] - 1].speaker
    yield (
        f"{len(differing)} of {len(longer)} messages differ (snapshot {len(recorded)}, received "
        f"{len(received)}); "
        f"first: message {differing[0]}, {first}"
    )
    for number in differing[:MOST_MESSAGES_SHOWN]:
        if number != differing[0]:
            yield f"message {number}, {longer.messages[number - 1].speaker}"
        yield from _sentence_differences(_sentences(recorded, number), _sentences(received, number))
    yield from and_more(len(differing), MOST_MESSAGES_SHOWN)


def _sentences(transcript: Transcript, number: int) -> list[str]:
    if number > len(transcript):
        return []
    message = transcript.messages[number - 1]
    notes = [f"({message.speaker}, finish: {message.finish})"] if message.finish not in (None, "end") else []
    thought = [f"<think>{message.reasoning}</think>"] if message.reasoning else []
    said = list(message.in_order())
    before = [None, *said]
    parts = [
        [_call_text(part, previous)] if isinstance(part, ToolCall) else SENTENCE_END.split(part)
        for part, previous in zip(said, before, strict=False)
    ]
    return [*notes, *thought, *(line for part in parts for line in part if line)]


def _call_text(call: ToolCall, before: str | ToolCall | None) -> str:
    together = isinstance(before, ToolCall) and before.round == call.round > 0
    came = "failed" if call.is_error else "gave"
    given = (" failed" if call.is_error else "") if call.result is None else f" {came} {call.result}"
    by = f", by {call.agent}" if call.agent else ""
    return f"({'and ' if together else ''}called {call.name} {call.arguments}".rstrip() + f"{given}{by})"


def _sentence_differences(recorded: Sequence[str], received: Sequence[str]) -> Iterator[str]:
    lines = difflib.unified_diff(recorded, received, n=1, lineterm="")
    yield from (line for line in lines if not line.startswith(("---", "+++", "@@")))
