"""Reconstructs the dialogue from a cassette.

A cassette has the requests to models and their responses. The longest chat history in a request has all messages before
it, including those of functions and scripted models; a response has the text, reasoning and costs of one message. Each
line has the speaker and the number of its message.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_duolog.display import counted
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.recorded import recorded_reply
from pytest_duolog.endpoints.rounds import calls_to_run
from pytest_duolog.errors import TranscriptError
from pytest_duolog.recording.header import PERSONA, recorded_at, text_hash
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.journal_file import Journal, read_journal
from pytest_duolog.recording.stored_calls import reply_of_rounds, rounds_by_message
from pytest_duolog.recording.wire import calls_by_message
from pytest_duolog.transcripts.chat_entries import MODEL_ROLES
from pytest_duolog.transcripts.persona_replies import without_token, without_words
from pytest_duolog.transcripts.readers import reader_of
from pytest_duolog.transcripts.transcript import (
    Message,
    StopKind,
    StopReason,
    ToolCall,
    ToolDefinition,
    Transcript,
    TranscriptSpeaker,
)

LOGICAL = "duolog://"


@dataclass(frozen=True)
class Retold:
    """The dialogue of a cassette; `header` is the first line, `notices` are messages for the user."""

    transcript: Transcript
    header: Mapping[str, Any]
    notices: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()


def retold(path: Path) -> Retold:
    """The dialogue of a cassette file.

    Raises UnreadableCassette if it is not a cassette, and TranscriptError if it has no readable dialogue.
    """
    try:
        journal = read_journal(path)
    except FileNotFoundError:
        raise TranscriptError(f"{path}: cannot be read: No such file or directory") from None
    return _Retelling(journal).retold()


@dataclass(frozen=True)
class _View:
    """The chat history of the request for one message: the messages before it, and the system prompt.

    `is_certain` says that it is the speaker's system prompt; a function may send other requests for its messages.
    """

    interaction: Interaction
    said: tuple[Message, ...]
    system: str | None
    is_certain: bool


class _Retelling:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._stop = _stop_reason((journal.end or {}).get("stop"))
        made = [interaction for interaction in journal.interactions if not interaction.is_vote]
        self._said = [interaction for interaction in made if interaction.request.called_tool is None]
        speakers = journal.header.get("speakers")
        self._speakers = [item for item in _list(speakers) if isinstance(item, Mapping)]
        self._names = [str(item.get("name")) for item in self._speakers]
        with_tools = [str(item.get("name")) for item in self._speakers if item.get("tools")]
        self._rounds = rounds_by_message(made, with_tools)

    def retold(self) -> Retold:
        views = [view for interaction in self._said if (view := self._view(interaction))]
        messages = self._messages(views)
        if not messages:
            raise TranscriptError("the recording has no chat history and no readable response")
        notices = list(self._notices(views, len(messages)))
        header = self._journal.header
        try:
            transcript = Transcript(
                speakers=self._transcript_speakers(views, messages),
                messages=tuple(messages),
                stop_reason=self._stop,
                turns=turns if isinstance(turns := header.get("turns"), int) else None,
                opener=messages[0].content if header.get("opener") else None,
                recorded_at=recorded_at(header),
            )
        except ValidationError as error:
            raise TranscriptError(f"the recording is not a dialogue: {error.errors()[0]['msg']}") from None
        return Retold(transcript, header, tuple(notices), tuple(self._journal.damage))

    def _notices(self, views: Sequence[_View], n_messages: int) -> Iterator[str]:
        yield from self._journal.edited
        if not self._journal.is_finished:
            yield "the recording is incomplete"
        n_said = (self._journal.end or {}).get("messages")
        if not views:
            yield "reconstructed from the responses of models only: no request has the dialogue"
        elif isinstance(n_said, int) and n_messages < n_said:
            yield (
                f"the recording has {n_messages} of {counted(n_said, 'message')}: the last message, "
                "from code, is in no request"
            )

    def _messages(self, views: Sequence[_View]) -> list[Message]:
        replies = {
            interaction.message_number: message
            for interaction in self._said
            if interaction.message_number not in self._rounds
            and (message := self._reply(interaction)) is not None
        }
        in_rounds = self._in_rounds()
        replies |= in_rounds
        replies = {number: reply for number, reply in replies.items() if number <= self._n_said}
        longest = max(views, key=lambda view: (view.is_certain, len(view.said)), default=None)
        messages = list(longest.said) if longest else []
        if longest:
            number = longest.interaction.message_number or len(messages) + 1
            messages += [replies[number]] if number in replies else []
        elif replies:
            messages = [replies[number] for number in sorted(replies)]
        messages = self._words() or self._with_last(messages)
        wired = calls_by_message(one for one in self._said if one.message_number not in self._rounds)
        n_given, given = self._n_given(), _list((self._journal.end or {}).get("given"))
        return [
            in_rounds.get(number)
            or _with_calls(
                _completed(message, replies.get(number), is_given=number <= n_given or number in given),
                wired.get(number, ()),
            )
            for number, message in enumerate(messages, start=1)
        ]

    @property
    def _n_said(self) -> float:
        """How many messages the dialogue has; infinite if the recording does not say.

        A persona's last reply, if it only says that the dialogue is over, is recorded but is no message.
        """
        n_said = (self._journal.end or {}).get("messages")
        return n_said if isinstance(n_said, int) else math.inf

    def _in_rounds(self) -> dict[int, Message]:
        """The messages of speakers with tools, by number."""
        found: dict[int, Message] = {}
        n_calls = 0
        for number, interactions in self._rounds.items():
            reply = reply_of_rounds(interactions, self._recorded_reply, n_calls)
            if reply and not self._journal.is_finished and self._ends_with_calls(interactions):
                continue  # the run was killed before the message was finished
            name = self._own_name(interactions[0])
            message = self._message(name, reply, reply.latency_ms, number) if reply else None
            if message is not None:
                found[number] = message
                n_calls += len(message.tool_calls)
        return found

    def _ends_with_calls(self, interactions: Sequence[Interaction]) -> bool:
        """Whether no reply follows the results of the last calls."""
        last = [one for one in interactions if one.request.called_tool is None][-1:]
        reply = self._recorded_reply(last[0]) if last else None
        return reply is None or bool(calls_to_run(reply))

    def _n_given(self) -> int:
        """How many messages were given: the opener, or the history from another dialogue."""
        header = self._journal.header
        if header.get("history"):
            return min((interaction.message_number for interaction in self._said), default=1) - 1
        return int(bool(header.get("opener")))

    def _with_last(self, messages: list[Message]) -> list[Message]:
        """The messages with the last one as the end of the recording has it, if that is of code."""
        end = self._journal.end or {}
        last, n_messages = end.get("last"), end.get("messages")
        if not isinstance(last, Mapping) or n_messages not in (len(messages), len(messages) + 1):
            return messages
        return [*messages[: n_messages - 1], _said(last)]

    def _words(self) -> list[Message]:
        """What the end of the recording says was said; empty if it has not all messages."""
        end = self._journal.end or {}
        words = [
            _said(item)
            for number, item in enumerate(_list(end.get("said")), start=1)
            if isinstance(item, Mapping) and item.get("message") == number
        ]
        return words if len(words) == end.get("messages") else []

    def _view(self, interaction: Interaction) -> _View | None:
        """The view of the dialogue in a request; None if the request has no chat history."""
        try:
            body = interaction.request.body.value()
            reader = reader_of(body)
            seen = reader.read(body) if reader else None
        except (TranscriptError, ValueError):
            return None
        if seen is None or not seen.messages:
            return None
        own = self._own_name(interaction)
        messages = [
            message.model_copy(
                update={"speaker": own if message.speaker in MODEL_ROLES else self._other(own)}
            )
            for message in seen.messages
        ]
        system = next((speaker.system for speaker in seen.speakers if speaker.system), None)
        number = interaction.message_number
        if number in self._rounds and interaction is not self._rounds[number][0]:
            return None  # its history has a part of the message
        if number and len(messages) not in (number - 1, number):
            return None  # a function asked something else
        has_stub = len(messages) == number  # a first `user` message that is not part of the dialogue
        return _View(interaction, tuple(messages[has_stub:]), system, self._is_told(own, system))

    def _is_told(self, name: str, system: str | None) -> bool:
        """Whether this is a speaker's system prompt, according to the hash in the header."""
        return any(
            item.get("name") == name and item.get("system", text_hash(system)) == text_hash(system)
            for item in self._speakers
        )

    def _own_name(self, interaction: Interaction) -> str:
        return interaction.speaker or MODEL_ROLES[0]

    def _other(self, name: str) -> str:
        return next((other for other in self._names if other != name), "user")

    def _reply(self, interaction: Interaction) -> Message | None:
        """The message in a response; None if no protocol can read it."""
        reply = self._recorded_reply(interaction)
        name = self._own_name(interaction)
        number = interaction.message_number
        return self._message(name, reply, interaction.latency_ms, number) if reply else None

    def _recorded_reply(self, interaction: Interaction) -> Reply | None:
        uri, response = interaction.request.uri, interaction.response
        provider = uri.removeprefix(LOGICAL).partition("/")[0] if uri.startswith(LOGICAL) else ""
        return recorded_reply(provider, response.status, response.content)

    def _message(self, name: str, reply: Reply, latency_ms: float | None, number: int) -> Message | None:
        """The message for a reply, without the token of a persona, and without words that were not said."""
        message = _message(name, reply, latency_ms)
        is_persona = any(item.get("name") == name and item.get(PERSONA) for item in self._speakers)
        if message is None or not is_persona:
            return message
        told, ending = without_token(message)
        gave_up = self._stop is not None and (self._stop.kind, self._stop.speaker) == (StopKind.GAVE_UP, name)
        return without_words(told) if gave_up and ending is None and number == self._n_said else told

    def _transcript_speakers(
        self, views: Sequence[_View], messages: Sequence[Message]
    ) -> tuple[TranscriptSpeaker, ...]:
        prompts = {self._own_name(view.interaction): view.system for view in views}
        models = {str(item.get("name")): item.get("model") for item in self._speakers}
        tools = {str(item.get("name")): _tools(item.get("tools")) for item in self._speakers}
        names = dict.fromkeys([*self._names, *(message.speaker for message in messages)])
        return tuple(
            TranscriptSpeaker(
                name=name,
                model=model if isinstance(model := models.get(name), str) else None,
                system=prompts.get(name),
                tools=tools.get(name, ()),
            )
            for name in names
        )


