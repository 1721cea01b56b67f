"""What judges said of a dialogue: the lines of its cassette after the dialogue's end."""

from __future__ import annotations

from pytest_duolog.errors import CassetteMismatch, SecretInRecording
from pytest_duolog.recording import mismatch
from pytest_duolog.recording.cassette import Cassette, RecordMode
from pytest_duolog.recording.interaction import Interaction, Response, SentRequest
from pytest_duolog.recording.journal_file import JournalWriter, read_journal, write_journal
from pytest_duolog.recording.stored_response import is_answer, kept_response

JUDGE = "judge"


class Votes:
    """Plays and records the votes on a dialogue that has ended; each is written when it was given.

    Record modes mean what they mean for messages; `once` asks for a vote where all recorded ones were used.
    """

    def __init__(self, cassette: Cassette, n_messages: int) -> None:
        """`cassette` is the dialogue's, which is finished; `n_messages` are judged."""
        self.redactor = cassette.redactor
        self.hooks = cassette.hooks
        self._cassette = cassette
        self._n_messages = n_messages
        self._left = list(cassette.votes)
        self._used: list[Interaction] = []
        self._n_recorded = 0

    @property
    def counts(self) -> tuple[int, int]:
        """How many votes were played and how many recorded."""
        return len(self._used) - self._n_recorded, self._n_recorded

    @property
    def n_left(self) -> int:
        """How many recorded votes were not asked for."""
        return len(self._left)

    def uri(self, uri: str) -> str:
        """An address as it is matched and stored."""
        return self._cassette.uri(uri)

    def has(self, sent: SentRequest) -> bool:
        """Whether this vote is recorded; False if the judge is to be asked.

        Raises CassetteMismatch if it is not, and the record mode does not allow asking.
        """
        return self._find(sent) is not None

    def holds(self, sent: SentRequest) -> bool:
        """Whether this vote is recorded and not yet played."""
        return any(vote.request.same_as(sent) for vote in self._left)

    def play(self, sent: SentRequest) -> Response | None:
        """The recorded vote, or None if the judge is to be asked; raises what `has` raises."""
        index = self._find(sent)
        if index is None:
            return None
        vote = self._left.pop(index)
        self._used.append(vote)
        if self._cassette.is_rewritten:
            self._write(vote)
        return vote.response

    def record(self, sent: SentRequest, response: Response, latency_ms: float | None = None) -> Response:
        """Take a fresh vote, without its secrets, and write it.

        Raises SecretInRecording if it would hold a key, UnreadableCassette if it cannot be written.
        """
        kept = kept_response(response, self.redactor, is_ours=sent.is_ours)
        stored = self.hooks.response(kept) if is_answer(response, is_ours=sent.is_ours) else None
        if stored is not None:
            vote = Interaction(sent, stored, self._n_messages, JUDGE, latency_ms, is_vote=True)
            self._write(vote)
            self._used.append(vote)
            self._n_recorded += 1
        return stored or kept

    def last_latency_ms(self) -> float | None:
        """How long the vote played or recorded last took when it was given."""
        return self._used[-1].latency_ms if self._used else None

    def _find(self, sent: SentRequest) -> int | None:
        for index, vote in enumerate(self._left):
            if vote.request.same_as(sent):
                return index
        if not self._may_ask():
            raise self._not_recorded(sent)
        self._cassette.permission()
        return None

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
            if any(self.redactor.finds_secret(line) for line in lines):
                raise SecretInRecording(
                    "a judge's vote holds something shaped like a key where it cannot be replaced; it was not written",
                    cassette_path=path,
                    test=self._cassette.test,
                    facts=[("to fix", "remove it in duolog_vcr_config's 'before_save_interaction'")],
                )
            writer.append(lines)
        finally:
            writer.close()

    def _replaces_old_votes(self) -> bool:
        """Whether the file is from an earlier run whose votes are to be asked for anew."""
        anew = self._cassette.mode in (RecordMode.ALL, RecordMode.REWRITE)
        return anew and not self._cassette.is_rewritten and not self._n_recorded

    def _not_recorded(self, sent: SentRequest) -> CassetteMismatch:
        cassette, recorded = self._cassette, self._cassette.votes
        near = mismatch.nearest(sent, self._n_messages, self._left or recorded)
        mode = "new_episodes" if recorded else "once"
        counts = f"{len(recorded)} votes recorded, {len(self._used)} played"
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
