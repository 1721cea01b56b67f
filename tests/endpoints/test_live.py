"""Below the recording: where a request really goes, and with which key."""

from __future__ import annotations

import threading

import anyio
import httpx
import pytest

from pytest_duolog.endpoints.live import LiveTransport
from pytest_duolog.endpoints.providers import Destination
from pytest_duolog.endpoints.retrying import Patience, RetryingTransport
from pytest_duolog.errors import EndpointError
from tests.chat_server import ChatServer


@pytest.fixture
def server():
    running = ChatServer()
    yield running
    running.close()


def post(url: str, destination_of, **options) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = RetryingTransport(LiveTransport(destination_of), Patience(tries=1))
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return await client.post(url, json={"model": "m", "messages": [{"content": "Hello."}]}, **options)

    return anyio.run(send)


def test_logical_address_is_put_at_the_providers_and_the_key_added(server):
    asked = []

    def destination_of(provider, model):
        asked.append((provider, model))
        return Destination(server.url, {"authorization": "Bearer k"})

    answer = post("duolog://lab/chat/completions", destination_of, extensions={"duolog_model": "m"})
    assert answer.status_code == 200
    assert answer.json()["model"] == "m"
    assert asked == [("lab", "m")]
    assert server.headers[0]["authorization"] == "Bearer k"
    assert server.headers[0]["host"] == server.url.removeprefix("http://").removesuffix("/v1")


def test_destination_is_looked_up_in_the_event_loop_and_may_be_awaited(server):
    """A worker thread for each request would cost as much as the request itself."""
    threads = []

    def at_once(provider, model):
        threads.append(threading.current_thread())
        return Destination(server.url, {})

    async def later(provider, model):
        return at_once(provider, model)

    for destination_of in (at_once, later):
        assert post("duolog://lab/chat/completions", destination_of).status_code == 200
    assert threads == [threading.current_thread()] * 2


def test_other_addresses_are_left_as_they_are(server):
    def nowhere(provider, model):
        raise AssertionError("nobody asks")

    assert post(f"{server.url}/chat/completions", nowhere).status_code == 200
    assert "authorization" not in {name.lower() for name in server.headers[0]}


def test_server_that_is_down_is_named_with_its_address(server):
    url = server.url
    server.close()
    with pytest.raises(EndpointError) as caught:
        post("duolog://lab/chat/completions", lambda provider, model: Destination(url, {}))
    origin = url.removesuffix("/v1")
    assert str(caught.value).splitlines() == [
        f"ConnectError while asking lab at {origin}: All connection attempts failed",
        f"  to fix:  check that {origin} is the right address and is running",
    ]


def test_password_of_an_address_is_not_shown():
    with pytest.raises(EndpointError) as caught:
        post(
            "duolog://lab/x",
            lambda provider, model: Destination("http://ann:very-private@127.0.0.1:9/v1", {}),
        )
    assert "very-private" not in str(caught.value)
    assert "http://127.0.0.1:9" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "through"),
    [
        ("http://127.0.0.1:1/", None),
        ("http://localhost:1/", None),
        ("http://[::1]:1/", None),
        ("http://[::ffff:127.0.0.1]:1/", None),
        ("http://0.0.0.0:1/", None),
        ("http://gpu.example.org/", "http://proxy.example.org:3128"),
        ("http://inside.example.org/", None),
    ],
)
def test_proxies_come_from_the_environment_and_never_stand_before_loopback(monkeypatch, url, through):
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "inside.example.org")
    transport = LiveTransport(lambda provider, model: Destination("", {}))
    proxy = transport._proxy_to(httpx.URL(url))
    assert (proxy and proxy.url) == through
