"""Sends requests to an ASGI or WSGI application in this process."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import httpx

from pytest_duolog.endpoints.live import LiveTransport
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.providers import Destination
from pytest_duolog.endpoints.retrying import RetryingTransport
from pytest_duolog.endpoints.threads import call_in_thread


def line_to(app: Any, destination_of: Callable[[str, str], Destination]) -> RetryingTransport:
    """A line to an application, without retries."""
    live = LiveTransport(destination_of, through=AppTransport(app))
    return RetryingTransport(live, Patience(tries=1))


class AppTransport(httpx.AsyncBaseTransport):
    """Passes requests to an application; its exceptions are passed on unchanged.

    It uses httpx's original methods even while vcrpy patches them: the application always runs.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        called = app if inspect.isroutine(app) else type(app).__call__
        self._is_async = inspect.iscoroutinefunction(called)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The application's response. A WSGI application runs in a thread of its own."""
        if self._is_async:
            send = inspect.unwrap(httpx.ASGITransport.handle_async_request)
            response: httpx.Response = await send(httpx.ASGITransport(self._app), request)
            return response
        return await call_in_thread(self._ask_wsgi, request)

    def _ask_wsgi(self, request: httpx.Request) -> httpx.Response:
        send = inspect.unwrap(httpx.WSGITransport.handle_request)
        response = send(httpx.WSGITransport(self._app), request)
        return httpx.Response(response.status_code, headers=response.headers, content=response.read())
