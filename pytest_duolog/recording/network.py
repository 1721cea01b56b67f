"""Keeps a replay off the network: what a speaker's own code opens beside the libraries that are recorded.

vcrpy's patches answer for the HTTP libraries they know. Any other way out ends at the sockets of this process; what
another process does is not seen. Loopback stays open.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from unittest import mock

from pytest_duolog.endpoints.live import is_loopback
from pytest_duolog.errors import EndpointError

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


class LoopbackOnly:
    """Patches of `socket` that refuse other addresses than loopback to those whom `watcher` names.

    `allowed` are hosts that stay open; it may grow.
    """

    def __init__(self, watcher: Callable[[], Complaining | None], allowed: set[str]) -> None:
        self._watcher = watcher
        self._allowed = allowed

    def patchers(self) -> Iterable[Any]:
        """The patches, each a context manager."""
        for name, hosts_in in LOOK_UPS.items():
            yield mock.patch.object(socket, name, self._checked_look_up(getattr(socket, name), hosts_in))
        for name, at in ADDRESSED.items():
            if hasattr(socket.socket, name):  # Windows has no sendmsg
                yield mock.patch.object(socket.socket, name, self._checked(getattr(socket.socket, name), at))

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
                if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                    self._check(address[0])
            return method(sock, *args)

        return checked

    def _check(self, host: Any) -> None:
        name = _text(host)
        if name is None or is_loopback(name) or name in self._allowed:
            return
        complain = self._watcher()
        if complain is None:
            return
        error = EndpointError(
            f"the speaker's code wants to reach {name}, and record mode 'none' keeps dialogues off the network",
            advice="record it (--record-mode=once) with a library that is recorded (httpx, requests, aiohttp, ...), or "
            "exclude the host with duolog_vcr_config's 'ignore_hosts'",
        )
        complain(error)
        raise error


def _text(host: Any) -> str | None:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host
