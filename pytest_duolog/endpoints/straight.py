"""Sends requests to servers without a proxy between: HTTP/1.1 by h11, on asyncio's own transports.

httpx's transport does this through httpcore and anyio, with their own requests, locks, streams and timeouts in each
layer; together they took more time than all else about a reply. Nobody patches this one, and the errors are httpx's.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn, cast

import anyio
import h11
import httpx

from pytest_duolog.endpoints.sockets import connected_socket
from pytest_duolog.genuine import CLOCK

# An unused connection is kept so long, as httpx keeps it: servers close them after a while.
KEPT_S = 5.0
# A server that sends faster than it is read has to wait beyond so many bytes.
MOST_UNREAD_BYTES = 1024 * 1024
# The largest head of a response, as in httpcore.
LARGEST_HEAD_BYTES = 100 * 1024

PORTS = {"http": 80, "https": 443}


class StraightTransport(httpx.AsyncBaseTransport):
    """Keeps the connections of one dialogue; it works in asyncio's event loops only."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        """`tls` makes the settings for addresses with `https`; it may raise EndpointError."""
        self._tls = tls
        self._unused: dict[tuple[str, str, int | None], list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response to one request; its body is not read yet. Raises httpx's TransportError."""
        url = request.url
        place = (url.scheme, url.host, url.port)
        timeouts = request.extensions.get("timeout", {})
        connection = self._unused_at(place) or await self._connected(url, timeouts.get("connect"))
        try:
            await connection.send(request, timeouts.get("write"))
            head = await connection.head(timeouts.get("read"))
        except BaseException:
            connection.abort()
            raise
        return httpx.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=_Body(self, place, connection, timeouts.get("read")),
            extensions={"reason_phrase": head.reason},
        )

    def _unused_at(self, place: tuple[str, str, int | None]) -> _Connection | None:
        kept = self._unused.get(place)
        while kept:
            connection = kept.pop()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    async def _connected(self, url: httpx.URL, timeout_s: float | None) -> _Connection:
        if url.scheme not in PORTS:
            said = (
                f"an unsupported protocol '{url.scheme}://'" if url.scheme else "no 'http://' or 'https://'"
            )
            raise httpx.UnsupportedProtocol(f"Request URL has {said}.")
        host = url.raw_host.decode("ascii")
        secured: dict[str, Any] = {}
        if url.scheme == "https":
            context = self._tls()
            context.set_alpn_protocols(["http/1.1"])
            secured = {"ssl": context, "server_hostname": host}
        try:
            with anyio.fail_after(timeout_s):
                return await _connection(host, url.port or PORTS[url.scheme], secured)
        except _Failed as failed:
            raise httpx.ConnectError(str(failed.__cause__)) from failed.__cause__
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error

    def done_with(self, place: tuple[str, str, int | None], connection: _Connection) -> None:
        """Keep the connection for the next request if it can have one, or close it."""
        if connection.begins_again():
            self._unused.setdefault(place, []).append(connection)
        else:
            connection.abort()

    async def aclose(self) -> None:
        """Close all unused connections."""
        for kept in self._unused.values():
            while kept:
                await kept.pop().aclose()


class _Failed(Exception):
    """There is no connection; the cause is an OSError, which a timeout would be, too."""


async def _connection(host: str, port: int, secured: dict[str, Any]) -> _Connection:
    try:
        sock = await connected_socket(host, port)
        try:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, sock=sock, **secured)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        raise _Failed from error
    return connection


