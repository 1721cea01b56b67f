"""The arguments of a tool call, and when two calls are equal."""

from __future__ import annotations

from typing import Any

from pytest_duolog.storage.json_text import parsed, value_key
from pytest_duolog.transcripts.transcript import ToolCall


def arguments_of(call: ToolCall) -> dict[str, Any] | None:
    """The arguments by name; None if they are not a JSON object."""
    if not call.arguments.strip():
        return {}
    try:
        value = parsed(call.arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def call_key(call: ToolCall) -> tuple[str, bytes]:
    """Equal for calls of one tool with equal arguments, however these are written."""
    given = arguments_of(call)
    return call.name, value_key(call.arguments if given is None else given)
