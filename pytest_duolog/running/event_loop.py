"""Event loops that tests cannot affect, and calls outside of a running event loop."""

from __future__ import annotations

import _socket
import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import current_thread, main_thread
from typing import Any, TypeVar

from pytest_duolog import genuine

Result = TypeVar("Result")

if sys.platform == "win32":
    _UsualLoop = asyncio.ProactorEventLoop
else:
    _UsualLoop = asyncio.SelectorEventLoop


class SteadyLoop(_UsualLoop):
    """An event loop that works even if a test has frozen the clock or blocked `socket.socket`.

    asyncio looks up `time.monotonic` and `socket.socket` each time it needs them.
    """

    def time(self) -> float:
        """The loop's clock, in seconds."""
        return genuine.CLOCK.seconds()

    if sys.platform != "win32":

        def _make_self_pipe(self) -> None:
            """Make the pair of sockets with which the loop wakes itself, as asyncio 3.11 to 3.14 does."""
            loop: Any = self
            loop._ssock, loop._csock = (genuine.Socket(fileno=end.detach()) for end in _socket.socketpair())  # noqa: SLF001
            for end in (loop._ssock, loop._csock):  # noqa: SLF001
                end.setblocking(False)
            loop._internal_fds += 1  # noqa: SLF001
            loop._add_reader(loop._ssock.fileno(), loop._read_from_self)  # noqa: SLF001


class NetworkLoop(SteadyLoop):
    """An event loop that reaches the network even if a test has replaced functions of `socket`."""

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """The addresses of a host name, as `socket.getaddrinfo` returns them."""
        with suppress(OSError, UnicodeError):  # a number need not be looked up, which needs a thread
            return genuine.getaddrinfo(
                host, port, **options | {"flags": options.get("flags", 0) | socket.AI_NUMERICHOST}
            )
        return await self.run_in_executor(None, lambda: genuine.getaddrinfo(host, port, **options))

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        """Connect as asyncio does; httpcore passes only a host and a port."""
        given = {name: value for name, value in options.items() if value is not None}
        if host is None or given.keys() - {"family"}:
            return await super().create_connection(protocol_factory, host, port, **options)
        failures: list[OSError] = []
        for family, kind, proto, _, address in await self.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, **given
        ):
            sock = genuine.Socket(family, kind, proto)
            sock.setblocking(False)  # as in the standard library
            try:
                await self.sock_connect(sock, address)
                return await super().create_connection(protocol_factory, sock=sock)
            except OSError as failure:
                failures.append(failure)
                sock.close()
            except BaseException:
                sock.close()
                raise
        raise failures[0] if failures else OSError(f"no address for {host}")


class LocalLoop:
    """Waits for async results in the thread of a sync test; the event loop is made when first needed."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._runner: asyncio.Runner | None = None

    def wait(self, awaited: Awaitable[Result]) -> Result:
        """The result of `awaited`; between two calls no event loop runs."""
        if self._runner is None:
            self._runner = self._stack.enter_context(asyncio.Runner(loop_factory=SteadyLoop))
        with _prompt_ctrl_c():
            return self._runner.run(_coroutine(awaited))

    def close(self) -> None:
        """Close the event loop and cancel what still runs in it."""
        self._stack.close()


async def _coroutine(awaited: Awaitable[Result]) -> Result:
    return await awaited


@contextmanager
def _prompt_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C also end an async function that blocks its event loop; asyncio's own handler would wait for it.

    asyncio sets its handler only if Python's own is set, so a different handler that does the same prevents it.
    """
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
