"""Mocks beside speakers that are the user's own code: a mock wins, and what it answers is not recorded."""

from __future__ import annotations

import pytest

from pytest_duolog.recording.journal_file import read_journal
from tests.chat_server import ChatServer

SPEAKERS = """
import asyncio, io, json, os, threading, urllib.request
from unittest import mock

import aiohttp, httpx, httpx2, pytest, requests, urllib3

URL = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
PAYMENT = "http://pay.example.invalid/charge"

def body(messages):
    return {"model": "m", "messages": messages}

def text(answer):
    return answer["choices"][0]["message"]["content"]

def with_httpx(messages):
    paid = httpx.post(PAYMENT, json={"cents": 5}).json()["paid"]
    return f"{paid}: " + text(httpx.post(URL, json=body(messages)).json())

async def with_async_httpx(messages):
    async with httpx.AsyncClient() as client:
        paid = (await client.post(PAYMENT, json={"cents": 5})).json()["paid"]
        return f"{paid}: " + text((await client.post(URL, json=body(messages))).json())

def with_requests(messages):
    paid = requests.post(PAYMENT, json={"cents": 5}).json()["paid"]
    return f"{paid}: " + text(requests.post(URL, json=body(messages)).json())

async def with_aiohttp(messages):
    async with aiohttp.ClientSession() as session:
        async with session.post(PAYMENT, json={"cents": 5}) as answer:
            paid = (await answer.json())["paid"]
        async with session.post(URL, json=body(messages)) as answer:
            return f"{paid}: " + text(await answer.json())

def post_by_urllib(address, value):
    request = urllib.request.Request(address, json.dumps(value).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())

def with_urllib(messages):
    paid = post_by_urllib(PAYMENT, {"cents": 5})["paid"]
    return f"{paid}: " + text(post_by_urllib(URL, body(messages)))

def in_a_thread(function):
    def ask(messages):
        said = []
        thread = threading.Thread(target=lambda: said.append(function(messages)))
        thread.start()
        thread.join()
        return said[0]
    return ask

def by_asyncio_run(function):
    return lambda messages: asyncio.run(function(messages))

def said(dialogue):
    return [message.content for message in dialogue.messages[1::2]]

def check(dialogue):
    assert len(dialogue.messages) == 5
    assert all(words.startswith("mocked: m hears") for words in said(dialogue)), said(dialogue)

pytestmark = pytest.mark.dialogue(a="scripted:counter", turns=2, stop_on=())
"""

# aioresponses 0.7.9 and pook 2.1.6 make responses of aiohttp without an argument that aiohttp 3.14 wants.
FOR_AIOHTTP = """
from types import SimpleNamespace

@pytest.fixture(autouse=True)
def responses_of_today(monkeypatch):
    usual = aiohttp.ClientResponse.__init__
    def init(response, *args, stream_writer=SimpleNamespace(output_size=0), **options):
        usual(response, *args, stream_writer=stream_writer, **options)
    monkeypatch.setattr(aiohttp.ClientResponse, "__init__", init)
"""

