"""Messages of traces in the form of the chat logs that `chat_entries` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_duolog.transcripts.langchain import is_langchain, listed, mapped, of_langchain
from pytest_duolog.transcripts.traces import value_of


def of_parts(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of OpenTelemetry's conventions as an entry: `{"role", "parts": [{"type", ...}]}`."""
    parts = listed(message.get("parts"))
    return {"role": message.get("role", "user"), "content": [_part(mapped(part)) for part in parts]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "text":
        return {"type": "text", "text": part.get("content", part.get("text"))}
    if kind == "tool_call_response":
        given = next(
            (part[key] for key in ("response", "result", "content") if part.get(key) is not None), ""
        )
        failed = part.get("is_error") is True or part.get("status") == "error"
        return {"type": "tool_result", "tool_use_id": part.get("id"), "content": given, "is_error": failed}
    return dict(part)


def of_openinference(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of OpenInference (Phoenix), from its attributes without dots."""
    said = mapped(message.get("message")) or message
    blocks = [mapped(block.get("message_content")) for block in map(mapped, listed(said.get("contents")))]
    calls = [_function(mapped(call.get("tool_call"))) for call in map(mapped, listed(said.get("tool_calls")))]
    content = said.get("content") if said.get("content") is not None else blocks
    return _with_calls(said, content, calls)


def of_openllmetry(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of OpenLLMetry: `gen_ai.prompt.0.role` and its neighbours, without dots."""
    calls = [_function(mapped(call)) for call in listed(message.get("tool_calls"))]
    return _with_calls(message, value_of_blocks(message.get("content")), calls)


def value_of_blocks(content: Any) -> Any:
    """Content that is a list of blocks as JSON text, as a list."""
    value = value_of(content)
    return value if isinstance(value, list) and all(isinstance(block, dict) for block in value) else content


def _with_calls(said: Mapping[str, Any], content: Any, calls: list[dict[str, Any]]) -> dict[str, Any]:
    kept = {key: said[key] for key in ("tool_call_id", "name") if said.get(key) is not None}
    return {
        "role": said.get("role") or "user",
        "content": content,
        **kept,
        **({"tool_calls": calls} if calls else {}),
    }


def _function(call: Mapping[str, Any]) -> dict[str, Any]:
    function = mapped(call.get("function")) or call
    return {
        "id": call.get("id"),
        "type": "function",
        "function": {k: function.get(k) for k in ("name", "arguments")},
    }


def entries_of(value: Any, role: str) -> list[dict[str, Any]]:
    """The entries in a field with messages, whose program does not say how it writes them.

    The field may be text of `role`, a message, a list of messages or of such lists, or an object around one of these.
    """
    return list(_entries(value_of(value), role, 0))


def _entries(value: Any, role: str, depth: int) -> Iterator[dict[str, Any]]:
    if depth > 6 or value is None:
        return
    if isinstance(value, str):
        yield {"role": role, "content": value}
    elif isinstance(value, list):
        for item in value:
            yield from _entries(item, role, depth + 1)
    elif isinstance(value, dict):
        yield from _of_object(value, role, depth)


def _of_object(value: dict[str, Any], role: str, depth: int) -> Iterator[dict[str, Any]]:
    if is_langchain(value):
        yield of_langchain(value)
    elif isinstance(value.get("parts"), list) and "role" in value:
        yield of_parts(value)
    elif "role" in value:
        yield value
    elif isinstance(value.get("message"), dict):
        yield from _entries(value["message"], role, depth + 1)
    elif value.get("type") in ("message", "function_call", "function_call_output", "reasoning"):
        yield value
    elif "content" in value or "tool_calls" in value:
        yield {"role": role, **value}
    else:
        for key in ("messages", "generations", "choices", "output", "input", "text"):
            if value.get(key) is not None:
                yield from _entries(value_of(value[key]), role, depth + 1)
                return