class _Body(httpx.AsyncByteStream):
    """The body of a response; its connection is free again when it is closed."""

    def __init__(
        self,
        transport: StraightTransport,
        place: tuple[str, str, int | None],
        connection: _Connection,
        timeout_s: float | None,
    ) -> None:
        self._of = (transport, place)
        self._connection: _Connection | None = connection
        self._timeout_s = timeout_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self._connection is not None, "it is not closed"
        while isinstance(event := await self._connection.event(self._timeout_s), h11.Data):
            yield bytes(event.data)

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            transport, place = self._of
            transport.done_with(place, connection)


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self._http = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD_BYTES)
        self._loop = asyncio.get_running_loop()
        self._unread = bytearray()
        self._is_paused = False
        self._has_ended = False
        self._failure: Exception | None = None
        self._is_full = False
        self._waiter: asyncio.Future[None] | None = None
        self._unused_since_s = 0.0

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > MOST_UNREAD_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._has_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_ended = True
        self._failure = exc
        self._wake()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _change(self, timeout_s: float | None, late: type[httpx.TimeoutException]) -> None:
        """Wait until anything happens."""
        self._waiter = waiter = self._loop.create_future()
        timer = timeout_s is not None and self._loop.call_later(timeout_s, _give_up, waiter, late)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer:
                timer.cancel()

    # Called by the transport

    async def send(self, request: httpx.Request, timeout_s: float | None) -> None:
        """Write the whole request at once."""
        try:
            head = h11.Request(
                method=request.method, target=request.url.raw_path, headers=request.headers.raw
            )
            stream = cast("httpx.AsyncByteStream", request.stream)
            parts = [self._http.send(head)]
            parts += [self._http.send(h11.Data(data=part)) async for part in stream]
            parts.append(self._http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        self._transport.write(b"".join(part for part in parts if part))
        while self._is_full and not self._has_ended:
            await self._change(timeout_s, httpx.WriteTimeout)

    async def head(self, timeout_s: float | None) -> h11.Response:
        """Status and headers of the response, after those that only say that it will come."""
        while not isinstance(event := await self.event(timeout_s), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                self._refuse("no response, but the end of one")
        return event

    async def event(self, timeout_s: float | None) -> Any:
        """The next part of the response as h11 reads it. Raises httpx's TransportError."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            data = await self._read(timeout_s)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                self._refuse("Server disconnected without sending a response.")
            self._http.receive_data(data)

    async def _read(self, timeout_s: float | None) -> bytes:
        """The bytes that have arrived since the last time; none if there will be no more."""
        while not self._unread:
            if self._failure is not None:
                raise httpx.ReadError(str(self._failure)) from self._failure
            if self._has_ended:
                return b""
            await self._change(timeout_s, httpx.ReadTimeout)
        data = bytes(self._unread)
        self._unread.clear()
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    def _refuse(self, problem: str) -> NoReturn:
        raise httpx.RemoteProtocolError(problem)

    def begins_again(self) -> bool:
        """Whether the response was read to its end and both sides keep the connection; then it is ready."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE or self._has_ended:
            return False
        self._http.start_next_cycle()
        self._unused_since_s = CLOCK.seconds()
        return True

    def is_usable(self) -> bool:
        """Whether it may be used again: what arrives meanwhile, if only its end, belongs to no request."""
        is_quiet = not (self._has_ended or self._unread or self._http.trailing_data[0])
        is_recent = CLOCK.seconds() - self._unused_since_s <= KEPT_S
        return is_quiet and is_recent and not _has_news(self._transport.get_extra_info("socket"))

    def abort(self) -> None:
        """Close it at once."""
        self._transport.abort()

    async def aclose(self) -> None:
        """Close it as the protocol requires, without waiting for the other side."""
        self._transport.close()
        await asyncio.sleep(0)
        self._transport.abort()


def _give_up(waiter: asyncio.Future[None], late: type[httpx.TimeoutException]) -> None:
    if not waiter.done():
        waiter.set_exception(late(""))


def _has_news(sock: Any) -> bool:
    """Whether something has arrived at a socket that the event loop has not seen yet."""
    if not hasattr(select, "poll"):  # Windows, whose event loop reads by itself
        return False
    polled = select.poll()
    polled.register(sock, select.POLLIN)
    return bool(polled.poll(0))