def _said(told: Mapping[str, Any]) -> Message:
    return Message(speaker=str(told.get("speaker")), content=str(told.get("content")))


def _message(speaker: str, reply: Reply, latency_ms: float | None) -> Message | None:
    try:
        return Message(
            speaker=speaker,
            content=reply.content.strip(),
            reasoning=(reply.reasoning or "").strip() or None,
            tool_calls=reply.tool_calls,
            finish=reply.finish,
            usage=reply.usage,
            latency_ms=latency_ms,
        )
    except ValidationError:
        return None


def _with_calls(message: Message, calls: tuple[ToolCall, ...]) -> Message:
    """The message of a function with the calls that its requests and responses show."""
    return message.model_copy(update={"tool_calls": calls}) if calls and not message.tool_calls else message


def _completed(message: Message, reply: Message | None, *, is_given: bool) -> Message:
    """The message with the facts from its response; a message from code counts as complete."""
    if reply and (reply.speaker, reply.content) == (message.speaker, message.content.strip()):
        return reply
    return message if is_given or message.finish else message.model_copy(update={"finish": "end"})


def _tools(value: Any) -> tuple[ToolDefinition, ...]:
    try:
        return tuple(map(ToolDefinition.model_validate, _list(value)))
    except ValidationError:
        return ()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _stop_reason(value: Any) -> StopReason | None:
    try:
        return StopReason.model_validate(value) if value else None
    except ValidationError:
        return None
