"""Sends requests to the network, below the recording: only this module knows real addresses and keys."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import httpx

from pytest_duolog.endpoints.addresses import is_loopback
from pytest_duolog.endpoints.network import Proxy, Surroundings, proxy_for, tls_context
from pytest_duolog.endpoints.providers import Destination
from pytest_duolog.endpoints.straight import StraightTransport
from pytest_duolog.errors import EndpointError

LOGICAL_SCHEME = "duolog"


# The name of this package's own copy of httpcore.
OWN_HTTPCORE = "_duolog_httpcore"


@cache
def unpatched_transport() -> type[httpx.AsyncHTTPTransport]:
    """The original transport of httpx, even if vcrpy, cassetter or mocks have replaced it or classes of httpcore.

    It is the class in a second copy of httpx's module, which uses a second copy of httpcore. Nobody else patches them.
    """
    # Works around vcrpy (since 8.2) and cassetter (0.16), which replace `handle_async_request` on httpx's class for the
    # whole process: our requests would be recorded in a user's cassette, or twice. A subclass inherits their patch.
    # vcrpy's patch can be bypassed (`__wrapped__`), cassetter's cannot. Also works around the mocks of other tests:
    # respx (0.23) patches httpcore's classes. To be dropped when all of them can be bypassed, or when httpx (0.27 and
    # 0.28 do not) offers a transport that they do not patch.
    httpcore = _own_httpcore()[OWN_HTTPCORE]

    def import_own(name: str, *args: Any, **options: Any) -> ModuleType:
        return httpcore if name == "httpcore" else __import__(name, *args, **options)

    spec = find_spec("httpx._transports.default")
    assert spec is not None, "httpx has kept its transport there since 0.18"
    assert spec.loader is not None, "it is an ordinary module"
    module = module_from_spec(spec)
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": import_own}
    spec.loader.exec_module(module)
    transport: type[httpx.AsyncHTTPTransport] = module.AsyncHTTPTransport
    return transport


@cache
def _own_httpcore() -> Mapping[str, ModuleType]:
    """The modules of a copy of httpcore, by name; httpcore imports its own modules by relative names only."""
    usual = find_spec("httpcore")
    assert usual is not None, "httpx needs it"
    assert usual.origin is not None, "it is an ordinary package"
    spec = spec_from_file_location(
        OWN_HTTPCORE, usual.origin, submodule_search_locations=usual.submodule_search_locations
    )
    assert spec is not None, "it has a loader, as the usual one has"
    assert spec.loader is not None, "it has a loader, as the usual one has"
    sys.modules[OWN_HTTPCORE] = package = module_from_spec(spec)
    spec.loader.exec_module(package)
    import_module(f"{OWN_HTTPCORE}._backends.anyio")  # httpcore itself imports it late
    _know_asyncio(sys.modules[f"{OWN_HTTPCORE}._synchronization"])
    return {
        name: module for name, module in sys.modules.copy().items() if name.partition(".")[0] == OWN_HTTPCORE
    }


def _know_asyncio(synchronization: Any) -> None:
    """Have httpcore's locks ask asyncio first whether it is running."""
    # Works around httpcore (1.0): for each of its locks it tries to import sniffio, which few people have installed. An
    # import that fails is not remembered, and took about a seventh of the time of a reply. To be dropped when httpcore
    # asks once.
    usual = synchronization.current_async_library

    def current_async_library() -> str:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            library: str = usual()
            return library
        return "asyncio"

    synchronization.current_async_library = current_async_library


@dataclass(frozen=True)
class _Place:
    """A real address, its origin and the address for messages, and the proxy before it."""

    url: httpx.URL
    origin: str
    shown: str
    proxy: Proxy | None
    # The headers that are sent there, also in bytes, and the names of those that they replace; they hold keys.
    given: Mapping[str, str] = field(repr=False)
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    replaced: Collection[bytes]


