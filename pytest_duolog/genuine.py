"""Clock, sockets and random numbers as they were before any test replaced them.

A frozen clock or a blocked socket of one test must not affect the live dialogue of another. The plugin imports this
module when pytest starts. freezegun replaces the functions of `time` in every module that has one of them, so this
module keeps them in an object, where freezegun does not look.
"""

from __future__ import annotations

import random
import socket
import time
from datetime import UTC, datetime
from uuid import uuid4

__all__ = ["CLOCK", "RANDOM", "PythonSocket", "Socket", "getaddrinfo", "uuid4"]


class _Clock:
    """The real time, whatever a test does to `time` and `datetime`."""

    def __init__(self) -> None:
        self._monotonic = time.monotonic
        self._datetime = datetime
        self._epoch_s = time.time() - time.monotonic()

    def seconds(self) -> float:
        """Seconds since an arbitrary moment; they never decrease."""
        return self._monotonic()

    def now(self) -> datetime:
        """The real date, in UTC."""
        return self._datetime.fromtimestamp(self._epoch_s + self._monotonic(), UTC)

    def epoch_ns(self) -> int:
        """Nanoseconds since 1970."""
        return int((self._epoch_s + self._monotonic()) * 1e9)

    def ms_since(self, started_s: float) -> float:
        """Milliseconds since `started_s`, a value of `seconds()`, rounded to 0.1."""
        return round((self._monotonic() - started_s) * 1000, 1)


CLOCK = _Clock()

# Random numbers that do not depend on a test's seed and do not advance the test's own generator.
RANDOM = random.Random()  # noqa: S311  # no secret depends on it

# The class that is usually `socket.socket`.
PythonSocket = socket.socket

getaddrinfo = socket.getaddrinfo


class Socket(socket.socket):
    """A socket with the original methods, whatever a test patches in `socket.socket`."""

    connect = socket.SocketType.connect
    connect_ex = socket.SocketType.connect_ex
    recv = socket.SocketType.recv
    recv_into = socket.SocketType.recv_into
    send = socket.SocketType.send
    sendall = socket.SocketType.sendall
