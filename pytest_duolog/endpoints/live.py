"""The way to the network, below the recording: real addresses and keys exist only here."""

from __future__ import annotations

import inspect
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.util import find_spec, module_from_spec
from urllib.request import getproxies, proxy_bypass

import httpx

from pytest_duolog.endpoints.providers import Destination

LOGICAL_SCHEME = "duolog"


@cache
def unpatched_transport() -> type[httpx.AsyncHTTPTransport]:
    """The transport of httpx, even while vcrpy or cassetter has its method patched for our cassette or a user's.

    It is the class in a second copy of httpx's module, which nobody else knows.
    """
    # Works around vcrpy (since 8.2) and cassetter (0.16), which replace `handle_async_request` on httpx's class for the
    # whole process: a request of ours would land in a user's cassette, or be recorded twice. A subclass inherits what
    # they put there. vcrpy's patch can be looked through (`__wrapped__`), cassetter's cannot. To be dropped when both
    # can, or when httpx (0.27 and 0.28 have none) offers a transport that they do not patch.
    spec = find_spec("httpx._transports.default")
    assert spec is not None, "httpx has kept its transport there since 0.18"
    assert spec.loader is not None, "it is an ordinary module"
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    transport: type[httpx.AsyncHTTPTransport] = module.AsyncHTTPTransport
    return transport


class LiveTransport(httpx.AsyncBaseTransport):
    """Sends requests for logical addresses (`duolog://provider/...`) to where the provider really is.

    Other addresses are left as they are. Proxies come from the environment as httpx reads it, except on the
    way to loopback. A request is told, in its extensions, who is asked (`duolog_origin`), a response, which variable
    its key was read from (`duolog_key_env`). A request may bring its own way to a destination (`duolog_destination`).
    With `through`, everything goes that way.
    """

    def __init__(
        self,
        destination_of: Callable[[str, str], Destination | Awaitable[Destination]],
        *,
        through: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._destination_of = destination_of
        self._through = through
        self._by_proxy: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the response is still to be read.

        Raises EndpointError if a logical address has no destination, and httpx's own errors.
        """
        if request.url.scheme != LOGICAL_SCHEME:
            return await self._transport_to(request.url).handle_async_request(request)
        provider = request.url.host
        model = request.extensions.get("duolog_model", "")
        destination_of = request.extensions.get("duolog_destination", self._destination_of)
        reached = destination_of(provider, model)
        destination: Destination = await reached if inspect.isawaitable(reached) else reached
        real = self._readdressed(request, destination)
        request.extensions["duolog_origin"] = f"{provider} at {_origin(real.url)}"
        response = await self._transport_to(real.url).handle_async_request(real)
        response.extensions["duolog_key_env"] = destination.key_env
        return response

    def _readdressed(self, request: httpx.Request, destination: Destination) -> httpx.Request:
        path = request.url.raw_path.decode("ascii")
        url = httpx.URL(destination.base_url + ("" if path == "/" else path))
        headers = httpx.Headers(request.headers)
        headers["host"] = url.netloc.decode("ascii")
        headers.update(destination.headers)
        timeout = {"timeout": request.extensions.get("timeout", {})}
        return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=timeout)

    def _transport_to(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        if self._through is not None:
            return self._through
        proxy = _proxy_for(url)
        if proxy not in self._by_proxy:
            self._by_proxy[proxy] = unpatched_transport()(proxy=proxy, verify=_tls_context())
        return self._by_proxy[proxy]

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._by_proxy.values():
            await transport.aclose()


@cache
def _tls_context() -> ssl.SSLContext:
    """The usual one of httpx; reading the certificates takes longer than most of what a dialogue costs."""
    return httpx.create_ssl_context()


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.host}" + (f":{url.port}" if url.port else "")


def _proxy_for(url: httpx.URL) -> str | None:
    if is_loopback(url.host) or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"
    address = getattr(address, "ipv4_mapped", None) or address
    # A server says the latter of itself: http://0.0.0.0:8000.
    return address.is_loopback or address.is_unspecified
