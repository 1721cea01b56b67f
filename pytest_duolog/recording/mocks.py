"""Mocks that a test has set up go before recording: who recognises them, and asks them first.

A mock replaces a function somewhere between the caller and the network. Whether it has an answer only the mock knows:
so it is asked, and may not reach the network. If it would, nothing is mocked there, and the recording has its turn.
"""

from __future__ import annotations

import inspect
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest import mock

from pytest_duolog import genuine

Answer = TypeVar("Answer")

# Where mocks of httpx may stand, above and below its transports (httpx2 has the same classes).
HTTPCORE = {
    "handle_request": ("ConnectionPool", "HTTPProxy", "SOCKSProxy", "HTTPConnection"),
    "handle_async_request": (
        "AsyncConnectionPool",
        "AsyncHTTPProxy",
        "AsyncSOCKSProxy",
        "AsyncHTTPConnection",
    ),
}
HTTPX = (
    ("AsyncHTTPTransport", "handle_async_request"),
    ("AsyncClient", "_transport_for_url"),
)

CONNECTION_METHODS = ("connect", "request", "putrequest", "endheaders", "send", "getresponse")

# Packages whose patches record, as ours do, and invent nothing.
RECORDERS = ("vcr", "cassetter")

# What mocks raise when they have no answer: the module of the exception, and its name or the beginning of its words.
NO_ANSWER = (
    ("respx", "AllMockedAssertionError"),
    ("pook", "PookNoMatches"),
    ("httpx", "No response can be found for "),  # pytest-httpx
)

# How a function of ours says which one it stands in front of.
BENEATH = "_duolog_beneath"


class NotMocked(Exception):  # it says what is the case
    """No mock has an answer: the request was on its way to the network."""


@dataclass
class _Attempt:
    has_left: bool = False


_attempt: ContextVar[_Attempt | None] = ContextVar("duolog_attempt", default=None)


def leaves_for_the_network() -> None:
    """To be called where a request would leave this process; raises NotMocked where only mocks are being asked."""
    attempt = _attempt.get()
    if attempt is not None:
        attempt.has_left = True
        raise NotMocked


def is_asking_mocks() -> bool:
    """Whether this is called on behalf of a request that only mocks are being asked about."""
    return _attempt.get() is not None


def of_mocks(call: Callable[[], Answer], *, is_certain: bool = True) -> Answer:
    """What mocks answer, or raise, in `call`; raises NotMocked if they have no answer.

    Where it is not certain that there is a mock, an exception may be that of a guard, and is no answer.
    """
    with _asking(is_certain=is_certain):
        return call()


async def of_mocks_async(call: Callable[[], Awaitable[Answer]], *, is_certain: bool = True) -> Answer:
    """The same for what has to be awaited."""
    with _asking(is_certain=is_certain):
        return await call()


@contextmanager
def _asking(*, is_certain: bool) -> Iterator[None]:
    attempt = _Attempt()
    token = _attempt.set(attempt)
    try:
        yield
    except Exception as error:
        if attempt.has_left or not is_certain or _means_no_answer(error):
            raise NotMocked from None
        raise
    finally:
        _attempt.reset(token)


def _means_no_answer(error: Exception) -> bool:
    package = type(error).__module__.partition(".")[0]
    return any(
        package == module and (type(error).__name__ == said or str(error).startswith(said))
        for module, said in NO_ANSWER
    )


def beneath(function: Any) -> Any:
    """What a function of ours stands in front of, and any other function itself."""
    while (below := getattr(function, "__dict__", {}).get(BENEATH)) is not None:
        function = below
    return function


def is_replaced(owner: Any, name: str) -> bool:
    """Whether somebody has put a function of their own in the place of one of a class's, or a module's."""
    return is_foreign(owner, vars(owner).get(name))


def is_foreign(owner: Any, function: Any) -> bool:
    """Whether a function that stands in a class, or a module, was written elsewhere."""
    function = beneath(function)
    if isinstance(function, mock.NonCallableMock):
        return True
    code = getattr(function, "__code__", None)
    if code is None:  # it is inherited, or not written in Python
        return False
    home = _home(owner.__name__ if inspect.ismodule(owner) else owner.__module__)
    return home is not None and not code.co_filename.startswith(home)


def is_mock(owner: Any, name: str) -> bool:
    """Whether a test has put a mock in that place; who records there has not."""
    return is_mocking(owner, vars(owner).get(name))


def is_mocking(owner: Any, function: Any) -> bool:
    """Whether a function that stands in a class is a test's mock."""
    return is_foreign(owner, function) and not _is_recorder(beneath(function))


def _is_recorder(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    homes = (home for package in RECORDERS if (home := _home(package)) is not None)
    return code is not None and code.co_filename.startswith(tuple(homes))


def _home(module: str) -> str | None:
    """The folder of a module's package, or the file of one without."""
    package = sys.modules.get(module.partition(".")[0])
    folders = getattr(package, "__path__", None)
    return f"{next(iter(folders))}{os.sep}" if folders else getattr(package, "__file__", None)


def is_httpcore_mocked(package: str) -> bool:
    """Whether something is mocked below the transports of httpx, or httpx2."""
    module = sys.modules.get(package)
    return module is not None and any(
        is_mock(owner, method)
        for method, names in HTTPCORE.items()
        for name in names
        if (owner := getattr(module, name, None)) is not None
    )


def is_httpx_mocked() -> bool:
    """Whether anything is mocked that could answer what an endpoint of ours asks."""
    httpx = sys.modules.get("httpx")
    return httpx is not None and (
        any(is_mock(getattr(httpx, owner), name) for owner, name in HTTPX)
        or is_httpcore_mocked("httpcore")
        or are_sockets_replaced()
    )


def are_sockets_replaced() -> bool:
    """Whether something stands in for sockets that is none; a guard is one."""
    current = socket.socket
    is_socket = isinstance(current, type) and issubclass(current, genuine.PythonSocket)
    return not is_socket or isinstance(socket.create_connection, mock.NonCallableMock)


def is_connection_mocked(kind: type) -> bool:
    """Whether something is mocked in a class of connections, of http.client or of urllib3 on top of it."""
    return any(is_mock(owner, name) for owner in kind.__mro__[:-1] for name in CONNECTION_METHODS)


def is_aiohttp_mocked() -> bool:
    """Whether something is mocked below aiohttp's sessions."""
    aiohttp = sys.modules.get("aiohttp")
    return aiohttp is not None and any(
        is_mock(owner, name)
        for owner, name in (
            (aiohttp.BaseConnector, "connect"),
            (aiohttp.TCPConnector, "_create_connection"),
            (aiohttp.ClientRequest, "send"),
        )
    )
