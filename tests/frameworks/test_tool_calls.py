"""Agent frameworks behind a function: their tool calls are in the transcript without a line that adapts them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_duolog import Transcript
from tests.chat_server import ChatServer
from tests.frameworks.test_callables import chat_completion

OPENAI_AGENTS = """
from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)

async def bot(messages):
    model = OpenAIChatCompletionsModel("m", AsyncOpenAI(base_url=URL, api_key=KEY))
    agent = Agent("Bot", instructions="Be brief.", model=model, tools=[function_tool(order_status)])
    return (await Runner.run(agent, messages[1:])).final_output
"""
PYDANTIC_AI = """
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

async def bot(messages):
    model = OpenAIChatModel("m", provider=OpenAIProvider(base_url=URL, api_key=KEY))
    agent = Agent(model, system_prompt="Be brief.", tools=[order_status])
    return (await agent.run(messages[-1]["content"])).output
"""
LANGCHAIN = """
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

def bot(messages):
    agent = create_agent(ChatOpenAI(model="m", base_url=URL, api_key=KEY), tools=[order_status])
    return agent.invoke({"messages": messages})["messages"][-1].text
"""
SMOLAGENTS = """
from smolagents import OpenAIModel, ToolCallingAgent, tool

def bot(messages):
    model = OpenAIModel("m", api_base=URL, api_key=KEY)
    agent = ToolCallingAgent(tools=[tool(order_status)], model=model, verbosity_level=0)
    return str(agent.run(messages[-1]["content"]))
"""
AG2 = """
from ag2 import Agent
from ag2.config import OpenAIConfig

async def bot(messages):
    config = OpenAIConfig("m", api_key=KEY, base_url=URL)
    agent = Agent("Bot", "Be brief.", config=config, tools=[order_status])
    return (await agent.ask(messages[-1]["content"])).body
"""
PLAIN_LOOP = """
import json
from openai import OpenAI

def bot(messages):
    client, said = OpenAI(base_url=URL, api_key=KEY), list(messages)
    tools = [{"type": "function", "function": {"name": "order_status", "parameters": {"type": "object"}}}]
    ask = client.chat.completions.create
    while calls := (answer := ask(model="m", messages=said, tools=tools).choices[0].message).tool_calls:
        results = [(call.id, order_status(**json.loads(call.function.arguments))) for call in calls]
        said += [answer, *({"role": "tool", "tool_call_id": id_, "content": result} for id_, result in results)]
    return answer.content
"""
DIALOGUE = '''
import os
import pytest
from pytest_duolog import Speaker

URL, KEY = os.environ["OPENAI_BASE_URL"], "a-key-of-no-account"

def order_status(order: int) -> str:
    """Where an order is.

    Args:
        order: The number of the order.
    """
    with open("runs.txt", "a") as runs:
        print(order, file=runs)
    return "on its way"
{speaker}
@pytest.mark.dialogue(a="scripted:counter", b=Speaker("Bot", model=bot), system="Be brief.", turns=2, stop_on=())
def test_bot(dialogue):
    said = [message for message in dialogue.messages if message.speaker == "Bot"]
    assert [[call.name for call in message.tool_calls] for message in said] == [["order_status"]] * 2
    assert dialogue.calls_tool("order_status", order=5, times=2)
    assert dialogue.has_no_tool_errors()
    assert all(call.result.strip() == "on its way" and call.agent is None for call in said[0].tool_calls)
    assert [message.content for message in said] == ["It is on its way."] * 2
'''
N_LINES = 15


def answer(body: dict[str, Any]) -> tuple[int, bytes]:
    """Asks for the tool, and after its result says the answer, as a call if the framework wants one."""
    last = body["messages"][-1]
    names = [tool["function"]["name"] for tool in body["tools"]]
    if last["role"] != "tool" and not str(last["content"]).startswith(
        ("Observation", "[{'type': 'text', 'text': 'Obs")
    ):
        return called(body, "order_status", {"order": 5})
    if "final_answer" in names:
        return called(body, "final_answer", {"answer": "It is on its way."})
    return chat_completion(body, "It is on its way.")


def called(body: dict[str, Any], name: str, arguments: dict[str, Any]) -> tuple[int, bytes]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{len(body['messages'])}", "type": "function", "function": function}],
    }
    return chat_completion(body, None, message=message, finish_reason="tool_calls")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "speaker"),
    [
        ("agents", OPENAI_AGENTS),
        ("pydantic_ai", PYDANTIC_AI),
        ("langchain.agents", LANGCHAIN),
        ("smolagents", SMOLAGENTS),
        ("ag2", AG2),
        ("openai", PLAIN_LOOP),
    ],
    ids=["openai-agents", "pydantic-ai", "langchain", "smolagents", "ag2", "plain loop"],
)
def test_its_calls_are_recorded_and_replayed_without_requests(
    package: str, speaker: str, pytester: pytest.Pytester, chat_server: ChatServer
) -> None:
    pytest.importorskip(package)
    assert len([line for line in speaker.splitlines() if line.strip()]) <= N_LINES
    chat_server.answer = answer
    pytester.makepyfile(DIALOGUE.replace("{speaker}", speaker))
    # The others start threads and exporters of their own.
    run = pytester.runpytest if package == "openai" else pytester.runpytest_subprocess
    run("--record-mode=once").assert_outcomes(passed=1)
    n_asked = len(chat_server.requests)
    assert n_asked == 4
    chat_server.close()
    run().assert_outcomes(passed=1)
    assert len(chat_server.requests) == n_asked
    (path,) = pytester.path.rglob("*.jsonl")
    told = Transcript.from_cassette(path)
    assert [[call.result.strip() for call in message.tool_calls] for message in told.messages[1::2]] == [
        ["on its way"],
        ["on its way"],
    ]
    # The framework runs its tools itself, in a replay as well.
    assert (pytester.path / "runs.txt").read_text("utf-8").split() == ["5"] * 4
