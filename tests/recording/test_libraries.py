"""Speakers that are the user's own code, with HTTP libraries of their own: recorded, replayed, kept apart."""

from __future__ import annotations

import importlib
import json

import pytest

from pytest_duolog.recording.journal_file import read_journal


@pytest.fixture(scope="module", autouse=True)
def libraries() -> None:
    """Imported once, so that every inner run finds them; not while tests are collected, which every worker does."""
    for name in ("aiohttp", "httpx2", "openai", "requests"):
        importlib.import_module(name)


SPEAKERS = """
import asyncio
import concurrent.futures
import json
import os
import threading
import urllib.request

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests
from pytest_duolog import Speaker

URL = os.environ["OPENAI_BASE_URL"]
ADDRESS = URL + "/chat/completions"

def body(messages):
    return {"model": "m", "messages": messages}

def text(answer):
    return answer["choices"][0]["message"]["content"]

def with_openai(messages):
    client = openai.OpenAI(max_retries=0)
    return client.chat.completions.create(**body(messages)).choices[0].message.content

async def with_async_openai(messages):
    async with openai.AsyncOpenAI(max_retries=0) as client:
        answer = await client.chat.completions.create(**body(messages))
    return answer.choices[0].message.content

def with_requests(messages):
    return text(requests.post(ADDRESS, json=body(messages), timeout=30).json())

def with_requests_session(messages):
    with requests.Session() as session:
        first = text(session.post(ADDRESS, json=body([{"role": "user", "content": "warm up"}]), timeout=30).json())
        assert first
        return text(session.post(ADDRESS, json=body(messages), timeout=30).json())

async def with_aiohttp(messages):
    async with aiohttp.ClientSession() as session, session.post(ADDRESS, json=body(messages)) as response:
        return text(await response.json())

def with_httpx(messages):
    return text(httpx.post(ADDRESS, json=body(messages)).json())

async def with_async_httpx(messages):
    async with httpx.AsyncClient() as client:
        return text((await client.post(ADDRESS, json=body(messages))).json())

def with_httpx2(messages):
    return text(httpx2.post(ADDRESS, json=body(messages)).json())

async def with_async_httpx2(messages):
    async with httpx2.AsyncClient() as client:
        return text((await client.post(ADDRESS, json=body(messages))).json())

def with_urllib(messages):
    data = json.dumps(body(messages)).encode()
    request = urllib.request.Request(ADDRESS, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return text(json.load(response))

def with_a_thread_of_its_own(messages):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(with_requests, messages).result()
"""
LIBRARIES = [
    "openai", "async_openai", "requests", "requests_session", "aiohttp", "httpx", "async_httpx", "httpx2",
    "async_httpx2", "urllib", "a_thread_of_its_own",
]  # fmt: skip

ALONE = f"""
@pytest.fixture(params={LIBRARIES})
def duolog_scenario(request):
    return {{"b": globals()["with_" + request.param], "a": "scripted:counter"}}

@pytest.mark.dialogue(turns=2, system=os.environ.get("SYSTEM"), opener="Tell me about {{}} lamps — ünd mehr.")
def test_alone(dialogue):
    assert len(dialogue.messages) == 5
    assert all("m hears" in message.content for message in dialogue.messages[1::2])
    print(dialogue.transcript.to_markdown())
"""


