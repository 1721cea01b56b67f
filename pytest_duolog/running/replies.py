"""Makes the message of a dialogue from a reply, and tells what was called before a reply failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pytest_duolog.display import cut, listed, wrong_fields
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.errors import EndpointError
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.transcripts.transcript import Message, ToolCall

# So much of a call's arguments is in an error.
LONGEST_ARGUMENTS = 120


def message_of(speaker: Speaker, reply: Any) -> Message:
    """The message for a reply, without blank space around it.

    Raises EndpointError if `reply` is not a usable Reply; endpoints may come from other packages.
    """
    if not isinstance(reply, Reply):
        raise EndpointError(f"{speaker.model_label} returned {reply!r:.120}, not a pytest_duolog.Reply")
    try:
        message = Message(
            speaker=speaker.name,
            content=reply.content,
            reasoning=reply.reasoning,
            tool_calls=reply.tool_calls,
            finish=reply.finish,
            usage=reply.usage,
            latency_ms=reply.latency_ms,
        )
    except ValidationError as error:
        raise EndpointError(
            f"{speaker.model_label} returned a Reply that cannot be used: {wrong_fields(error)}"
        ) from None
    stripped = {"content": message.content.strip(), "reasoning": (message.reasoning or "").strip() or None}
    is_so = (message.content, message.reasoning) == (stripped["content"], stripped["reasoning"])
    return message if is_so else message.model_copy(update=stripped)


def had_called(calls: Sequence[ToolCall]) -> list[str]:
    """A line on the calls of a message that failed after them, because no transcript has it; none without calls."""
    told = [f"{call.name}({cut(call.arguments, LONGEST_ARGUMENTS)})" for call in calls]
    return [f"had called: {listed(told)}"] if told else []
