"""The line on which a test's mocks of httpx may answer what our own endpoints ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.line_client import TransportLine
from pytest_duolog.endpoints.live import LiveTransport
from pytest_duolog.endpoints.providers import Destination
from pytest_duolog.endpoints.retrying import Patience, RetryingTransport
from pytest_duolog.errors import EndpointError
from pytest_duolog.recording.mocks import NotMocked, beneath, of_mocks_async
from pytest_duolog.recording.network import NetworkDoors
from pytest_duolog.recording.vcrpy import ORIGINALS

with ORIGINALS.in_place():
    # The client's own way of sending, whatever a test puts in its place for the code that it tests.
    _send = httpx.AsyncClient.send

# Where pytest-httpx remembers what it was sent.
REMEMBERED = ("_requests", "_requests_not_matched")


class MockedLine:
    """Asks mocks, at the real address of a provider and as patiently as the provider itself."""

    def __init__(
        self,
        destination_of: Callable[[str, str], Destination | Awaitable[Destination]],
        patience: Patience,
        doors: NetworkDoors,
    ) -> None:
        self._destination_of = destination_of
        self._patience = patience
        self._doors = doors

    async def post(self, question: HttpQuestion) -> HttpAnswer:
        """A mock's answer; raises NotMocked if none has one, and EndpointError if it is not a reply."""
        mocks = _MocksTransport()
        live = LiveTransport(self._destination_of, through=mocks)
        with self._doors.watch():
            try:
                return await TransportLine(RetryingTransport(live, self._patience)).post(question)
            except EndpointError:
                if mocks.n_asked:
                    raise
                raise NotMocked from None  # there is no address to ask at


class _MocksTransport(httpx.AsyncBaseTransport):
    """Sends by a client of httpx as anybody would make it, so that mocks see the request, and never to the network."""

    def __init__(self) -> None:
        self.n_asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.n_asked += 1
        content = await request.aread()
        async with httpx.AsyncClient(trust_env=False) as client:
            asked = httpx.Request(request.method, request.url, headers=request.headers, content=content)
            with _without_trace(httpx.AsyncHTTPTransport):
                response: httpx.Response = await of_mocks_async(lambda: _send(client, asked))
                answer = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=answer)


@contextmanager
def _without_trace(transport: type) -> Iterator[None]:
    """Have pytest-httpx forget a request that it has no answer to."""
    # Works around pytest-httpx (0.36): it fails a test for every request that it did not expect, and there is no other
    # way to ask whether it has an answer. To be dropped when there is one.
    function = beneath(vars(transport)["handle_async_request"])
    cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    lists: list[list[Any]] = [
        seen
        for cell in cells
        for name in REMEMBERED
        if isinstance(seen := getattr(cell, "__dict__", {}).get(name), list)
    ]
    lengths = [len(seen) for seen in lists]
    try:
        yield
    except NotMocked:
        for seen, length in zip(lists, lengths, strict=True):
            del seen[length:]
        raise