@pytest.fixture
def project(pytester, chat_server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-1-account")
    pytester.makeini("[pytest]\naddopts = -p no:asyncio -p no:cacheprovider\nduolog_stop_on = nothing")
    return pytester


def cassettes(pytester):
    return {path.name: read_journal(path) for path in (pytester.path / "cassettes").rglob("*.jsonl")}


def test_every_library_is_recorded_and_replayed(project, chat_server, monkeypatch):
    project.makepyfile(test_speakers=SPEAKERS + ALONE)
    recorded = project.runpytest("--record-mode=once", "-rP")
    recorded.assert_outcomes(passed=len(LIBRARIES))
    for name, journal in cassettes(project).items():
        assert len(journal.interactions) == (4 if "session" in name else 2), name
        assert journal.is_finished
        assert {one.request.uri for one in journal.interactions} == {"duolog://openai/chat/completions"}
    assert len(cassettes(project)) == len(LIBRARIES)

    n_asked = len(chat_server.requests)
    chat_server.close()
    replayed = project.runpytest("-rP")
    replayed.assert_outcomes(passed=len(LIBRARIES))
    assert spoken(replayed) == spoken(recorded)

    monkeypatch.setenv("SYSTEM", "Be brief.")
    for mode in ("none", "once"):
        missed = project.runpytest(f"--record-mode={mode}")
        missed.assert_outcomes(failed=len(LIBRARIES))
        text = str(missed.stdout)
        assert text.count("E       pytest_duolog.errors.CassetteMismatch: message 2 (Model B)") == len(
            LIBRARIES
        )
    assert len(chat_server.requests) == n_asked


def spoken(result):
    """What the tests printed."""
    return [line for line in str(result.stdout).splitlines() if line.startswith(("Model ", "Date:", "# "))]


TOGETHER = """
@pytest.mark.anyio
@pytest.mark.parametrize("library", [with_async_openai, with_aiohttp, with_async_httpx, with_requests, with_openai])
@pytest.mark.dialogue(a="scripted:counter", turns=3)
async def test_together(dialogue, library):
    def prompted(word):
        async def ask(messages):
            answer = library([{"role": "system", "content": word}, *messages])
            return await answer if asyncio.iscoroutine(answer) else answer
        return ask
    words = ("amber", "birch", "cedar")
    made = [dialogue.run(name=word, b=prompted(word)) for word in words]
    async def hold(one):
        await one
    await asyncio.gather(*map(hold, made))
    for word, one in zip(words, made):
        assert all(word in message.content for message in one.messages[1::2]), one.messages

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_dialogues_at_once_do_not_hear_each_other(project, chat_server, monkeypatch):
    def prompt_of(body):
        return body["messages"][0]["content"]

    chat_server.answer = lambda body: f"{prompt_of(body)} after {len(body['messages'])}"
    project.makepyfile(test_speakers=SPEAKERS + TOGETHER)
    recorded = project.runpytest("--record-mode=once")
    recorded.assert_outcomes(passed=5)
    files = cassettes(project)
    assert len(files) == 15
    for name, journal in files.items():
        assert len(journal.interactions) == 3
        [word] = [word for word in ("amber", "birch", "cedar") if f".{word}." in name]
        for one in journal.interactions:
            assert json.loads(one.request.body.content())["messages"][0]["content"] == word
    chat_server.close()
    project.runpytest().assert_outcomes(passed=5)


THREADS = """
meeting = threading.Barrier(2)

@pytest.mark.anyio
@pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
async def test_threads(dialogue):
    def prompted(word):
        def ask(messages):
            meeting.wait(30)
            try:
                return with_a_thread_of_its_own([{"role": "system", "content": word}, *messages])
            finally:
                meeting.wait(30)
        return ask
    made = [dialogue.run(name=word, b=prompted(word)) for word in ("amber", "birch")]
    async def hold(one):
        await one
    await asyncio.gather(*map(hold, made))
    assert all(one.messages for one in made)

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_request_that_could_be_any_dialogues_is_refused(project, chat_server):
    project.makepyfile(test_speakers=SPEAKERS + THREADS)
    result = project.runpytest("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*several dialogues are running, and a request from another thread could *"])
    assert chat_server.requests == []


def test_request_of_a_thread_is_played_for_the_dialogue_that_recorded_it(project, chat_server):
    chat_server.answer = lambda body: f"{body['messages'][0]['content']} after {len(body['messages'])}"
    one_by_one = THREADS.replace("asyncio.gather(*map(hold, made))", "made[0]; await made[1]")
    project.makepyfile(test_speakers=SPEAKERS + one_by_one.replace("Barrier(2)", "Barrier(1)"))
    project.runpytest("--record-mode=once").assert_outcomes(passed=1)
    chat_server.close()
    project.makepyfile(test_speakers=SPEAKERS + THREADS)
    project.runpytest().assert_outcomes(passed=1)


HTTPS = """
import http.client
import ssl

ADDRESS = ADDRESS.replace("http:", "https:")

@pytest.mark.parametrize("library", [with_urllib, with_requests, with_httpx])
@pytest.mark.dialogue(a="scripted:counter", turns=1)
def test_https(dialogue, library):
    assert dialogue.run(name="first", b=library).messages
    assert isinstance(http.client.HTTPSConnection("127.0.0.1"), http.client.HTTPSConnection)
"""


def test_connections_with_encryption_are_replayed(project, chat_server):
    """There is no certificate here, so a recording without encryption is made one with it."""
    project.makepyfile(test_speakers=SPEAKERS + HTTPS.replace('"https:"', '"http:"'))
    project.runpytest("--record-mode=once").assert_outcomes(passed=3)
    chat_server.close()
    project.makepyfile(test_speakers=SPEAKERS + HTTPS)
    result = project.runpytest("--record-mode=rewrite")
    result.assert_outcomes(failed=3)
    assert "TypeError" not in str(result.stdout)
    for path in (project.path / "cassettes").rglob("*.jsonl"):
        secure = chat_server.url.replace("http:", "https:")
        path.write_text(path.read_text().replace('"duolog://openai/', f'"{secure}/'))
    project.runpytest().assert_outcomes(passed=3)


