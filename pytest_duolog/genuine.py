"""What tests replace in the whole process, as it was before any test ran.

One test's frozen clock or blocked socket must not reach another test's live dialogue. The plugin imports this module
when pytest starts. freezegun puts functions of its own into every module that holds one of `time`'s, so those are kept
in an object here, where it does not look.
"""

from __future__ import annotations

import random
import socket
import time
from datetime import UTC, datetime
from uuid import uuid4

__all__ = ["CLOCK", "RANDOM", "PythonSocket", "Socket", "getaddrinfo", "uuid4"]


class _Clock:
    """Time that passes whatever a test does to `time` and `datetime`."""

    def __init__(self) -> None:
        self._monotonic = time.monotonic
        self._datetime = datetime
        self._epoch_s = time.time() - time.monotonic()

    def seconds(self) -> float:
        """Seconds since an arbitrary moment; they never go back."""
        return self._monotonic()

    def now(self) -> datetime:
        """The real date, in UTC."""
        return self._datetime.fromtimestamp(self._epoch_s + self._monotonic(), UTC)

    def ms_since(self, started_s: float) -> float:
        """Milliseconds since a moment of `seconds`, to a tenth."""
        return round((self._monotonic() - started_s) * 1000, 1)


CLOCK = _Clock()

# Numbers that neither follow from a test's seed nor use up those that the test expects.
RANDOM = random.Random()  # noqa: S311  # no secret depends on it

# What everybody knows as `socket.socket`.
PythonSocket = socket.socket

getaddrinfo = socket.getaddrinfo


class Socket(socket.socket):
    """A socket whose methods are the system's own, whatever is patched in `socket.socket`."""

    connect = socket.SocketType.connect
    connect_ex = socket.SocketType.connect_ex
    recv = socket.SocketType.recv
    recv_into = socket.SocketType.recv_into
    send = socket.SocketType.send
    sendall = socket.SocketType.sendall
