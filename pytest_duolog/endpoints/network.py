"""Reads proxies and trusted certificates from the environment."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.request import getproxies, proxy_bypass, proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

import httpx

from pytest_duolog.endpoints.addresses import Address
from pytest_duolog.errors import EndpointError

# Variables with the certificates of a private authority, in order of precedence; the last two are those of requests and
# curl. Each may name a file or a folder.
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")

# OpenSSL's numbers of errors that another certificate authority cannot fix.
OTHER_FLAWS = {
    9: "the certificate is not valid yet according to this machine's clock",
    10: "the certificate has expired according to this machine's clock",
    62: "the certificate is for another host than the one in the address",
    64: "the certificate is for another host than the one in the address",
}


@dataclass(frozen=True)
class Proxy:
    """A proxy's address and the variable that sets it."""

    url: str = field(repr=False)  # it may hold a password
    variable: str


@dataclass(frozen=True)
class Surroundings:
    """The environment, and the proxies that it or the system names."""

    environ: Mapping[str, str] = field(repr=False)  # it holds keys
    proxies: Mapping[str, str] = field(repr=False)

    @classmethod
    def of_now(cls, environ: Mapping[str, str] = os.environ) -> Surroundings:
        """The current environment, which may change later."""
        return cls(environ, getproxies())

    @classmethod
    def kept(cls) -> Surroundings:
        """A copy of the current environment."""
        return cls(dict(os.environ), getproxies())


def proxy_for(url: httpx.URL, around: Surroundings) -> Proxy | None:
    """The proxy for an address; one without a scheme is an HTTP proxy, as in curl.

    Raises EndpointError that names the variable if its value is not an address.
    """
    if _is_bypassed(f"{url.host}:{url.port}" if url.port else url.host, around):
        return None
    for kind in (url.scheme, "all"):
        text = around.proxies.get(kind, "").strip()
        if text:
            return Proxy(_proxy_address(text, kind, around), _variable(kind, around))
    return None


def _is_bypassed(host: str, around: Surroundings) -> bool:
    if sys.platform in ("darwin", "win32") and not _names_a_proxy(around.environ):
        return bool(proxy_bypass(host))  # the system's own settings
    return bool(proxy_bypass_environment(host, dict(around.proxies)))


def _names_a_proxy(environ: Mapping[str, str]) -> bool:
    return any(name.lower().endswith("_proxy") for name in environ)


def _proxy_address(text: str, kind: str, around: Surroundings) -> str:
    scheme, separator, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", text)
    if scheme not in PROXY_SCHEMES or Address.parse(f"http://{rest}") is None:
        raise EndpointError(
            f"{_variable(kind, around)} is not the address of a proxy",
            advice="write it as http://host:port, or unset it",
        )
    return f"{scheme}://{rest}"


def _variable(kind: str, around: Surroundings) -> str:
    """The variable that sets the proxy; on some systems it is a setting of the system."""
    name = f"{kind}_proxy"
    return next((found for found in (name, name.upper()) if around.environ.get(found)), name.upper())


def tls_context(around: Surroundings) -> ssl.SSLContext:
    """The TLS settings: trust the authorities that the environment names, or else httpx's default ones.

    Raises EndpointError that names the variable if its certificates cannot be read.
    """
    for variable in CERTIFICATE_VARIABLES:
        if path := around.environ.get(variable, "").strip():
            return _context(variable, path)
    return _context("", "")


@cache  # reading the certificates takes longer than most other steps of a dialogue
def _context(variable: str, path: str) -> ssl.SSLContext:
    if not path:
        return httpx.create_ssl_context(trust_env=False)
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is a subclass
        reason = (
            "it contains no certificate in PEM format" if isinstance(error, ssl.SSLError) else error.strerror
        )
        raise EndpointError(
            f"the certificates of {variable} cannot be read: {path}: {reason}",
            advice=f"set {variable} to a PEM file, or unset it",
        ) from None


def certificate_advice(error: BaseException) -> str:
    """Advice for a TLS error; empty for another error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ""
    if not isinstance(cause, ssl.SSLCertVerificationError):
        is_plain = cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
        return (
            "the server does not use TLS at this address: should it begin with http://?" if is_plain else ""
        )
    if cause.verify_code in OTHER_FLAWS:
        return f"{OTHER_FLAWS[cause.verify_code]}; this must be fixed on the server"
    return (
        "the certificate is from an authority that is not trusted on this machine: set SSL_CERT_FILE "
        "(or REQUESTS_CA_BUNDLE) to a file with that authority's certificate (PEM)"
    )
