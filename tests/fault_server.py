"""A server on loopback that misbehaves on purpose: each fault is a few lines that write raw bytes to a connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pytest_duolog.running.event_loop import SteadyLoop
from tests.chat_server import completion

OK = completion({"model": "m", "messages": []}, "Fine.")


class LoopTime:
    """The time of the event loop, which faults move on: what takes a minute takes no time, on a busy machine as well.

    It moves only while the loop has nothing to do but to wait.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._skipped_s = 0.0
        self._loops: weakref.WeakSet[asyncio.BaseEventLoop] = weakref.WeakSet()

        def time_of(loop: asyncio.BaseEventLoop) -> float:
            self._loops.add(loop)
            return time.monotonic() + self._skipped_s

        for kind in (asyncio.BaseEventLoop, SteadyLoop):
            monkeypatch.setattr(kind, "time", time_of)

    def skip(self, seconds: float) -> None:
        """Move on by so much."""
        self._when_idle(lambda _: seconds)

    def skip_to_next_timeout(self) -> None:
        """Move on until the first of those who wait has waited long enough."""
        self._when_idle(
            lambda loop: min(timer.when() for timer in loop._scheduled if not timer.cancelled()) - loop.time()
        )

    def _when_idle(self, seconds: Callable[[Any], float]) -> None:
        loop: Any = next((loop for loop in list(self._loops) if loop.is_running()), None)
        if loop is None:  # nobody asks any more
            return
        is_done = threading.Event()

        def skip() -> None:
            if loop._ready:
                loop.call_soon(skip)
                return
            self._skipped_s += seconds(loop)
            is_done.set()

        with contextlib.suppress(RuntimeError):  # it has ended just now
            loop.call_soon_threadsafe(skip)
        while loop.is_running() and not is_done.wait(0.05):
            pass


class Connection:
    """One accepted connection whose request was read; a fault writes its answer."""

    def __init__(self, sock: socket.socket, stopped: threading.Event, head: str, loop_time: LoopTime) -> None:
        self._sock = sock
        self._stopped = stopped
        self._loop_time = loop_time
        self.head = head

    def send(self, content: bytes) -> None:
        self._sock.sendall(content)

    def answer(
        self,
        body: bytes | Mapping[str, Any] | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        """A whole answer; `length` is what its header says, if that is not true."""
        content = OK if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {
            "content-type": "application/json",
            "content-length": len(content) if length is None else length,
            "connection": "close",
            **(headers or {}),
        }
        lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in fields.items())]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + content)

    def reset(self) -> None:
        """Break the connection off, as a crashed server does."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def hang(self) -> None:
        """Say nothing."""
        self._loop_time.skip_to_next_timeout()
        self._stopped.wait()

    def drip(self, content: bytes, pause_s: float) -> None:
        """Send byte by byte, with pauses, until nobody listens or the test is over."""
        for byte in content:
            self.send(bytes([byte]))
            self._loop_time.skip(pause_s)
            if self._stopped.is_set():
                return

    def flood(self, part: bytes) -> None:
        """Send without an end."""
        while not self._stopped.is_set():
            self.send(part)


Fault = Callable[[Connection], None]


class FaultServer:
    """Treats the n-th request as the n-th of `faults` says, the last one for ever; `heads` are the requests' heads."""

    def __init__(self, *faults: Fault, loop_time: LoopTime) -> None:
        self.faults = list(faults)
        self._loop_time = loop_time
        self.heads: list[str] = []
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._workers: list[threading.Thread] = []
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            worker = threading.Thread(target=self._treat, args=(sock,))
            self._workers.append(worker)
            worker.start()

    def _treat(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            head = _read_request(sock)
            if not head:
                return
            self.heads.append(head)
            fault = self.faults[min(len(self.heads), len(self.faults)) - 1]
            fault(Connection(sock, self._stopped, head, self._loop_time))

    def close(self) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._thread, *self._workers):
            thread.join()


def _read_request(sock: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received:
        part = sock.recv(65536)
        if not part:
            return ""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    length = next(
        (int(line.split(":")[1]) for line in text.lower().split("\r\n") if line.startswith("content-length")),
        0,
    )
    while len(body) < length:
        body += sock.recv(65536)
    return text
