"""Tools in chat logs: what they gave back is nobody's message, in the spelling of every provider."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.properties.verdict import Outcome
from pytest_duolog.transcripts.sources import Source, Unreadable, read_sources
from pytest_duolog.transcripts.transcript import Message, Transcript

RESULT = "Rain, all day. Goodbye and take care!"
ARGUMENTS = {"city": "Oslo"}
SAID = [("user", "Rain in Oslo?"), ("assistant", "Yes, all day."), ("user", "Thanks."), ("assistant", "Bye!")]


def only(value: object) -> Transcript:
    (found,) = read_sources(json.dumps(value), file="talk.json")
    assert isinstance(found, Source), found
    return found.transcript


def said(transcript: Transcript) -> list[tuple[str, str]]:
    return [(message.speaker, message.content) for message in transcript.messages]


def calls_of(message: Message) -> list[tuple[str, str, str | None]]:
    return [(call.name, call.arguments, call.result) for call in message.tool_calls]


def chat(*tools: dict[str, Any]) -> list[dict[str, Any]]:
    """A dialogue in which a tool is used before the second message."""
    (asked, answered, *rest) = [{"role": role, "content": content} for role, content in SAID]
    return [asked, *tools, answered, *rest]


def gemini(*tools: dict[str, Any]) -> dict[str, Any]:
    names = {"user": "user", "assistant": "model"}
    (asked, answered, *rest) = [{"role": names[role], "parts": [{"text": text}]} for role, text in SAID]
    return {"contents": [asked, *tools, answered, *rest]}


def responses(*tools: dict[str, Any]) -> dict[str, Any]:
    kinds = {"user": "input_text", "assistant": "output_text"}
    (asked, answered, *rest) = [
        {"type": "message", "role": role, "content": [{"type": kinds[role], "text": text}]}
        for role, text in SAID
    ]
    return {"input": [asked, *tools, answered, *rest[:-1]], "output": rest[-1:]}


FUNCTION = {"name": "weather", "arguments": json.dumps(ARGUMENTS)}
GEMINI_CALL = {"functionCall": {"name": "weather", "args": ARGUMENTS}}
GEMINI_RESULT = {"name": "weather", "response": {"forecast": RESULT}}

LOGS: dict[str, Any] = {
    "chat completions": chat(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": FUNCTION}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": RESULT},
    ),
    "function of old": chat(
        {"role": "assistant", "content": None, "function_call": FUNCTION},
        {"role": "function", "name": "weather", "content": RESULT},
    ),
    "Ollama": chat(
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "weather", "arguments": ARGUMENTS}}],
        },
        {"role": "tool", "tool_name": "weather", "content": RESULT},
    ),
    "Anthropic": chat(
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": ARGUMENTS}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": RESULT}]},
    ),
    "Anthropic, blocks": chat(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I should look."},
                {"type": "server_tool_use", "id": "t1", "name": "weather", "input": ARGUMENTS},
                {
                    "type": "weather_tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": RESULT}],
                },
            ],
        }
    ),
    "Bedrock": chat(
        {
            "role": "assistant",
            "content": [{"toolUse": {"toolUseId": "t1", "name": "weather", "input": ARGUMENTS}}],
        },
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": RESULT}]}}]},
    ),
    "AI SDK": chat(
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "t1", "toolName": "weather", "input": ARGUMENTS}],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", "toolCallId": "t1", "toolName": "weather", "output": RESULT}],
        },
    ),
    "AI SDK, parts": chat(
        {
            "role": "assistant",
            "parts": [{"type": "tool-weather", "toolCallId": "t1", "input": ARGUMENTS, "output": RESULT}],
        }
    ),
    "ShareGPT": {
        "conversations": [
            {"from": "user", "value": SAID[0][1]},
            {"from": "function_call", "value": json.dumps({"name": "weather", "arguments": ARGUMENTS})},
            {"from": "observation", "value": RESULT},
            *({"from": name, "value": text} for name, text in SAID[1:]),
        ]
    },
    "Responses": responses(
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "I should look."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", **FUNCTION},
        {"type": "function_call_output", "id": "fo_1", "call_id": "c1", "output": RESULT},
    ),
    "Responses, bare": responses(
        {"type": "custom_tool_call", "call_id": "c1", "name": "weather", "input": json.dumps(ARGUMENTS)},
        {
            "type": "custom_tool_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": RESULT}],
        },
    )["input"]
    + [{"role": "assistant", "content": SAID[-1][1]}],
    "capital letters": chat(
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": FUNCTION}]},
        {"role": "TOOL", "tool_call_id": "c1", "content": RESULT},
    ),
}


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_what_a_tool_gave_back_is_nobodys_message(log: object):
    transcript = only(log)
    assert said(transcript) == SAID
    ((name, arguments, result),) = calls_of(transcript.messages[1])
    assert name == "weather"
    assert json.loads(arguments) == ARGUMENTS
    assert result == RESULT
    assert not any(
        message.tool_calls for message in transcript.messages if message is not transcript.messages[1]
    )


GEMINI = {
    "camel case": gemini(
        {"role": "model", "parts": [GEMINI_CALL]},
        {"role": "user", "parts": [{"functionResponse": GEMINI_RESULT}]},
    ),
    "snake case": gemini(
        {"role": "model", "parts": [{"function_call": GEMINI_CALL["functionCall"]}]},
        {"role": "tool", "parts": [{"function_response": GEMINI_RESULT}]},
    ),
    "function": gemini(
        {"role": "model", "parts": [{"text": "Let me think.", "thought": True}, GEMINI_CALL]},
        {"role": "function", "parts": [{"functionResponse": GEMINI_RESULT}]},
    ),
}


@pytest.mark.parametrize("log", GEMINI.values(), ids=GEMINI)
def test_functions_of_gemini_are_tools(log: object):
    transcript = only(log)
    names = {"user": "user", "assistant": "model"}
    assert said(transcript) == [(names[speaker], text) for speaker, text in SAID]
    ((name, arguments, result),) = calls_of(transcript.messages[1])
    assert (name, json.loads(arguments)) == ("weather", ARGUMENTS)
    assert result is not None
    assert json.loads(result) == GEMINI_RESULT["response"]


def test_prompts_are_read_wherever_they_stand():
    prompt = "Be brief."
    logs = [
        {**gemini(), "systemInstruction": {"parts": [{"text": prompt}]}},
        {**gemini(), "system_instruction": prompt},
        {**responses(), "instructions": prompt},
        {"messages": chat(), "system": [{"type": "text", "text": prompt}]},
        [{"role": "developer", "content": prompt}, *chat()],
    ]
    for log in logs:
        prompts = {speaker.name: speaker.system for speaker in only(log).speakers}
        assert prompts == {"user": None, next(name for name in prompts if name != "user"): prompt}


def test_an_id_that_comes_again_is_that_of_the_last_call():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": FUNCTION}]}
    rounds = [call, {"role": "tool", "tool_call_id": "c", "content": "1"}] * 2
    rounds[-1] = {"role": "tool", "tool_call_id": "c", "content": "2"}
    assert [result for _, _, result in calls_of(only(chat(*rounds)).messages[1])] == ["1", "2"]


def test_words_with_a_call_and_the_words_after_its_result_are_one_message():
    call = {"role": "assistant", "content": "Let me look.", "tool_calls": [{"id": "c", "function": FUNCTION}]}
    failed = {"type": "tool_result", "tool_use_id": "c", "content": "no", "is_error": True}
    transcript = only(chat(call, {"role": "user", "content": [failed]}))
    assert said(transcript)[1] == ("assistant", "Let me look.\n\nYes, all day.")
    assert len(transcript) == len(SAID)
    (made,) = transcript.messages[1].tool_calls
    assert (made.at, made.round, made.is_error, made.id) == (12, 1, True, "c")
    assert Transcript.from_value(json.loads(transcript.to_json())) == transcript


def test_calls_that_nobody_speaks_after_stand_after_the_words():
    call = {"role": "assistant", "content": "One moment.", "tool_calls": [{"id": "c", "function": FUNCTION}]}
    transcript = only([*chat()[:1], call, {"role": "tool", "tool_call_id": "c", "content": "1"}, *chat()[2:]])
    assert said(transcript)[1] == ("assistant", "One moment.")
    assert transcript.messages[1].tool_calls[0].at == len("One moment.")


def test_rounds_are_told_apart_by_results():
    def item(n: int) -> dict[str, Any]:
        return {"type": "function_call", "call_id": f"c{n}", "name": f"f{n}", "arguments": "{}"}

    def output(n: int) -> dict[str, Any]:
        return {"type": "function_call_output", "call_id": f"c{n}", "output": str(n)}

    items = [item(1), item(2), output(1), output(2), item(3), output(3)]
    assert [call.round for call in only(responses(*items)).messages[1].tool_calls] == [1, 1, 2]


def test_results_find_their_calls_in_any_order():
    functions = [
        {"id": f"c{n}", "function": {"name": name, "arguments": "{}"}} for n, name in enumerate("abc")
    ]
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": f"of {n}"} for n in (2, 0, 1)]
    transcript = only(chat({"role": "assistant", "content": None, "tool_calls": functions}, *results))
    found = {name: result for name, _, result in calls_of(transcript.messages[1])}
    assert found == {"a": "of 0", "b": "of 1", "c": "of 2"}


def test_calls_of_several_rounds_stand_with_the_message_they_were_made_for():
    rounds = [
        entry
        for n in range(3)
        for entry in (
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": f"c{n}", "function": {"name": f"f{n}"}}],
            },
            {"role": "tool", "tool_call_id": f"c{n}", "content": str(n)},
        )
    ]
    transcript = only(chat(*rounds))
    assert said(transcript) == SAID
    assert calls_of(transcript.messages[1]) == [("f0", "", "0"), ("f1", "", "1"), ("f2", "", "2")]


def test_words_beside_a_call_are_a_message():
    transcript = only(
        chat(
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": "t", "name": "f"},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": RESULT},
                    {"type": "text", "text": "And tomorrow?"},
                ],
            },
        )
    )
    assert said(transcript) == [
        SAID[0],
        ("assistant", "Let me look."),
        ("user", "And tomorrow?"),
        *SAID[1:],
    ]
    assert calls_of(transcript.messages[1]) == [("f", "", RESULT)]


def test_a_tool_without_its_call_is_kept_and_does_not_speak():
    transcript = only(chat({"role": "tool", "name": "weather", "content": RESULT}))
    assert said(transcript) == SAID
    assert calls_of(transcript.messages[1]) == [("weather", "", RESULT)]
    at_the_end = only([*chat(), {"role": "tool", "content": RESULT}])
    assert said(at_the_end) == SAID
    assert calls_of(at_the_end.messages[-1]) == [("tool", "", RESULT)]


def test_a_log_that_ends_with_a_call_ends_without_words():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": FUNCTION}]}
    last = only([*chat(), {"role": "user", "content": "More?"}, call]).messages[-1]
    assert (last.speaker, last.content, last.finish) == ("assistant", "", "tool")
    assert [name for name, _, _ in calls_of(last)] == ["weather"]


def test_calls_of_another_speaker_are_not_taken_over():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": FUNCTION}]}
    log = [{"role": "user", "content": "Hi."}, call, {"role": "user", "content": "Still there?"}]
    transcript = only(log)
    assert said(transcript) == [("user", "Hi."), ("assistant", ""), ("user", "Still there?")]
    assert calls_of(transcript.messages[1])


def test_a_person_may_be_called_tool():
    entries = [{"speaker": "Tool", "text": "Hello."}, {"speaker": "Function", "text": "Hi."}]
    assert said(only(entries)) == [("Tool", "Hello."), ("Function", "Hi.")]


def test_thoughts_are_not_said():
    transcript = only(
        [
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "Hello.", "reasoning_content": "A greeting."},
        ]
    )
    assert said(transcript) == [("user", "Hi."), ("assistant", "Hello.")]
    assert transcript.messages[1].reasoning == "A greeting."


def test_evaluations_with_input_and_output_beside_a_chat_are_chats():
    log = {"input": [{"role": "user", "content": "other"}], "output": "x", "messages": chat()}
    assert said(only(log)) == SAID


@pytest.mark.parametrize(
    ("log", "said_"),
    [
        ({"input": "Hello.", "output": [{"role": "assistant", "content": "Hi."}]}, ["Hello.", "Hi."]),
        ({"contents": "Hello."}, ["Hello."]),
        ({"contents": {"parts": [{"text": "Hello."}]}}, ["Hello."]),
        ({"contents": [{"parts": [{"text": "One."}, {"text": "Two."}]}]}, ["One.\nTwo."]),
        ([{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}], ["No."]),
        ([{"role": "assistant", "content": [{"type": "text", "text": {"value": "Hi."}}]}], ["Hi."]),
        ([{"role": "assistant", "content": None, "refusal": "No."}], ["No."]),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], [""]),
    ],
)
def test_words_are_found_in_every_shape(log: object, said_: list[str]):
    assert [message.content for message in only(log).messages] == said_


@pytest.mark.parametrize(
    ("log", "problem"),
    [
        (
            {"input": {"text": "x"}, "output": [{"role": "assistant", "content": "Hi."}]},
            "input is neither",
        ),
        ({"contents": [5, {"parts": []}], "x": 1}, None),
        ([{"type": "message", "content": "Hi."}], "message 1 has no speaker"),
        ({"messages": [{"role": "user", "content": "Hi."}, {"text": "?"}]}, "not a list of objects"),
        (
            {"input": "question", "output": "answer"},
            "no one list of messages with text under 'input' or 'output'",
        ),
    ],
)
def test_what_is_no_log_is_said(log: object, problem: str | None):
    (found,) = read_sources(json.dumps(log), file="x.json")
    if problem is None:
        assert isinstance(found, Source)
    else:
        assert isinstance(found, Unreadable)
        assert problem in found.problem


@pytest.mark.slow
@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without ids"])
def test_a_long_log_is_read_in_time_that_grows_with_its_length(ids: bool):
    def log(n: int) -> list[dict[str, Any]]:
        calls = [{"id": f"c{k}" if ids else "", "function": {"name": f"f{k % 7}"}} for k in range(n)]
        results = [
            {"role": "tool", "tool_call_id": f"x{k}" if ids else None, "name": f"f{k % 5}", "content": "r"}
            for k in range(n)
        ]
        return [{"role": "assistant", "content": "", "tool_calls": calls}, *results]

    text = json.dumps(log(20_000))
    begin = time.process_time()
    read_sources(text, file="x.json")
    assert time.process_time() - begin < 10  # a second or so; it would be minutes if every pair were compared


KEYS = [
    *(
        "messages",
        "conversation",
        "conversations",
        "contents",
        "input",
        "output",
        "instructions",
        "system",
        "topic",
    ),
    *(
        "role",
        "speaker",
        "from",
        "name",
        "type",
        "content",
        "parts",
        "text",
        "value",
        "thought",
        "refusal",
        "format",
    ),
    *(
        "tool_calls",
        "function_call",
        "functionCall",
        "functionResponse",
        "function",
        "arguments",
        "args",
        "result",
    ),
    *(
        "tool_call_id",
        "tool_use_id",
        "call_id",
        "id",
        "toolCallId",
        "reasoning",
        "summary",
        "model",
        "response",
    ),
]
WORDS = [
    *(
        "user",
        "assistant",
        "tool",
        "function",
        "system",
        "observation",
        "function_call",
        "function_call_output",
    ),
    *(
        "tool_use",
        "tool_result",
        "thinking",
        "reasoning",
        "message",
        "mcp_list_tools",
        "",
        "\ud800",
        "{",
        "c1",
    ),
]
HOSTILE_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=40,
)
HOSTILE_ENTRIES = st.lists(
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(WORDS) | HOSTILE_JSON, max_size=6), max_size=6
)


@given(HOSTILE_JSON | HOSTILE_ENTRIES | st.fixed_dictionaries({"messages": HOSTILE_ENTRIES}))
def test_any_json_is_read_or_refused_in_words(value: object):
    for found in read_sources(json.dumps(value), file="x.json"):
        if isinstance(found, Source):
            assert isinstance(found.transcript, Transcript)
        else:
            assert found.problem
            assert "\n" not in found.problem


@given(HOSTILE_ENTRIES)
def test_results_never_speak(entries: list[dict[str, Any]]):
    secret = "what the tool gave back"
    log = [
        *entries,
        {"role": "tool", "tool_call_id": "c1", "content": secret},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": secret}]},
        {"role": "user", "content": "Hello."},
    ]
    for found in read_sources(json.dumps({"messages": log}), file="x.json"):
        if isinstance(found, Source):
            assert not any(secret in message.content for message in found.transcript.messages)


NAMED = [
    ({"type": "function", "function": {"name": "ping"}}, True),
    ({"type": "function", "name": "ping", "parameters": None}, True),
    ({"name": "ping", "description": "Is it there?"}, True),
    ({"functionDeclarations": [{"name": "ping"}]}, True),
    ({"toolSpec": {"name": "ping", "inputSchema": {"json": {"type": "object"}}}}, True),
    ({"type": "web_search"}, None),
    ({"googleSearch": {}}, None),
    ({"type": "custom", "name": "ping"}, None),
    ("ping", None),
    ({"functionDeclarations": [{"name": "pong"}], "codeExecution": {}}, None),
    ({"functionDeclarations": [{"name": "pong"}]}, False),
]


@pytest.mark.parametrize(("tool", "is_valid"), NAMED, ids=str)
def test_a_tool_needs_no_schema_and_one_that_is_not_described_is_not_unknown(
    tool: Any, is_valid: bool | None
):
    calls = [{"id": "1", "type": "function", "function": {"name": "ping", "arguments": '{"n": 1}'}}]
    known = {"type": "function", "function": {"name": "pang", "parameters": {"type": "object"}}}
    asked = [
        {"role": "user", "content": "Ping."},
        {"role": "assistant", "content": None, "tool_calls": calls},
    ]
    read = only({"messages": asked, "tools": [known, tool]})
    outcomes = {True: Outcome.HOLDS, False: Outcome.FAILS, None: Outcome.UNMEASURED}
    assert read.calls_are_valid().outcome is outcomes[is_valid]
    assert Transcript.from_value(json.loads(read.to_json())) == read
