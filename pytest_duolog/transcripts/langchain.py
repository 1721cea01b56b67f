"""Messages of LangChain as entries of a chat log, in the ways in which they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Types of LangChain's messages, and the last words of their classes.
LANGCHAIN_ROLES = {
    "human": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "function",
    "chat": "user",
}


def is_langchain(message: Any) -> bool:
    """Whether it is a message of LangChain, in one of the ways in which it is stored."""
    if not isinstance(message, dict) or "role" in message:
        return False
    if isinstance(message.get("kwargs"), dict) and isinstance(message.get("id"), list):
        return True
    kind = message.get("type")
    return isinstance(kind, str) and kind in LANGCHAIN_ROLES and ("data" in message or "content" in message)


def of_langchain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of LangChain as an entry: `dumpd`, `message_to_dict`, or its own fields."""
    fields = next((message[key] for key in ("kwargs", "data") if isinstance(message.get(key), dict)), message)
    kind = str(message.get("type") or "")
    if isinstance(message.get("id"), list) and message["id"]:
        kind = str(
            fields.get("type") or str(message["id"][-1]).removesuffix("Chunk").removesuffix("Message").lower()
        )
    role = (
        fields.get("role")
        if kind == "chat" and isinstance(fields.get("role"), str)
        else LANGCHAIN_ROLES.get(kind)
    )
    calls = [
        {
            "id": call.get("id"),
            "type": "function",
            "function": {"name": call.get("name"), "arguments": call.get("args")},
        }
        for call in map(mapped, listed(fields.get("tool_calls")))
    ]
    more = mapped(fields.get("additional_kwargs"))
    kept = {key: fields[key] for key in ("tool_call_id", "name", "status") if fields.get(key) is not None}
    content = _without_calls(fields.get("content")) if calls else fields.get("content")
    return {
        "role": role or "user",
        "content": content,
        **kept,
        **({"tool_calls": calls or more.get("tool_calls")} if calls or more.get("tool_calls") else {}),
    }


def _without_calls(content: Any) -> Any:
    """Blocks of a message without the calls that its `tool_calls` have as well."""
    if not isinstance(content, list):
        return content
    kinds = ("tool_use", "function_call", "tool_call", "input_json_delta")
    return [block for block in content if mapped(block).get("type") not in kinds]


def listed(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def mapped(value: Any) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
