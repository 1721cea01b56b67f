"""Exports of Langfuse and LangSmith."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_duolog.transcripts.langchain import listed, mapped
from pytest_duolog.transcripts.traces import ChatSpan, Trace, began, value_of
from pytest_duolog.transcripts.traces.messages import entries_of

# Kinds of Langfuse's observations.
KINDS = frozenset(
    "GENERATION SPAN EVENT AGENT TOOL CHAIN RETRIEVER EVALUATOR EMBEDDING GUARDRAIL".split()  # noqa: SIM905
)
THREADS = ("thread_id", "session_id", "conversation_id")


def is_langfuse(value: Any) -> bool:
    """Whether it is a trace or an observation of Langfuse."""
    if not isinstance(value, dict):
        return False
    observed = value.get("observations")
    has_observations = isinstance(observed, list) and (
        "input" in value or any(map(_is_observation, observed))
    )
    return (
        has_observations
        or _is_observation(value)
        or isinstance(mapped(value.get("trace")).get("observations"), list)
    )


def _is_observation(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("type"), str)
        and value["type"] in KINDS
        and any(k in value for k in ("traceId", "trace_id"))
    )


def read_langfuse(value: Mapping[str, Any], trace: Trace) -> None:
    """Add a trace with its observations, or one observation."""
    whole = mapped(value.get("trace")) or value
    observed = [item for item in listed(whole.get("observations")) if isinstance(item, dict)]
    session = _first(whole, ("sessionId", "session_id"))
    if _is_observation(whole):
        observed = [dict(whole)]
    spans = [
        _langfuse_span(item, session, _first(whole, ("id",)))
        for item in observed
        if item.get("type") in (None, "GENERATION", "AGENT")
    ]
    if not _is_observation(whole) and not any(span.entries for span in spans):
        spans.append(_langfuse_span(whole, session, _first(whole, ("id",))))
    trace.spans += spans


def _langfuse_span(item: Mapping[str, Any], session: str, trace_id: str) -> ChatSpan:
    asked = value_of(item.get("input"))
    entries = [*entries_of(asked, "user"), *entries_of(item.get("output"), "assistant")]
    facts = {"model": item.get("model"), "tools": mapped(asked).get("tools")}
    own = _first(item, ("sessionId", "session_id")) or session
    conversation = own or _first(item, ("traceId", "trace_id")) or trace_id
    return ChatSpan(conversation, began(item, "startTime", "start_time", "timestamp"), entries, facts)


def is_langsmith(value: Any) -> bool:
    """Whether it is a run of LangSmith."""
    return isinstance(value, dict) and isinstance(value.get("run_type"), str) and "inputs" in value


def read_langsmith(value: Mapping[str, Any], trace: Trace) -> None:
    """Add a run with the runs inside it."""
    for run in _runs(value, 0):
        if run.get("run_type") in ("llm", "chat_model"):
            metadata = mapped(mapped(run.get("extra")).get("metadata"))
            thread = _first(metadata, THREADS)
            asked, answered = mapped(run.get("inputs")), value_of(run.get("outputs"))
            entries = [*entries_of(asked, "user"), *entries_of(answered, "assistant")]
            facts = {
                "model": _first(metadata, ("ls_model_name",)) or None,
                "tools": asked.get("tools")
                or mapped(mapped(run.get("extra")).get("invocation_params")).get("tools"),
            }
            conversation = thread or _first(run, ("trace_id",)) or _first(value, ("trace_id", "id"))
            trace.spans.append(ChatSpan(conversation, began(run, "start_time"), entries, facts))


def _runs(run: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    yield run
    if depth < 50:
        for inner in map(mapped, listed(run.get("child_runs"))):
            yield from _runs(inner, depth + 1)


def _first(values: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return next(
        (str(values[key]) for key in keys if isinstance(values.get(key), str | int) and values[key]), ""
    )
