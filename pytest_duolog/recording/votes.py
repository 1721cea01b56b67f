"""The votes of judges on a dialogue: the lines of its cassette after the end of the dialogue."""

from __future__ import annotations

from pytest_duolog.errors import CassetteMismatch
from pytest_duolog.recording import mismatch
from pytest_duolog.recording.addresses import Address
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.interaction import Interaction, Response, SentRequest
from pytest_duolog.recording.journal_file import JournalWriter, check_place, read_journal, write_journal
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.recording.stored_response import refuse_secrets

JUDGE = "judge"


class Votes(Recorder):
    """Replays and records the votes on a dialogue that has ended; each vote is written at once.

    Record modes have the same meaning as for messages; `once` asks for a new vote if all recorded ones were used.
    """

    def __init__(self, cassette: Cassette, n_messages: int) -> None:
        """`cassette` is that of the finished dialogue, which has `n_messages` messages."""
        super().__init__(cassette.redactor, cassette.hooks)
        self._cassette = cassette
        self._n_messages = n_messages
        self._left = list(cassette.votes)

    def address(self, uri: str) -> Address:
        """An address as it is matched and stored."""
        return self._cassette.address(uri)

    def note_mock(self) -> None:
        """Note that a mock of the test has voted."""
        self._cassette.note_mock(JUDGE)

    def _interaction(self, sent: SentRequest, response: Response, latency_ms: float | None) -> Interaction:
        return Interaction(sent, response, self._n_messages, JUDGE, latency_ms, is_vote=True)

    def _on_played(self, interaction: Interaction) -> None:
        if self._cassette.is_rewritten:
            self._write(interaction)

    def _on_recorded(self, interaction: Interaction) -> None:
        self._write(interaction)

    def _check_may_ask(self, sent: SentRequest) -> None:
        if not self._may_ask():
            raise self._not_recorded(sent)
        self._cassette.permission()
        check_place(self._cassette.location.path, n_bytes=None)

    def _may_ask(self) -> bool:
        if self._cassette.mode is RecordMode.ONCE:
            return not self._left
        return self._cassette.mode is not RecordMode.NONE

    def _write(self, vote: Interaction) -> None:
        saved = self.hooks.saved(vote)
        if saved is None:
            return
        path = self._cassette.location.path
        if not path.exists() or self._replaces_old_votes():
            write_journal(path, self._cassette.as_journal())
        writer = JournalWriter(path, header=None, journal=read_journal(path))
        try:
            lines = writer.lines_for([saved])
            refuse_secrets(
                lines, self.redactor, what="a judge's vote", cassette_path=path, test=self._cassette.test
            )
            writer.append(lines)
        finally:
            writer.close()

    def _replaces_old_votes(self) -> bool:
        """Whether the file is from an earlier run and its votes must be asked for again."""
        return self._cassette.mode.is_anew and not self._cassette.is_rewritten and not self._n_recorded

    def _not_recorded(self, sent: SentRequest) -> CassetteMismatch:
        cassette, recorded = self._cassette, self._cassette.votes
        near = mismatch.nearest(sent, self._n_messages, self._left or recorded)
        mode = "new_episodes" if recorded else "once"
        counts = f"{len(recorded)} votes recorded, {len(self._used)} replayed"
        return CassetteMismatch(
            "a vote of the judge is not recorded." if recorded else "no vote of a judge is recorded.",
            message_number=self._n_messages,
            cassette_path=cassette.path,
            test=cassette.test,
            facts=[
                ("state", f"record mode {cassette.mode.value!r}, {counts}"),
                ("differs", "\n".join(mismatch.differences(near.request, sent)) if near else ""),
                ("to fix", f"ask the judge: pytest --record-mode={mode} {cassette.test_argument}"),
            ],
        )
