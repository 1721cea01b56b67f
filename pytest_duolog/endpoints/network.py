"""What the environment says of the way to the network: proxies, and whose certificates are trusted."""

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

# Where the certificates of a private authority may be named, the first one first; the last two are those of requests
# and curl. Each may be a file or a folder.
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")

# Numbers of OpenSSL for what no authority can mend.
OTHER_FLAWS = {
    9: "the certificate is not valid yet, by this machine's clock",
    10: "the certificate has expired, by this machine's clock",
    62: "the certificate is for another host than the address names",
    64: "the certificate is for another host than the address names",
}


@dataclass(frozen=True)
class Proxy:
    """A proxy's address, and the variable that it is from."""

    url: str = field(repr=False)  # it may hold a password
    variable: str


@dataclass(frozen=True)
class Surroundings:
    """The environment, and the proxies that it or the system names."""

    environ: Mapping[str, str] = field(repr=False)  # it holds keys
    proxies: Mapping[str, str] = field(repr=False)

    @classmethod
    def of_now(cls, environ: Mapping[str, str] = os.environ) -> Surroundings:
        """As they are; the environment may change."""
        return cls(environ, getproxies())

    @classmethod
    def kept(cls) -> Surroundings:
        """As they are at this moment, whatever becomes of the environment."""
        return cls(dict(os.environ), getproxies())


def proxy_for(url: httpx.URL, around: Surroundings) -> Proxy | None:
    """The proxy that is named for an address; one without a scheme is an HTTP proxy, as to curl.

    Raises EndpointError that names the variable for what is no address.
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
            f"{_variable(kind, around)} holds no address of a proxy",
            advice="write it as http://host:port, or unset it",
        )
    return f"{scheme}://{rest}"


def _variable(kind: str, around: Surroundings) -> str:
    """Which variable names the proxy; on some systems it may be the system's own setting."""
    name = f"{kind}_proxy"
    return next((found for found in (name, name.upper()) if around.environ.get(found)), name.upper())


def tls_context(around: Surroundings) -> ssl.SSLContext:
    """Whom a server's certificate may be from: the authorities that the environment names, or httpx's usual ones.

    Raises EndpointError that names the variable if its certificates cannot be read.
    """
    for variable in CERTIFICATE_VARIABLES:
        if path := around.environ.get(variable, "").strip():
            return _context(variable, path)
    return _context("", "")


@cache  # reading the certificates takes longer than most of what a dialogue costs
def _context(variable: str, path: str) -> ssl.SSLContext:
    if not path:
        return httpx.create_ssl_context(trust_env=False)
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl's own error is one
        reason = "no certificate in PEM form is in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise EndpointError(
            f"the certificates that {variable} names cannot be read: {path}: {reason}",
            advice=f"name a PEM file in {variable}, or unset it",
        ) from None


def certificate_advice(error: BaseException) -> str:
    """What helps against an error about a certificate, or about none; empty for another error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ""
    if not isinstance(cause, ssl.SSLCertVerificationError):
        is_plain = cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
        return (
            "the server does not speak TLS there: should the address begin with http://?" if is_plain else ""
        )
    if cause.verify_code in OTHER_FLAWS:
        return f"{OTHER_FLAWS[cause.verify_code]}; this is the server's to mend"
    return (
        "the certificate is from an authority that is not trusted here: name the file with that authority's "
        "certificate (PEM) in SSL_CERT_FILE, or in REQUESTS_CA_BUNDLE"
    )
