"""Connections of this package's own: which are used again, which are not, and which address of a host wins."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self

import anyio
import httpx
import pytest
import trustme

from pytest_duolog.endpoints import sockets
from pytest_duolog.endpoints.sockets import connected_socket
from pytest_duolog.endpoints.straight import StraightTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nFine."


class Server:
    """Answers on one port with `answer`, and remembers each connection and each request."""

    def __init__(
        self,
        answer: bytes = OK,
        *,
        rest: bytes = b"",
        closes: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`rest` is sent a little after `answer`."""
        self.answer, self.rest, self.closes, self.tls = answer, rest, closes, tls
        self.n_connections = 0
        self.requests: list[bytes] = []
        self.has_closed = asyncio.Event()
        self._serving: set[asyncio.Task[Any] | None] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        await asyncio.gather(*filter(None, self._serving))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        self._serving.add(asyncio.current_task())
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answer)
                await writer.drain()
                if self.rest:
                    await asyncio.sleep(0.01)
                    writer.write(self.rest)
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.has_closed.set()


def running(test: Callable[[], Awaitable[None]]) -> None:
    async def in_time() -> None:
        with anyio.fail_after(30):
            await test()

    asyncio.run(in_time())


def no_tls() -> ssl.SSLContext:
    raise AssertionError("nobody asks for TLS")


async def get(transport: StraightTransport, server: Server) -> bytes:
    scheme = "https" if server.tls else "http"
    request = httpx.Request(
        "GET",
        f"{scheme}://127.0.0.1:{server.port}/a?b=c",
        extensions={"timeout": {"connect": 30, "read": 30}},
    )
    response = await transport.handle_async_request(request)
    try:
        return await response.aread()
    finally:
        await response.aclose()


def test_requests_of_a_dialogue_share_a_connection():
    async def test() -> None:
        async with Server() as server:
            transport = StraightTransport(no_tls)
            assert [await get(transport, server) for _ in range(3)] == [b"Fine."] * 3
            await transport.aclose()
        assert server.n_connections == 1
        assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")

    running(test)


def test_encrypted_connections_are_used_again():
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(ours)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)

    async def test() -> None:
        async with Server(tls=theirs) as server:
            transport = StraightTransport(lambda: ours)
            assert [await get(transport, server) for _ in range(3)] == [b"Fine."] * 3
            await transport.aclose()
        assert server.n_connections == 1

    running(test)


def test_a_certificate_that_nobody_trusts_is_no_connection():
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(theirs)

    async def test() -> None:
        async with Server(tls=theirs) as server:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await get(StraightTransport(ssl.create_default_context), server)
        assert server.requests == []

    running(test)


@pytest.mark.parametrize("says_so", [True, False])
def test_a_connection_that_the_server_closes_is_not_used_again(says_so):
    async def test() -> None:
        answer = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") if says_so else OK
        async with Server(answer, closes=True) as server:
            transport = StraightTransport(no_tls)
            for _ in range(2):
                server.has_closed.clear()
                assert await get(transport, server) == b"Fine."
                await server.has_closed.wait()
            await transport.aclose()
        assert server.n_connections == 2

    running(test)


def test_words_that_nobody_asked_for_are_not_the_next_answer():
    async def test() -> None:
        async with Server(OK + OK.replace(b"Fine.", b"Evil.")) as server:
            transport = StraightTransport(no_tls)
            assert [await get(transport, server) for _ in range(2)] == [b"Fine."] * 2
            await transport.aclose()
        assert server.n_connections == 2

    running(test)


