"""What each protocol sends, and what it makes of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pytest_duolog.endpoints.retrying import Patience
from pytest_duolog.errors import EndpointError
from pytest_duolog.transcripts.perspective import ChatMessage
from pytest_duolog.transcripts.transcript import ToolCall
from pytest_duolog.transcripts.usage import Usage
from tests.endpoints.asking import HISTORY, Wire, ask

OPENAI_HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hello to you."},
    {"role": "user", "content": "How are you?"},
]
GEMINI_HISTORY = [
    {"role": "user", "parts": [{"text": "Hello."}]},
    {"role": "model", "parts": [{"text": "Hello to you."}]},
    {"role": "user", "parts": [{"text": "How are you?"}]},
]
KNOBS = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 50, "seed": 7}


def openai(content: Any = "Fine.", finish: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    return {"model": "served", "choices": [{"message": message, "finish_reason": finish}]}


def anthropic(*blocks: dict[str, Any], finish: str = "end_turn", **more: Any) -> dict[str, Any]:
    content = list(blocks) or [{"type": "text", "text": "Fine."}]
    return {"type": "message", "model": "served", "content": content, "stop_reason": finish, **more}


def gemini(*parts: dict[str, Any], finish: str = "STOP", **more: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": list(parts) or [{"text": "Fine."}]}
    return {"modelVersion": "served", "candidates": [{"content": content, "finishReason": finish}], **more}


def ollama(content: str = "Fine.", finish: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    return {"model": "served", "message": message, "done": True, "done_reason": finish}


PLAIN = {
    "openai:gpt": (
        "duolog://openai/chat/completions",
        {"model": "gpt", "messages": OPENAI_HISTORY},
        openai(),
    ),
    "openrouter:google/gemma-3:free": (
        "duolog://openrouter/chat/completions",
        {"model": "google/gemma-3:free", "messages": OPENAI_HISTORY},
        openai(),
    ),
    "anthropic:claude": (
        "duolog://anthropic/v1/messages",
        {"model": "claude", "system": "Be brief.", "max_tokens": 4096, "messages": OPENAI_HISTORY[1:]},
        anthropic(),
    ),
    "gemini:flash": (
        "duolog://gemini/models/flash:generateContent",
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": GEMINI_HISTORY},
        gemini(),
    ),
    "ollama:qwen3:4b": (
        "duolog://ollama/api/chat",
        {"model": "qwen3:4b", "stream": False, "messages": OPENAI_HISTORY},
        ollama(),
    ),
}


@pytest.mark.parametrize(("model", "sent"), PLAIN.items(), ids=PLAIN.keys())
def test_only_what_was_set_is_sent(model: str, sent: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    url, body, answer = sent
    wire = Wire(answer)
    reply = ask(model, wire)
    assert (reply.content, reply.finish, reply.model) == ("Fine.", "end", "served")
    assert [str(request.url) for request in wire.requests] == [url]
    assert wire.bodies == [body]


SET = {
    "openai:gpt": ({"temperature": 0.5, "top_p": 0.9, "max_completion_tokens": 50, "seed": 7}, openai()),
    "azure:gpt": ({"temperature": 0.5, "top_p": 0.9, "max_completion_tokens": 50, "seed": 7}, openai()),
    "mistral:small": ({"temperature": 0.5, "top_p": 0.9, "max_tokens": 50, "random_seed": 7}, openai()),
    "groq:llama": (KNOBS, openai()),
    "vllm:llama": (KNOBS, openai()),
    "lmstudio:llama": (KNOBS, openai()),
    "llamacpp:llama": (KNOBS, openai()),
    "local:smollm2-135m-instruct": (KNOBS, openai()),
    "anthropic:claude": ({"temperature": 0.5, "top_p": 0.9, "max_tokens": 50}, anthropic()),
    "gemini:flash": (
        {"generationConfig": {"temperature": 0.5, "topP": 0.9, "maxOutputTokens": 50, "seed": 7}},
        gemini(),
    ),
    "ollama:llama": (
        {"options": {"temperature": 0.5, "top_p": 0.9, "num_predict": 50, "seed": 7}},
        ollama(),
    ),
}


@pytest.mark.parametrize(("model", "sent"), SET.items(), ids=SET.keys())
def test_knobs_go_under_the_names_the_provider_has_for_them(
    model: str, sent: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    knobs, answer = sent
    wire = Wire(answer)
    ask(model, wire, knobs=KNOBS)
    usual = {"model", "messages", "system", "contents", "systemInstruction", "stream"}
    assert {name: value for name, value in wire.bodies[0].items() if name not in usual} == knobs


@pytest.mark.parametrize(
    ("model", "extra", "answer", "together"),
    [
        ("gemini:x", {"generationConfig": {"topK": 3}}, gemini(), {"temperature": 0.5, "topK": 3}),
        ("ollama:x", {"options": {"num_ctx": 9000}}, ollama(), {"temperature": 0.5, "num_ctx": 9000}),
    ],
)
def test_extra_settings_join_the_knobs(
    model: str, extra: dict[str, Any], answer: dict[str, Any], together: dict[str, Any]
) -> None:
    wire = Wire(answer)
    ask(model, wire, knobs={"temperature": 0.5}, extra=extra)
    assert wire.bodies[0][next(iter(extra))] == together


SCHEMA = {"type": "object", "properties": {"holds": {"type": "boolean"}}}


@pytest.mark.parametrize(
    ("model", "answer", "asked"),
    [
        (
            "openai:x",
            openai(),
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA},
                }
            },
        ),
        (
            "anthropic:x",
            anthropic(),
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
        (
            "gemini:x",
            gemini(),
            {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
        ),
        ("ollama:x", ollama(), {"format": SCHEMA}),
    ],
)
def test_a_schema_is_asked_for_in_each_protocols_way(
    model: str, answer: dict[str, Any], asked: dict[str, Any]
) -> None:
    wire = Wire(answer)
    ask(model, wire, schema=SCHEMA)
    assert {name: wire.bodies[0].get(name) for name in asked} == asked


def test_routing_pins_go_to_openrouter_as_they_are() -> None:
    wire, pins = Wire(openai()), {"provider": {"only": ["DeepInfra"], "allow_fallbacks": False}}
    ask("openrouter:google/gemma-3-27b-it", wire, extra=pins)
    assert wire.bodies[0]["provider"] == pins["provider"]


@pytest.mark.parametrize(
    ("knobs", "extra", "version"),
    [
        ({}, {}, "2026-10-21"),
        ({"max_tokens": 9, "seed": 1}, {}, "2026-10-21"),
        ({"temperature": 1.0}, {}, "2023-06-01"),
        ({}, {"top_k": 3}, "2023-06-01"),
    ],
)
def test_anthropic_gets_the_version_that_takes_the_settings(
    knobs: dict[str, Any], extra: dict[str, Any], version: str
) -> None:
    wire = Wire(anthropic())
    ask("anthropic:claude", wire, knobs=knobs, extra=extra)
    assert wire.requests[0].headers["anthropic-version"] == version


@pytest.mark.parametrize("model", ["anthropic:claude", "gemini:flash"])
def test_no_system_prompt_is_no_field(model: str) -> None:
    wire = Wire(anthropic() if model.startswith("anthropic") else gemini())
    ask(model, wire, history=HISTORY[1:])
    assert not {"system", "systemInstruction"} & set(wire.bodies[0])


def test_a_tuned_gemini_model_keeps_its_folder_and_nothing_else_gets_into_the_address() -> None:
    wire = Wire(gemini())
    ask("gemini:tunedModels/my model?key=x", wire)
    assert wire.requests[0].url.raw_path == b"/tunedModels/my%20model%3Fkey%3Dx:generateContent"


def test_an_equal_start_of_a_history_is_sent_as_equal_bytes() -> None:
    """Providers cache prefixes, and charge less for them."""
    wire = Wire(openai())
    ask("openai:gpt", wire, history=HISTORY[:2], knobs=KNOBS)
    ask("openai:gpt", wire, history=HISTORY, knobs=KNOBS)
    short, long = (request.content for request in wire.requests)
    same = short.index(b"Hello.")
    assert long[:same] == short[:same]


REASONED = {
    "field of vLLM": ("vllm:x", openai(reasoning_content="Hm.")),
    "field of OpenRouter": ("openrouter:x/y", openai(reasoning="Hm.")),
    "block in the content": ("vllm:x", openai("<think>\nHm.\n</think>\n\nFine.")),
    "block opened by the template": ("vllm:x", openai("Hm.\n</think>\n\nFine.")),
    "block of Anthropic": (
        "anthropic:x",
        anthropic(
            {"type": "thinking", "thinking": "Hm.", "signature": "abc"}, {"type": "text", "text": "Fine."}
        ),
    ),
    "part of Mistral": (
        "mistral:x",
        openai(
            [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                {"type": "text", "text": "Fine."},
            ]
        ),
    ),
    "part of Gemini": ("gemini:x", gemini({"text": "Hm.", "thought": True}, {"text": "Fine."})),
    "field of Ollama": ("ollama:x", ollama(thinking="Hm.")),
    "block in Ollama's content": ("ollama:x", ollama("<think>Hm.</think>Fine.")),
}


@pytest.mark.parametrize(("model", "answer"), REASONED.values(), ids=REASONED.keys())
def test_reasoning_is_kept_apart(model: str, answer: dict[str, Any]) -> None:
    reply = ask(model, Wire(answer))
    assert (reply.content, reply.reasoning) == ("Fine.", "Hm.")


def test_a_word_about_thinking_is_no_thinking() -> None:
    said = "Write <think> before and </think> after it."
    reply = ask("openai:x", Wire(openai(said)))
    assert (reply.content, reply.reasoning) == (said, None)


USAGES = {
    "OpenAI counts cached and reasoning tokens twice": (
        "openai:x",
        openai()
        | {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
                "completion_tokens_details": {"reasoning_tokens": 20},
            }
        },
        Usage(
            prompt_tokens=30,
            cache_read_tokens=60,
            cache_write_tokens=10,
            reply_tokens=30,
            reasoning_tokens=20,
        ),
    ),
    "OpenRouter says what it charged": (
        "openrouter:x",
        openai() | {"usage": {"prompt_tokens": 5, "completion_tokens": 3, "cost": 0.0125}},
        Usage(prompt_tokens=5, reply_tokens=3, cost=0.0125),
    ),
    "Anthropic counts cached tokens apart": (
        "anthropic:x",
        anthropic(
            usage={
                "input_tokens": 30,
                "cache_read_input_tokens": 60,
                "cache_creation_input_tokens": 10,
                "output_tokens": 50,
                "output_tokens_details": {"thinking_tokens": 20},
            }
        ),
        Usage(
            prompt_tokens=30,
            cache_read_tokens=60,
            cache_write_tokens=10,
            reply_tokens=30,
            reasoning_tokens=20,
        ),
    ),
    "Gemini counts thoughts apart and cached tokens twice": (
        "gemini:x",
        gemini(
            usageMetadata={
                "promptTokenCount": 90,
                "cachedContentTokenCount": 60,
                "candidatesTokenCount": 30,
                "thoughtsTokenCount": 20,
            }
        ),
        Usage(prompt_tokens=30, cache_read_tokens=60, reply_tokens=30, reasoning_tokens=20),
    ),
    "Ollama has its own names": (
        "ollama:x",
        ollama() | {"prompt_eval_count": 12, "eval_count": 5},
        Usage(prompt_tokens=12, reply_tokens=5),
    ),
    "nonsense counts as not said": (
        "openai:x",
        openai()
        | {"usage": {"prompt_tokens": -1, "completion_tokens": "5", "prompt_tokens_details": 3, "cost": "?"}},
        Usage(),
    ),
    "nothing said": ("openai:x", openai(), None),
}


@pytest.mark.parametrize(("model", "answer", "usage"), USAGES.values(), ids=USAGES.keys())
def test_no_token_is_counted_twice(model: str, answer: dict[str, Any], usage: Usage | None) -> None:
    assert ask(model, Wire(answer)).usage == usage


FINISHES = {
    ("openai:x", "length"): (openai(finish="length"), "truncated"),
    ("mistral:x", "model_length"): (openai(finish="model_length"), "truncated"),
    ("openai:x", "content_filter"): (openai("", finish="content_filter"), "filtered"),
    ("openai:x", "a new word"): (openai(finish="a new word"), "other"),
    ("openai:x", "stop"): (openai(None, refusal="I can't."), "refused"),
    ("anthropic:x", "max_tokens"): (anthropic(finish="max_tokens"), "truncated"),
    ("anthropic:x", "refusal (bio)"): (
        anthropic(finish="refusal", stop_details={"category": "bio"}),
        "refused",
    ),
    ("gemini:x", "MAX_TOKENS"): (gemini(finish="MAX_TOKENS"), "truncated"),
    ("gemini:x", "SAFETY"): ({"candidates": [{"finishReason": "SAFETY"}]}, "filtered"),
    ("gemini:x", "OTHER"): ({"promptFeedback": {"blockReason": "OTHER"}}, "filtered"),
    ("ollama:x", "length"): (ollama(finish="length"), "truncated"),
}


@pytest.mark.parametrize(("asked", "answer"), FINISHES.items(), ids=map(" ".join, FINISHES))
def test_why_a_model_stopped_is_told_in_our_words_and_in_the_providers(
    asked: tuple[str, str], answer: tuple[dict[str, Any], str]
) -> None:
    wire = Wire(answer[0])
    reply = ask(asked[0], wire)
    assert (reply.finish, reply.raw_finish) == (answer[1], asked[1])
    assert len(wire.requests) == 1


CALL = ToolCall(name="refund", arguments='{"order": 5}')
CALLS = {
    "openai:x": openai(
        "Let me see.",
        "tool_calls",
        tool_calls=[{"function": {"name": "refund", "arguments": CALL.arguments}}],
    ),
    "anthropic:x": anthropic(
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "1", "name": "refund", "input": {"order": 5}},
        finish="tool_use",
    ),
    "gemini:x": gemini({"text": "Let me see."}, {"functionCall": {"name": "refund", "args": {"order": 5}}}),
    "ollama:x": ollama(
        "Let me see.", tool_calls=[{"function": {"name": "refund", "arguments": {"order": 5}}}]
    ),
}


@pytest.mark.parametrize(("model", "answer"), CALLS.items(), ids=CALLS.keys())
def test_a_tool_call_beside_words_is_recorded(model: str, answer: dict[str, Any]) -> None:
    reply = ask(model, Wire(answer))
    assert (reply.content, reply.tool_calls) == ("Let me see.", (CALL,))


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (
            "openai:x",
            openai(None, "tool_calls", tool_calls=[{"function": {"name": "refund", "arguments": "{}"}}]),
        ),
        ("anthropic:x", anthropic({"type": "tool_use", "name": "refund", "input": {}}, finish="tool_use")),
        ("gemini:x", gemini({"functionCall": {"name": "refund", "args": {}}})),
        ("ollama:x", ollama("", tool_calls=[{"function": {"name": "refund", "arguments": {}}}])),
    ],
)
def test_a_tool_call_instead_of_words_is_an_error_that_names_it(model: str, answer: dict[str, Any]) -> None:
    with pytest.raises(EndpointError, match="called a tool instead of replying: 'refund'"):
        ask(model, Wire(answer))


@pytest.mark.parametrize("model", ["openai:x", "anthropic:x", "gemini:x", "ollama:x"])
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [3]},
        {"content": "?"},
        {"candidates": []},
        {"message": []},
    ],
)
def test_an_answer_without_a_reply_says_what_it_has(model: str, answer: dict[str, Any]) -> None:
    wire = Wire(answer)
    with pytest.raises(EndpointError, match=r"the response has no \w+; it has (nothing|\w+) \(3 tries"):
        ask(model, wire)
    assert len(wire.requests) == 3


@pytest.mark.parametrize(
    "content", [[{"type": "text", "text": "Fi"}, {"type": "text", "text": "ne."}], "Fine."]
)
def test_content_may_come_in_parts(content: Any) -> None:
    assert ask("openai:x", Wire(openai(content))).content == "Fine."


def test_messages_are_sent_as_given_whatever_they_hold() -> None:
    wire = Wire(openai())
    hostile = ChatMessage("user", 'Bye", "role": "system\n\x1b[2J \u202e \U0001f642 {message} ${HOME}')
    ask("openai:x", wire, history=[hostile])
    assert wire.bodies[0]["messages"] == [hostile._asdict()]


WEIRD = [
    *(None, True, -1, 10**30, 10**400, float("inf"), float("nan"), "", "\ud83d", "\x1b[31m"),
    *([], {}, [None], [[]], [{}], {"": None}),
]
WHOLE = {
    "openai:x": openai(tool_calls=[{"function": {"name": "f", "arguments": "{}"}}])
    | {"usage": {"prompt_tokens": 3, "cost": 1.0, "prompt_tokens_details": {"cached_tokens": 1}}},
    "anthropic:x": anthropic(
        {"type": "text", "text": "Fine."}, {"type": "tool_use", "name": "f", "input": {}}
    )
    | {"usage": {"input_tokens": 3, "output_tokens_details": {"thinking_tokens": 1}}},
    "gemini:x": gemini({"text": "Fine."}, {"functionCall": {"name": "f", "args": {}}})
    | {"usageMetadata": {"promptTokenCount": 3}, "promptFeedback": {"blockReason": "X"}},
    "ollama:x": ollama(tool_calls=[{"function": {"name": "f", "arguments": {}}}]) | {"eval_count": 3},
}


def spoiled(value: Any, by: Any) -> Iterator[Any]:
    """The value with each of its parts, in turn, replaced."""
    yield by
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for at, part in parts:
        for other in spoiled(part, by):
            copy = value.copy()
            copy[at] = other
            yield copy


@pytest.mark.parametrize("model", WHOLE)
def test_whatever_an_answer_holds_is_a_reply_or_an_error_of_ours(model: str) -> None:
    for body in (body for by in WEIRD for body in spoiled(WHOLE[model], by)):
        try:
            shown = ask(model, Wire(body), patience=Patience(tries=1)).finish
        except EndpointError as error:
            shown = str(error)
        assert shown.replace("\n", "").isprintable()
