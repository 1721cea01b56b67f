"""Traces of other programs: the dialogue is in the longest history, and its tool calls have their results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.sources import Source, Unreadable, read_sources
from pytest_duolog.transcripts.traces import NO_ID
from pytest_duolog.transcripts.transcript import Transcript

ARGS = {"order": 5}
SAID = [
    ("user", "Where is it?"),
    ("assistant", "It is on its way."),
    ("user", "Thanks."),
    ("assistant", "Bye!"),
]
SCHEMA = {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}
TOOL = {"type": "function", "function": {"name": "status", "description": "Where.", "parameters": SCHEMA}}


def sources(value: Any, *, lines: bool = False) -> list[Source | Unreadable]:
    text = "\n".join(map(json.dumps, value)) if lines else json.dumps(value)
    return read_sources(text, file="trace.json")


def only(value: Any, *, lines: bool = False) -> Transcript:
    (found,) = sources(value, lines=lines)
    assert isinstance(found, Source), found
    return found.transcript


# One request a message: the histories grow, and the second has a tool call.
def histories(call: Any, result: Any, text: Any) -> list[tuple[list[Any], Any]]:
    asked, answered, thanked, bye = (text(role, content) for role, content in SAID)
    history = [asked]
    steps = [(list(history), call)]
    history += [call, result]
    steps.append((list(history), answered))
    history += [answered, thanked]
    steps.append((list(history), bye))
    return steps


def parts(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


PARTS = histories(
    {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "status", "arguments": ARGS}]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sent"}]},
    parts,
)
CHAT_CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "status", "arguments": json.dumps(ARGS)}}
    ],
}
CHAT = histories(
    CHAT_CALL,
    {"role": "tool", "tool_call_id": "c1", "content": "sent"},
    lambda role, content: {"role": role, "content": content},
)
TYPES = {"user": "human", "assistant": "ai"}
LANGCHAIN = histories(
    {
        "type": "ai",
        "content": "",
        "tool_calls": [{"name": "status", "args": ARGS, "id": "c1", "type": "tool_call"}],
    },
    {"type": "tool", "content": "sent", "tool_call_id": "c1", "name": "status", "status": "success"},
    lambda role, content: {"type": TYPES[role], "content": content},
)


def typed(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(item) for item in value]}}
    if isinstance(value, dict):
        return {
            "kvlistValue": {"values": [{"key": key, "value": typed(item)} for key, item in value.items()]}
        }
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def otlp(spans: list[dict[str, Any]]) -> dict[str, Any]:
    made = [
        {
            "traceId": "t1",
            "spanId": f"s{at}",
            "name": "chat m",
            "startTimeUnixNano": str(1000 + at),
            "attributes": [{"key": key, "value": typed(value)} for key, value in span["attributes"].items()],
            "events": [
                {
                    "name": name,
                    "attributes": [{"key": key, "value": typed(value)} for key, value in event.items()],
                }
                for name, event in span.get("events", [])
            ],
            "status": span.get("status", {}),
        }
        for at, span in enumerate(spans)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": made}]}]}


def record(span: int, at: int, name: str, *, body: Any = None, **attributes: Any) -> dict[str, Any]:
    """A log record; older SDKs write the name of its event among the attributes."""
    told = {"event.name": name, **attributes} if span % 2 else attributes
    return {
        "timeUnixNano": str(1000 + 10 * span + at),
        "traceId": "t1",
        "spanId": f"s{span}",
        **({} if span % 2 else {"eventName": name}),
        "attributes": [{"key": key, "value": typed(value)} for key, value in told.items()],
        **({"body": typed(body)} if body else {}),
    }


def logs(records: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}


def detail_records(steps: list[tuple[list[Any], Any]]) -> list[dict[str, Any]]:
    name = "gen_ai.client.inference.operation.details"
    return [
        record(
            at,
            0,
            name,
            **{
                "gen_ai.conversation.id": "talk-1",
                "gen_ai.request.model": "m",
                "gen_ai.input.messages": asked,
                "gen_ai.output.messages": [answered],
            },
        )
        for at, (asked, answered) in enumerate(steps)
    ]


def message_records(steps: list[tuple[list[Any], Any]]) -> list[dict[str, Any]]:
    made = []
    for span, (asked, answered) in enumerate(steps):
        for at, message in enumerate(asked):
            body = {
                key: value for key, value in message.items() if key not in ("role", "tool_call_id") and value
            }
            if message.get("tool_call_id"):
                body["id"] = message["tool_call_id"]
            made.append(
                record(
                    span, at, f"gen_ai.{message['role']}.message", body=body, **{"gen_ai.system": "openai"}
                )
            )
        said = {key: value for key, value in answered.items() if value}
        choice = {"index": 0, "finish_reason": "stop", "message": said}
        made.append(record(span, len(asked), "gen_ai.choice", body=choice))
    return made


def genai(asked: Any, answered: Any, **more: Any) -> dict[str, Any]:
    return {
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.conversation.id": "talk-1",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
            "gen_ai.input.messages": json.dumps(asked),
            "gen_ai.output.messages": json.dumps([answered]),
            **more,
        }
    }


def flat(prefix: str, messages: list[Any]) -> dict[str, Any]:
    """Messages as OpenLLMetry writes them."""
    found: dict[str, Any] = {}
    for at, message in enumerate(messages):
        for key in ("role", "content", "tool_call_id"):
            if message.get(key) is not None:
                found[f"{prefix}.{at}.{key}"] = message[key]
        for number, call in enumerate(message.get("tool_calls", [])):
            found[f"{prefix}.{at}.tool_calls.{number}.id"] = call["id"]
            found[f"{prefix}.{at}.tool_calls.{number}.name"] = call["function"]["name"]
            found[f"{prefix}.{at}.tool_calls.{number}.arguments"] = call["function"]["arguments"]
    return found


def openinference(prefix: str, messages: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for at, message in enumerate(messages):
        for key in ("role", "content", "tool_call_id"):
            if message.get(key) is not None:
                found[f"{prefix}.{at}.message.{key}"] = message[key]
        for number, call in enumerate(message.get("tool_calls", [])):
            place = f"{prefix}.{at}.message.tool_calls.{number}.tool_call"
            found[f"{place}.id"] = call["id"]
            found[f"{place}.function.name"] = call["function"]["name"]
            found[f"{place}.function.arguments"] = call["function"]["arguments"]
    return found


def old_events(asked: list[Any], answered: Any) -> dict[str, Any]:
    events = []
    for message in asked:
        event = {"content": message["content"] or ""}
        if message.get("tool_calls"):
            event["tool_calls"] = json.dumps(message["tool_calls"])
        if message.get("tool_call_id"):
            event["id"] = message["tool_call_id"]
        events.append((f"gen_ai.{message['role']}.message", event))
    return {
        "attributes": {"gen_ai.system": "openai", "gen_ai.operation.name": "chat"},
        "events": [*events, ("gen_ai.choice", {"index": 0, "message": json.dumps(answered)})],
    }


def sdk_span(at: int, asked: Any, answered: Any) -> dict[str, Any]:
    return {
        "name": "chat m",
        "context": {"trace_id": "0xabc", "span_id": f"0x{at}"},
        "start_time": f"2026-11-29T10:00:0{at}Z",
        "attributes": genai(asked, answered)["attributes"],
        "events": [],
    }


def phoenix_row(at: int, asked: list[Any], answered: Any) -> dict[str, Any]:
    def message(said: Any) -> dict[str, Any]:
        calls = [
            {
                "tool_call.id": call["id"],
                "tool_call.function.name": call["function"]["name"],
                "tool_call.function.arguments": call["function"]["arguments"],
            }
            for call in said.get("tool_calls", [])
        ]
        named = {
            "message.role": said["role"],
            "message.content": said["content"],
            "message.tool_calls": calls or None,
        }
        more = {"message.tool_call_id": said["tool_call_id"]} if "tool_call_id" in said else {}
        return {**named, **more}

    return {
        "name": "ChatCompletion",
        "span_kind": "LLM",
        "context.trace_id": "abc",
        "context.span_id": str(at),
        "start_time": f"2026-11-29T10:00:0{at}Z",
        "attributes.llm.input_messages": [message(said) for said in asked],
        "attributes.llm.output_messages": [message(answered)],
        "attributes.llm.model_name": "m",
    }


def langfuse(steps: list[tuple[list[Any], Any]], **trace: Any) -> dict[str, Any]:
    observations = [
        {
            "id": f"o{at}",
            "traceId": "t1",
            "type": "GENERATION",
            "startTime": f"2026-11-29T10:00:0{at}Z",
            "model": "m",
            "input": {"messages": asked, "tools": [TOOL]},
            "output": answered,
        }
        for at, (asked, answered) in enumerate(steps)
    ]
    return {
        "id": "t1",
        "name": "agent",
        "sessionId": "talk-1",
        "input": "x",
        "observations": observations,
        **trace,
    }


def langsmith(steps: list[tuple[list[Any], Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"r{at}",
            "trace_id": "t1",
            "run_type": "llm",
            "start_time": f"2026-11-29T10:00:0{at}",
            "inputs": {"messages": [asked]},
            "outputs": {"generations": [[{"text": "", "message": answered}]]},
            "extra": {
                "metadata": {"thread_id": "talk-1", "ls_model_name": "m"},
                "invocation_params": {"tools": [TOOL]},
            },
        }
        for at, (asked, answered) in enumerate(steps)
    ]


def dumped(message: dict[str, Any]) -> dict[str, Any]:
    names = {"human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage"}
    kind = names[message["type"]]
    fields = {key: value for key, value in message.items() if key != "type"}
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", kind], "kwargs": fields}


def whole(steps: list[tuple[list[Any], Any]]) -> list[Any]:
    return [*steps[-1][0], steps[-1][1]]


DUMPED = [([dumped(message) for message in asked], dumped(answered)) for asked, answered in LANGCHAIN]
TRACES: dict[str, Any] = {
    "GenAI spans": otlp([genai(*step) for step in PARTS]),
    "in another order": otlp([genai(*step) for step in reversed(PARTS)]),
    "console exporter": [sdk_span(at, *step) for at, step in enumerate(PARTS)],
    "whole messages in an event": otlp(
        [
            {"attributes": {"gen_ai.operation.name": "chat"}, "events": [("gen_ai.client.inference.operation.details", {
                "gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps([answered])})]}
            for asked, answered in PARTS
        ]
    ),
    "log records with details": logs(detail_records(PARTS)),
    "log records of messages": logs(message_records(CHAT)),
    "log records in another order": logs(message_records(CHAT)[::-1]),
    "log records in batches": [logs([one]) for one in message_records(CHAT)],
    "older events": otlp([old_events(*step) for step in CHAT]),
    "OpenLLMetry": otlp(
        [
            {"attributes": {**flat("gen_ai.prompt", asked), **flat("gen_ai.completion", [answered])}}
            for asked, answered in CHAT
        ]
    ),
    "prompt and completion as text": otlp(
        [{"attributes": {"gen_ai.prompt": json.dumps(asked), "gen_ai.completion": json.dumps([answered])}}
         for asked, answered in CHAT]
    ),
    "OpenInference": otlp(
        [
            {"attributes": {**openinference("llm.input_messages", asked),
                            **openinference("llm.output_messages", [answered]), "session.id": "s"}}
            for asked, answered in CHAT
        ]
    ),
    "Phoenix": [phoenix_row(at, *step) for at, step in enumerate(CHAT)],
    "Langfuse": langfuse(CHAT),
    "Langfuse, list": [langfuse(CHAT)],
    "Langfuse, observations": langfuse(CHAT)["observations"],
    "Langfuse, text": langfuse([(json.dumps(asked), json.dumps(answered)) for asked, answered in CHAT]),
    "LangSmith": langsmith(LANGCHAIN),
    "LangSmith, dumped": langsmith(DUMPED),
    "LangSmith, nested": {"id": "r", "run_type": "chain", "inputs": {}, "child_runs": langsmith(LANGCHAIN)},
    "LangSmith, OpenAI": [
        {**run, "inputs": {"messages": asked}, "outputs": {"choices": [{"message": answered}]}}
        for run, (asked, answered) in zip(langsmith(CHAT), CHAT, strict=True)
    ],
    "LangChain messages": whole(LANGCHAIN),
    "LangChain, dumped": {"messages": whole(DUMPED)},
    "LangChain, to_dict": [
        {"type": message["type"], "data": {key: value for key, value in message.items() if key != "type"}}
        for message in whole(LANGCHAIN)
    ],
}  # fmt: skip


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_the_dialogue_of_a_trace_is_read_once_with_its_call(trace: Any):
    transcript = only(trace)
    assert [(message.speaker, message.content) for message in transcript.messages] == SAID
    (call,) = transcript.messages[1].tool_calls
    assert (call.name, json.loads(call.arguments), call.result, call.is_error) == (
        "status",
        ARGS,
        "sent",
        False,
    )
    assert sum(len(message.tool_calls) for message in transcript.messages) == 1
    assert transcript.calls_tool("status", order=5, times=1)


@pytest.mark.parametrize(
    "name", ["console exporter", "Phoenix", "LangSmith", "Langfuse, observations", "log records in batches"]
)
def test_spans_one_after_the_other_are_a_trace(name: str):
    assert len(only(TRACES[name], lines=True)) == len(SAID)
    text = "\n".join(json.dumps(span, indent=4) for span in TRACES[name])
    (found,) = read_sources(text, file="trace.json")
    assert isinstance(found, Source)
    first, torn = read_sources(f"{text}\n{{", file="trace.json")
    assert isinstance(first, Source)
    assert isinstance(torn, Unreadable)
    assert torn.problem.startswith("not JSON: the spans in this line are missing")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_torn_line_of_a_trace_is_said_and_the_other_lines_are_read(place: int):
    lines = [
        json.dumps(otlp([genai(*step, **{"gen_ai.conversation.id": f"talk-{at}"})]))
        for at, step in enumerate(PARTS)
    ]
    lines[place] = lines[place][:-40]
    found = read_sources("\n".join(lines), file="trace.json")
    assert [one.id for one in found if isinstance(one, Source)] == [
        f"talk-{at}" for at in range(3) if at != place
    ]
    (torn,) = [one for one in found if isinstance(one, Unreadable)]
    assert (torn.line, torn.problem[:8]) == (place + 1, "not JSON")


def test_models_prompts_and_tools_of_a_trace_are_known():
    definitions = {"gen_ai.tool.definitions": json.dumps([{"type": "function", **TOOL["function"]}])}
    for trace in (
        otlp([genai(*step, **definitions) for step in PARTS]),
        langfuse(CHAT),
        langsmith(LANGCHAIN),
    ):
        transcript = only(trace)
        (bot,) = (speaker for speaker in transcript.speakers if speaker.name == "assistant")
        assert (bot.model, [tool.name for tool in bot.tools]) == ("m", ["status"])
        assert transcript.calls_are_valid()
    assert only(otlp([genai(*step) for step in PARTS])).speakers[1].system == "Be brief."


def test_spans_of_tools_know_results_and_errors():
    asked, call = PARTS[0]
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "status",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.call.result": "no such order",
        "error.type": "KeyError",
    }
    phoenix = {"openinference.span.kind": "TOOL", "tool_call.id": "c1", "output.value": "no such order"}
    for span in ({"attributes": tool}, {"attributes": phoenix, "status": {"code": "STATUS_CODE_ERROR"}}):
        transcript = only(otlp([genai(asked, call), span]))
        (made,) = transcript.messages[-1].tool_calls
        assert (made.result, made.is_error) == ("no such order", True)
    given = {
        "name": "tool",
        "context": {"trace_id": "0xabc"},
        "attributes": {**tool, "gen_ai.tool.call.result": {"state": "sent"}},
    }
    (made,) = only([sdk_span(0, asked, call), given]).messages[-1].tool_calls
    assert json.loads(made.result or "") == {"state": "sent"}


def test_conversations_are_apart_and_turns_with_the_same_history_are_one():
    two = [
        *otlp([genai(*PARTS[0])])["resourceSpans"],
        *otlp([genai(*PARTS[2], **{"gen_ai.conversation.id": "b"})])["resourceSpans"],
    ]
    found = sources({"resourceSpans": two})
    assert [item.id for item in found if isinstance(item, Source)] == ["talk-1", "b"]


def test_different_traces_are_never_merged():
    rows = [
        {**row, "context.trace_id": f"t{at}"}
        for at, row in enumerate([*TRACES["Phoenix"], TRACES["Phoenix"][2]])
    ]
    found = [(item.id, len(item.transcript)) for item in sources(rows) if isinstance(item, Source)]
    assert found == [("t0", 2), ("t1", 2), ("t2", 4), ("t3", 4)]


def test_each_trace_of_an_export_is_read_by_its_own_observations():
    plain = {"id": "t2", "traceId": None, "input": "Hi.", "output": "Hello.", "observations": []}
    found = sources([langfuse(CHAT), {**plain, "traceId": "t2"}, {**plain, "id": "t3"}])
    assert [(item.id, len(item.transcript)) for item in found if isinstance(item, Source)] == [
        ("talk-1", 4),
        ("t2", 2),
        ("t3", 2),
    ]


TIMES = [
    ("2026-11-29T10:00:00Z", "2026-11-29T10:00:00.5Z"),
    ("2026-11-29T10:00:00+02:00", "2026-11-29T09:00:00Z"),
    ("2026-11-29 10:00:00 UTC", "2026-11-29 10:00:00.250000 UTC"),
    (999, 1000),
    ("999", "1000"),
    (0.5, 1e9),
    ("2026-11-29T10:00:00Z", "then"),
    ("2026-11-29T10:00:00Z", None),
]


@pytest.mark.parametrize(("early", "late"), TIMES, ids=str)
def test_spans_are_in_the_order_in_which_they_began(early: Any, late: Any):
    asked, answered = CHAT[1]
    other = {**answered, "content": "It is here."}
    exported = langfuse([(asked, other), (asked, answered)])["observations"]
    rows = [phoenix_row(0, asked, said) for said in (other, answered)]
    for spans, key in ((exported, "startTime"), (rows, "start_time")):
        timed = [{**span, key: time} for span, time in zip(spans, (late, early), strict=True)]
        assert only(timed).messages[-1].content == "It is here."


def test_from_trace_takes_one_dialogue(tmp_path: Path):
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(TRACES["Langfuse"]), "utf-8")
    assert len(Transcript.from_trace(path)) == len(SAID)
    path.write_text(json.dumps([langfuse(CHAT), langfuse(CHAT, sessionId="b")]), "utf-8")
    with pytest.raises(
        TranscriptError, match=r"has 2 dialogues; choose one with conversation=.*'talk-1', 'b'"
    ):
        Transcript.from_trace(path)
    assert len(Transcript.from_trace(path, conversation="b")) == len(SAID)
    with pytest.raises(TranscriptError, match="no dialogue 'c'"):
        Transcript.from_trace(path, conversation="c")
    path.write_text(json.dumps([{"id": "a", "messages": whole(CHAT)}] * 2), "utf-8")
    with pytest.raises(TranscriptError, match=r"has 2 dialogues; choose one with conversation=.*'a'"):
        Transcript.from_trace(path)
    with pytest.raises(TranscriptError, match="has 2 dialogues with the id 'a'; give each an id of its own"):
        Transcript.from_trace(path, conversation="a")
    path.write_text("{}", "utf-8")
    with pytest.raises(TranscriptError, match="not a dialogue"):
        Transcript.from_trace(path)


@pytest.mark.parametrize(
    ("trace", "problem"),
    [
        (otlp([{"attributes": {"gen_ai.request.model": "m"}}]), "the trace has no messages"),
        (otlp([]), "the trace has no messages"),
        ({"id": "t", "observations": [], "input": None}, "the trace has no messages"),
        ([{"run_type": "llm", "inputs": {"messages": [{"role": 5, "content": {}}]}}], ""),
    ],
)
def test_a_trace_without_messages_says_so(trace: Any, problem: str):
    for item in sources(trace):
        assert isinstance(item, Source) or problem in item.problem


KEYS = [
    "resourceSpans", "scopeSpans", "spans", "attributes", "context", "trace_id", "key", "value", "stringValue",
    "events", "gen_ai.input.messages", "gen_ai.prompt.0.role", "gen_ai.prompt", "llm.input_messages.0.message",
    "run_type", "inputs", "outputs", "messages", "generations", "observations", "type", "traceId", "input", "output",
    "role", "parts", "content", "tool_calls", "kwargs", "id", "data", "child_runs", "context.trace_id",
    "attributes.llm.input_messages",
]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["llm", "GENERATION", "human", "[{}]", "user", '["x"]']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries({"run_type": st.just("llm"), "inputs": VALUES, "outputs": VALUES})
    | st.fixed_dictionaries({"attributes": VALUES, "context": VALUES, "events": VALUES})
    | st.fixed_dictionaries({"observations": st.lists(VALUES), "input": VALUES, "output": VALUES})
    | st.fixed_dictionaries({"resourceSpans": st.lists(VALUES)})
    | st.fixed_dictionaries({"context.trace_id": VALUES, "attributes.llm.input_messages": VALUES})
    | st.fixed_dictionaries({"type": VALUES, "messages": VALUES})
    | st.lists(st.fixed_dictionaries({"type": VALUES, "content": VALUES, "traceId": VALUES}), max_size=3)
)
def test_any_trace_is_read_or_refused(value: Any):
    for found in sources(value):
        assert isinstance(found, Source | Unreadable)


@pytest.mark.parametrize(
    "value",
    [
        {"type": {"a": 1}, "messages": [{"type": ["a"], "content": "x"}]},
        [{"type": ["a"], "content": "x"}],
        [{"type": ["a"], "traceId": "t", "input": "x"}],
        {"traceId": "t", "observations": [{"type": {"a": 1}, "traceId": {}}]},
    ],
    ids=str,
)
def test_a_type_that_is_no_text_is_no_type(value: Any):
    for found in sources(value):
        assert isinstance(found, Source | Unreadable)
        assert not isinstance(found, Unreadable) or "unhashable" not in found.problem


def test_an_event_without_a_name_does_not_hide_the_dialogue():
    trace = otlp([old_events(*CHAT[0])])
    trace["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["events"].append({"name": ["x"]})
    assert len(only(trace)) == 2


def problems(value: Any) -> list[str]:
    return [found.problem for found in sources(value) if isinstance(found, Unreadable)]


def test_a_cut_transcript_of_ours_falls_back_to_the_spans_or_names_its_span():
    own = {"gen_ai.conversation.id": "talk-1", "duolog.transcript": '{"format": 1, "messages": [{"spea'}
    alone = {"attributes": {**own, "gen_ai.conversation.id": "talk-2"}}
    found = sources(otlp([{"attributes": own}, *(genai(*step) for step in PARTS), alone]))
    (read,) = [one for one in found if isinstance(one, Source)]
    assert (read.id, len(read.transcript)) == ("talk-1", len(SAID))
    (problem,) = [one.problem for one in found if isinstance(one, Unreadable)]
    assert problem.startswith(
        "talk-2: span 's4': its attribute 'duolog.transcript' is cut off after 33 characters; "
    )
    assert "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" in problem


@pytest.mark.parametrize("text", ['{"format": 99, "messages": []}', '"text"', "[]"])
def test_a_transcript_of_another_format_spoils_no_other_dialogue(text: str):
    own = {"attributes": {"gen_ai.conversation.id": "talk-2", "duolog.transcript": text}}
    found = sources(otlp([own, *(genai(*step) for step in PARTS)]))
    assert [one.id for one in found if isinstance(one, Source)] == ["talk-1"]
    (problem,) = problems(otlp([own, *(genai(*step) for step in PARTS)]))
    assert problem.startswith("talk-2: span 's0': its attribute 'duolog.transcript'")


def test_a_conversation_whose_messages_are_cut_off_is_not_judged_by_a_shorter_history():
    first, *_, last = (genai(*step) for step in PARTS)
    whole_text = last["attributes"]["gen_ai.input.messages"]
    last["attributes"]["gen_ai.input.messages"] = whole_text[:-20]
    other = genai(*PARTS[-1], **{"gen_ai.conversation.id": "talk-2"})
    found = sources(otlp([first, last, other]))
    assert [one.id for one in found if isinstance(one, Source)] == ["talk-2"]
    (problem,) = problems(otlp([first, last, other]))
    assert problem.startswith("talk-1: span 's1': its attribute 'gen_ai.input.messages' is cut off after")


def test_text_that_only_looks_like_json_is_text():
    said = only(otlp([{"attributes": {"gen_ai.prompt": "[note] {x}", "gen_ai.completion": "{y}"}}]))
    assert [message.content for message in said.messages] == ["[note] {x}", "{y}"]


def test_one_conversation_that_cannot_be_read_spoils_no_other():
    run = {"run_type": "llm", "trace_id": "bad", "inputs": {"messages": [{"role": [], "content": "x"}]}}
    good = {
        "run_type": "llm",
        "trace_id": "good",
        "inputs": {"messages": [{"role": "user", "content": "Hi."}]},
    }
    found = sources([run, good])
    assert [one.id for one in found if isinstance(one, Source)] == ["good"]
    assert problems([run, good]) == [
        "bad: message 1 has no speaker ('speaker' or 'role' or 'from' or 'name')"
    ]


def without_ids(records: list[dict[str, Any]], conversation: str = "") -> list[dict[str, Any]]:
    made = [{key: value for key, value in one.items() if key not in ("traceId", "spanId")} for one in records]
    for one in made if conversation else ():
        told = {"key": "gen_ai.conversation.id", "value": typed(conversation)}
        one["attributes"] = [item for item in one["attributes"] if item["key"] != told["key"]] + [told]
    return made


def test_records_without_ids_are_told_apart_by_their_conversation():
    one, two = (without_ids(message_records(CHAT), name) for name in ("one", "two"))
    mixed = [record for pair in zip(one, two, strict=True) for record in pair]
    found = sources(logs(mixed))
    assert [(item.id, len(item.transcript)) for item in found if isinstance(item, Source)] == [
        ("one", len(SAID)),
        ("two", len(SAID)),
    ]
    assert len(found) == 2


def test_records_of_a_trace_without_spans_are_requests_that_end_with_their_answer():
    records = [{key: value for key, value in one.items() if key != "spanId"} for one in message_records(CHAT)]
    assert [message.content for message in only(logs(records)).messages if message.content] == [
        content for _, content in SAID
    ]


def test_records_that_belong_to_nothing_are_counted_and_not_joined():
    n_lost = len(message_records(CHAT))
    assert problems(logs(without_ids(message_records(CHAT)))) == [f"{n_lost} log records {NO_ID}"]
    details = [
        {**one, "attributes": [item for item in one["attributes"] if item["key"] != "gen_ai.conversation.id"]}
        for one in without_ids(detail_records(PARTS))
    ]
    found = sources(logs(details))
    assert [item.id for item in found if isinstance(item, Source)] == ["record 1", "record 2", "record 3"]


def test_spans_without_any_id_are_not_joined():
    rows = [
        {"run_type": "llm", "inputs": {"messages": [{"role": "user", "content": text}]}}
        for text in ("a", "b")
    ]
    found = sources(rows)
    assert [
        message.content for item in found if isinstance(item, Source) for message in item.transcript.messages
    ] == [
        "a",
        "b",
    ]
