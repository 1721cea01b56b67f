"""What reports say of a tool call."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_duolog.display import counted
from pytest_duolog.transcripts.transcript import Message, ToolCall


def told_in_order(message: Message, *, is_full: bool) -> Iterator[tuple[str, bool]]:
    """The words and the calls of a message in their order, each with whether it is a call.

    Without `is_full`, arguments are left out, and of a result only the length is told.
    """
    before: ToolCall | None = None
    for part in message.in_order():
        if isinstance(part, str):
            yield part, False
        else:
            yield f"[{call_title(part, before)}{_told(part, is_full=is_full)}]", True
        before = part if isinstance(part, ToolCall) else None


def call_title(call: ToolCall, before: ToolCall | None) -> str:
    """`tool NAME`, with who else called it; `and` if it was asked for together with the call before it."""
    together = "and " if before is not None and before.round == call.round > 0 else ""
    return f"{together}tool {call.name}{f' of {call.agent}' if call.agent else ''}"


def _told(call: ToolCall, *, is_full: bool) -> str:
    arguments = call.arguments if is_full or not call.arguments else "..."
    sign = " failed" if call.is_error else ""
    if call.result is None:
        return f"({arguments}){sign}"
    result = call.result if is_full else counted(len(call.result), "character")
    return f"({arguments}){sign} -> {result}"
