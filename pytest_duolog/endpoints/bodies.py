"""The body of a response, read within bounds: an endless one, or a small one that unpacks to gigabytes, is cut."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import httpx

from pytest_duolog.errors import EndpointError


async def bounded_body(
    response: httpx.Response, limit: int, *, origin: str, model: str, on_bytes: Callable[[int], None]
) -> bytes:
    """All bytes of the body, unpacked; `on_bytes` is told the size of each part as it arrives.

    `origin` and `model` are who answers, for error messages.

    Raises EndpointError if there are more than `limit`, before or after unpacking.
    """
    parts, n_bytes = [], 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for part in response.stream:
        n_bytes += len(part)
        on_bytes(len(part))
        if n_bytes > limit:
            raise _too_large(origin, model, limit)
        parts.append(part)
    encoding = response.headers.get("content-encoding", "").strip().lower() or "identity"
    return _unpacked(b"".join(parts), encoding, limit, origin, model)


def _unpacked(content: bytes, encoding: str, limit: int, origin: str, model: str) -> bytes:
    """Plain text is asked for, but some gateways pack it all the same."""
    if encoding == "identity":
        return content
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise EndpointError(
            f"the answer of {origin} is packed as {encoding!r} although plain text was asked for", model=model
        )
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either form, told by its header
    try:
        unpacked = unpacker.decompress(content, limit + 1)
    except zlib.error as error:
        raise EndpointError(
            f"the answer of {origin} cannot be unpacked: {error}", model=model, is_passing=True
        ) from None
    if len(unpacked) > limit:
        raise _too_large(origin, model, limit)
    return unpacked


def _too_large(origin: str, model: str, limit: int) -> EndpointError:
    return EndpointError(
        f"the answer of {origin} is larger than {limit} bytes and was not read further",
        model=model,
        advice="set max_tokens, or raise largest_reply_bytes in [tool.duolog.requests]",
    )
