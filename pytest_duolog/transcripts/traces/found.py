"""Recognises the traces of other programs, by their content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_duolog.transcripts.langchain import listed, mapped
from pytest_duolog.transcripts.traces import Trace, exports, logs, otel

Read = Callable[[Mapping[str, Any], Trace], None]

FORMATS: Sequence[tuple[Callable[[Any], bool], Read]] = (
    (logs.accepts, logs.read),
    (otel.accepts, otel.read),
    (exports.is_langsmith, exports.read_langsmith),
    (exports.is_langfuse, exports.read_langfuse),
)


def is_trace(value: Any) -> bool:
    """Whether a JSON value is a span, a trace, or a list of these."""
    first = values_of(value)[:3]
    return bool(first) and all(any(accepts(item) for accepts, _ in FORMATS) for item in first)


def trace_in(values: Sequence[Any]) -> Trace:
    """The trace that these values make together; what is no span among them is left out."""
    trace = Trace()
    for item in values:
        reader = next((read for accepts, read in FORMATS if accepts(item)), None)
        if reader is not None:
            reader(item, trace)
    logs.make_spans(trace)
    return trace


def values_of(value: Any) -> list[Any]:
    """The spans or traces of a value: those of a list, or of an object around one."""
    if isinstance(value, list):
        return value
    for key in ("data", "runs", "spans", "traces"):
        inner = listed(mapped(value).get(key))
        if inner and all(isinstance(item, dict) for item in inner) and not exports.is_langsmith(value):
            return inner
    return [value] if isinstance(value, dict) else []
