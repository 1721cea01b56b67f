"""The file in which a dialogue is recorded: locked while it grows by whole messages, and in its place at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_duolog.errors import SecretInRecording
from pytest_duolog.recording.header import stale_facts
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.journal_file import (
    Journal,
    JournalWriter,
    change_header,
    check_place,
    put_in_place,
    read_journal,
)
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.stored_response import refuse_secrets
from pytest_duolog.storage.line_file import Lines

OPEN = "it is open while another process records"


class RecordingFile:
    """The new recording of a dialogue at `location`, or the `continued` one, an incomplete file.

    Nothing is on disk before it is opened. Another run can record the same dialogue neither while it is open, nor if it
    has changed the file since `is_new` and `continued` were looked at: then methods raise UnreadableCassette. `begun`
    is called with the path of a new file.
    """

    def __init__(
        self,
        location: CassetteLocation,
        redactor: Redactor,
        *,
        test: str,
        is_new: bool,
        continued: Journal | None,
        continued_path: Path,
        begun: Callable[[Path], None],
    ) -> None:
        self._location = location
        self._redactor = redactor
        self._test = test
        self._is_new = is_new
        self.continued = continued
        self._continued_path = continued_path
        self._begun = begun
        self._writer: JournalWriter | None = None
        # The bytes after the header that another process has recorded; None if this one records.
        self._n_copied: int | None = None

    @property
    def is_begun(self) -> bool:
        """Whether something was written in this run."""
        return self._writer is not None

    @property
    def replaces(self) -> bool:
        """Whether a new file was begun, also in place of an older recording."""
        return self.is_begun and self.continued is None

    def check_place(self) -> None:
        """Raises UnreadableCassette if what is recorded could not be written; called before a reply costs anything."""
        if self._writer is None:
            check_place(self._path_to_write(), n_bytes=self._bytes_expected())
            check_place(self._location.path, n_bytes=None)  # the finished recording will replace it

    def _path_to_write(self) -> Path:
        if self.continued is not None:
            return self._continued_path
        return self._location.path if self._is_new else self._location.partial_path

    def _bytes_expected(self) -> int | None:
        """The expected length of the file before writing; None if an older incomplete file is replaced."""
        if self.continued is not None:
            return self.continued.n_bytes
        return 0 if self._is_new else None

    def open(self, header: Mapping[str, Any]) -> JournalWriter:
        """Open the file, once: the header is that of the current dialogue."""
        if self._writer is not None:
            return self._writer
        if self.continued is not None:
            self.continued = self._brought_up_to_date(self.continued, header)
        self._writer = JournalWriter(
            self._path_to_write(),
            header=header if self.continued is None else None,
            journal=self.continued,
            replaces=self._bytes_expected() is None,
        )
        if self.continued is None:
            self._begun(self._writer.path)
        return self._writer

    def _brought_up_to_date(self, continued: Journal, today: Mapping[str, Any]) -> Journal:
        """An incomplete recording with the current header, if another dialogue began it with the same messages."""
        if not stale_facts(continued.header, today):
            return continued
        path = self._continued_path

        def brought_up(begun: Mapping[str, Any]) -> dict[str, Any]:
            return {**today, "duolog": begun["duolog"]}  # its lines do not change

        change_header(path, path, brought_up, n_bytes=continued.n_bytes)
        return replace(read_journal(path), interactions=continued.interactions)

    def write(self, header: Mapping[str, Any], interactions: Sequence[Interaction], *, what: str) -> None:
        """Write interactions; the file is closed, and none written, if one would contain a key.

        `what` they are is for the error. Raises SecretInRecording.
        """
        writer = self.open(header)
        lines = writer.lines_for(interactions)
        self._refuse_secrets(lines, what)
        writer.append(lines)

    def _refuse_secrets(self, lines: Sequence[str], what: str) -> None:
        try:
            refuse_secrets(
                lines, self._redactor, what=what, cassette_path=self._location.path, test=self._test
            )
        except SecretInRecording:
            self.close()
            raise

    def change_last(self, interaction: Interaction) -> None:
        """Write the last interaction otherwise, because it could not be written."""
        assert self._writer is not None, "it has tried to write"
        path = self._writer.path
        with closing(JournalWriter(path, header=None, journal=read_journal(path))) as writer:
            writer.append(writer.lines_for([interaction]))

    def finish(self, end: Mapping[str, Any] | None) -> None:
        """Close the file in the place of the finished recording; `end` is the last line, if it has none yet."""
        if self._writer is not None:
            if end is not None:
                self._writer.finish(end)
            if self._writer.path != self._location.path:
                self._writer.take_place_of(self._location.path)
            self.close()

    def put_in_place(self, n_bytes: int) -> None:
        """Take the last step for a finished recording, before which the run that finished it was killed."""
        put_in_place(self._continued_path, self._location.path, n_bytes=n_bytes)

    # What another process records

    def open_copy(self, header: Mapping[str, Any]) -> None:
        """Open the file for what another process is about to record."""
        self.open(header)
        self._n_copied = 0

    def copy(self, start: int, content: bytes) -> None:
        """Write what another process has recorded of this dialogue, from byte `start` after the header on.

        What is here already is not written again, nor what would leave a gap. Raises SecretInRecording for a secret
        that only this process knows, and UnreadableCassette for what was changed on its way.
        """
        assert self._writer is not None, OPEN
        assert self._n_copied is not None, OPEN
        lines = Lines(content[max(self._n_copied - start, 0) :])
        if start > self._n_copied or not lines.whole:
            return
        texts = self._writer.next_texts(lines.whole)
        self._refuse_secrets(texts, "what a worker recorded")
        self._writer.append(texts)
        self._n_copied += lines.whole_bytes

    def copied(self) -> Journal:
        """What another process has recorded."""
        assert self._writer is not None, OPEN
        return read_journal(self._writer.path)

    def begun_elsewhere(self) -> bytes:
        """The file so far, with which another process can continue; empty if it has no message."""
        assert self._writer is not None, OPEN
        return self._writer.path.read_bytes() if self._n_copied else b""

    def close(self) -> None:
        """Close the file; without `finish` it stays incomplete and can be resumed.

        It is removed if another process was to record, and has recorded nothing.
        """
        if self._writer is not None:
            if self._n_copied == 0:
                self._writer.remove()
            self._writer.close()
