"""Removes the parts of requests that HTTP libraries choose at random or by the clock; they are not matched or stored.

They were found by sending the same request twice with httpx, httpx2, requests, aiohttp and the SDKs of OpenAI,
Anthropic, Google, Mistral and Ollama. Headers with ids, dates and versions are not recorded at all; bodies have

- random boundaries of multipart bodies;
- compression, whose result depends on the clock (gzip) and on the library;
- tokens by which a server recognises a repeated request (AWS, gRPC gateways), and ids of JSON-RPC, if they are random.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

BOUNDARY = "duolog-boundary"
MOST_UNPACKED_BYTES = 64 * 1024 * 1024

_BOUNDARY_PARAMETER = r"""(?i)(;\s*boundary=)(?:"([^"]+)"|([^\s;]+))"""
_RANDOM_ID = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
)
_REPEAT_ID = r"(?i)idempoten(?:cy|t)[_-]?(?:key|token|id)|client[_-]?(?:request[_-]?)?token"
RANDOM = "[random id]"


def without_noise(content: bytes, headers: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """A request's body and headers without random parts."""
    headers = {name.lower(): value for name, value in headers.items()}
    content = _unpacked(content, _text(headers.get("content-encoding")).strip().lower())
    kind = _text(headers.get("content-type"))
    found = re.search(_BOUNDARY_PARAMETER, kind) if kind.lower().startswith("multipart/") else None
    if found is None:
        return content, headers
    boundary = found[2] or found[3]
    headers["content-type"] = re.sub(_BOUNDARY_PARAMETER, rf"\g<1>{BOUNDARY}", kind)
    return content.replace(f"--{boundary}".encode(), f"--{BOUNDARY}".encode()), headers


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value or "")


def _unpacked(content: bytes, encoding: str) -> bytes:
    """The body unpacked from gzip or deflate; other bodies, and damaged ones, unchanged."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return content
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # both forms, recognised by the header
    try:
        unpacked = unpacker.decompress(content, MOST_UNPACKED_BYTES)
    except zlib.error:
        return content
    return unpacked if unpacker.eof else content


def without_random_ids(value: Any) -> Any:
    """A JSON body without random tokens that only mark a repeated request."""
    if isinstance(value, list):
        return [without_random_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_rpc = "jsonrpc" in value
    return {
        name: RANDOM
        if _is_random(item) and (re.fullmatch(_REPEAT_ID, name) or (is_rpc and name == "id"))
        else without_random_ids(item)
        for name, item in value.items()
    }


def _is_random(value: Any) -> bool:
    return isinstance(value, str) and _RANDOM_ID.fullmatch(value) is not None


def multipart_bytes(parts: Iterable[tuple[Mapping[str, str], bytes]]) -> bytes:
    """A multipart body with a fixed boundary, from the headers and contents of its parts."""
    lines = []
    for headers, content in parts:
        written = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        lines.append(f"--{BOUNDARY}\r\n{written}\r\n".encode() + content + b"\r\n")
    return b"".join([*lines, f"--{BOUNDARY}--\r\n".encode()])
