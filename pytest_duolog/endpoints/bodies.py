"""Reads the body of a response up to a limit, against endless bodies and small ones that unpack to gigabytes."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from pytest_duolog.endpoints.encodings import PackedWrongly, TooLarge, UnknownEncoding, unpacked
from pytest_duolog.errors import EndpointError


async def bounded_body(
    response: httpx.Response, limit: int, *, origin: str, model: str, on_bytes: Callable[[int], None]
) -> bytes:
    """The unpacked body; `on_bytes` is called with the size of each part as it arrives.

    `origin` and `model` name the server and the model in error messages.

    Raises EndpointError if the body has more than `limit` bytes, before or after unpacking.
    """
    parts, n_bytes = [], 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for part in response.stream:
        n_bytes += len(part)
        on_bytes(len(part))
        if n_bytes > limit:
            raise _too_large(origin, model, limit)
        parts.append(part)
    return _unpacked(b"".join(parts), response.headers.get("content-encoding", ""), limit, origin, model)


def _unpacked(content: bytes, encoding: str, limit: int, origin: str, model: str) -> bytes:
    """The unpacked body. Requests ask for unpacked bodies, but some gateways pack them anyway."""
    try:
        return unpacked(content, encoding, limit)
    except TooLarge:
        raise _too_large(origin, model, limit) from None
    except PackedWrongly as error:
        is_passing = not isinstance(error, UnknownEncoding)
        problem = f"the response from {origin} {error}"
        if not is_passing:
            problem += ", although the request asked for an unpacked body"
        raise EndpointError(problem, model=model, is_passing=is_passing) from None


def _too_large(origin: str, model: str, limit: int) -> EndpointError:
    return EndpointError(
        f"the response from {origin} is larger than {limit} bytes",
        model=model,
        advice="set max_tokens, or raise largest_reply_bytes in [tool.duolog.requests]",
    )
