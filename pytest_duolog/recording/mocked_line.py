"""Lets a test's mocks of httpx answer the requests of this package's endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.live import LiveTransport
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.providers import Destination
from pytest_duolog.endpoints.retrying import RetryingTransport
from pytest_duolog.errors import EndpointError
from pytest_duolog.recording.mocks import NotMocked, beneath, of_mocks_async
from pytest_duolog.recording.network import NetworkDoors
from pytest_duolog.recording.vcrpy import ORIGINALS

with ORIGINALS.in_place():
    # The original method of the client, even if a test has replaced it for the code under test.
    _send = httpx.AsyncClient.send

# The attribute in which pytest-httpx keeps the requests.
REMEMBERED = ("_requests", "_requests_not_matched")


class MockedLine:
    """Asks mocks at the real address of a provider, with the same retries as for the provider."""

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
        """A mock's response; raises NotMocked if no mock has one, and EndpointError if it is not a reply."""
        mocks = _MocksTransport()
        live = LiveTransport(self._destination_of, through=mocks)
        with self._doors.watch():
            try:
                return await RetryingTransport(live, self._patience).post(question)
            except EndpointError:
                if mocks.n_asked:
                    raise
                raise NotMocked from None  # there is no address for the request


class _MocksTransport(httpx.AsyncBaseTransport):
    """Sends through a normal httpx client, so that mocks see the request; never sends to the network."""

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
    """Make pytest-httpx forget a request for which it has no response."""
    # Works around pytest-httpx (0.36): it fails a test for every unexpected request, and there is no other way to find
    # out whether it has a response. To be dropped when there is one.
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
