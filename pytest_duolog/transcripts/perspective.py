"""The chat history of a dialogue from the perspective of one speaker.

A transcript has no perspective, but a chat model needs one: its own messages have the role `assistant`, those of the
other side `user`. Many chat templates also require that the history starts with `user`, alternates, is never empty and
ends with `user`; this module keeps these rules for every endpoint.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Role = Literal["system", "user", "assistant"]

DEFAULT_STUB = "Begin the conversation."


class ChatMessage(NamedTuple):
    """One entry of a chat history."""

    role: Role
    content: str


class Perspective:
    """The growing chat history of one speaker.

    The system prompt comes first. If the history would start with the speaker's own message, `stub` is put before it as
    a `user` message. Neighbouring messages of one role are joined with a blank line, and messages without text are left
    out.
    """

    def __init__(self, speaker: str, *, system: str | None = None, stub: str = DEFAULT_STUB) -> None:
        self.speaker = speaker
        self._stub = stub
        self._history: list[ChatMessage] = []
        if system and system.strip():
            self._history.append(ChatMessage("system", system))

    def add(self, speaker: str, content: str) -> None:
        """Append what `speaker` said."""
        if not content.strip():
            return
        role: Role = "assistant" if speaker == self.speaker else "user"
        last_role = self._history[-1].role if self._history else "system"
        if last_role == role:
            self._history[-1] = ChatMessage(role, f"{self._history[-1].content}\n\n{content}")
        else:
            if role == "assistant" and last_role == "system":
                self._history.append(ChatMessage("user", self._stub))
            self._history.append(ChatMessage(role, content))

    def history(self) -> tuple[ChatMessage, ...]:
        """The history to send so that this speaker writes the next message; it always ends with `user`.

        Raises ValueError if this speaker wrote the last message: the other side is next.
        """
        if not self._history or self._history[-1].role == "system":
            return (*self._history, ChatMessage("user", self._stub))
        if self._history[-1].role == "assistant":
            raise ValueError(f"{self.speaker} wrote the last message; the other side is next")
        return tuple(self._history)
