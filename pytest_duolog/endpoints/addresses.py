"""Reads addresses as users paste them: with spaces, with a query, and in the forms that Ollama and Azure accept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pytest_duolog.dataclass import dataclass
from pytest_duolog.errors import EndpointError

OLLAMA_PORT = 11434
USUAL_PORTS = {"http": 80, "https": 443}

# A server that listens on all addresses reports one of these; a client must use the loopback address instead.
ALL_ADDRESSES = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nobody listens here

# Addresses that every client accepts.
PLAIN = re.compile(
    r"https?://(?!.*xn--)(?:(?:[a-z][a-z0-9-]{0,60}\.)*[a-z][a-z0-9-]{0,60}|127\.0\.0\.1)(?::[1-5]?\d{1,4})?"
    r"(?:/[\w./-]{0,200})?",
    re.ASCII,
)

# Versions of Azure's classic API are dates; versions of the newer API are words or are left out.
CLASSIC_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-preview)?")
AZURE_VERSION_VARIABLES = ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION")


@dataclass(frozen=True)
class Address:
    """An address of an API: `url` without a query and a final slash; `query` is added to every request."""

    url: str
    query: str = ""

    @classmethod
    @lru_cache(maxsize=64)  # each request looks up where it goes
    def parse(cls, text: str) -> Address | None:
        """The address in a text; None if it is not an http:// or https:// address."""
        text = text.strip()
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            return None
        scheme, host = parts.scheme.lower(), parts.hostname or ""
        if scheme not in USUAL_PORTS or not host or not text.isprintable() or re.search(r"\s", text):
            return None
        if not (PLAIN.fullmatch(text) or _is_taken_by_client(text)):
            return None
        userinfo = parts.netloc.rpartition("@")[0]
        netloc = f"[{host}]" if ":" in host else host
        netloc = f"{userinfo}@{netloc}" if userinfo else netloc
        netloc = netloc if port is None else f"{netloc}:{port}"
        return cls(f"{scheme}://{netloc}{parts.path.rstrip('/')}", parts.query)

    @property
    def path(self) -> str:
        """The path behind the host; empty if there is none."""
        return urlsplit(self.url).path

    @property
    def root(self) -> str:
        """The address without its path."""
        return self.url[: len(self.url) - len(self.path)]


def _is_taken_by_client(text: str) -> bool:
    """Whether httpx, which will ask there, takes it for an address."""
    import httpx  # noqa: PLC0415  # most addresses are plain, and a replay needs no HTTP client

    try:
        httpx.URL(text)
    except (ValueError, httpx.InvalidURL):
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host name or an address is the loopback of this machine."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"
    address = getattr(address, "ipv4_mapped", None) or address
    # Servers report 0.0.0.0 as their address: http://0.0.0.0:8000.
    return address.is_loopback or address.is_unspecified


def ollama_address(text: str) -> str:
    """The address for a value of `OLLAMA_HOST`, by Ollama's rules: a host, a port, both, or a whole address.

    Source: https://github.com/ollama/ollama/blob/main/envconfig/config.go, `Host`.
    """
    text = text.strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = ("https", text) if text == "ollama.com" else ("http", text)
    host_and_port, slash, path = rest.partition("/")
    host, port = _host_and_port(host_and_port)
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        port = "" if separator or scheme == "https" else str(OLLAMA_PORT)
    host = ALL_ADDRESSES.get(host, host)
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}{port and f':{port}'}{slash}{path}"


def _host_and_port(text: str) -> tuple[str, str]:
    """The two parts of `host:port`; the port is empty if there is none."""
    found = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:]*)", text)
    if found:
        return found[1] or found[2] or "", found[3]
    bare = text.strip("[]")
    try:
        return str(ipaddress.ip_address(bare)), ""
    except ValueError:
        return text, ""


def azure_address(given: Address, model: str, environ: Mapping[str, str]) -> Address:
    """The address of the deployment `model`, from the address of a resource, its `/openai`, or a deployment.

    A version that is a date, in the address or in a variable, means the classic API, with the deployment in the
    address. Otherwise it is the newer API, with the deployment in the request. Source:
    https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle. Raises EndpointError if the address
    belongs to the classic API and no version is given.
    """
    root, rest = _resource_of(given)
    if rest is None and root.removeprefix(given.root).lower().endswith(
        "/models"
    ):  # Azure's API for models of all vendors
        return Address(root, given.query)
    path = [part.lower() for part in rest or ()]
    if path[:1] == ["v1"]:
        return Address(f"{root}/openai/v1", given.query)
    query = {
        "api-version" if name.lower() == "api-version" else name: value
        for name, value in parse_qsl(given.query, keep_blank_values=True)
    }
    said = (environ.get(name, "").strip() for name in AZURE_VERSION_VARIABLES)
    version = query.get("api-version") or next(filter(None, said), "")
    is_deployment = path[:1] == ["deployments"]
    if not (is_deployment or CLASSIC_VERSION.fullmatch(version)):
        return Address(f"{root}/openai/v1", given.query)
    if not version:
        raise EndpointError(
            "the address of an Azure deployment lacks its api-version",
            advice=f"add it to the address (?api-version=2024-10-21), or set {' or '.join(AZURE_VERSION_VARIABLES)}",
        )
    deployment = model or unquote("".join((rest or ())[1:2]) if is_deployment else "")
    return Address(
        f"{root}/openai/deployments/{quote(deployment, safe='')}",
        urlencode({**query, "api-version": version}),
    )


def _resource_of(given: Address) -> tuple[str, list[str] | None]:
    """The address of a resource, and the parts of the path behind its `/openai`; None if the path has none.

    The operation `chat/completions` is left out, and so are empty parts. Azure ignores the case of a path.
    """
    parts = [part for part in given.path.split("/") if part]
    small = [part.lower() for part in parts]
    if small[-2:] == ["chat", "completions"]:
        del parts[-2:], small[-2:]
    if "openai" not in small:
        return "/".join([given.root, *parts]), None
    at = small.index("openai")
    return "/".join([given.root, *parts[:at]]), parts[at + 1 :]


def azure_roots(given: Address) -> list[str]:
    """The base addresses of all requests to a resource, the longest first."""
    root, _ = _resource_of(given)
    return [f"{root}/openai/v1", root]
