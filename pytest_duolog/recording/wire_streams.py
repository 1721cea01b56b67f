"""Puts the events of a stream together into the response that it stands for, as far as tool calls go."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_duolog.storage.json_text import parsed


def merged_events(content: bytes) -> dict[str, Any]:
    """The response of a stream in the form of its provider without a stream; empty if there is none.

    The stream is server-sent events, or lines of JSON as Ollama sends them.
    """
    merged = _Merged()
    for event in _events(content.decode("utf-8", "replace")):
        merged.take(event)
    return merged.response()


def _events(text: str) -> Iterator[Mapping[str, Any]]:
    lines = text.replace("\r\n", "\n").split("\n")
    for line in lines:
        data = line.removeprefix("data:").strip() if line.startswith("data:") else line.strip()
        if data.startswith("{"):
            try:
                value = parsed(data)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


class _Merged:
    """The calls of the events so far, by their place in the response."""

    def __init__(self) -> None:
        self._functions: dict[int | None, dict[str, str]] = {}
        self._blocks: dict[int | None, dict[str, Any]] = {}
        self._items: list[Any] = []
        self._parts: list[Any] = []
        self._listed: list[Any] = []

    def take(self, event: Mapping[str, Any]) -> None:
        """Take the next event."""
        kind = event.get("type")
        if kind == "response.output_item.done":
            self._items.append(event.get("item"))
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            self._blocks[_place(event.get("index"))] = {**event["content_block"], "written": ""}
        elif kind == "content_block_delta":
            self._add_to_block(event)
        elif isinstance(event.get("choices"), list):
            for choice in filter(_is_object, event["choices"][:1]):
                self._add_functions(choice.get("delta"))
        elif isinstance(event.get("candidates"), list):
            for candidate in filter(_is_object, event["candidates"][:1]):
                said = candidate.get("content")
                parts = said.get("parts") if isinstance(said, dict) else None
                self._parts += parts if isinstance(parts, list) else []
        elif isinstance(event.get("message"), dict) and isinstance(event["message"].get("tool_calls"), list):
            self._listed += event["message"]["tool_calls"]

    def _add_functions(self, delta: Any) -> None:
        calls = delta.get("tool_calls") if isinstance(delta, dict) else None
        for call in filter(_is_object, calls if isinstance(calls, list) else []):
            place = _place(call.get("index", len(self._functions)))
            made = self._functions.setdefault(place, {"id": "", "name": "", "arguments": ""})
            function = call.get("function")
            given = {"id": call.get("id"), **(function if isinstance(function, dict) else {})}
            made["id"] = made["id"] or (given["id"] if isinstance(given["id"], str) else "")
            for key in ("name", "arguments"):
                made[key] += given[key] if isinstance(given.get(key), str) else ""

    def _add_to_block(self, event: Mapping[str, Any]) -> None:
        block, delta = self._blocks.get(_place(event.get("index"))), event.get("delta")
        if block is not None and isinstance(delta, dict) and isinstance(delta.get("partial_json"), str):
            block["written"] += delta["partial_json"]

    def response(self) -> dict[str, Any]:
        """The response that the events make."""
        if self._items:
            return {"output": self._items}
        if self._blocks:
            return {"content": [_block(block) for block in self._blocks.values()]}
        if self._functions:
            calls = [
                {"id": one["id"], "type": "function", "function": one} for one in self._functions.values()
            ]
            return {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": calls}}]}
        if self._listed:
            return {"message": {"role": "assistant", "content": "", "tool_calls": self._listed}}
        return {"candidates": [{"content": {"role": "model", "parts": self._parts}}]} if self._parts else {}


def _block(block: dict[str, Any]) -> dict[str, Any]:
    written = block.pop("written")
    if not written:
        return block
    try:
        return {**block, "input": json.loads(written)}
    except ValueError:
        return {**block, "input": written}


def _place(value: Any) -> int | None:
    """The place that a stream states; None for what is not a number."""
    return value if isinstance(value, int) else None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
