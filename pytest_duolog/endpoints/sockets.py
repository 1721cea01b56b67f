"""Connects sockets that no test can replace, to the first address of a host that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

from pytest_duolog import genuine

# So long an attempt has before the next address is tried as well. Source: RFC 8305, section 5.
HEAD_START_S = 0.25

NO_ANSWER = "All connection attempts failed"


async def connected_socket(host: str, port: int) -> socket.socket:
    """A socket that is connected to `host`; addresses of both families are tried in turns, the first one wins.

    Raises OSError if the name is unknown or no address answers.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # an empty label, or one of more than 63 characters
        raise OSError("Name or service not known") from error
    addresses = _in_turns([(family, kind, proto, address) for family, kind, proto, _, address in found])
    if len(addresses) == 1:
        try:
            return await _connected(*addresses[0])
        except OSError as error:
            raise OSError(NO_ANSWER) from error
    attempts: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException | None = None
    try:
        for number, address in enumerate(addresses, start=1):
            attempts.add(asyncio.ensure_future(_connected(*address)))
            wait_s = HEAD_START_S if number < len(addresses) else None
            done, _ = await asyncio.wait(attempts, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            while done:
                for attempt in done:
                    failure = attempt.exception()
                    if failure is None:
                        attempts.remove(attempt)
                        return attempt.result()
                attempts -= done
                if wait_s is not None or not attempts:
                    break
                done, _ = await asyncio.wait(attempts, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_close_late)
    raise OSError(NO_ANSWER) from failure


def _in_turns(addresses: Sequence[tuple[int, int, int, Any]]) -> list[tuple[int, int, int, Any]]:
    """The addresses, the families by turns, beginning with that of the first."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    return [address for address in chain.from_iterable(zip_longest(first, others)) if address is not None]


async def _connected(family: int, kind: int, proto: int, address: Any) -> socket.socket:
    sock = genuine.Socket(family, kind, proto)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _close_late(attempt: asyncio.Task[socket.socket]) -> None:
    """Close a socket that was connected after another one had won."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