def test_a_long_answer_is_read_to_its_end():
    async def test() -> None:
        body = b"x" * 5_000_000
        async with Server(b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n" + body) as server:
            transport = StraightTransport(no_tls)
            assert await get(transport, server) == body
            await transport.aclose()

    running(test)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nFi\r\n3\r\nne.\r\n0\r\n\r\n"


def test_answers_of_all_forms_may_follow_each_other():
    async def test() -> None:
        async with Server() as server:
            transport = StraightTransport(no_tls)
            for server.answer in (OK, CHUNKED, OK, OK, CHUNKED, CHUNKED, OK):
                assert await get(transport, server) == b"Fine."
            await transport.aclose()
        assert server.n_connections == 1

    running(test)


@pytest.mark.parametrize("answer", [OK[:-3], CHUNKED[:-10]], ids=["length", "chunks"])
def test_an_answer_that_is_cut_short_is_an_error(answer):
    async def test() -> None:
        async with Server(answer, closes=True) as server:
            transport = StraightTransport(no_tls)
            for _ in range(2):
                with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
                    await get(transport, server)
            await transport.aclose()
        assert server.n_connections == 2

    running(test)


@pytest.mark.parametrize("at", range(1, len(OK), 7))
def test_an_answer_may_arrive_in_pieces(at):
    async def test() -> None:
        async with Server(OK[:at], rest=OK[at:]) as server:
            transport = StraightTransport(no_tls)
            assert [await get(transport, server) for _ in range(2)] == [b"Fine."] * 2
            await transport.aclose()
        assert server.n_connections == 1

    running(test)


def test_an_answer_may_be_announced():
    async def test() -> None:
        async with Server(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK) as server:
            transport = StraightTransport(no_tls)
            assert await get(transport, server) == b"Fine."
            await transport.aclose()

    running(test)


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/", "duolog://127.0.0.1/"])
def test_other_protocols_are_refused(address):
    async def test() -> None:
        with pytest.raises(httpx.UnsupportedProtocol, match="unsupported protocol"):
            await StraightTransport(no_tls).handle_async_request(httpx.Request("GET", address))

    running(test)


# Which address of a host wins


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives a host the addresses whose names are given; `connect` is what an attempt does."""

    def give(names: str, connect: Callable[[str], Awaitable[socket.socket]]) -> None:
        async def getaddrinfo(*_args: object, **_options: object) -> list[tuple[object, ...]]:
            family = {"4": socket.AF_INET, "6": socket.AF_INET6}
            return [(family[name[0]], socket.SOCK_STREAM, 0, "", name) for name in names.split()]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(sockets, "_connected", lambda _family, _kind, _proto, name: connect(name))
        monkeypatch.setattr(sockets, "HEAD_START_S", 0.01)

    return give


def test_families_take_turns_until_one_answers(host):
    async def test() -> None:
        asked = []
        with socket.socket() as winner:

            async def connect(name: str) -> socket.socket:
                asked.append(name)
                if name == "4b":
                    return winner
                raise OSError(name)

            host("6a 6b 4a 4b", connect)
            assert await connected_socket("lab.example", 80) is winner
        assert asked == ["6a", "4a", "6b", "4b"]

    running(test)


def test_a_silent_address_does_not_delay_the_next_and_is_given_up(host):
    async def test() -> None:
        is_given_up = asyncio.Event()
        with socket.socket() as winner:

            async def connect(name: str) -> socket.socket:
                if name == "4a":
                    return winner
                try:
                    await asyncio.Event().wait()
                finally:
                    is_given_up.set()
                raise AssertionError("it waits for ever")

            host("6a 4a", connect)
            assert await connected_socket("lab.example", 80) is winner
            await is_given_up.wait()

    running(test)


def test_a_slow_address_may_still_win(host):
    async def test() -> None:
        others_failed = asyncio.Event()
        with socket.socket() as winner:

            async def connect(name: str) -> socket.socket:
                if name == "6a":
                    await others_failed.wait()
                    return winner
                others_failed.set()
                raise OSError(name)

            host("6a 4a", connect)
            assert await connected_socket("lab.example", 80) is winner

    running(test)


@pytest.mark.parametrize("names", ["4a", "6a 4a 4b"])
def test_a_host_of_which_no_address_answers(host, names):
    async def test() -> None:
        async def connect(name: str) -> socket.socket:
            raise OSError(name)

        host(names, connect)
        with pytest.raises(OSError, match="All connection attempts failed"):
            await connected_socket("lab.example", 80)

    running(test)


@pytest.mark.parametrize("name", ["a..example", "a" * 64 + ".example"], ids=["empty label", "long label"])
def test_a_name_that_no_host_can_have_is_no_connection(name):
    async def test() -> None:
        with pytest.raises(httpx.ConnectError, match="not known"):
            await StraightTransport(no_tls).handle_async_request(httpx.Request("GET", f"http://{name}/"))

    running(test)
