"""Errors for a dialogue that does not match its recording: what happened, where, what differs, what to do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_duolog.display import counted, from_here, listed, shorten
from pytest_duolog.errors import CassetteMismatch, UnusedMessages
from pytest_duolog.recording import mismatch
from pytest_duolog.recording.header import changes, stale_facts
from pytest_duolog.recording.interaction import Interaction, SentRequest
from pytest_duolog.recording.journal_file import Journal, read_header, read_journal
from pytest_duolog.recording.naming import module_of
from pytest_duolog.recording.orphans import Recording
from pytest_duolog.transcripts.transcript import ToolCall

# The ways to make a dialogue match its recording again.
ONCE, NEW_EPISODES, ADOPT = "once", "new_episodes", "adopt"

# Caches that can answer for a model although the test did not set them up.
CACHE = "a cache of its own, such as the disk caches of dspy and langchain, may have"


def answered_elsewhere(n_unasked: Mapping[str, int], mocked: Iterable[str]) -> dict[str, str]:
    """The probable cause for each speaker that was not answered by the recording.

    `n_unasked` are the numbers of messages for which no model was asked, `mocked` the speakers that a mock answered.
    """
    unasked = {
        name: f"{name} has {counted(n, 'message')} without a recorded request: {CACHE} answered (turn it off in tests)"
        for name, n in n_unasked.items()
    }
    return unasked | {name: f"a mock of the test answered for {name}" for name in mocked}


@dataclass(frozen=True)
class Situation:
    """The facts for an error message.

    `source` is the recording that is replayed, None if there is none; `left` are its interactions that were not
    replayed. `other_pairings` are recordings of the same dialogue with other models; with `is_recast`, other models are
    intended. `answered_elsewhere` has the probable cause for speakers that were not answered by the recording.
    `test_argument` has the arguments with which pytest runs the test. `orphans` finds recordings of an equal dialogue
    whose test no longer exists.
    """

    path: Path
    header: Mapping[str, Any]
    test_argument: str
    mode: str
    source: Journal | None
    left: Sequence[Interaction]
    other_pairings: Sequence[Path]
    is_recast: bool = False
    orphans: Callable[[], Sequence[Recording]] = list
    answered_elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def _recorded(self) -> Sequence[Interaction]:
        return self.source.interactions if self.source else ()

    def _comparable(self) -> Sequence[Interaction]:
        """The recorded interactions of this dialogue; with other models if there are no others."""
        if self.source is None:
            for path in self.other_pairings:
                return read_journal(path).interactions
        return self._recorded

    @property
    def _is_finished(self) -> bool:
        return self.source is not None and self.source.is_finished

    @property
    def _is_damaged(self) -> bool:
        """Whether lines before the end are missing; a recording that is only cut off can be finished."""
        return self._is_finished and bool(self.source and self.source.damage)

    def _where(self) -> dict[str, Any]:
        return {"test": str(self.header["test"]), "cassette_path": self.path}

    def _state(self) -> str:
        n_recorded, n_left = _n_replies(self._recorded), _n_replies(self.left)
        state = f"record mode {self.mode!r}, {n_recorded} recorded, {n_recorded - n_left} replayed"
        return state if self._is_finished or self.source is None else f"{state}, incomplete"

    def _stale(self) -> str:
        if self.source is not None:
            return "\n".join(stale_facts(self.source.header, self.header))
        for path in self.other_pairings:
            facts = stale_facts(read_header(path), self.header)
            return "\n".join([f"recorded with other models, in {path.name}", *facts])
        return ""

    def _changes(self) -> tuple[str, ...]:
        if self.source is not None:
            return tuple(changes(self.source.header, self.header))
        if self.is_recast:  # that is no edit, and the other recording is as good as it was
            return ()
        return next((tuple(changes(read_header(path), self.header)) for path in self.other_pairings), ())

    def _command(self, mode: str) -> str:
        return f"pytest --record-mode={mode} {self.test_argument}"

    def mismatch(self, sent: SentRequest, message_number: int, speaker: str) -> CassetteMismatch:
        """The error for a request that is not recorded."""
        what = (
            f"no recorded result of the tool {sent.called_tool}" if sent.called_tool else "no recorded reply"
        )
        problem, facts = f"message {message_number} ({speaker}) has {what}", []
        remedy = NEW_EPISODES if self._changes() else ""
        near = mismatch.nearest(sent, message_number, self._comparable())
        if self.source is None:
            problem += ": there is no recording of this dialogue."
            is_change = self.other_pairings and not self.is_recast
            advice = f"record it: {self._command('rewrite' if is_change else 'once')}"
            remedy = NEW_EPISODES if is_change else ONCE
            if orphans := self.orphans():
                remedy = ADOPT
                facts = [("held by", "\n".join(map(_orphan_words, orphans)))]
                advice = (
                    f"take it over: duolog cassettes move {shlex.join((orphans[0].node_id, self._node_id))}\n"
                    f"or all recordings of tests that were renamed or moved: duolog cassettes adopt\n"
                    f"or {advice}"
                )
        elif self._is_damaged and not self.left:
            problem += ": the cassette is damaged."
            remedy = ""
            near, advice = (
                None,
                f"restore it from version control, or record again: {self._command('rewrite')}",
            )
        elif self._recorded and not self.left:
            last = max(interaction.message_number for interaction in self._recorded)
            problem += (
                f": the recording {'ends' if self._is_finished else 'was cut off'} after message {last}."
            )
            near, advice = None, self._advice_to_go_on()
            remedy = NEW_EPISODES if self._is_finished else ONCE
        else:
            problem += "."
            advice = (
                f"if the change is intended, record again: {self._command('rewrite')}\n"
                f"if this text changes with every run, fix its source (seed, clock), or make it equal with "
                f"'before_record_request' in duolog_vcr_config"
            )
        if near is not None:
            whose = f"message {near.message_number} ({near.speaker})" if near.message_number else "unnumbered"
            differing = "\n".join(mismatch.differences(near.request, sent))
            if not differing and self.source is not None:
                whose += ", the same request, whose reply was already replayed"
            facts += [("nearest", whose), ("differs", differing)]
        return CassetteMismatch(
            problem,
            message_number=message_number,
            changes=self._changes(),
            remedy=remedy,
            facts=[
                ("state", self._state()),
                ("recorded for", self._other_owner()),
                ("damage", self._damage()),
                ("stale", self._stale()),
                *facts,
                ("perhaps", self._unrecorded_cache(speaker)),
                ("to fix", advice),
            ],
            **self._where(),
        )

    def other_result(self, call: ToolCall, today: str, message_number: int, speaker: str) -> CassetteMismatch:
        """The error for a live tool that gives another result than the recorded one."""
        return CassetteMismatch(
            f"message {message_number} ({speaker}): the tool {call.name} gives another result than the recorded one.",
            message_number=message_number,
            changes=self._changes(),
            facts=[
                ("state", self._state()),
                ("called with", shorten(call.arguments)),
                ("recorded", shorten(call.result or "")),
                ("now", shorten(today)),
                ("to fix", f"if the change is intended, record again: {self._command('rewrite')}"),
            ],
            **self._where(),
        )

    @property
    def _node_id(self) -> str:
        """The test's node id relative to the working directory."""
        test = str(self.header["test"]).partition("::")[2]
        return f"{from_here(module_of(self.path.parent))}::{test}"

    def _other_owner(self) -> str:
        """The test that the recording was made for, if it was renamed or the file was copied later."""
        owner = str(self.source.header.get("test") or "") if self.source else ""
        return owner if owner != self.header["test"] else ""

    def _damage(self) -> str:
        if self.source is None:
            return ""
        return listed([*(self.source.damage if self._is_damaged else ()), *self.source.edited], between="\n")

    def _advice_to_go_on(self) -> str:
        if not self._is_finished:
            return f"finish the recording: {self._command('once')}"
        return (
            f"if the longer dialogue is intended, record the rest: {self._command('new_episodes')}\n"
            f"or record all of it again: {self._command('rewrite')}"
        )

    def unused(self, n_messages: int, stop_reason: object) -> UnusedMessages:
        """The error for a recording that has more messages than the dialogue."""
        numbers = tuple(dict.fromkeys(interaction.message_number for interaction in self.left))
        if not all(numbers):
            names = f"{len(self.left)} replies are"
        else:
            names = (
                f"message {numbers[0]} is"
                if len(numbers) == 1
                else f"messages {numbers[0]} to {numbers[-1]} are"
            )
        # This mode drops the messages of the old scenario and asks no model.
        mode = NEW_EPISODES if self._changes() else "rewrite"
        return UnusedMessages(
            f"the dialogue ended after message {n_messages} ({stop_reason}), but its recording has "
            f"more messages: {names} not used.",
            message_numbers=numbers,
            changes=self._changes(),
            remedy=NEW_EPISODES if self._changes() else "",
            facts=[
                ("state", self._state()),
                ("stale", self._stale()),
                ("perhaps", self._elsewhere()),
                ("to fix", f"if the shorter dialogue is intended: {self._command(mode)}"),
            ],
            **self._where(),
        )

    def _elsewhere(self) -> str:
        speakers = dict.fromkeys(interaction.speaker for interaction in self.left)
        return "\n".join(
            self.answered_elsewhere[name] for name in speakers if name in self.answered_elsewhere
        )

    def _unrecorded_cache(self, speaker: str) -> str:
        """The explanation for a speaker that sends requests now and sent none when the dialogue was recorded."""
        names = {interaction.speaker for interaction in self._recorded}
        if not self._is_finished or self._is_damaged or speaker in names or "" in names:
            return ""
        return f"{speaker} sent no request when this was recorded: {CACHE} answered then"


def _n_replies(interactions: Sequence[Interaction]) -> int:
    """How many of these are replies of models, and not calls of tools."""
    return sum(interaction.request.called_tool is None for interaction in interactions)


def _orphan_words(orphan: Recording) -> str:
    return f"{from_here(orphan.path)} ({orphan.gone or f'recorded for {orphan.test}'})"
