"""How each protocol writes tools, calls and results. Recordings hold these requests, so their bytes must stay."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.perspective import Perspective
from pytest_duolog.transcripts.transcript import ToolCall, ToolDefinition
from tests.endpoints.asking import Wire, ask
from tests.endpoints.test_protocols import anthropic, gemini, ollama, openai

SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
TOOLS = (ToolDefinition(name="find", description="Find it.", parameters=SCHEMA), ToolDefinition(name="now"))
CALLS = (
    ToolCall(name="find", arguments='{"id": "7"}', result='{"n": 1}', round=1, at=4, id="call00001"),
    ToolCall(name="now", arguments="", result="noon", round=1, at=4, id="call00002"),
    ToolCall(
        name="no such", arguments="{", result='{"error": 1}', is_error=True, round=2, at=4, id="call00003"
    ),
)


def requested(model: str, answer: dict[str, Any], opaque: dict[int, str] | None = None) -> dict[str, Any]:
    """The body of a request after a message with two rounds of calls."""
    perspective = Perspective("Bob", has_tools=True)
    perspective.add("Ann", "Hello.")
    perspective.add("Bob", "Hm, \n\nHere it is.", CALLS, opaque)
    perspective.add("Ann", "Thanks.")
    wire = Wire(answer)
    ask(model, wire, tools=TOOLS, entries=perspective.history())
    return wire.bodies[0]


FUNCTION = {"name": "find", "description": "Find it.", "parameters": SCHEMA}
ODD = {"name": "now", "parameters": {}}
OPENAI_CALLS = [
    {"id": "call00001", "type": "function", "function": {"name": "find", "arguments": '{"id": "7"}'}},
    {"id": "call00002", "type": "function", "function": {"name": "now", "arguments": "{}"}},
]
LAST_CALL = {
    "id": "call00003",
    "type": "function",
    "function": {"name": "no_such", "arguments": '{"unreadable": "{"}'},
}


def test_openai() -> None:
    body = requested("openai:x", openai())
    assert body["tools"] == [
        {"type": "function", "function": FUNCTION},
        {"type": "function", "function": ODD},
    ]
    assert body["messages"] == [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hm,", "tool_calls": OPENAI_CALLS},
        {"role": "tool", "tool_call_id": "call00001", "content": '{"n": 1}'},
        {"role": "tool", "tool_call_id": "call00002", "content": "noon"},
        {"role": "assistant", "content": None, "tool_calls": [LAST_CALL]},
        {"role": "tool", "tool_call_id": "call00003", "content": '{"error": 1}'},
        {"role": "assistant", "content": "Here it is."},
        {"role": "user", "content": "Thanks."},
    ]


def test_openai_with_what_servers_want_back() -> None:
    signed = {"google": {"thought_signature": "abc"}}
    opaque = (
        '{"reasoning_content":"Hm.","reasoning_details":[{"x":1}],'
        '"tool_calls":[{"extra_content":{"google":{"thought_signature":"abc"}}},{}]}'
    )
    body = requested("openai:x", openai(), {1: opaque})
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "Hm,",
        "tool_calls": [{**OPENAI_CALLS[0], "extra_content": signed}, OPENAI_CALLS[1]],
        "reasoning_content": "Hm.",
        "reasoning_details": [{"x": 1}],
    }


def test_anthropic() -> None:
    blocks = (
        '[{"type":"thinking","thinking":"Hm.","signature":"abc"},'
        '{"type":"text","text":null},{"type":"text","text":" "},'
        '{"type":"tool_use","id":"toolu_1","name":"find","input":{"id":"7"}},'
        '{"type":"tool_use","id":"toolu_2","name":"now","input":{},"caller":"x"}]'
    )
    body = requested("anthropic:x", anthropic(), {1: blocks})
    assert body["tools"] == [
        {"name": "find", "description": "Find it.", "input_schema": SCHEMA},
        {"name": "now", "input_schema": {}},
    ]
    assert body["messages"] == [
        {"role": "user", "content": "Hello."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "abc"},
                {"type": "tool_use", "id": "call00001", "name": "find", "input": {"id": "7"}},
                {"type": "tool_use", "id": "call00002", "name": "now", "input": {}, "caller": "x"},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call00001", "content": '{"n": 1}'},
                {"type": "tool_result", "tool_use_id": "call00002", "content": "noon"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "call00003", "name": "no_such", "input": {"unreadable": "{"}}
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call00003",
                    "content": '{"error": 1}',
                    "is_error": True,
                }
            ],
        },
        {"role": "assistant", "content": "Here it is."},
        {"role": "user", "content": "Thanks."},
    ]


def test_gemini() -> None:
    parts = (
        '[{"text":"Hm.","thought":true},{"functionCall":{"name":"find","args":{"id":"7"}},"thoughtSignature":"abc"},'
        '{"functionCall":{"name":"now","args":{}}}]'
    )
    body = requested("gemini:x", gemini(), {1: parts})
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "find", "description": "Find it.", "parametersJsonSchema": SCHEMA},
                {"name": "now", "parametersJsonSchema": {}},
            ]
        }
    ]
    called = [
        {"id": "call00001", "name": "find", "args": {"id": "7"}},
        {"id": "call00002", "name": "now", "args": {}},
        {"id": "call00003", "name": "no_such", "args": {"unreadable": "{"}},
    ]
    results = [
        {"id": "call00001", "name": "find", "response": {"n": 1}},
        {"id": "call00002", "name": "now", "response": {"output": "noon"}},
        {"id": "call00003", "name": "no_such", "response": {"error": 1}},
    ]
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "Hello."}]},
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"functionCall": called[0], "thoughtSignature": "abc"},
                {"functionCall": called[1]},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": result} for result in results[:2]]},
        {"role": "model", "parts": [{"functionCall": called[2]}]},
        {"role": "user", "parts": [{"functionResponse": results[2]}]},
        {"role": "model", "parts": [{"text": "Here it is."}]},
        {"role": "user", "parts": [{"text": "Thanks."}]},
    ]


def test_ollama() -> None:
    body = requested("ollama:x", ollama(), {1: '{"thinking":"Hm."}'})
    assert body["tools"] == [
        {"type": "function", "function": FUNCTION},
        {"type": "function", "function": ODD},
    ]
    assert body["messages"] == [
        {"role": "user", "content": "Hello."},
        {
            "role": "assistant",
            "content": "Hm,",
            "tool_calls": [
                {"id": "call00001", "function": {"name": "find", "arguments": {"id": "7"}}},
                {"id": "call00002", "function": {"name": "now", "arguments": {}}},
            ],
            "thinking": "Hm.",
        },
        {"role": "tool", "tool_name": "find", "tool_call_id": "call00001", "content": '{"n": 1}'},
        {"role": "tool", "tool_name": "now", "tool_call_id": "call00002", "content": "noon"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "call00003", "function": {"name": "no_such", "arguments": {"unreadable": "{"}}}
            ],
        },
        {"role": "tool", "tool_name": "no_such", "tool_call_id": "call00003", "content": '{"error": 1}'},
        {"role": "assistant", "content": "Here it is."},
        {"role": "user", "content": "Thanks."},
    ]
