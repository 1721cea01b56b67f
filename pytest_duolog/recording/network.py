"""The doors through which requests leave this process.

At each of them a request that only mocks are asked about turns back. In a replay they are closed to speakers' own code,
but for loopback: vcrpy's patches answer for the HTTP libraries they know, and any other way out ends at the sockets of
this process. What another process does is not seen.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import wraps
from ssl import SSLSocket
from typing import Any
from unittest import mock

from pytest_duolog import genuine
from pytest_duolog.endpoints.live import is_loopback
from pytest_duolog.errors import EndpointError
from pytest_duolog.recording.mocks import BENEATH, is_asking_mocks, is_replaced, leaves_for_the_network

# Gives the way to complain to whoever opens a connection now; None for those who may.
Complaining = Callable[[EndpointError], None]

HostsIn = Callable[[Any], Iterable[str]]

# The functions of `socket` that may ask a name server, and the addresses in what they give.
LOOK_UPS: Mapping[str, HostsIn] = {
    "getaddrinfo": lambda found: [str(entry[4][0]) for entry in found],
    "gethostbyname": lambda found: [found],
    "gethostbyname_ex": lambda found: found[2],
    "gethostbyaddr": lambda found: found[2],
}

# The methods of a socket that may be given an address, and where among the arguments it is.
ADDRESSED = {
    "connect": slice(0, 1),
    "connect_ex": slice(0, 1),
    "sendto": slice(-1, None),
    "sendmsg": slice(3, 4),
}

# By these a request goes out on a connection that is open already. asyncio wakes itself with them on Windows.
SENDING = () if sys.platform == "win32" else ("send", "sendall")

# The same in httpcore (httpcore2), for event loops whose sockets Python does not see.
HTTPCORE = {
    "handle_request": ("HTTP11Connection", "HTTP2Connection"),
    "handle_async_request": ("AsyncHTTP11Connection", "AsyncHTTP2Connection"),
    "connect_tcp": ("SyncBackend", "AnyIOBackend", "TrioBackend"),
}

INTERNET = (socket.AF_INET, socket.AF_INET6)


class NetworkDoors:
    """Patches of `socket`, in place while somebody needs them.

    `closed_to` gives the way to complain to whoever may not leave, or None; `allowed` are hosts that stay open to
    everybody; it may grow.
    """

    def __init__(self, closed_to: Callable[[], Complaining | None], allowed: set[str]) -> None:
        self._closed_to = closed_to
        self._allowed = allowed
        self._lock = threading.Lock()
        self._n_users = 0
        self._stack = ExitStack()

    def watch(self) -> ExitStack:
        """Put the patches in place until the returned stack is closed."""
        with self._lock:
            if self._n_users == 0:
                for patcher in self._patchers():
                    self._stack.enter_context(patcher)
            self._n_users += 1
        end = ExitStack()
        end.callback(self._unwatch)
        return end

    def _unwatch(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._stack.close()

    def _patchers(self) -> Iterable[Any]:
        for name, hosts_in in LOOK_UPS.items():
            if not is_replaced(socket, name):  # a test's own look-up asks nobody
                yield _patch(socket, name, self._checked_look_up(getattr(socket, name), hosts_in))
        for name, at in ADDRESSED.items():
            if hasattr(genuine.PythonSocket, name):  # Windows has no sendmsg
                yield _patch(
                    genuine.PythonSocket, name, self._checked(getattr(genuine.PythonSocket, name), at)
                )
        yield from _doors_of_open_connections()

    def _checked_look_up(self, look_up: Callable[..., Any], hosts_in: HostsIn) -> Callable[..., Any]:
        def checked(host: Any, *args: Any, **options: Any) -> Any:
            self._check(host)
            found = look_up(host, *args, **options)
            if _text(host) in self._allowed:
                self._allowed.update(hosts_in(found))
            return found

        return checked

    def _checked(self, method: Callable[..., Any], at: slice) -> Callable[..., Any]:
        def checked(sock: socket.socket, *args: Any) -> Any:
            for address in args[at]:
                if sock.family in INTERNET and isinstance(address, tuple):
                    self._check(address[0])
            return method(sock, *args)

        return checked

    def _check(self, host: Any) -> None:
        leaves_for_the_network()
        name = _text(host)
        if name is None or is_loopback(name) or name in self._allowed:
            return
        complain = self._closed_to()
        if complain is None:
            return
        error = EndpointError(
            f"the speaker's code wants to reach {name}, and record mode 'none' keeps dialogues off the network",
            advice="record it (--record-mode=once) with a library that is recorded (httpx, requests, aiohttp, ...), or "
            "exclude the host with duolog_vcr_config's 'ignore_hosts'",
        )
        complain(error)
        raise error


def _doors_of_open_connections() -> Iterable[Any]:
    for kind in (genuine.PythonSocket, SSLSocket):
        for name in SENDING:
            yield _patch(kind, name, _turning_back(getattr(kind, name)))
    for package in filter(None, map(sys.modules.get, ("httpcore", "httpcore2"))):
        for name, kinds in HTTPCORE.items():
            for owner in [getattr(package, kind, None) for kind in kinds]:
                if owner is not None and name in vars(owner):
                    yield _patch(owner, name, _turning_back_httpcore(vars(owner)[name]))


def _patch(owner: Any, name: str, function: Callable[..., Any]) -> Any:
    setattr(function, BENEATH, getattr(owner, name))
    return mock.patch.object(owner, name, function)


def _turning_back(send: Callable[..., Any]) -> Callable[..., Any]:
    def checked(sock: socket.socket, *args: Any, **options: Any) -> Any:
        if is_asking_mocks() and sock.family in INTERNET:
            leaves_for_the_network()
        return send(sock, *args, **options)

    return checked


def _turning_back_httpcore(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def checked(*args: Any, **options: Any) -> Any:
        leaves_for_the_network()
        return send(*args, **options)

    return checked


def _text(host: Any) -> str | None:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host
