"""The messages of a dialogue in the form that OpenTelemetry's GenAI conventions give to the words of a request.

The form: a list of `{"role", "parts": [{"type", ...}]}` as JSON text, because attributes of spans hold no objects.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.perspective import ChatMessage, Entry
from pytest_duolog.transcripts.rounds import CallsEntry, last_words, numbered_calls, rounds_of
from pytest_duolog.transcripts.transcript import Message, ToolCall, ToolDefinition


def rounds_as_entries(message: Message, n_calls_before: int) -> list[list[Entry]]:
    """What each request of a message with calls was answered, with the results; the last words, if any, at the end."""
    calls = numbered_calls(message.tool_calls, n_calls_before)
    flat: list[Entry] = list(rounds_of(message.content, calls))
    made = [flat[at : at + 2] for at in range(0, len(flat), 2)]
    if words := last_words(message.content, calls):
        made.append([ChatMessage("assistant", words)])
    return made


def messages_json(entries: Sequence[Entry], *, names: tuple[str, str], finish: str | None = None) -> str:
    """The JSON text of these entries; `names` are those of the speaker itself and of the other side.

    `finish` is why the model stopped, for messages that it wrote.
    """
    made = [_message(entry, names) for entry in entries]
    if finish is not None:
        for message in made:
            if message["role"] == "assistant":
                message["finish_reason"] = finish
    return json.dumps(made, ensure_ascii=False)


def instructions_json(system: str) -> str:
    """The JSON text of a system prompt."""
    return json.dumps([{"type": "text", "content": system}], ensure_ascii=False)


def definitions_json(tools: Sequence[ToolDefinition]) -> str:
    """The JSON text of the definitions of tools."""
    return json.dumps([{"type": "function", **tool.model_dump()} for tool in tools], ensure_ascii=False)


def _message(entry: Entry, names: tuple[str, str]) -> dict[str, Any]:
    own, other = names
    if isinstance(entry, ChatMessage):
        name = own if entry.role == "assistant" else other
        return {"role": entry.role, "parts": [_text(entry.content)], "name": name}
    if isinstance(entry, CallsEntry):
        said = [_text(entry.content)] if entry.content else []
        return {"role": "assistant", "parts": [*said, *map(_call, entry.calls)], "name": own}
    return {"role": "tool", "parts": [_result(call) for call in entry.calls]}


def _text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": _value(call.arguments)}


def _result(call: ToolCall) -> dict[str, Any]:
    error = {"is_error": True} if call.is_error else {}
    return {"type": "tool_call_response", "id": call.id, "response": _value(call.result or ""), **error}


def _value(text: str) -> Any:
    """The JSON value of a text; the text itself if it is none, or would not be the same text again."""
    try:
        value = parsed(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
