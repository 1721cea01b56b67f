"""The way to the network, below the recording: real addresses and keys exist only here."""

from __future__ import annotations

import inspect
import ipaddress
import ssl
from collections.abc import Callable
from functools import cache
from urllib.request import getproxies, proxy_bypass

import anyio.to_thread
import httpx

from pytest_duolog.endpoints.registry import Destination
from pytest_duolog.errors import EndpointError

LOGICAL_SCHEME = "duolog"


class UnpatchedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport even while vcrpy has its method patched, for a cassette of ours or a user's."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        send = inspect.unwrap(httpx.AsyncHTTPTransport.handle_async_request)
        response: httpx.Response = await send(self, request)
        return response


class LiveTransport(httpx.AsyncBaseTransport):
    """Sends requests for logical addresses (`duolog://provider/...`) to where the provider really is.

    Other addresses are left as they are. Proxies come from the environment as httpx reads it, except on the
    way to loopback.
    """

    def __init__(self, destination_of: Callable[[str, str], Destination]) -> None:
        self._destination_of = destination_of
        self._by_proxy: dict[str | None, UnpatchedTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises EndpointError if a logical address has no destination or cannot be reached.
        """
        if request.url.scheme != LOGICAL_SCHEME:
            return await self._transport_to(request.url).handle_async_request(request)
        provider = request.url.host
        model = request.extensions.get("duolog_model", "")
        destination = await anyio.to_thread.run_sync(self._destination_of, provider, model)
        real = self._readdressed(request, destination)
        try:
            response = await self._transport_to(real.url).handle_async_request(real)
            await response.aread()
        except httpx.HTTPError as error:
            raise EndpointError(
                f"{type(error).__name__} while asking {provider} at {_origin(real.url)}: {error or 'no details'}",
                advice=f"is {_origin(real.url)} up, and the right address?",
            ) from error
        return response

    def _readdressed(self, request: httpx.Request, destination: Destination) -> httpx.Request:
        url = httpx.URL(destination.base_url + request.url.raw_path.decode("ascii"))
        headers = httpx.Headers(request.headers)
        headers["host"] = url.netloc.decode("ascii")
        headers.update(destination.headers)
        timeout = {"timeout": request.extensions.get("timeout", {})}
        return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=timeout)

    def _transport_to(self, url: httpx.URL) -> UnpatchedTransport:
        proxy = _proxy_for(url)
        if proxy not in self._by_proxy:
            self._by_proxy[proxy] = UnpatchedTransport(proxy=proxy, verify=_tls_context())
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
    if _is_loopback(url.host) or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
