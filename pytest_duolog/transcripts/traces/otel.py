"""Spans of OpenTelemetry: the GenAI conventions, present and older, OpenLLMetry, and OpenInference (Phoenix).

They are read from OTLP's JSON (`resourceSpans`), from the output of the SDK's console exporter, and from exports of
Phoenix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.chat_entries import json_text
from pytest_duolog.transcripts.langchain import listed, mapped
from pytest_duolog.transcripts.traces import OWN_TRANSCRIPT, ChatSpan, ToolRun, Trace, began, value_of
from pytest_duolog.transcripts.traces.attributes import nested
from pytest_duolog.transcripts.traces.messages import (
    entries_of,
    of_openinference,
    of_openllmetry,
)
from pytest_duolog.transcripts.transcript import Transcript

# Names of events that are one message each, with its role.
EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE = "gen_ai.choice"
BEGINS_JSON = re.compile(r"\s*(\[\s*\{|\{\s*\")")
# Attributes whose text is JSON with messages.
JSON_TEXTS = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.prompt",
    "gen_ai.completion",
    "llm.input_messages",
    "llm.output_messages",
)


@dataclass(frozen=True)
class OtelSpan:
    """A span: its attributes as they are and without dots, and its events. `id` may be empty."""

    id: str
    trace: str
    began: int | None
    attributes: Mapping[str, Any]
    tree: Mapping[str, Any]
    events: list[Any]
    is_error: bool


def accepts(value: Any) -> bool:
    """Whether a JSON value is a span, or holds some."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("resourceSpans"), list):
        return True
    is_span = "attributes" in value and ("context" in value or "spanId" in value or "span_id" in value)
    return is_span or (
        "context.trace_id" in value and any(str(key).startswith("attributes") for key in value)
    )


def read(value: Mapping[str, Any], trace: Trace) -> None:
    """Add what the spans of a value hold."""
    for span in _spans(value):
        read_span(span, trace)


def read_span(span: OtelSpan, trace: Trace) -> None:
    """Add what one span holds."""
    gen_ai = mapped(span.tree.get("gen_ai"))
    _read_tool(span, gen_ai, trace)
    entries = list(_entries(span, gen_ai))
    stated = conversation_of(span.tree)
    conversation = stated or span.trace or (f"span {span.id}" if span.id else "")
    if whole := _text(span.attributes.get(OWN_TRANSCRIPT)):
        try:
            trace.whole[conversation] = Transcript.from_value(value_of(whole))
        except TranscriptError as error:
            trace.cut_whole[conversation] = _problem(span, OWN_TRANSCRIPT, whole, error.problem)
    for name in JSON_TEXTS:
        text = _text(span.attributes.get(name))
        if text and BEGINS_JSON.match(text) and value_of(text) is text:
            trace.cut[conversation] = _problem(span, name, text, "not JSON")
    facts = {
        "model": _text(mapped(gen_ai.get("response")).get("model"))
        or _text(mapped(gen_ai.get("request")).get("model"))
        or _text(mapped(span.tree.get("llm")).get("model_name")),
        "tools": _tools(span, gen_ai),
    }
    trace.spans.append(ChatSpan(conversation, span.began, entries, facts))


def _problem(span: OtelSpan, name: str, text: str, otherwise: str) -> str:
    """What is wrong with an attribute: OpenTelemetry cuts off those that are longer than its limit."""
    where = f"{f'span {span.id!r}' if span.id else 'a span without an id'}: its attribute {name!r}"
    if value_of(text) is not text:
        return f"{where}: {otherwise}"
    return (
        f"{where} is cut off after {len(text)} characters; raise OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT (or the limit of "
        "your collector) and export the trace again"
    )


def _spans(value: Mapping[str, Any]) -> Iterator[OtelSpan]:
    if isinstance(value.get("resourceSpans"), list):
        for resource in map(mapped, value["resourceSpans"]):
            for scope in map(
                mapped,
                listed(resource.get("scopeSpans")) or listed(resource.get("instrumentationLibrarySpans")),
            ):
                for span in map(mapped, listed(scope.get("spans"))):
                    yield _span(span)
    else:
        yield _span(value)


def _span(span: Mapping[str, Any]) -> OtelSpan:
    if "context.trace_id" in span:
        span = nested(span)
    attributes = attributes_of(span.get("attributes"))
    context = mapped(span.get("context"))

    def id_of(*keys: str) -> str:
        return next((str(at[key]) for at in (context, span) for key in keys if at.get(key)), "")

    status = mapped(span.get("status"))
    code = str(status.get("status_code") or status.get("code") or span.get("status_code") or "")
    return OtelSpan(
        id_of("span_id", "spanId"),
        id_of("trace_id", "traceId"),
        began(span, "startTimeUnixNano", "start_time", "startTime"),
        attributes,
        nested(attributes),
        listed(span.get("events")),
        code in ("ERROR", "2", "STATUS_CODE_ERROR") or bool(attributes.get("error.type")),
    )


