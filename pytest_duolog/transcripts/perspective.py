"""One dialogue as each of its speakers sees it.

A transcript is neutral; a chat model is not: it must find its own words under `assistant` and the other
side's under `user`. Many chat templates also insist that the history starts with `user`, alternates, is
never empty and ends with `user`; this module keeps those rules for every endpoint.
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

    The system prompt comes first. Where the speaker's own words would open the history, `stub` stands
    before them as the user's, so that they are kept and the history still starts with `user`. Neighbours
    of one role are merged with a blank line, and messages without text are left out.
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
        """What to send so that this speaker says the next message; it always ends with `user`.

        Raises ValueError if the speaker's own words are the last ones: the other side has to speak first.
        """
        if not self._history or self._history[-1].role == "system":
            return (*self._history, ChatMessage("user", self._stub))
        if self._history[-1].role == "assistant":
            raise ValueError(f"{self.speaker} spoke last; the other side has to answer first")
        return tuple(self._history)
