"""Mocks at the address of a provider: they answer in its place, and that is neither recorded nor passed over."""

from __future__ import annotations

import pytest

from pytest_duolog.recording.journal_file import read_journal
from tests.chat_server import ChatServer

HEAD = """
import json
import httpx, pytest

URL = "https://api.openai.com/v1/chat/completions"

def completion(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "x", "model": "m", "choices": [choice], "usage": {}}

def said(dialogue):
    return [message.content for message in dialogue.messages[1:]]

pytestmark = pytest.mark.dialogue(model="openai:m", turns=1, stop_on=())
"""
MOCKED = {
    "respx, a context manager": """
import respx

def test_it(dialogue):
    with respx.mock() as router:
        route = router.post(URL).respond(json=completion("Mocked."))
        assert said(dialogue) == ["Mocked.", "Mocked."]
        assert json.loads(route.calls[0].request.content)["model"] == "m"
""",
    "respx, a decorator": """
import respx

@respx.mock
def test_it(dialogue):
    respx.post(URL).respond(json=completion("Mocked."))
    assert said(dialogue) == ["Mocked.", "Mocked."]
""",
    "respx in front of the clients": """
import respx

def test_it(dialogue):
    with respx.mock(using="httpx") as router:
        router.post(URL).respond(json=completion("Mocked."))
        assert said(dialogue) == ["Mocked.", "Mocked."]
""",
    "respx, async": """
import respx

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_it(dialogue, anyio_backend):
    async with respx.mock() as router:
        router.post(URL).respond(json=completion("Mocked."))
        assert said(await dialogue) == ["Mocked.", "Mocked."]
""",
    "pytest-httpx": """
@pytest.mark.httpx_mock(can_send_already_matched_responses=True)
def test_it(httpx_mock, dialogue):
    httpx_mock.add_response(url=URL, json=completion("Mocked."))
    assert said(dialogue) == ["Mocked.", "Mocked."]
    assert len(httpx_mock.get_requests()) == 2
""",
    "pook": """
import pook

def test_it(dialogue):
    with pook.use():
        pook.post(URL).persist().reply(200).json(completion("Mocked."))
        assert said(dialogue) == ["Mocked.", "Mocked."]
""",
    "a transport": """
def test_it(dialogue, monkeypatch):
    async def answer(transport, request):
        assert request.url == URL
        return httpx.Response(200, json=completion("Mocked."))
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    assert said(dialogue) == ["Mocked.", "Mocked."]
""",
    "an answer after an error": """
import respx

def test_it(dialogue):
    with respx.mock() as router:
        route = router.post(URL)
        busy, fine = httpx.Response(503, headers={"retry-after": "0"}), {"json": completion("Mocked.")}
        route.side_effect = [busy, httpx.Response(200, **fine), httpx.Response(200, **fine)]
        assert said(dialogue) == ["Mocked.", "Mocked."]
        assert route.call_count == 3
""",
}


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("mode", ["none", "once"])
@pytest.mark.parametrize("test", MOCKED.values(), ids=MOCKED.keys())
def test_a_mock_answers_for_the_provider(
    test: str, mode: str, pytester: pytest.Pytester, no_key: None
) -> None:
    pytester.makepyfile(HEAD + test)
    result = pytester.runpytest("-p", "no:cacheprovider", f"--record-mode={mode}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*was answered by a mock of the test, which is not recorded*"])
    assert list(pytester.path.rglob("*.jsonl")) == []


ELSEWHERE = {
    "respx": """
import respx

def test_it(dialogue):
    with respx.mock(assert_all_called=False) as router:
        router.post("https://elsewhere.example/").respond(json={})
        assert all("m hears" in words for words in said(dialogue))
        assert router.calls.call_count == 0
""",
    "respx passes on": """
import respx

def test_it(dialogue):
    with respx.mock() as router:
        router.route(host="127.0.0.1").pass_through()
        assert all("m hears" in words for words in said(dialogue))
""",
    "pytest-httpx": """
def test_it(httpx_mock, dialogue):
    httpx_mock.add_response(url="https://elsewhere.example/", json={"a": 1})
    assert all("m hears" in words for words in said(dialogue))
    assert httpx.get("https://elsewhere.example/").json() == {"a": 1}
    assert len(httpx_mock.get_requests()) == 1
""",
    "pook": """
import pook

def test_it(dialogue):
    with pook.use():
        pook.get("https://elsewhere.example/").reply(200).json({})
        assert all("m hears" in words for words in said(dialogue))
""",
    "a method of clients": """
from unittest import mock

def test_it(dialogue):
    with mock.patch.object(httpx.AsyncClient, "post"), mock.patch.object(httpx.AsyncClient, "send"):
        assert all("m hears" in words for words in said(dialogue))
""",
    "other libraries": """
import requests, responses

def test_it(dialogue, requests_mock):
    requests_mock.get("https://elsewhere.example/", text="Hello")
    with responses.RequestsMock(assert_all_requests_are_fired=False):
        assert all("m hears" in words for words in said(dialogue))
""",
}


