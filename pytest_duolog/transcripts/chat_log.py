"""Makes a transcript from a chat log, whose entries are messages, tool calls and tool results in one list.

A message is text that a speaker sent to the other side. The result of a tool is not a message: it is added to its call,
in every provider's format. An entry that only calls tools is added to the next message of its speaker.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.chat_entries import (
    CONTENT_KEYS,
    MODEL_ROLES,
    Call,
    Entry,
    entry_of,
    is_chat_log,
    text_of,
)
from pytest_duolog.transcripts.definitions import Tools, definitions_in
from pytest_duolog.transcripts.langchain import is_langchain, of_langchain
from pytest_duolog.transcripts.transcript import Message, Transcript, TranscriptSpeaker


def transcript_of(entries: Any, record: Mapping[str, Any]) -> Transcript:
    """The transcript of a log's entries; `record` may have more facts: `system`, `topic`, `model` and `tools`.

    Raises TranscriptError if they are not a chat log, or if nothing is said in it, thought or called.
    """
    if not is_chat_log(entries):
        raise TranscriptError(f"its messages are not a list of objects: {shorten(repr(entries), 60)}")
    given = record.get("system")
    prompts: list[str] = []
    log = _Log()
    for number, entry in enumerate(entries, start=1):
        log.read(entry_of(number, of_langchain(entry) if is_langchain(entry) else entry, prompts))
    messages = log.messages()
    if not messages:
        raise TranscriptError("it has no messages")
    contents = [entry[key] for entry in entries for key in CONTENT_KEYS if key in entry]
    if _is_empty(messages) and not any(contents):  # pictures are contents without text
        keys = (
            f": no {', '.join(map(repr, CONTENT_KEYS))} among their keys {shorten(', '.join(entries[0]), 80)}"
        )
        raise TranscriptError(f"its messages have no text{'' if contents else keys}")
    names = list(dict.fromkeys(message.speaker for message in messages))
    system = "\n".join(filter(None, [*prompts, text_of(given)])) or None
    if system and not log.has_model:  # it is for a speaker who has not spoken yet
        names.append(MODEL_ROLES[0])
    tools = definitions_in(record.get("tools"))
    return Transcript(
        speakers=tuple(_speaker(name, system, record.get("model"), tools) for name in names),
        messages=messages,
        topic=_text_or_none(record.get("topic")),
    )


def _is_empty(messages: Iterable[Message]) -> bool:
    return not any(message.content or message.reasoning or message.tool_calls for message in messages)


def _speaker(name: str, system: str | None, model: Any, tools: Tools) -> TranscriptSpeaker:
    if name not in MODEL_ROLES:
        return TranscriptSpeaker(name=name)
    return TranscriptSpeaker(
        name=name,
        system=system,
        model=_text_or_none(model),
        tools=tools.definitions,
        has_other_tools=tools.has_others,
    )


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


class _Calls:
    """The calls of a log; finds the call that a result belongs to."""

    def __init__(self) -> None:
        self._by_id: dict[str, Call] = {}
        self._unanswered: defaultdict[tuple[str, bool], deque[Call]] = defaultdict(deque)

    def add(self, call: Call) -> None:
        for name in filter(None, (call.id, call.entry_id)):
            known = self._by_id.get(name)
            if (
                known is None or known.result is not None
            ):  # some servers give an id to several calls of a dialogue
                self._by_id[name] = call
        for name in {"", call.name}:
            self._unanswered[name, False].append(call)
            if not call.id:
                self._unanswered[name, True].append(call)

    def of(self, result: Call) -> Call | None:
        """The call with the id of the result; else the first call without a result that has its name, or any name."""
        same = self._by_id.get(result.id) or self._by_id.get(result.entry_id)
        if same is not None:
            return same
        unanswered = self._unanswered[result.name, bool(result.id)]
        while unanswered and unanswered[0].result is not None:
            unanswered.popleft()
        return unanswered[0] if unanswered else None


class _Log:
    """The messages so far, and the tool calls and reasoning before the next message."""

    def __init__(self) -> None:
        self._said: list[Entry] = []
        self._calls = _Calls()
        self._waiting = Entry(is_item=True)
        self._round = 0
        self._had_result = False
        self.has_model = False

    def read(self, entry: Entry) -> None:
        """Take the next entry."""
        self.has_model = self.has_model or entry.is_model
        if entry.calls and (self._had_result or not entry.is_item):
            self._round += 1
        self._had_result = bool(entry.results) or (self._had_result and not entry.calls)
        for call in entry.calls:
            call.round = self._round
            self._calls.add(call)
        for result in entry.results:
            self._take_result(result)
        if not (entry.is_message or entry.calls or entry.thoughts):
            return
        if self._waiting.may_be_of(entry.speaker):
            entry.follow(self._waiting)
        elif self._waiting.calls:
            self._said.append(self._waiting)
        is_over = entry.is_message and not entry.ends_with_calls
        self._waiting = Entry(is_item=True) if is_over else entry
        if is_over:
            self._said.append(entry)

    def _take_result(self, result: Call) -> None:
        call = self._calls.of(result)
        if call is not None:
            call.take(result.result or "", is_error=result.is_error)
        else:  # its call is not in the log
            self._calls.add(result)
            self._waiting.calls.append(result)

    def messages(self) -> tuple[Message, ...]:
        """The messages, each with its tool calls. Calls after the last message become a message without text."""
        if (
            self._waiting.calls and self._waiting.speaker is None and self._said
        ):  # the log does not say who made them
            for call in self._waiting.calls:
                call.at = len(self._said[-1].content)
            self._said[-1].calls += self._waiting.calls
        elif self._waiting.calls:
            self._said.append(self._waiting)
        return tuple(entry.message() for entry in self._said)