class LiveTransport(httpx.AsyncBaseTransport):
    """Sends requests for logical addresses (`duolog://provider/...`) to the real address of the provider.

    Other addresses stay as they are. Proxies come from the environment, except for loopback addresses. For error
    messages, the extensions of a request get the server (`duolog_origin`) and the proxy (`duolog_proxy`), those of a
    response the request (`duolog_asked`) and the variables of address and key (`duolog_address_env`, `duolog_key_env`).
    A request may have its own function for the real address (`duolog_destination`). With `through`, all requests use
    that transport.
    """

    def __init__(
        self,
        destination_of: Callable[[str, str], Destination | Awaitable[Destination]],
        *,
        through: httpx.AsyncBaseTransport | None = None,
        around: Surroundings | None = None,
    ) -> None:
        """`around` is the environment of a dialogue that began early; without it, the current environment is used."""
        self._destination_of = destination_of
        self._around = around
        self._through = through
        self._by_proxy: dict[Proxy | None, httpx.AsyncBaseTransport] = {}
        self._places: dict[tuple[str, str, bytes], _Place] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the body of the response is not read yet.

        Raises EndpointError if a logical address has no real address, and httpx's own errors.
        """
        if request.url.scheme != LOGICAL_SCHEME:
            return await self._transport_through(self._proxy_to(request.url)).handle_async_request(request)
        provider = request.url.host
        model = request.extensions.get("duolog_model", "")
        destination_of = request.extensions.get("duolog_destination", self._destination_of)
        reached = destination_of(provider, model)
        destination: Destination = await reached if inspect.isawaitable(reached) else reached
        place = self._place(destination, request.url.raw_path)
        request.extensions["duolog_origin"] = f"{provider} at {place.origin}"
        proxy = place.proxy
        if proxy is not None:
            request.extensions["duolog_proxy"] = (
                f"the proxy {_origin(httpx.URL(proxy.url))} ({proxy.variable})"
            )
        real = _readdressed(request, place)
        response = await self._transport_through(proxy).handle_async_request(real)
        response.extensions |= {
            "duolog_key_env": destination.key_env,
            "duolog_address_env": destination.address_env,
            "duolog_asked": f"{real.method} {place.shown}",
        }
        return response

    def _place(self, destination: Destination, path: bytes) -> _Place:
        """Where the requests for a logical path go; a dialogue has one or two such places."""
        at, given = (destination.base_url, destination.query, path), destination.headers
        place = self._places.get(at)
        if place is None or place.given != given:
            url = _below(*at)
            headers = [(b"host", url.netloc), *httpx.Headers(given).raw]
            replaced = [name.lower() for name, _ in headers]
            place = _Place(url, _origin(url), _shown(url), self._proxy_to(url), given, headers, replaced)
            self._places[at] = place
        return place

    def _proxy_to(self, url: httpx.URL) -> Proxy | None:
        if self._through is not None or is_loopback(url.host):
            return None
        return proxy_for(url, self._around or Surroundings.of_now())

    def _transport_through(self, proxy: Proxy | None) -> httpx.AsyncBaseTransport:
        if self._through is not None:
            return self._through
        if proxy not in self._by_proxy:
            self._by_proxy[proxy] = _transport(proxy, self._around or Surroundings.of_now())
        return self._by_proxy[proxy]

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._by_proxy.values():
            await transport.aclose()


def _transport(proxy: Proxy | None, around: Surroundings) -> httpx.AsyncBaseTransport:
    if proxy is None:
        return StraightTransport(partial(tls_context, around))
    transport = unpatched_transport()
    sys.modules.update(_own_httpcore())  # pytester and others remove modules that were imported meanwhile
    try:
        return transport(proxy=proxy.url, verify=tls_context(around))
    except ImportError:  # httpx names its own extra
        raise EndpointError(
            f"{proxy.variable} names a SOCKS proxy, but httpx's extra for SOCKS is not installed",
            advice="pip install 'httpx[socks]'",
        ) from None


def _readdressed(request: httpx.Request, place: _Place) -> httpx.Request:
    """The request at a real address, with the headers that the destination adds or replaces."""
    kept = [pair for pair in request.headers.raw if pair[0].lower() not in place.replaced]
    return httpx.Request(
        request.method,
        place.url,
        headers=place.headers + kept,
        stream=request.stream,
        extensions={"timeout": request.extensions.get("timeout", {})},
    )


def _below(base: str, query: str, logical: bytes) -> httpx.URL:
    """The real address for a logical path. An address that already has the path of the request is used unchanged."""
    path, _, more = logical.decode("ascii").partition("?")
    if path != "/" and not urlsplit(base).path.endswith(path):
        base += path
    query = "&".join(filter(None, (query, more)))
    return httpx.URL(f"{base}?{query}" if query else base)


def _origin(url: httpx.URL) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}" + (f":{url.port}" if url.port else "")


def _shown(url: httpx.URL) -> str:
    """An address for messages: without userinfo, and without a query except Azure's version."""
    version = url.params.get("api-version")
    return f"{_origin(url)}{url.path}" + (f"?api-version={version}" if version else "")
