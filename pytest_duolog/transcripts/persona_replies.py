"""What a persona's reply says once its token is taken out, and once it has no words at all; its calls stay."""

from __future__ import annotations

from pytest_duolog.transcripts.parts import Ending, ending_of
from pytest_duolog.transcripts.transcript import WITHHELD, Message


def without_token(reply: Message) -> tuple[Message, Ending | None]:
    """The reply as it is said, and its ending; None if it has no token, or was refused or filtered."""
    ending = None if reply.finish in WITHHELD else ending_of(reply.content)
    return (reply, None) if ending is None else (_saying(reply, ending.words), ending)


def without_words(reply: Message) -> Message:
    """The reply of which only the calls are left."""
    return _saying(reply, "")


def _saying(reply: Message, words: str) -> Message:
    """The reply with other words, which are the beginning of its own; its calls of tools stand within them."""
    calls = tuple(call.model_copy(update={"at": min(call.at, len(words))}) for call in reply.tool_calls)
    return reply.model_copy(update={"content": words, "tool_calls": calls})