BESIDES = """
@pytest.mark.dialogue(a="scripted:counter", b=with_httpx, turns=2)
def test_it(dialogue):
    before = httpx.post(ADDRESS, json=body([{"role": "user", "content": "before"}]))
    assert dialogue.messages
    after = requests.post(ADDRESS, json=body([{"role": "user", "content": "after"}]), timeout=30)
    assert before.status_code == after.status_code == 200

def test_without():
    assert requests.post(ADDRESS, json=body([{"role": "user", "content": "without"}]), timeout=30).status_code == 200
"""


def test_what_the_test_itself_sends_goes_its_own_way(project, chat_server):
    project.makepyfile(test_speakers=SPEAKERS + BESIDES)
    project.runpytest("--record-mode=once").assert_outcomes(passed=2)
    chat_server.requests.clear()
    project.runpytest().assert_outcomes(passed=2)
    asked = [body["messages"][-1]["content"] for body in chat_server.requests]
    assert asked == ["before", "after", "without"]


FAILURES = """
def stubborn(messages):
    for _ in range(3):
        response = httpx.post(ADDRESS, json=body(messages))
        if response.status_code == 200:
            return text(response.json())
    return "gave up"

def swallowing(messages):
    try:
        return with_openai(messages)
    except Exception as error:
        return f"I am sorry: {type(error).__name__}"

@pytest.mark.dialogue(a="scripted:counter", b=globals()[os.environ["SPEAKER"]], turns=2, opener=os.environ["OPENER"])
def test_it(dialogue):
    print(dialogue.transcript.to_markdown())
"""


def test_failed_tries_are_repeated_and_not_recorded(project, chat_server, monkeypatch):
    tries = []

    def busy(body):
        tries.append(body)
        return "At last." if len(tries) % 3 == 0 else (429, b'{"error": "busy"}')

    chat_server.answer = busy
    monkeypatch.setenv("SPEAKER", "stubborn")
    monkeypatch.setenv("OPENER", "Hello.")
    project.makepyfile(test_speakers=SPEAKERS + FAILURES)
    project.runpytest("--record-mode=once").assert_outcomes(passed=1)
    [journal] = cassettes(project).values()
    assert [one.response.status for one in journal.interactions] == [200, 200]
    chat_server.close()
    result = project.runpytest("-rP")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["Model B: At last."])


def test_miss_is_an_error_even_if_the_speaker_swallows_it(project, chat_server, monkeypatch):
    monkeypatch.setenv("SPEAKER", "swallowing")
    monkeypatch.setenv("OPENER", "Hello.")
    project.makepyfile(test_speakers=SPEAKERS + FAILURES)
    project.runpytest("--record-mode=once").assert_outcomes(passed=1)
    monkeypatch.setenv("OPENER", "Good evening.")
    chat_server.requests.clear()
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *CassetteMismatch: message 2 (Model B) has no recorded reply."])
    assert chat_server.requests == []


PASSING_ON = """
import os
import httpx
import pytest
from pytest_duolog import Speaker

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"

def bot(messages):
    "Looks something up, and passes it on as it came."
    found = httpx.post(URL, json={"look up": messages[-1]["content"]})
    asked = [*messages, {"role": "tool", "content": found.text}]
    return httpx.post(URL, json={"messages": asked}).json()["answer"]

@pytest.mark.dialogue(a="scripted:counter", b=Speaker("Bot", model=bot), turns=2, stop_on=())
def test_bot(dialogue):
    assert len(dialogue.messages) == 5
"""

FOUND = {"weather": [{"place": "Köln", "sky": "cloudy, and later on rain from the west"}], "a": 1.0}


@pytest.mark.parametrize(
    "found",
    [
        json.dumps(FOUND),
        json.dumps(FOUND, ensure_ascii=False),
        json.dumps(FOUND, indent=2),
        json.dumps(FOUND, separators=(",", ":")),
        json.dumps(FOUND, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
        json.dumps(FOUND, indent=3) + "\n",
        '{"a": 1, "a": 2}',
        "cloudy",
    ],
)
def test_what_is_passed_on_as_text_is_the_same_in_a_replay(pytester, chat_server, found):
    def answer(body):
        return 200, (found if "look up" in body else '{"answer": "Take an umbrella."}').encode()

    chat_server.answer = answer
    pytester.makepyfile(PASSING_ON)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    chat_server.close()
    pytester.runpytest().assert_outcomes(passed=1)
