"""Splits a chatbot's response into parts: events (SSE) or lines (NDJSON) of a stream, or the whole body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.storage.json_text import parsed

EVENTS = "text/event-stream"
LINES = ("application/x-ndjson", "application/jsonl")


def is_stream(answer: Answer) -> bool:
    """Whether the response is a stream."""
    return _media_type(answer) in (EVENTS, *LINES)


def values_in(answer: Answer) -> Iterator[Any]:
    """The parts in order: JSON values if they are JSON, otherwise text.

    In a stream of text, a part that is only a number stays text; it is a JSON value only if the content type is JSON.
    Raises EndpointError for an error status and for an error among the parts.
    """
    if answer.status >= 300:
        answer.json_object()
    text = answer.content.decode("utf-8", "replace")
    if _media_type(answer) == EVENTS:
        parts = list(_event_data(answer, text))
    elif is_stream(answer):
        parts = [line for line in text.split("\n") if line.strip()]  # JSON text may contain other line ends
    else:
        parts = [text]
    is_json = re.fullmatch(r"application/(.*\+)?json", _media_type(answer)) is not None
    for part in parts:
        value = _json_or_text(part)
        if not (is_json or isinstance(value, dict | list | str)):
            value = part
        if isinstance(value, dict) and value.get("error"):
            raise answer.refused(value)
        yield value


def _event_data(answer: Answer, text: str) -> Iterator[str]:
    """The data of each event. Source: the HTML standard, server-sent events."""
    for event in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        fields = [line.partition(":") for line in event.split("\n")]
        values = [(name, value.removeprefix(" ")) for name, _, value in fields]
        data = "\n".join(value for name, value in values if name == "data")
        if ("event", "error") in values:
            raise answer.fault(f"the stream ended in an error: {shorten(data)}", is_passing=True)
        if data and data != "[DONE]":
            yield data


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _json_or_text(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError:
        return text
