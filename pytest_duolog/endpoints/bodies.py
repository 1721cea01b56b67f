"""The body of a response, read within bounds: an endless one, or a small one that unpacks to gigabytes, is cut."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from pytest_duolog.endpoints.encodings import PackedWrongly, TooLarge, UnknownEncoding, unpacked
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
    return _unpacked(b"".join(parts), response.headers.get("content-encoding", ""), limit, origin, model)


def _unpacked(content: bytes, encoding: str, limit: int, origin: str, model: str) -> bytes:
    """Plain text is asked for, but some gateways pack it all the same."""
    try:
        return unpacked(content, encoding, limit)
    except TooLarge:
        raise _too_large(origin, model, limit) from None
    except PackedWrongly as error:
        is_passing = not isinstance(error, UnknownEncoding)
        problem = f"the answer of {origin} {error}"
        if not is_passing:
            problem += "; plain text was asked for"
        raise EndpointError(problem, model=model, is_passing=is_passing) from None


def _too_large(origin: str, model: str, limit: int) -> EndpointError:
    return EndpointError(
        f"the answer of {origin} is larger than {limit} bytes and was not read further",
        model=model,
        advice="set max_tokens, or raise largest_reply_bytes in [tool.duolog.requests]",
    )
