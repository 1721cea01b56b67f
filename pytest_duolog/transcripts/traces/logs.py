"""Log records of OpenTelemetry (`resourceLogs` in OTLP's JSON) with the GenAI events: messages outside of spans.

A record belongs to a span by its ids, and those of one span tell one request, as the events of a span would. The fields
of a message are in the body, or, of the event with the details, in the attributes. A collector may write the records of
one span on several lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_duolog.transcripts.langchain import listed, mapped
from pytest_duolog.transcripts.traces import Trace, began
from pytest_duolog.transcripts.traces.attributes import nested
from pytest_duolog.transcripts.traces.otel import OtelSpan, attributes_of, read_span, typed

TIMES = ("timeUnixNano", "observedTimeUnixNano")


def accepts(value: Any) -> bool:
    """Whether a JSON value holds log records."""
    return isinstance(value, dict) and isinstance(value.get("resourceLogs"), list)


def read(value: Mapping[str, Any], trace: Trace) -> None:
    """Remember the records with GenAI events; `make_spans` reads them when all are there."""
    for record in _records(value):
        if _name(record).startswith("gen_ai."):
            key = (str(record.get("traceId") or ""), str(record.get("spanId") or ""))
            trace.records.setdefault(key, []).append(record)


def make_spans(trace: Trace) -> None:
    """Add the requests that the records tell, each as the span that it belongs to."""
    for (trace_id, _), records in trace.records.items():
        inside = sorted(records, key=lambda record: began(record, *TIMES) or 0)
        shared: dict[str, Any] = {}
        events = []
        for record in inside:
            attributes = attributes_of(record.get("attributes"))
            shared |= {name: item for name, item in attributes.items() if name != "event.name"}
            body = mapped(typed(record.get("body")))
            events.append({"name": _name(record), "attributes": {**attributes, **body}})
        first = began(inside[0], *TIMES)
        read_span(OtelSpan(trace_id, first, shared, nested(shared), events, is_error=False), trace)


def _records(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in map(mapped, listed(value.get("resourceLogs"))):
        for scope in map(mapped, listed(resource.get("scopeLogs"))):
            yield from map(mapped, listed(scope.get("logRecords")))


def _name(record: Mapping[str, Any]) -> str:
    name = record.get("eventName") or attributes_of(record.get("attributes")).get("event.name")
    return name if isinstance(name, str) else ""
