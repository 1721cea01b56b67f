"""Tool calls of a function, from its recorded requests and responses, in the form of every provider."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.recording.interaction import Body, Interaction, Response, SentRequest
from pytest_duolog.recording.wire import calls_by_message
from pytest_duolog.transcripts.transcript import ToolCall

ARGS = {"order": 5}
TEXT = json.dumps(ARGS)
ASKED = {"role": "user", "content": "Where is it?"}


def calls_on_wire(interactions: list[Interaction]) -> tuple[ToolCall, ...]:
    """Those of message 2."""
    return calls_by_message(interactions).get(2, ())


def interaction(request: Any, response: Any, status: int = 200) -> Interaction:
    content = response if isinstance(response, bytes) else json.dumps(response).encode()
    sent = SentRequest("POST", "https://a.example/v1", {}, Body.parse(json.dumps(request).encode()))
    return Interaction(sent, Response(status, "OK", {}, content), 2, "Bot")


def events(*values: Any) -> bytes:
    lines = [f"event: {value.get('type', 'x')}\ndata: {json.dumps(value)}\n\n" for value in values]
    return "".join([": hello\n\n", *lines, "data: [DONE]\n\n"]).encode()


def chat_call(*calls: tuple[str, str, str], content: str | None = None) -> dict[str, Any]:
    made = [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": text}}
        for id_, name, text in calls
    ]
    return {"role": "assistant", "content": content, "tool_calls": made}


def chat_answer(message: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


CHAT_CALL = chat_call(("c1", "status", TEXT))
CHAT = [
    ({"messages": [ASKED]}, chat_answer(CHAT_CALL)),
    (
        {"messages": [ASKED, CHAT_CALL, {"role": "tool", "tool_call_id": "c1", "content": "sent"}]},
        chat_answer({"role": "assistant", "content": "It is on its way."}),
    ),
]
CHAT_STREAM = [
    (
        CHAT[0][0],
        events(
            {"choices": [{"delta": {"role": "assistant", "content": None}}]},
            {
                "choices": [
                    {"delta": {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "status"}}]}}
                ]
            },
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": TEXT[:4]}}]}}]},
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": TEXT[4:]}}]}}]},
            {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": {}},
        ),
    ),
    CHAT[1],
]
ITEM = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "status", "arguments": TEXT}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "sent"}
SAID = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "It is on its way."}],
}
RESPONSES = [
    (
        {"input": [ASKED], "instructions": "Be brief."},
        {"output": [{"type": "reasoning", "summary": []}, ITEM]},
    ),
    ({"input": [ASKED, ITEM, OUTPUT], "instructions": "Be brief."}, {"output": [SAID]}),
]
RESPONSES_BY_ID = [
    ({"input": "Where is it?"}, {"id": "r1", "output": [ITEM]}),
    ({"input": [OUTPUT], "previous_response_id": "r1"}, {"output": [SAID]}),
]
RESPONSES_STREAM = [
    (
        RESPONSES[0][0],
        events(
            {"type": "response.created", "response": {"output": []}},
            {"type": "response.output_item.added", "item": {**ITEM, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", "delta": TEXT},
            {"type": "response.output_item.done", "item": ITEM},
            {"type": "response.completed", "response": {"output": [ITEM]}},
        ),
    ),
    RESPONSES[1],
]
USE = {"type": "tool_use", "id": "t1", "name": "status", "input": ARGS}
TOLD = {"type": "tool_result", "tool_use_id": "t1", "content": "sent"}
MESSAGES = [
    (
        {"system": "Be brief.", "messages": [ASKED]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hm."}, USE]},
    ),
    (
        {
            "system": "Be brief.",
            "messages": [ASKED, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [TOLD]}],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "It is on its way."}]},
    ),
]
MESSAGES_STREAM = [
    (
        MESSAGES[0][0],
        events(
            {"type": "message_start", "message": {"role": "assistant", "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hm."}},
            {"type": "content_block_start", "index": 1, "content_block": {**USE, "input": {}}},
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": TEXT[:3]},
            },
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": TEXT[3:]},
            },
        ),
    ),
    MESSAGES[1],
]
PART = {"functionCall": {"name": "status", "args": ARGS}, "thoughtSignature": "c2lnbmVk"}
GEMINI = [
    (
        {"contents": [{"parts": [{"text": "?"}]}]},
        {"candidates": [{"content": {"role": "model", "parts": [PART]}}]},
    ),
    (
        {
            "contents": [
                {"parts": [{"text": "?"}]},
                {"role": "model", "parts": [PART]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "status", "response": {"result": "sent"}}}],
                },
            ]
        },
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "It is on its way."}]}}]},
    ),
]
GEMINI_STREAM = [(GEMINI[0][0], events(GEMINI[0][1], {"candidates": [{"finishReason": "STOP"}]})), GEMINI[1]]
OLLAMA_CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"function": {"name": "status", "arguments": ARGS}}],
}
OLLAMA = [
    ({"messages": [ASKED]}, {"message": OLLAMA_CALL, "done": True}),
    (
        {"messages": [ASKED, OLLAMA_CALL, {"role": "tool", "tool_name": "status", "content": "sent"}]},
        {"message": {"role": "assistant", "content": "It is on its way."}},
    ),
]
OLLAMA_STREAM = [
    (OLLAMA[0][0], b"".join(json.dumps(line).encode() + b"\n" for line in (OLLAMA[0][1], {"done": True}))),
    OLLAMA[1],
]


@pytest.mark.parametrize(
    "said",
    [
        CHAT, CHAT_STREAM, RESPONSES, RESPONSES_BY_ID, RESPONSES_STREAM, MESSAGES, MESSAGES_STREAM, GEMINI,
        GEMINI_STREAM, OLLAMA, OLLAMA_STREAM,
    ],
    ids=[
        "chat completions", "its stream", "Responses", "by id", "their stream", "Messages", "their stream",
        "generateContent", "its stream", "Ollama", "its stream",
    ],
)  # fmt: skip
def test_a_call_and_its_result_are_found(said):
    (call,) = calls_on_wire([interaction(*one) for one in said])
    assert (call.name, json.loads(call.arguments), call.round, call.at) == ("status", ARGS, 1, 0)
    assert call.result is not None
    assert "sent" in call.result
    assert (call.id, call.is_error, call.agent) == ("", False, None)


def test_rounds_parallel_calls_and_errors():
    first = {"role": "assistant", "content": [USE, {**USE, "id": "t2", "name": "weather"}]}
    failed = {**TOLD, "tool_use_id": "t2", "content": "no such city", "is_error": True}
    second = {"role": "assistant", "content": [{**USE, "id": "t3"}]}
    told = [ASKED, first, {"role": "user", "content": [failed, TOLD]}]
    calls = calls_on_wire(
        [
            interaction({"messages": [ASKED]}, first),
            interaction({"messages": told}, second),
            interaction({"messages": told}, {"error": "busy"}, 500),
        ]
    )
    assert [(call.name, call.result, call.is_error, call.round) for call in calls] == [
        ("status", "sent", False, 1),
        ("weather", "no such city", True, 1),
        ("status", None, False, 2),
    ]


def test_results_of_earlier_messages_belong_to_these():
    old = [ASKED, chat_call(("c0", "status", "{}")), {"role": "tool", "tool_call_id": "c0", "content": "old"}]
    asked = interaction({"messages": [*old, ASKED]}, chat_answer(CHAT_CALL))
    told = {"role": "tool", "tool_call_id": "c1", "content": "new"}
    calls = calls_on_wire(
        [asked, interaction({"messages": [*old, ASKED, CHAT_CALL, told]}, chat_answer(ASKED))]
    )
    assert [(call.name, call.result) for call in calls] == [("status", "new")]


def test_an_id_that_comes_again_is_that_of_the_last_calls():
    result = {"role": "tool", "tool_call_id": "c1"}
    old = [ASKED, CHAT_CALL, {**result, "content": "old"}, ASKED]
    first = [*old, CHAT_CALL, {**result, "content": "one"}]
    second = [*first, CHAT_CALL, {**result, "content": "two"}]
    said = chat_answer({"role": "assistant", "content": "Sent."})
    bodies = [
        ({"messages": old}, chat_answer(CHAT_CALL)),
        ({"messages": first}, chat_answer(CHAT_CALL)),
        ({"messages": second}, said),
    ]
    assert [call.result for call in calls_on_wire([interaction(*one) for one in bodies])] == ["one", "two"]


def test_calls_of_another_agent_have_its_name():
    main = {"role": "system", "content": "You sell lamps."}
    billing = {"role": "system", "content": "You do the billing of a shop that sells very many lamps."}
    first = interaction({"messages": [main, ASKED]}, chat_answer(chat_call(("c1", "hand_over", "{}"))))
    second = interaction({"messages": [billing, ASKED]}, chat_answer(chat_call(("c2", "refund", "{}"))))
    assert [(call.name, call.agent) for call in calls_on_wire([first, second])] == [
        ("hand_over", None),
        ("refund", "You do the billing of a shop that sells …"),
    ]


def test_what_a_model_says_last_as_a_call_is_no_call():
    asked = interaction(
        {"messages": [ASKED]}, chat_answer(chat_call(("c1", "final_answer", '{"answer": "Hi."}')))
    )
    assert calls_on_wire([asked]) == ()
    observed = {"role": "user", "content": [{"type": "text", "text": "Observation:\nsent"}]}
    calls = calls_on_wire(
        [
            interaction(*CHAT[0]),
            interaction({"messages": [ASKED, {"role": "assistant", "content": "x"}, observed]}, {}),
        ]
    )
    assert [(call.name, call.result) for call in calls] == [("status", "sent")]


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from([CHAT_CALL, ITEM, USE, PART]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["messages", "input", "contents", "choices", "message", "output", "content", "role", "type", "candidates",
             "tool_calls", "delta", "parts", "index", "item", "content_block", "name", "arguments", "system"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(st.tuples(PARTS, PARTS | st.lists(PARTS.filter(lambda part: isinstance(part, dict))).map(
    lambda parts: events(*parts)) | st.binary(max_size=20)), max_size=3))  # fmt: skip
def test_whatever_is_on_the_wire_is_read_or_left(said):
    calls_on_wire([interaction(*one) for one in said])


@pytest.mark.parametrize("index", [[0], {"a": 1}, None, "0"], ids=str)
def test_a_place_that_is_no_number_is_one_place(index: Any):
    begin = {
        "type": "content_block_start",
        "index": index,
        "content_block": {"type": "tool_use", "id": "c1", "name": "status", "input": {}},
    }
    delta = {"type": "content_block_delta", "index": index, "delta": {"partial_json": TEXT}}
    function = {"index": index, "id": "c1", "function": {"name": "status", "arguments": TEXT}}
    for said in ((begin, delta), ({"choices": [{"delta": {"tool_calls": [function]}}]},)):
        (call,) = calls_on_wire([interaction({"messages": [ASKED]}, events(*said))])
        assert (call.name, json.loads(call.arguments)) == ("status", ARGS)
