"""Blocks the functions through which requests leave this process.

They stop requests that only ask mocks. In a replay they are blocked for speakers' own code, except for loopback:
vcrpy's patches answer for the HTTP libraries that they know, and everything else uses the sockets of this process.
Requests of other processes are not noticed.
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
from pytest_duolog.endpoints.addresses import is_loopback
from pytest_duolog.errors import EndpointError
from pytest_duolog.recording.mocks import BENEATH, is_asking_mocks, is_replaced, leaves_for_the_network

# Returns the function that reports an error to the code that opens a connection now; None if it may connect.
Complaining = Callable[[EndpointError], None]

HostsIn = Callable[[Any], Iterable[str]]

# The functions of `socket` that may ask a name server, and how to get the addresses from their results.
LOOK_UPS: Mapping[str, HostsIn] = {
    "getaddrinfo": lambda found: [str(entry[4][0]) for entry in found],
    "gethostbyname": lambda found: [found],
    "gethostbyname_ex": lambda found: found[2],
    "gethostbyaddr": lambda found: found[2],
}

# The methods of a socket that may get an address, and its position in the arguments.
ADDRESSED = {
    "connect": slice(0, 1),
    "connect_ex": slice(0, 1),
    "sendto": slice(-1, None),
    "sendmsg": slice(3, 4),
}

# These methods send a request on an open connection. asyncio also uses them to wake itself on Windows.
SENDING = () if sys.platform == "win32" else ("send", "sendall")

# The same in httpcore (httpcore2), for event loops that do not use Python's sockets.
HTTPCORE = {
    "handle_request": ("HTTP11Connection", "HTTP2Connection"),
    "handle_async_request": ("AsyncHTTP11Connection", "AsyncHTTP2Connection"),
    "connect_tcp": ("SyncBackend", "AnyIOBackend", "TrioBackend"),
}

INTERNET = (socket.AF_INET, socket.AF_INET6)


class NetworkDoors:
    """Patches of `socket`, in place while somebody needs them.

    `closed_to` returns the function that reports an error to code that may not connect, or None. `allowed` are hosts
    that are open to all code; the set may grow.
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
            if not is_replaced(socket, name):  # a test's own function asks no name server
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
            f"the speaker's code tried to reach {name}, but record mode 'none' allows no network",
            advice="record it (--record-mode=once) with a supported library (httpx, requests, aiohttp, ...), or "
            "exclude the host with 'ignore_hosts' in duolog_vcr_config",
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
