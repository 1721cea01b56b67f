"""Session ids of chatbots: each recording needs a new id, but a replay must send the same request.

Therefore recordings contain a fixed id, which is replaced by the real one below the recording. Both have the same
length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pytest_duolog import genuine

if TYPE_CHECKING:
    import httpx

# It has the length and the form of the real ones.
RECORDED_ID = str(UUID(int=0))


def new_session_id() -> str:
    """A new session id."""
    return str(genuine.uuid4())


def with_real_id(request: httpx.Request) -> httpx.Request:
    """The request with the real id (extension `duolog_session`) in address, headers and body, as it is sent."""
    session = request.extensions.get("duolog_session")
    if session is None:
        return request
    import httpx  # noqa: PLC0415  # a replay needs no HTTP client

    return httpx.Request(
        request.method,
        str(request.url).replace(RECORDED_ID, session),
        headers=[
            (name, value.replace(RECORDED_ID, session)) for name, value in request.headers.multi_items()
        ],
        content=request.read().replace(RECORDED_ID.encode(), session.encode()),
        extensions=request.extensions,
    )


def with_recorded_id(request: httpx.Request, content: bytes) -> bytes:
    """The body of a response with the fixed id, as it is recorded."""
    session = request.extensions.get("duolog_session")
    return content if session is None else content.replace(session.encode(), RECORDED_ID.encode())
