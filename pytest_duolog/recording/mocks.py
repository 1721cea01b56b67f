"""Finds the mocks of a test and asks them first: they have precedence over the recording.

A mock replaces a function between the caller and the network. Only the mock knows whether it has a response, so it is
called, but without access to the network. If the call would reach the network, the request is not mocked, and the
recording is used.
"""

from __future__ import annotations

import inspect
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from pytest_duolog import genuine
from pytest_duolog.dataclass import dataclass

Answer = TypeVar("Answer")

# Functions of httpx that mocks replace, above and below its transports (httpx2 has the same classes).
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

# Packages whose patches record, like this package's, and are not mocks.
RECORDERS = ("vcr", "cassetter")

# The exceptions of mocks without a response: the module, and the name or the beginning of the message.
NO_ANSWER = (
    ("respx", "AllMockedAssertionError"),
    ("pook", "PookNoMatches"),
    ("httpx", "No response can be found for "),  # pytest-httpx
)

# The attribute of a replacement with the function that it replaces.
BENEATH = "_duolog_beneath"


class NotMocked(Exception):  # the name states a fact
    """No mock has a response: the request would have reached the network."""


@dataclass
class _Attempt:
    has_left: bool = False


_attempt: ContextVar[_Attempt | None] = ContextVar("duolog_attempt", default=None)


def leaves_for_the_network() -> None:
    """Called before a request leaves this process; raises NotMocked if only mocks are being asked."""
    attempt = _attempt.get()
    if attempt is not None:
        attempt.has_left = True
        raise NotMocked


def is_asking_mocks() -> bool:
    """Whether the current request only asks mocks."""
    return _attempt.get() is not None


def of_mocks(call: Callable[[], Answer], *, is_certain: bool = True) -> Answer:
    """The response, or the exception, of mocks in `call`, which cannot reach the network; raises NotMocked without one.

    If it is not certain that there is a mock, an exception may come from a network guard and counts as no response.
    """
    with _asking(is_certain=is_certain):
        return call()


async def of_mocks_async(call: Callable[[], Awaitable[Answer]], *, is_certain: bool = True) -> Answer:
    """The same for async calls."""
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


def is_mock_object(value: Any) -> bool:
    """Whether it is one of unittest.mock's, which nobody has made where nobody has imported that."""
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(value, mock.NonCallableMock)


def beneath(function: Any) -> Any:
    """The function that one of this package's functions replaces; any other function itself."""
    while (below := getattr(function, "__dict__", {}).get(BENEATH)) is not None:
        function = below
    return function


def is_replaced(owner: Any, name: str) -> bool:
    """Whether a function of a class or a module has been replaced."""
    return is_foreign(owner, vars(owner).get(name))


def is_foreign(owner: Any, function: Any) -> bool:
    """Whether the code of a function in a class or a module is from another package."""
    function = beneath(function)
    if is_mock_object(function):
        return True
    code = getattr(function, "__code__", None)
    if code is None:  # it is inherited, or not written in Python
        return False
    home = _home(owner.__name__ if inspect.ismodule(owner) else owner.__module__)
    return home is not None and not code.co_filename.startswith(home)


def is_mock(owner: Any, name: str) -> bool:
    """Whether a test has replaced this function with a mock; patches that record do not count."""
    return is_mocking(owner, vars(owner).get(name))


def is_mocking(owner: Any, function: Any) -> bool:
    """Whether a function in a class is a test's mock."""
    return is_foreign(owner, function) and not _is_recorder(beneath(function))


def _is_recorder(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    homes = (home for package in RECORDERS if (home := _home(package)) is not None)
    return code is not None and code.co_filename.startswith(tuple(homes))


def _home(module: str) -> str | None:
    """The folder of a module's package; the file of a module without a package."""
    package = sys.modules.get(module.partition(".")[0])
    folders = getattr(package, "__path__", None)
    return f"{next(iter(folders))}{os.sep}" if folders else getattr(package, "__file__", None)


def is_httpcore_mocked(package: str) -> bool:
    """Whether something below the transports of httpx or httpx2 is mocked."""
    module = sys.modules.get(package)
    return module is not None and any(
        is_mock(owner, method)
        for method, names in HTTPCORE.items()
        for name in names
        if (owner := getattr(module, name, None)) is not None
    )


def is_httpx_mocked() -> bool:
    """Whether anything is mocked that could answer a request of this package's endpoints."""
    httpx = sys.modules.get("httpx")
    return httpx is not None and (
        any(is_mock(getattr(httpx, owner), name) for owner, name in HTTPX)
        or is_httpcore_mocked("httpcore")
        or are_sockets_replaced()
    )


def are_sockets_replaced() -> bool:
    """Whether sockets are replaced by something that is not a socket; a network guard does not count."""
    current = socket.socket
    is_socket = isinstance(current, type) and issubclass(current, genuine.PythonSocket)
    return not is_socket or is_mock_object(socket.create_connection)


def is_connection_mocked(kind: type) -> bool:
    """Whether something is mocked in a connection class of http.client, or of urllib3 on top of it."""
    return any(is_mock(owner, name) for owner in kind.__mro__[:-1] for name in CONNECTION_METHODS)


def is_aiohttp_mocked() -> bool:
    """Whether something below aiohttp's sessions is mocked."""
    aiohttp = sys.modules.get("aiohttp")
    return aiohttp is not None and any(
        is_mock(owner, name)
        for owner, name in (
            (aiohttp.BaseConnector, "connect"),
            (aiohttp.TCPConnector, "_create_connection"),
            (aiohttp.ClientRequest, "send"),
        )
    )
