"""Reading what a provider answered: JSON whose fields may be missing, null or of another type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.transcripts.transcript import ToolCall

LONGEST_LIST = 200


def text_in(values: Mapping[str, Any], *names: str) -> str | None:
    """The first text under one of the names; None if there is none, or it is empty."""
    return next((value for name in names if isinstance(value := values.get(name), str) and value), None)


def served_by(body: Mapping[str, Any]) -> str | None:
    """The model that an answer of any protocol names, with the provider behind a gateway where that is named."""
    model, provider = text_in(body, "model", "modelVersion"), text_in(body, "provider")
    return f"{model} at {provider}" if model and provider else model


def objects_in(values: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects in the list under a name."""
    items = values.get(name)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def object_in(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under a name; an empty one if there is none."""
    value = values.get(name)
    return value if isinstance(value, Mapping) else {}


def fields_of(values: Mapping[str, Any]) -> str:
    """What an answer has instead of what was expected, harmless to a terminal."""
    names = ", ".join(sorted(map(str, values)))
    return (names if names.isprintable() and len(names) <= LONGEST_LIST else shorten(names)) or "nothing"


def joined_text(content: Any) -> str:
    """The text of a `content` field: a string, null, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return ""


def thinking_parts(content: Any) -> str | None:
    """The text of the parts of a `content` field that are thinking, as Mistral sends them."""
    parts = objects_in({"content": content}, "content")
    return "".join(joined_text(part.get("thinking")) for part in parts) or None


def split_thinking(content: str) -> tuple[str, str | None]:
    """The content without the `<think>` block it begins with, and that block's text.

    A template may have opened the block itself, so that the content only closes it. A block that is not closed
    was cut off by a token limit: all of it is thinking.
    """
    before, closed, after = content.partition("</think>")
    is_opened = before.lstrip().startswith("<think>")
    thinking = before.lstrip().removeprefix("<think>").strip() or None
    if closed and (is_opened or "<think>" not in before):
        return after.lstrip(), thinking
    return ("", thinking) if is_opened else (content, None)


def tool_calls(calls: Iterable[Mapping[str, Any]], *, arguments: str) -> tuple[ToolCall, ...]:
    """Tool calls from objects with a name and arguments, which some protocols send as text and some as JSON."""
    return tuple(
        ToolCall(name=str(call.get("name")), arguments=_json_text(call.get(arguments))) for call in calls
    )


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def token_count(counts: Mapping[str, Any], *path: str) -> int | None:
    """The token count at `path` in a usage object; None where it is not there, or not a count."""
    value: Any = counts
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def less(total: int | None, *parts: int | None) -> int | None:
    """What is left of a count without its parts, never below 0."""
    return None if total is None else max(0, total - sum(part or 0 for part in parts))