def attributes_of(value: Any) -> dict[str, Any]:
    """Attributes as an object; OTLP writes them as a list of keys and typed values."""
    if isinstance(value, list):
        return {str(item.get("key")): typed(item.get("value")) for item in map(mapped, value)}
    return dict(mapped(value))


def typed(value: Any) -> Any:
    """A value that OTLP wraps in an object with its type."""
    inner = mapped(value)
    if "arrayValue" in inner:
        return [typed(item) for item in listed(mapped(inner["arrayValue"]).get("values"))]
    if "kvlistValue" in inner:
        return attributes_of(mapped(inner["kvlistValue"]).get("values"))
    whole = inner.get("intValue")
    if isinstance(whole, str) and re.fullmatch(r"-?[0-9]{1,19}", whole):
        return int(whole)  # OTLP's JSON writes 64 bits as text
    return next(iter(inner.values()), None)


def conversation_of(tree: Mapping[str, Any]) -> str:
    """The id of the conversation among attributes without dots; empty if there is none."""
    session = mapped(tree.get("session")).get("id")
    return _text(mapped(mapped(tree.get("gen_ai")).get("conversation")).get("id")) or _text(session) or ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _entries(span: OtelSpan, gen_ai: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The messages of a span, in the first spelling that it has."""
    operation = mapped(gen_ai.get("operation"))
    for tree in (gen_ai, *_details(span)):
        asked, answered = (
            mapped(tree.get("input")).get("messages"),
            mapped(tree.get("output")).get("messages"),
        )
        if asked or answered:
            told = value_of(tree.get("system_instructions"))
            if told:
                parts = told if isinstance(told, list) else [{"type": "text", "content": str(told)}]
                yield from entries_of([{"role": "system", "parts": parts}], "system")
            yield from entries_of(asked, "user")
            yield from entries_of(answered, "assistant")
            return
    llm = mapped(span.tree.get("llm"))
    if llm.get("input_messages") or llm.get("output_messages"):
        for name in ("input_messages", "output_messages"):
            yield from (of_openinference(mapped(message)) for message in listed(value_of(llm.get(name))))
        return
    if gen_ai.get("prompt") is not None or gen_ai.get("completion") is not None:
        yield from _older(gen_ai.get("prompt"), "user")
        yield from _older(gen_ai.get("completion"), "assistant")
        return
    if operation.get("name") != "execute_tool":
        yield from _from_events(span)


def _details(span: OtelSpan) -> Iterator[Mapping[str, Any]]:
    """The attributes of the events that hold whole messages."""
    for event in map(mapped, span.events):
        yield mapped(nested(attributes_of(event.get("attributes"))).get("gen_ai"))


def _older(value: Any, role: str) -> Iterator[dict[str, Any]]:
    value = value_of(value)
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        yield from (of_openllmetry({"role": role, **item}) if "parts" not in item else item for item in value)
    else:
        yield from entries_of(value, role)


def _from_events(span: OtelSpan) -> Iterator[dict[str, Any]]:
    for event in map(mapped, span.events):
        name, attributes = _text(event.get("name")), nested(attributes_of(event.get("attributes")))
        if name in EVENTS:
            yield _message(attributes, EVENTS[name])
        elif name == CHOICE:
            yield _message({**attributes, **mapped(value_of(attributes.get("message")))}, "assistant")
        elif said := mapped(attributes.get("gen_ai")):
            yield from _older(said.get("prompt"), "user")
            yield from _older(said.get("completion"), "assistant")


def _message(attributes: Mapping[str, Any], role: str) -> dict[str, Any]:
    calls = listed(value_of(attributes.get("tool_calls")))
    return {
        "role": attributes.get("role") or role,
        "content": attributes.get("content"),
        **({"tool_call_id": attributes["id"]} if role == "tool" and attributes.get("id") else {}),
        **({"tool_calls": calls} if calls else {}),
    }


def _tools(span: OtelSpan, gen_ai: Mapping[str, Any]) -> Any:
    """The definitions of tools; OpenInference has each schema as text."""
    defined = value_of(mapped(gen_ai.get("tool")).get("definitions"))
    schemas = [
        value_of(mapped(tool.get("tool")).get("json_schema"))
        for tool in map(mapped, listed(mapped(span.tree.get("llm")).get("tools")))
    ]
    return defined or schemas


def _read_tool(span: OtelSpan, gen_ai: Mapping[str, Any], trace: Trace) -> None:
    """Remember the result of a tool's own span by the id of its call."""
    call = mapped(mapped(gen_ai.get("tool")).get("call"))
    id_ = _text(call.get("id")) or _text(mapped(span.tree.get("tool_call")).get("id"))
    if id_ is None:
        return
    result = call.get("result")
    if result is None:
        result = mapped(span.tree.get("output")).get("value")
    trace.runs[id_] = ToolRun(None if result is None else json_text(result), span.is_error)
