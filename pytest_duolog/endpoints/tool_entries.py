"""How calls of tools and their results are written into a chat history, as far as protocols do it alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_duolog.storage.json_text import canonical, parsed
from pytest_duolog.transcripts.perspective import Entry
from pytest_duolog.transcripts.rounds import ResultsEntry
from pytest_duolog.transcripts.transcript import ToolCall, ToolDefinition

# Arguments that are no JSON object are sent back under this name, because providers refuse anything else.
UNREADABLE = "unreadable"
NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def declared(tool: ToolDefinition, schema_name: str) -> dict[str, Any]:
    """A tool as it is offered to a model; protocols differ in the name of the field with the schema."""
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, schema_name: tool.parameters}


def results_one_by_one(messages: Sequence[Entry]) -> Iterator[Entry]:
    """The history with an entry for each result, for protocols with a message for each."""
    for message in messages:
        if isinstance(message, ResultsEntry):
            yield from (ResultsEntry((call,)) for call in message.calls)
        else:
            yield message


def sent_name(call: ToolCall) -> str:
    """The name that the model called, in a form that providers accept; models also call what they were not offered."""
    return NOT_OF_NAMES.sub("_", call.name)[:64] or "unknown"


def read_arguments(call: ToolCall) -> Any:
    """The arguments of a call: `{}` for none, their text if they are not JSON."""
    try:
        return parsed(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        return call.arguments


def sent_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call as an object."""
    value = read_arguments(call)
    return value if isinstance(value, dict) else {UNREADABLE: value}


def sent_arguments_text(call: ToolCall) -> str:
    """The arguments of a call as the text of an object; as the model wrote it if possible."""
    arguments = sent_arguments(call)
    if call.arguments.strip() and UNREADABLE not in arguments:
        return call.arguments
    return json.dumps(arguments, ensure_ascii=False)


def result_object(call: ToolCall) -> dict[str, Any]:
    """The result of a call as an object; another value is its field `output`."""
    text = call.result or ""
    try:
        value = parsed(text)
    except ValueError:
        value = text
    return value if isinstance(value, dict) else {"output": value}


def opaque_text(value: Any) -> str | None:
    """The provider's own form of a round as the text of `Reply.opaque`; None if there is nothing in it."""
    return canonical(value).decode() if value else None


def opaque_value(text: str | None) -> Any:
    """The value of such a text; None for None."""
    return None if text is None else parsed(text)
