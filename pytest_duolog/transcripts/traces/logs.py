"""Log records of OpenTelemetry (`resourceLogs` in OTLP's JSON) with the GenAI events: messages outside of spans.

A record belongs to a span by its ids, and those of one span tell one request, as the events of a span would. Records
without ids of spans are put together by their trace or conversation, and their requests end with an answer. The fields
of a message are in the body, or, of the event with the details, in the attributes. A collector may write the records of
one span on several lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_duolog.transcripts.langchain import listed, mapped
from pytest_duolog.transcripts.traces import RecordKey, Trace, began
from pytest_duolog.transcripts.traces.attributes import nested
from pytest_duolog.transcripts.traces.otel import (
    CHOICE,
    OtelSpan,
    attributes_of,
    conversation_of,
    read_span,
    typed,
)

TIMES = ("timeUnixNano", "observedTimeUnixNano")


def accepts(value: Any) -> bool:
    """Whether a JSON value holds log records."""
    return isinstance(value, dict) and isinstance(value.get("resourceLogs"), list)


def read(value: Mapping[str, Any], trace: Trace) -> None:
    """Remember the records with GenAI events; `make_spans` reads them when all are there."""
    for record in _records(value):
        if not _name(record).startswith("gen_ai."):
            continue
        trace_id, span_id = str(record.get("traceId") or ""), str(record.get("spanId") or "")
        conversation = "" if trace_id else conversation_of(nested(attributes_of(record.get("attributes"))))
        if not trace_id and not conversation and _is_whole(record):
            conversation = f"record {len(trace.records) + 1}"
        if trace_id or conversation:
            trace.records.setdefault(RecordKey(trace_id, span_id, conversation), []).append(record)
        else:
            trace.n_lost += 1


def make_spans(trace: Trace) -> None:
    """Add the requests that the records tell, each as the span that it belongs to."""
    for key, records in trace.records.items():
        inside = sorted(records, key=lambda record: began(record, *TIMES) or 0)
        for request in [inside] if key.span else _requests(inside):
            shared: dict[str, Any] = {}
            events = []
            for record in request:
                attributes = attributes_of(record.get("attributes"))
                shared |= {name: item for name, item in attributes.items() if name != "event.name"}
                body = mapped(typed(record.get("body")))
                events.append({"name": _name(record), "attributes": {**attributes, **body}})
            first = began(request[0], *TIMES)
            about = key.trace or key.conversation
            read_span(OtelSpan(key.span, about, first, shared, nested(shared), events, is_error=False), trace)


def _requests(records: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The records of each request among those that name no span: a request ends with its answer."""
    request: list[Mapping[str, Any]] = []
    for record in records:
        if request and _is_answer(request[-1]) and not (_name(record) == CHOICE == _name(request[-1])):
            yield request
            request = []
        request.append(record)
    if request:
        yield request


def _is_answer(record: Mapping[str, Any]) -> bool:
    return _name(record) == CHOICE or _is_whole(record)


def _is_whole(record: Mapping[str, Any]) -> bool:
    """Whether it tells a request with its answer."""
    return _name(record).endswith(".details")


def _records(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in map(mapped, listed(value.get("resourceLogs"))):
        for scope in map(mapped, listed(resource.get("scopeLogs"))):
            yield from map(mapped, listed(scope.get("logRecords")))


def _name(record: Mapping[str, Any]) -> str:
    name = record.get("eventName") or attributes_of(record.get("attributes")).get("event.name")
    return name if isinstance(name, str) else ""
