"""The chat history of a dialogue from the perspective of one speaker.

A transcript has no perspective, but a chat model needs one: its own messages have the role `assistant`, those of the
other side `user`. Many chat templates also require that the history starts with `user`, alternates, is never empty and
ends with `user`; this module keeps these rules for every endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pytest_duolog.transcripts.rounds import CallsEntry, ResultsEntry, last_words, rounds_of
from pytest_duolog.transcripts.transcript import ToolCall

Role = Literal["system", "user", "assistant"]

DEFAULT_STUB = "Begin the conversation."


class ChatMessage(NamedTuple):
    """One entry of a chat history."""

    role: Role
    content: str


# A part of a chat history: a message, or the calls of a round, or their results.
Entry = ChatMessage | CallsEntry | ResultsEntry


class Perspective:
    """The growing chat history of one speaker.

    The system prompt comes first. If the history would start with the speaker's own message, `stub` is put before it as
    a `user` message. Neighbouring messages of one role are joined with a blank line, and messages without text are left
    out. A speaker that `has_tools` also sees its own calls and their results; nobody sees those of the other side.
    """

    def __init__(
        self, speaker: str, *, system: str | None = None, stub: str = DEFAULT_STUB, has_tools: bool = False
    ) -> None:
        self.speaker = speaker
        self.has_tools = has_tools
        self._stub = stub
        self._history: list[Entry] = []
        if system and system.strip():
            self._history.append(ChatMessage("system", system))

    def add(
        self,
        speaker: str,
        content: str,
        calls: Sequence[ToolCall] = (),
        opaque: Mapping[int, str] | None = None,
    ) -> None:
        """Append what `speaker` said, and its calls; `opaque` has the provider's own form of their rounds."""
        if speaker == self.speaker and self.has_tools and calls:
            if self._last_role == "system":
                self._history.append(ChatMessage("user", self._stub))
            self._history += rounds_of(content, calls, opaque)
            content = last_words(content, calls)
        if not content.strip():
            return
        role: Role = "assistant" if speaker == self.speaker else "user"
        last = self._history[-1] if self._history else None
        if isinstance(last, ChatMessage) and last.role == role:
            self._history[-1] = ChatMessage(role, f"{last.content}\n\n{content}")
        else:
            if role == "assistant" and self._last_role == "system":
                self._history.append(ChatMessage("user", self._stub))
            self._history.append(ChatMessage(role, content))

    @property
    def _last_role(self) -> str:
        last = self._history[-1] if self._history else ChatMessage("system", "")
        return last.role if isinstance(last, ChatMessage) else "tool"

    def history(self) -> tuple[Entry, ...]:
        """The history to send so that this speaker writes the next message; it always ends with `user`.

        Raises ValueError if this speaker wrote the last message: the other side is next.
        """
        if self._last_role == "system":
            return (*self._history, ChatMessage("user", self._stub))
        if self._last_role in ("assistant", "tool"):
            raise ValueError(f"{self.speaker} wrote the last message; the other side is next")
        return tuple(self._history)
