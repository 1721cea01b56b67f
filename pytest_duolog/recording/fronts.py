"""Replaces functions of HTTP libraries: the replacements ask the mocks of a test first, and then the recording."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Self

from pytest_duolog.recording.mocks import (
    BENEATH,
    NotMocked,
    are_sockets_replaced,
    beneath,
    is_aiohttp_mocked,
    is_asking_mocks,
    is_connection_mocked,
    is_httpcore_mocked,
    is_mocking,
    of_mocks,
    of_mocks_async,
)
from pytest_duolog.recording.vcrpy import vcrpy
from pytest_duolog.recording.whole_answers import packed_from

# The functions at which vcrpy records a whole request, and the functions below each that can be mocked.
MOCKED_BELOW: dict[tuple[str, str], Callable[[], bool]] = {
    ("httpx", "handle_request"): lambda: is_httpcore_mocked("httpcore"),
    ("httpx", "handle_async_request"): lambda: is_httpcore_mocked("httpcore"),
    ("httpx2", "handle_request"): lambda: is_httpcore_mocked("httpcore2"),
    ("httpx2", "handle_async_request"): lambda: is_httpcore_mocked("httpcore2"),
    ("aiohttp", "_request"): is_aiohttp_mocked,
}


class Front:
    """A replacement of a library's function, which also asks a mock that has replaced it already.

    vcrpy ignores mocks: its patch (9.4) calls the function that it found when it was imported. This replacement asks
    the mock first. It is harmless if it stays in place, which can happen if a mock that was put in front of it is
    removed after it: while `is_idle`, it only calls the original.
    """

    def __init__(
        self, owner: Any, name: str, recorded: Callable[..., Any], is_idle: Callable[[], bool]
    ) -> None:
        """`recorded` is vcrpy's replacement, which replays or records a request."""
        self._owner = owner
        self._name = name
        self._recorded = recorded
        self._is_idle = is_idle
        self._package = owner.__module__.partition(".")[0]
        self._function: Callable[..., Any] | None = None

    def __enter__(self) -> Self:
        self.put()
        return self

    def __exit__(self, *_: object) -> None:
        if self._function is not None and vars(self._owner).get(self._name) is self._function:
            setattr(self._owner, self._name, getattr(self._function, BENEATH))
        self._function = None

    def put(self) -> None:
        """Put the replacement in place again: removing a mock may have removed it, too."""
        current = vars(self._owner)[self._name]
        if current is not self._function:
            make = self._sync if self._name == "handle_request" else self._async
            self._function = make(current)
            setattr(self._function, BENEATH, current)
            setattr(self._owner, self._name, self._function)

    def _sync(self, current: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(beneath(current))
        def send(transport: Any, request: Any) -> Any:
            if self._is_idle() or is_asking_mocks():
                return current(transport, request)
            is_certain = self._is_mocked(current)
            if is_certain or are_sockets_replaced():
                request.read()
                try:
                    return of_mocks(partial(current, transport, request), is_certain=is_certain)
                except NotMocked:
                    pass
            return self._recorded(transport, request)

        return send

    def _async(self, current: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(beneath(current))
        async def send(*args: Any, **options: Any) -> Any:
            if self._is_idle() or is_asking_mocks():
                return await current(*args, **options)
            is_certain = self._is_mocked(current)
            if is_certain or are_sockets_replaced():
                if self._name == "handle_async_request":
                    await args[1].aread()
                try:
                    return await of_mocks_async(partial(current, *args, **options), is_certain=is_certain)
                except NotMocked:
                    pass
            return await self._recorded(*args, **options)

        return send

    def _is_mocked(self, current: Callable[..., Any]) -> bool:
        return is_mocking(self._owner, current) or MOCKED_BELOW[self._package, self._name]()


def through_mocks(is_idle: Callable[[Any], bool]) -> Callable[..., Any]:
    """Make the method with which vcrpy's connections get a response; `is_idle` says whether its cassette is not in use.

    These connections replace those of http.client and urllib3, and use a real one, which mocks may have changed.
    """
    usual = vcrpy("vcr.stubs").VCRConnection.getresponse

    def getresponse(connection: Any, *args: Any, **options: Any) -> Any:
        real = connection.real_connection
        is_certain = is_connection_mocked(type(real))
        if not is_idle(connection.cassette) and (is_certain or are_sockets_replaced()):
            try:
                return of_mocks(partial(_sent, connection), is_certain=is_certain)
            except NotMocked:
                real.close()  # it has sent half a request
        if is_idle(connection.cassette):
            return usual(connection, *args, **options)
        return packed_from(connection, partial(usual, connection, *args, **options))

    return getresponse


def _sent(connection: Any) -> Any:
    request, real = connection._vcr_request, connection.real_connection  # noqa: SLF001  # as the stub itself does
    real.request(
        method=request.method,
        url=connection._url(request.uri),  # noqa: SLF001
        body=request.body_bytes,
        headers=request.headers,
    )
    response = real.getresponse()
    if type(response).__module__.partition(".")[0] != "urllib3":
        return response
    stubs = vcrpy("vcr.stubs")
    answer = {  # its body was read already, and urllib3 will read it again
        "status": {"code": response.status, "message": response.reason},
        "headers": stubs.serialize_headers(response),
        "body": {"string": response.data},
    }
    return stubs.VCRHTTPResponse(answer, request.uri)