@pytest.mark.parametrize("test", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_mock_of_something_else_leaves_the_provider_alone(
    test: str, pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(HEAD + test)
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    [journal] = [read_journal(path) for path in pytester.path.rglob("*.jsonl")]
    assert len(journal.interactions) == len(chat_server.requests) == 2
    chat_server.close()
    monkeypatch.delenv("OPENAI_API_KEY")
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 dialogue, 2 replies replayed"])


def test_a_recording_that_a_mock_stands_in_for_is_not_used_in_silence(
    pytester: pytest.Pytester, chat_server: ChatServer
) -> None:
    pytester.makepyfile(test_it=HEAD + "def test_it(dialogue):\n    assert said(dialogue)\n")
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    url = f'URL = "{chat_server.url}/chat/completions"\n'
    pytester.makepyfile(test_it=HEAD + url + MOCKED["respx, a context manager"])
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *perhaps: * a mock of the test answered for Model B"])


MANY = {
    "decorators": """
import respx

@pytest.mark.parametrize("n", range(4))
@respx.mock
def test_it(dialogue, n):
    respx.post(MODEL).respond(json=completion("Mocked."))
    assert said(dialogue) == ["Mocked.", "Mocked."]
""",
    "imported where it is used": """
@pytest.mark.parametrize("n", range(4))
def test_it(dialogue, n):
    import respx
    with respx.mock() as router:
        router.post(MODEL).respond(json=completion("Mocked."))
        assert said(dialogue) == ["Mocked.", "Mocked."]
""",
    "a fixture of the session, elsewhere": """
@pytest.mark.parametrize("n", range(4))
def test_it(dialogue, n):
    assert said(dialogue) == ["Mocked.", "Mocked."]
""",
}
CONFTEST = """
import os, pytest, respx

@pytest.fixture(scope="session", autouse=True)
def mocked():
    with respx.mock() as router:
        choice = {"index": 0, "message": {"role": "assistant", "content": "Mocked."}, "finish_reason": "stop"}
        router.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions").respond(json={"choices": [choice]})
        yield
"""


@pytest.mark.parametrize("name", MANY)
def test_no_dialogue_begins_before_its_test_has_set_up_a_mock(
    name: str, pytester: pytest.Pytester, chat_server: ChatServer
) -> None:
    if "session" in name:
        pytester.makeconftest(CONFTEST)
    pytester.makepyfile(f"{HEAD}\nMODEL = '{chat_server.url}/chat/completions'\n{MANY[name]}")
    result = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once")
    result.assert_outcomes(passed=4)
    assert chat_server.requests == []


def test_a_mocked_model_calls_tools_that_are_not_recorded(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
from pytest_duolog import Speaker

ran = []

def look_up(order_id: str) -> str:
    "Find an order."
    ran.append(order_id)
    return "a lamp"

def answer(request):
    sent = json.loads(request.content)
    if "tools" not in sent or sent["messages"][-1]["role"] == "tool":
        return httpx.Response(200, json=completion("Mocked."))
    call = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": '{"order_id": "4711"}'}}
    mocked = completion(None)
    mocked["choices"][0]["message"]["tool_calls"] = [call]
    return httpx.Response(200, json=mocked)

@pytest.mark.dialogue(b=Speaker("Bob", tools=[look_up]))
def test_it(dialogue, respx_mock):
    respx_mock.post(URL).mock(side_effect=answer)
    assert said(dialogue) == ["Mocked.", "Mocked."]
    assert ran == ["4711"]
"""
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "-p", "no:asyncio")
    result.assert_outcomes(passed=1)
    assert not (pytester.path / "cassettes").exists()
