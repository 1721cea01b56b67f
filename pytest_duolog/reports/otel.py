"""Gives spans to the tracer provider of OpenTelemetry that the user's code has set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytest_duolog.reports.spans import Span

SCOPE = "pytest_duolog"
NO_PROVIDER = "duolog_otel: no spans were written, because no code has set a tracer provider of OpenTelemetry"


def write_spans(spans: Sequence[Span], redacted: Callable[[Any], Any]) -> str:
    """Write the spans below the current one; returns a notice if there is no tracer provider, else an empty text.

    `redacted` replaces secrets in plain data. Attributes without a value are left out.
    """
    from opentelemetry import trace  # noqa: PLC0415  # optional, and nobody who wants no spans pays for it

    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return NO_PROVIDER
    tracer = provider.get_tracer(SCOPE)
    begun: list[Any] = []
    for span in spans:
        around = None if span.parent is None else trace.set_span_in_context(begun[span.parent])
        begun.append(
            tracer.start_span(
                redacted(span.name),
                context=around,
                kind=trace.SpanKind.CLIENT if span.is_client else trace.SpanKind.INTERNAL,
                attributes=redacted(_told(span.attributes)),
                start_time=span.began_ns,
            )
        )
    for span, written in reversed(list(zip(spans, begun, strict=True))):
        for name, attributes in span.events:
            written.add_event(name, redacted(_told(attributes)), timestamp=span.ended_ns)
        if span.error:
            written.set_attribute("error.type", redacted(span.error))
            written.set_status(trace.StatusCode.ERROR)
        written.end(end_time=span.ended_ns)
    return ""


def _told(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None and value != ""}
