"""Reads fields of a provider's response.

The text of a reply must have the form that the protocol defines: a string, or null or "" for an empty reply. Anything
else is an error that shows the value; if it were read as an empty reply, a broken response would look valid. Other
facts (models, token counts) may be missing, null or of another type; then they count as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.storage.json_text import OBJECTS
from pytest_duolog.transcripts.transcript import FinishReason, ToolCall

LONGEST_LIST = 200
LONGEST_VALUE = 120

NOT_THERE = object()


class Malformed(ValueError):
    """A response does not have the form that its protocol defines; the text has the place and the value."""


def wrong(where: str, value: Any, expected: str) -> Malformed:
    """The error for a value of the wrong kind; `where` is its place in the response."""
    if value is NOT_THERE:
        return Malformed(f"the response cannot be read: {where} is missing")
    return Malformed(f"the response cannot be read: {where} is {shown(value)}, not {expected}")


def lacking(body: Mapping[str, Any], name: str) -> Malformed:
    """The error for a response without the field of its reply, or with a wrong value in it."""
    came = f"\n  got:     {name} = {shown(body[name])}" if name in body else ""
    return Malformed(f"the response has no {name}; it has {fields_of(body)}{came}")


def shown(value: Any) -> str:
    """A JSON value on one line, safe for terminals; a long one is cut."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"


def text_at(values: Mapping[str, Any], name: str, where: str) -> str | None:
    """The text under a name; None if it is null or missing. Raises Malformed for anything else."""
    value = values.get(name)
    if value is None or isinstance(value, str):
        return value
    raise wrong(f"{where}{name}", value, "text")


def object_at(values: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """The object under a name; raises Malformed for anything else."""
    value = values.get(name, NOT_THERE)
    if isinstance(value, OBJECTS):
        return value
    raise wrong(f"{where}{name}", value, "an object")


def objects_at(values: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    """The objects in the list under a name; empty if it is null or missing. Raises Malformed for anything else."""
    items = values.get(name)
    if items is None:
        return []
    if not isinstance(items, list):
        raise wrong(f"{where}{name}", items, "a list")
    for index, item in enumerate(items):
        if not isinstance(item, OBJECTS):
            raise wrong(f"{where}{name}[{index}]", item, "an object")
    return items


def said_in(content: Any, where: str) -> str | None:
    """The text of a `content` field: a string, null, or a list of parts; None if there is no text.

    Raises Malformed for any other value.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise wrong(where, content, "text")
    parts = [{"text": part} if isinstance(part, str) else part for part in content]
    return joined([part for part in objects_at({where: parts}, where, "") if "text" in part], "text", where)


def joined(parts: Sequence[Mapping[str, Any]], kind: str, where: str) -> str | None:
    """The joined texts under `kind` in all parts; None if there are no parts. Raises Malformed if one is not text."""
    texts = [text_at(part, kind, f"{where}[].") or "" for part in parts]
    return "".join(texts) if texts else None


def needs_words(finish: FinishReason) -> bool:
    """Whether the response must have a text: true if the model stopped by itself."""
    return finish in ("end", "other")


def text_in(values: Mapping[str, Any], *names: str) -> str | None:
    """The first text under one of the names; None if there is none, or it is empty."""
    return next((value for name in names if isinstance(value := values.get(name), str) and value), None)


def served_by(body: Mapping[str, Any]) -> str | None:
    """The model that a response of any protocol names, with the provider behind a gateway if it is named."""
    model, provider = text_in(body, "model", "modelVersion"), text_in(body, "provider")
    return f"{model} at {provider}" if model and provider else model


def objects_in(values: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects in the list under a name; empty for anything else."""
    items = values.get(name)
    return [item for item in items if isinstance(item, OBJECTS)] if isinstance(items, list) else []


def object_in(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under a name; an empty one if there is none."""
    value = values.get(name)
    return value if isinstance(value, OBJECTS) else {}


def fields_of(values: Mapping[str, Any]) -> str:
    """The fields of a response as text, safe for terminals."""
    names = ", ".join(sorted(map(str, values)))
    return (names if names.isprintable() and len(names) <= LONGEST_LIST else shorten(names)) or "nothing"


def thinking_parts(content: Any) -> str | None:
    """The joined text of the thinking parts of a `content` field, as Mistral sends them."""
    parts = objects_in({"content": content}, "content")
    return "".join(said_in(part.get("thinking"), "thinking") or "" for part in parts) or None


def split_thinking(content: str) -> tuple[str, str | None]:
    """The content without a `<think>` block at its beginning, and the text of that block.

    The opening tag may be missing, because some chat templates add it to the prompt. A block without a closing tag was
    cut off by a token limit; then all of the content is reasoning.
    """
    before, closed, after = content.partition("</think>")
    is_opened = before.lstrip().startswith("<think>")
    thinking = before.lstrip().removeprefix("<think>").strip() or None
    if closed and (is_opened or "<think>" not in before):
        return after.lstrip(), thinking
    return ("", thinking) if is_opened else (content, None)


def tool_calls(calls: Iterable[Mapping[str, Any]], *, arguments: str) -> tuple[ToolCall, ...]:
    """Tool calls from objects with a name and arguments; some protocols send arguments as text, some as JSON.

    Raises Malformed for one without a name.
    """
    return tuple(ToolCall(name=_name_of(call), arguments=_json_text(call.get(arguments))) for call in calls)


def _name_of(call: Mapping[str, Any]) -> str:
    name = call.get("name", NOT_THERE)
    if not isinstance(name, str):
        raise wrong("the name of a tool call", name, "text")
    return name


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def token_count(counts: Mapping[str, Any], *path: str) -> int | None:
    """The token count at `path` in a usage object; None if it is missing or not a count."""
    value: Any = counts
    for name in path:
        value = value.get(name) if isinstance(value, OBJECTS) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def less(total: int | None, *parts: int | None) -> int | None:
    """`total` without `parts`, at least 0; None if `total` is not known."""
    return None if total is None else max(0, total - sum(part or 0 for part in parts))
