"""Vendors' SDKs and agent frameworks inside a callable: recorded as they are, replayed with the server gone.

They are large, so they are not among the packages of the tests: `pip install --group frameworks` brings them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.chat_server import ChatServer, completion

ANTHROPIC = """
import anthropic

def bot(messages):
    client = anthropic.Anthropic(base_url=URL.removesuffix("/v1"), api_key=KEY)
    answer = client.messages.create(model="m", max_tokens=99, system="Be brief.", messages=messages[1:])
    return "".join(block.text for block in answer.content if block.type == "text")
"""

GENAI = """
from google import genai
from google.genai import types

async def bot(messages):
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL.removesuffix("/v1")))
    roles = {"user": "user", "assistant": "model"}
    contents = [
        types.Content(role=roles[message["role"]], parts=[types.Part(text=message["content"])])
        for message in messages[1:]
    ]
    answer = await client.aio.models.generate_content(model="m", contents=contents)
    return answer.text
"""

LANGCHAIN = """
from langchain_openai import ChatOpenAI

def bot(messages):
    return ChatOpenAI(model="m", base_url=URL, api_key=KEY).invoke(messages).text
"""

PYDANTIC_AI = """
from pydantic_ai import Agent, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pytest_duolog import Reply, ToolCall

def order_status(order: int) -> str:
    "Where an order is."
    return "on its way"

async def bot(messages):
    model = OpenAIChatModel("m", provider=OpenAIProvider(base_url=URL, api_key=KEY))
    agent = Agent(model, system_prompt="Be brief.", tools=[order_status])
    history = [
        ModelRequest([UserPromptPart(message["content"])])
        if message["role"] == "user"
        else ModelResponse([TextPart(message["content"])])
        for message in messages[1:-1]
    ]
    result = await agent.run(messages[-1]["content"], message_history=history)
    calls = [part for new in result.new_messages() for part in new.parts if isinstance(part, ToolCallPart)]
    return Reply(
        result.output,
        tool_calls=tuple(ToolCall(name=call.tool_name, arguments=call.args_as_json_str()) for call in calls),
    )
"""

DIALOGUE = """
import os
import pytest
from pytest_duolog import Speaker

URL, KEY = os.environ["OPENAI_BASE_URL"], "a-key-of-no-account"
{speaker}
@pytest.mark.dialogue(
    a="scripted:counter", b=Speaker("Bot", model=bot), system="Be brief.", turns=2, stop_on=()
)
def test_bot(dialogue):
    said = [message for message in dialogue.messages if message.speaker == "Bot"]
    assert [message.content for message in said] == ["Reply 1.", "Reply 2."]
    {check}
"""


def n_said(body: dict[str, Any]) -> int:
    messages = body.get("messages") or body["contents"]
    return (
        sum(
            message["role"] in ("assistant", "model") and not message.get("tool_calls")
            for message in messages
        )
        + 1
    )


def openai_answer(body: dict[str, Any]) -> tuple[int, bytes]:
    return chat_completion(body, f"Reply {n_said(body)}.")


def chat_completion(body: dict[str, Any], text: str | None, **choice: Any) -> tuple[int, bytes]:
    """One with the fields that strict clients insist on."""
    answer = json.loads(completion(body, text, **choice))
    answer["usage"]["total_tokens"] = sum(answer["usage"].values())
    return 200, json.dumps({"object": "chat.completion", **answer}).encode()


def openai_answer_with_a_tool(body: dict[str, Any]) -> tuple[int, bytes]:
    if body["messages"][-1]["role"] == "tool":
        return openai_answer(body)
    function = {"name": "order_status", "arguments": '{"order":5}'}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return chat_completion(body, None, message=message, finish_reason="tool_calls")


def anthropic_answer(body: dict[str, Any]) -> tuple[int, bytes]:
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": f"Reply {n_said(body)}."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 3},
    }
    return 200, json.dumps(answer).encode()


def gemini_answer(body: dict[str, Any]) -> tuple[int, bytes]:
    content = {"role": "model", "parts": [{"text": f"Reply {n_said(body)}."}]}
    return 200, json.dumps({"candidates": [{"content": content, "finishReason": "STOP"}]}).encode()


TOOLS_ARE_KEPT = """
    assert [call.name for message in said for call in message.tool_calls] == ["order_status"] * 2
    assert said[0].tool_calls[0].arguments == '{"order":5}'
"""


@pytest.mark.parametrize(
    ("package", "speaker", "answer", "check"),
    [
        ("anthropic", ANTHROPIC, anthropic_answer, ""),
        ("google.genai", GENAI, gemini_answer, ""),
        ("langchain_openai", LANGCHAIN, openai_answer, ""),
        ("pydantic_ai", PYDANTIC_AI, openai_answer_with_a_tool, TOOLS_ARE_KEPT),
    ],
    ids=["anthropic", "google-genai", "langchain", "pydantic-ai"],
)
def test_it_is_recorded_and_replayed_without_its_server(
    package: str,
    speaker: str,
    answer: Callable[[dict[str, Any]], Any],
    check: str,
    pytester: pytest.Pytester,
    chat_server: ChatServer,
) -> None:
    pytest.importorskip(package)
    chat_server.answer = answer
    pytester.makepyfile(DIALOGUE.replace("{speaker}", speaker).replace("{check}", check.strip()))
    pytester.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)
    n_asked = len(chat_server.requests)
    assert n_asked >= 2
    chat_server.close()
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"1 dialogue, {n_asked} replies replayed"])
    recorded = "".join(path.read_text("utf-8") for path in pytester.path.rglob("*.jsonl"))
    assert "a-key-of-no-account" not in recorded
