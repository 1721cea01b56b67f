"""Session ids: a chatbot that keeps state must get a new one with each recording, and a replay must ask the same.

So recordings hold one id that nobody has, and the real one exists only below them. Both have the same length.
"""

from __future__ import annotations

from uuid import UUID

import httpx

from pytest_duolog import genuine

# As long and of the same form as the real ones.
RECORDED_ID = str(UUID(int=0))


def new_session_id() -> str:
    """An id that no session has had."""
    return str(genuine.uuid4())


def with_real_id(request: httpx.Request) -> httpx.Request:
    """The request as it is sent: with the real id (extension `duolog_session`) in address, headers and body."""
    session = request.extensions.get("duolog_session")
    if session is None:
        return request
    return httpx.Request(
        request.method,
        str(request.url).replace(RECORDED_ID, session),
        headers=[
            (name, value.replace(RECORDED_ID, session)) for name, value in request.headers.multi_items()
        ],
        content=request.content.replace(RECORDED_ID.encode(), session.encode()),
        extensions=request.extensions,
    )


def with_recorded_id(request: httpx.Request, content: bytes) -> bytes:
    """An answer's body as it is recorded."""
    session = request.extensions.get("duolog_session")
    return content if session is None else content.replace(session.encode(), RECORDED_ID.encode())