CASES = {
    "respx": """
import respx

BOTS = [with_httpx, with_async_httpx, in_a_thread(with_httpx), by_asyncio_run(with_async_httpx)]

@pytest.mark.parametrize("bot", BOTS)
def test_context_manager(dialogue, bot):
    with respx.mock() as router:
        paying = router.post(PAYMENT).respond(json={"paid": "mocked"})
        router.route(host="127.0.0.1").pass_through()
        check(dialogue.run(b=bot))
        assert paying.call_count == 2

@respx.mock
def test_decorator(dialogue):
    respx.post(PAYMENT).respond(json={"paid": "mocked"})
    respx.route(host="127.0.0.1").pass_through()
    check(dialogue.run(b=with_httpx))

def test_fixture(respx_mock, dialogue):
    respx_mock.post(PAYMENT).respond(json={"paid": "mocked"})
    respx_mock.route(host="127.0.0.1").pass_through()
    check(dialogue.run(b=with_httpx))

def test_inside_the_speaker(dialogue):
    def bot(messages):
        with respx.mock() as router:
            router.post(PAYMENT).respond(json={"paid": "mocked"})
            router.route(host="127.0.0.1").pass_through()
            return with_httpx(messages)
    check(dialogue.run(b=bot))

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_async(dialogue, anyio_backend):
    with respx.mock() as router:
        router.post(PAYMENT).respond(json={"paid": "mocked"})
        router.route(host="127.0.0.1").pass_through()
        check(await dialogue.run(b=with_async_httpx))
        check(await dialogue.run(b=with_httpx))

def test_error(dialogue):
    def bot(messages):
        try:
            httpx.get(PAYMENT)
        except httpx.ConnectTimeout as error:
            return f"mocked: m hears {error}"
    with respx.mock() as router:
        router.get(PAYMENT).mock(side_effect=httpx.ConnectTimeout("too late"))
        check(dialogue.run(b=bot))
""",
    "pytest-httpx": """
REAL = pytest.mark.httpx_mock(
    should_mock=lambda request: request.url.host != "127.0.0.1", can_send_already_matched_responses=True
)

@REAL
@pytest.mark.parametrize("bot", [with_httpx, with_async_httpx, in_a_thread(with_httpx)])
def test_before(httpx_mock, dialogue, bot):
    httpx_mock.add_response(url=PAYMENT, json={"paid": "mocked"})
    check(dialogue.run(b=bot))
    assert len(httpx_mock.get_requests(url=PAYMENT)) == 2

@REAL
def test_after(dialogue, httpx_mock):
    httpx_mock.add_response(url=PAYMENT, json={"paid": "mocked"})
    check(dialogue.run(b=with_httpx))
""",
    "responses": """
import responses

@pytest.mark.parametrize("bot", [with_requests, in_a_thread(with_requests)])
def test_context_manager(dialogue, bot):
    with responses.RequestsMock() as mocked:
        mocked.post(PAYMENT, json={"paid": "mocked"})
        mocked.add_passthru("http://127.0.0.1")
        check(dialogue.run(b=bot))
        assert len([call for call in mocked.calls if call.request.url == PAYMENT]) == 2

@responses.activate
def test_decorator(dialogue):
    responses.post(PAYMENT, json={"paid": "mocked"})
    responses.add_passthru("http://127.0.0.1")
    check(dialogue.run(b=with_requests))
""",
    "requests-mock": """
def test_fixture(requests_mock, dialogue):
    requests_mock.post(PAYMENT, json={"paid": "mocked"})
    requests_mock.post(URL, real_http=True)
    check(dialogue.run(b=with_requests))
""",
    "aioresponses": FOR_AIOHTTP
    + """
from aioresponses import aioresponses

def test_context_manager(dialogue):
    with aioresponses(passthrough=["http://127.0.0.1"]) as mocked:
        mocked.post(PAYMENT, payload={"paid": "mocked"}, repeat=True)
        check(dialogue.run(b=with_aiohttp))

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async(dialogue, anyio_backend):
    with aioresponses(passthrough=["http://127.0.0.1"]) as mocked:
        mocked.post(PAYMENT, payload={"paid": "mocked"}, repeat=True)
        check(await dialogue.run(b=with_aiohttp))

def test_inside_the_speaker(dialogue):
    async def bot(messages):
        with aioresponses(passthrough=["http://127.0.0.1"]) as mocked:
            mocked.post(PAYMENT, payload={"paid": "mocked"})
            return await with_aiohttp(messages)
    check(dialogue.run(b=bot))
""",
    "pook": FOR_AIOHTTP
    + """
import pook

@pytest.fixture(autouse=True)
def mocked():
    with pook.use():
        pook.post(PAYMENT).persist().reply(200).json({"paid": "mocked"})
        pook.enable_network("127.0.0.1")
        yield

@pytest.mark.parametrize("bot", [with_httpx, with_async_httpx, with_requests, with_aiohttp, with_urllib])
def test_it(dialogue, bot):
    check(dialogue.run(b=bot))
""",
    "httpretty": """
import httpretty

def pay_by_requests():
    return requests.post(PAYMENT, json={"cents": 5}).json()

def pay_by_urllib():
    return post_by_urllib(PAYMENT, {"cents": 5})

@pytest.mark.parametrize("pay", [pay_by_requests, pay_by_urllib])
def test_it(dialogue, pay):
    def bot(messages):
        httpretty.enable(allow_net_connect=True)  # httpretty 1.1 itself cannot pass a request on to a real server
        httpretty.register_uri(httpretty.POST, PAYMENT, body='{"paid": "mocked"}')
        try:
            paid = pay()["paid"]
        finally:
            httpretty.disable()
            httpretty.reset()
        return f"{paid}: " + text(requests.post(URL, json=body(messages)).json())
    check(dialogue.run(b=bot))

def test_before(dialogue):
    def bot(messages):
        return pay_by_urllib()["paid"] + ": m hears"  # with requests httpretty 1.1 fails by itself
    httpretty.enable(allow_net_connect=False)
    httpretty.register_uri(httpretty.POST, PAYMENT, body='{"paid": "mocked"}')
    try:
        check(dialogue.run(b=bot))
    finally:
        httpretty.disable()
        httpretty.reset()
""",
    "unittest.mock": """
def test_functions(dialogue):
    for module, bot in ((httpx, with_httpx), (requests, with_requests)):
        usual = module.post
        def post(url, **options):
            return mock.Mock(json=lambda: {"paid": "mocked"}) if url == PAYMENT else usual(url, **options)
        with mock.patch.object(module, "post", post):
            check(dialogue.run(b=bot))

def test_methods(dialogue, monkeypatch):
    usual = httpx.Client.send
    def send(client, request, **options):
        if str(request.url) == PAYMENT:
            return httpx.Response(200, json={"paid": "mocked"}, request=request)
        return usual(client, request, **options)
    monkeypatch.setattr(httpx.Client, "send", send)
    check(dialogue.run(b=with_httpx))
    usual_urlopen = urllib3.connectionpool.HTTPConnectionPool.urlopen
    def urlopen(pool, method, url, **options):
        if pool.host == "pay.example.invalid":
            return urllib3.HTTPResponse(io.BytesIO(b'{"paid": "mocked"}'), status=200, preload_content=False)
        return usual_urlopen(pool, method, url, **options)
    monkeypatch.setattr(urllib3.connectionpool.HTTPConnectionPool, "urlopen", urlopen)
    check(dialogue.run(b=with_requests))

def test_transports(dialogue, monkeypatch):
    usual, usual_async = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request
    def handle(transport, request):
        if str(request.url) == PAYMENT:
            return httpx.Response(200, json={"paid": "mocked"})
        return usual(transport, request)
    async def handle_async(transport, request):
        if str(request.url) == PAYMENT:
            return httpx.Response(200, json={"paid": "mocked"})
        return await usual_async(transport, request)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_async)
    check(dialogue.run(b=with_httpx))
    check(dialogue.run(b=with_async_httpx))

def test_connections(dialogue, monkeypatch):
    import http.client
    usual_request, usual_response = http.client.HTTPConnection.request, http.client.HTTPConnection.getresponse
    def request(connection, method, url, *args, **options):
        connection.is_paying = connection.host == "pay.example.invalid"
        if not connection.is_paying:
            return usual_request(connection, method, url, *args, **options)
    def getresponse(connection):
        if not connection.is_paying:
            return usual_response(connection)
        answer = mock.MagicMock(status=200, reason="OK", headers={}, code=200)
        answer.read.return_value = b'{"paid": "mocked"}'
        answer.__enter__.return_value = answer
        answer.info.return_value = {}
        return answer
    monkeypatch.setattr(http.client.HTTPConnection, "request", request)
    monkeypatch.setattr(http.client.HTTPConnection, "getresponse", getresponse)
    check(dialogue.run(b=with_urllib))

PLACES = {
    "httpx.Client.request": with_httpx,
    "httpx.AsyncClient.post": with_async_httpx,
    "httpx.AsyncClient.send": with_async_httpx,
    "requests.Session.request": with_requests,
    "requests.adapters.HTTPAdapter.send": with_requests,
    "aiohttp.ClientSession._request": with_aiohttp,
    "urllib.request.OpenerDirector.open": with_urllib,
}

def faked(place, usual):
    def is_payment(args, options):
        addresses = [(str(part), str(getattr(part, "url", "")), getattr(part, "full_url", ""))
                     for part in (*args, *options.values())]
        return any(PAYMENT in address for address in addresses)

    async def fake_async(*args, **options):
        if is_payment(args, options):
            if "aiohttp" in place:
                answer = mock.AsyncMock(json=mock.AsyncMock(return_value={"paid": "mocked"}), release=mock.Mock())
                answer.__aenter__.return_value = answer
                return answer
            return httpx.Response(200, json={"paid": "mocked"}, request=httpx.Request("POST", PAYMENT))
        return await usual(*args, **options)

    def fake(*args, **options):
        if not is_payment(args, options):
            return usual(*args, **options)
        if "httpx" in place:
            return httpx.Response(200, json={"paid": "mocked"}, request=httpx.Request("POST", PAYMENT))
        if "urllib" in place:
            return io.BytesIO(b'{"paid": "mocked"}')
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"paid": "mocked"}'
        answer.request, answer.url = mock.Mock(), PAYMENT
        return answer

    return fake_async if asyncio.iscoroutinefunction(usual) or "aiohttp" in place else fake

@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("is_early", [True, False])
def test_places(dialogue, place, is_early, monkeypatch):
    owner, _, name = place.rpartition(".")
    module, _, kind = owner.rpartition(".")
    owner = getattr(__import__(module, fromlist=[kind]), kind)
    bot = PLACES[place]
    if is_early:
        monkeypatch.setattr(owner, name, faked(place, getattr(owner, name)))
        check(dialogue.run(b=bot))
        return
    def patching(messages):
        with mock.patch.object(owner, name, faked(place, getattr(owner, name))):
            return bot(messages)
    async def patching_async(messages):
        with mock.patch.object(owner, name, faked(place, getattr(owner, name))):
            return await bot(messages)
    check(dialogue.run(b=patching_async if asyncio.iscoroutinefunction(bot) else patching))

def test_httpx_transports_of_ones_own(dialogue):
    def handle(request):
        return httpx.Response(200, json={"paid": "mocked"})
    def bot(messages):
        with httpx.Client(transport=httpx.MockTransport(handle)) as client:
            paid = client.post(PAYMENT, json={"cents": 5}).json()["paid"]
        return f"{paid}: " + text(httpx.post(URL, json=body(messages)).json())
    async def async_bot(messages):
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"paid": "mocked"}))
        async with httpx2.AsyncClient(transport=transport) as client:
            paid = (await client.post(PAYMENT, json={"cents": 5})).json()["paid"]
        async with httpx2.AsyncClient() as client:
            return f"{paid}: " + text((await client.post(URL, json=body(messages))).json())
    check(dialogue.run(b=bot))
    check(dialogue.run(b=async_bot))
""",
}


@pytest.mark.parametrize(("library", "tests"), CASES.items(), ids=CASES.keys())
def test_a_mock_wins_in_recording_and_in_replay(
    library: str, tests: str, pytester: pytest.Pytester, chat_server: ChatServer
) -> None:
    """What is not mocked beside it is recorded, and replayed without its server."""
    pytester.makepyfile(test_mocks=SPEAKERS + tests)
    recorded = pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once")
    n_tests = recorded.parseoutcomes()["passed"]
    recorded.assert_outcomes(passed=n_tests)
    files = [read_journal(path) for path in pytester.path.rglob("*.jsonl")]
    addresses = {one.request.uri for journal in files for one in journal.interactions}
    assert "duolog://openai/chat/completions" in addresses
    assert not any("pay.example" in address for address in addresses)
    assert all("cents" not in body for body in chat_server.requests)
    n_asked = len(chat_server.requests)
    chat_server.close()
    replayed = pytester.runpytest("-p", "no:cacheprovider")
    replayed.assert_outcomes(passed=n_tests)
    assert len(chat_server.requests) == n_asked
