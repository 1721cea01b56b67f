"""Puts the replies of the rounds of one message together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from pytest_duolog.endpoints.base import Reply
from pytest_duolog.transcripts.transcript import WITHHELD, ToolCall
from pytest_duolog.transcripts.usage import Usage

# The result of a call that was not run, because a limit had been reached.
NOT_RUN = json.dumps({"error": "tool_limit", "message": "not run"})


def not_run(calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    """The calls as they are told if a limit prevented them."""
    return tuple(call.model_copy(update={"result": NOT_RUN, "is_error": True}) for call in calls)


def calls_to_run(reply: Reply) -> tuple[ToolCall, ...]:
    """The calls of a reply; none if it was refused or filtered."""
    return () if reply.finish in WITHHELD else reply.tool_calls


def joined_content(replies: Sequence[Reply]) -> str:
    """All that was said, each round a paragraph."""
    return "\n\n".join(filter(None, (reply.content.strip() for reply in replies)))


def placed(calls: Sequence[ToolCall], replies: Sequence[Reply]) -> tuple[ToolCall, ...]:
    """The calls of the last of `replies`, with their round and their place in the message."""
    where = {"round": len(replies), "at": len(joined_content(replies))}
    return tuple(call.model_copy(update=where) for call in calls)


def joined_reply(replies: Sequence[Reply], calls: Sequence[ToolCall]) -> Reply:
    """The replies of all rounds as one: all words, the sums of costs and times, and `calls` with their results.

    Its time is known if that of every round is.
    """
    if len(replies) == 1 and not replies[0].tool_calls:
        return replies[0]
    usages = [reply.usage for reply in replies if reply.usage]
    times = [reply.latency_ms for reply in replies if reply.latency_ms is not None]
    thoughts = [thought for reply in replies if (thought := (reply.reasoning or "").strip())]
    return replace(
        replies[-1],
        content=joined_content(replies),
        reasoning="\n\n".join(thoughts) or None,
        tool_calls=tuple(calls),
        usage=sum(usages, Usage()) if usages else None,
        latency_ms=round(sum(times), 1) if len(times) == len(replies) else None,
        opaque=None,
    )
