"""The recording of one dialogue: decides which replies are replayed, which are asked for, and what is written.

A cassette replays a recorded reply only for an equal request, and each reply at most once. New replies are written when
their message is finished, so that a file never has half a message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_duolog.errors import CassetteMismatch
from pytest_duolog.recording.addresses import Address, BaseUrls, address_of
from pytest_duolog.recording.header import recorded_at, stale_facts, wordings_of
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.interaction import Interaction, Response, SentRequest
from pytest_duolog.recording.journal_file import Journal
from pytest_duolog.recording.naming import CassetteLocation, module_of
from pytest_duolog.recording.orphans import Orphans, Recording
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.recording.recording_file import RecordingFile
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.source import SourceReader, recorded_stop
from pytest_duolog.transcripts.transcript import Message, StopReason, ToolCall

if TYPE_CHECKING:
    from pytest_duolog.recording.complaints import Situation


class Cassette(Recorder):
    """Replays and records one running dialogue.

    It observes the dialogue to know which message is being made. `notices` are messages for the user, also if the test
    passes; `fresh_messages` are the numbers of messages whose model was asked in this run. `votes` are the recorded
    votes of judges: see `Votes`. `file` is what it writes.
    """

    def __init__(
        self,
        location: CassetteLocation,
        *,
        mode: RecordMode,
        header: Mapping[str, Any],
        redactor: Redactor,
        hooks: VcrHooks,
        base_urls: BaseUrls,
        test_argument: str,
        permission: Callable[[], None] = lambda: None,
        orphans: Orphans | None = None,
        notices: Sequence[str] = (),
        refuses_edited: bool = False,
        begun: Callable[[Path], None] = lambda _path: None,
        code: Collection[str] = (),
    ) -> None:
        """Open the recording at `location`; no file is written before the first recorded message.

        `header` describes the current dialogue, `base_urls` are the providers' addresses, `test_argument` has the
        arguments with which pytest runs this test. `permission` is called before a model is asked and raises if that is
        forbidden. `orphans` are recordings of tests that no longer exist, `notices` are the notices so far. With
        `refuses_edited`, edited lines are an error. `begun` is called with the file of a new recording. `code` are the
        names of speakers that may send any requests, or none: what no history is sure to have stands at the end of the
        recording. Raises UnreadableCassette if the file cannot be used.
        """
        super().__init__(redactor, hooks)
        self.location = location
        self._source_path = location.path
        is_new = not location.path.exists()
        self.mode = mode
        self.votes: list[Interaction] = []
        self.notices = list(notices)
        self._orphans = orphans
        self._header: Mapping[str, Any] = redactor.json(header)
        # Most requests of a dialogue have the same address.
        self._addresses = lru_cache(maxsize=64)(lambda uri: address_of(redactor.uri(uri), base_urls))
        self.test_argument = test_argument
        self.permission = permission
        self._asking = (0, "")
        self._n_used_before = 0
        self._mocked: set[str] = set()
        self._n_unasked: Counter[str] = Counter()
        source = SourceReader(
            location, mode, redactor, hooks, base_urls, self._header, test_argument, refuses_edited
        ).read()
        if source is not None:
            self._source_path, self.votes = source.path, source.votes
            self.notices += source.notices
        self._source = source.journal if source else None
        self._takes_over = source is not None and source.takes_over
        self._left = list(self._source.interactions) if self._source else []
        self._n_written = 0
        can_continue = mode is RecordMode.ONCE and self._source_path.suffix == ".jsonl"
        self.file = RecordingFile(
            location,
            redactor,
            test=self.test,
            is_new=is_new,
            continued=self._source
            if self._source and can_continue and not self._source.is_finished
            else None,
            continued_path=self._source_path,
            begun=begun,
        )
        self.fresh_messages: set[int] = set()
        self._served: dict[str, set[str]] = {}
        self._end: Mapping[str, Any] | None = None
        self._last_message: Message | None = None
        self._given: list[int] = []
        self._code = code
        self._words: list[dict[str, Any]] = []
        self.is_adopted = False

    # What can be replayed

    @property
    def path(self) -> Path:
        """The file to show to the user."""
        return self._source_path

    @property
    def recorded_at(self) -> datetime | None:
        """When the dialogue was recorded; None if it is not recorded or the time is not known."""
        source = self.file.continued or (None if self.file.is_begun else self._source)
        return recorded_at(source.header if source else self._header) if self._used else None

    @property
    def _resumes(self) -> bool:
        """Whether new messages are appended to the same file that is being replayed."""
        return self.file.continued is not None

    @property
    def header(self) -> Mapping[str, Any]:
        """What describes the current dialogue in its file, without secrets."""
        return self._header

    @property
    def is_all_new(self) -> bool:
        """Whether every reply must be asked for, and nothing of this process has a say in what is written."""
        return self._source is None and self._may_ask() and self.hooks.are_none

    @property
    def test(self) -> str:
        """The name of the recorded test in the header."""
        return str(self._header["test"])

    @property
    def wordings(self) -> tuple[int | None, ...]:
        """The wordings of the personas' prompts, by side."""
        return wordings_of(self._header)

    @property
    def is_rewritten(self) -> bool:
        """Whether this run has replaced the file; votes of the old file are not in it."""
        return self.file.replaces

    def as_journal(self) -> Journal:
        """The finished dialogue in the form of a file, without votes."""
        return Journal(self._header, list(filter(None, map(self.hooks.saved, self._used))), self._end)

    # Called by the dialogue

    def asking(self, message_number: int, speaker: str) -> None:
        """Called before message `message_number` is made."""
        self._asking = (message_number, speaker)
        self._n_used_before = len(self._used)

    def note_mock(self, speaker: str = "") -> None:
        """Note that a mock of the test has answered, for `speaker` or for the speaker that is being asked."""
        speaker = speaker or self._asking[1]
        self._mocked.add(speaker)
        self._notice(f"{speaker} was answered by a mock of the test, which is not recorded")

    def is_mocked(self, speaker: str) -> bool:
        """Whether a mock of the test has answered for `speaker`."""
        return speaker in self._mocked

    def keep(self) -> None:
        """Write what was recorded for the message so far, because a tool has run, and must not run again."""
        self._commit()

    def keep_without_result(self, response: Response) -> None:
        """Write the last call of a tool with another response, because its own could not be written."""
        self.file.change_last(replace(self._used[-1], response=response))

    def other_result(self, call: ToolCall, today: str) -> CassetteMismatch:
        """The error for a live tool whose result is not the recorded one; the caller raises it."""
        return self._situation().other_result(call, today, *self._asking)

    def said(self, message_number: int, message: Message) -> None:
        """Called after a message: writes what was recorded for it.

        Raises SecretInRecording if it would contain a key, UnreadableCassette if it cannot be written.
        """
        self._last_message = message
        if message.finish is None:
            self._given.append(message_number)
        if len(self._code) > 1:
            self._words.append({"message": message_number, **_told(message)})
        if message_number == self._asking[0] and len(self._used) == self._n_used_before:
            self._n_unasked[message.speaker] += 1
        self._commit()

    def finish(self, stop_reason: StopReason, n_messages: int) -> None:
        """Called after the dialogue ended without an error.

        Raises UnusedMessages if the recording has more messages.
        """
        self._commit()
        if self._left and not self._drops_what_is_left():
            self.close()
            raise self._situation().unused(n_messages, stop_reason)
        if self._left:
            self.notices.append(f"{len(self._left)} recorded replies no longer match and were dropped")
        if (self._left or self._takes_over) and not self._n_recorded:
            self._write_used()
        for speaker, models in self._served.items():
            if len(models) > 1 and self._n_recorded:
                self._notice(f"{speaker} was answered by {len(models)} models: {', '.join(sorted(models))}")
        if self._resumes:
            self.file.open(self._header)
        elif self._source and not (
            self._source.is_finished or self.file.is_begun or self._source_path.suffix == ".yaml"
        ):
            self._notice(
                f"{self.path.name} has no end, as if its run had been killed or its last line removed; finish it: "
                f"pytest --record-mode=once {self.test_argument}"
            )
        self._end = self.redactor.json(
            {
                "stop": stop_reason.model_dump(mode="json"),
                "messages": n_messages,
                "served": sorted(set().union(*self._served.values())),
                **({"said": self._words} if self._words else self._last_words(n_messages)),
                **({"given": self._given} if self._header.get("steps") else {}),
            }
        )
        if self.file.is_begun:
            self.file.finish(self._end)
            self._source_path = self.location.path
        elif self.mode is RecordMode.ONCE and self._source_path == self.location.partial_path:
            assert self._source is not None, "it was replayed"
            self.file.put_in_place(self._source.n_bytes)
            self._source_path = self.location.path

    def _drops_what_is_left(self) -> bool:
        """Whether unused replies are removed from the file, because they belong to an older version of the dialogue."""
        if self.mode is not RecordMode.NEW_EPISODES:
            return False
        is_changed = self._source is not None and bool(stale_facts(self._source.header, self._header))
        return bool(self._n_recorded) or is_changed or self._takes_over

    def _write_used(self) -> None:
        """Write the replayed messages with the current header; no model was asked."""
        assert self._source is not None, "it was replayed"
        recorded = self._source.header.get("recorded", self._header["recorded"])
        self._header = {**self._header, "recorded": recorded}
        self._write(self._used)

    def _last_words(self, n_messages: int) -> dict[str, Any]:
        """The last message if it is of code, because no line of the recording is sure to have it."""
        message = self._last_message
        is_asked = any(used.message_number == n_messages for used in self._used)
        if message is None or (is_asked and message.speaker not in self._code):
            return {}
        return {"last": _told(message)}

    def known_stop(self, n_messages: int) -> StopReason | Literal["unknown"] | None:
        """Why the recorded dialogue ended with so many messages; None if it went on, or is said to run out of turns.

        It is unknown unless the very same dialogue was recorded by this version, with all that stops it, the file is as
        it was written, and nothing but the recording has answered.
        """
        if self._recorded_stop is None or self._mocked or self._n_unasked or self._n_recorded:
            return "unknown"
        stop, n_recorded = self._recorded_stop
        if n_messages > n_recorded:
            return "unknown"
        return stop if n_messages == n_recorded else None

    @cached_property
    def _recorded_stop(self) -> tuple[StopReason, int] | None:
        if self._source is None or self._takes_over or self.hooks.change_messages:
            return None
        return recorded_stop(self._source, self._header)

    def close(self) -> None:
        """Close the file; without `finish` it stays incomplete and can be resumed."""
        self.file.close()

    # Replaying

    def address(self, uri: str) -> Address:
        """An address as it is matched and stored: without secrets, with the names of providers."""
        return self._addresses(uri)

    def _on_played(self, interaction: Interaction) -> None:
        self._note_model(interaction)
        if self._resumes:
            self._n_written += 1

    def _check_may_ask(self, sent: SentRequest) -> None:
        if not self._may_ask():
            raise self._situation().mismatch(sent, *self._asking)
        if sent.called_tool is None:
            self.permission()
        self.file.check_place()
        if self._resumes and not self._n_recorded and self._used:
            last = max(interaction.message_number for interaction in self._used)
            where = f"in message {last}" if last == self._asking[0] else f"after message {last}"
            self._notice(f"{self.path.name} was incomplete: resumed {where}")

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    def _may_ask(self) -> bool:
        if self.mode.is_anew or self.mode is RecordMode.NEW_EPISODES:
            return True
        if self.mode is RecordMode.NONE:
            return False
        if self._source is None:
            # The folder is looked at once: a new file has begun, for which it was allowed.
            return self.file.is_begun or self.location.is_recast or not any(self.location.other_pairings())
        return self._resumes and not self._left

    # Recording

    def _interaction(self, sent: SentRequest, response: Response, latency_ms: float | None) -> Interaction:
        number, speaker = self._asking
        return Interaction(sent, response, number, speaker, latency_ms)

    def _on_recorded(self, interaction: Interaction) -> None:
        self._note_model(interaction)
        if interaction.request.called_tool is None:
            self.fresh_messages.add(interaction.message_number)

    def _note_model(self, interaction: Interaction) -> None:
        if interaction.served is not None:
            self._served.setdefault(interaction.speaker, set()).add(interaction.served)

    def _commit(self) -> None:
        fresh = self._used[self._n_written :]
        if self._n_recorded and fresh:
            self._write(fresh)

    def _write(self, fresh: Sequence[Interaction]) -> None:
        kept = [saved for interaction in fresh if (saved := self.hooks.saved(interaction))]
        number, speaker = self._asking
        self.file.write(self._header, kept, what=f"message {number} ({speaker})")
        self._n_written = len(self._used)

    def begin_elsewhere(self) -> None:
        """Lock the file, because another process is about to record this dialogue, of which nothing was asked here."""
        self.file.open_copy(self._header)

    def adopt(self, recorded: bytes) -> None:
        """Take over all that the other process has recorded after the header; raises the errors of `file.copy`."""
        self.file.copy(0, recorded)
        if not recorded:
            return
        journal = self.file.copied()
        if journal.is_finished:
            self.file.finish(None)
        for interaction in journal.interactions:
            self._on_recorded(interaction)
        self._used, self._end = journal.interactions, journal.end
        self._n_recorded = self._n_written = len(self._used)
        self.is_adopted = True

    def _orphans_of_this(self) -> list[Recording]:
        module = module_of(self.location.folder)
        return self._orphans.of(self._header, module=module) if self._orphans else []

    def _situation(self) -> Situation:
        from pytest_duolog.recording import complaints  # noqa: PLC0415  # most replays match

        return complaints.Situation(
            path=self.path,
            header=self._header,
            test_argument=self.test_argument,
            mode=self.mode.value,
            source=self._source,
            left=self._left,
            other_pairings=list(self.location.other_pairings()),
            is_recast=self.location.is_recast,
            orphans=self._orphans_of_this,
            answered_elsewhere=complaints.answered_elsewhere(self._n_unasked, self._mocked),
        )


def _told(message: Message) -> dict[str, Any]:
    return {"speaker": message.speaker, "content": message.content}
