"""Connects httpx and lines: a client whose requests go over a line, and a line that uses a transport."""

from __future__ import annotations

import inspect
from functools import lru_cache

import httpx

from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion, Line

# Extensions with facts for error messages about the response: see `LiveTransport`.
TOLD = ("duolog_key_env", "duolog_address_env", "duolog_asked", "duolog_latency_ms")


class LineTransport(httpx.AsyncBaseTransport):
    """Sends the requests of a client over a line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response; raises the errors of the line."""
        content = await request.aread()
        answer = self._line.post(
            HttpQuestion(
                str(request.url),
                lambda: content,
                method=request.method,
                headers=dict(request.headers.items()),
            )
        )
        if inspect.isawaitable(answer):
            answer = await answer
        return http_response(answer)


def client_on(line: Line) -> httpx.AsyncClient:
    """A client whose requests go over the line. It need not be closed."""
    transport = LineTransport(line)
    return httpx.AsyncClient(
        transport=transport,
        # cassetter (0.16) wraps the transport of every client, but not mounted transports.
        mounts={"all://": transport},
        timeout=None,  # noqa: S113  # see Patience
        trust_env=False,
    )


class TransportLine:
    """A line that sends requests through a transport and records nothing."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def post(self, question: HttpQuestion) -> HttpAnswer:
        """The complete response; raises the errors of the transport."""
        response = await self._transport.handle_async_request(http_request(question))
        content = await response.aread()
        await response.aclose()
        return http_answer(response, content)

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()


def http_request(question: HttpQuestion) -> httpx.Request:
    """The httpx request of a question; the question's other fields are in its extensions."""
    extensions = {
        "duolog_read": question.read,
        "duolog_model": question.model,
        "duolog_session": question.session,
        "duolog_destination": question.destination_of,
    }
    content = question.content()
    url, headers = _place(question.url, tuple(question.headers.items()))
    if content or question.method in ("POST", "PUT", "PATCH"):  # as httpx does
        headers = [*headers, (b"content-length", b"%d" % len(content))]
    return httpx.Request(
        question.method,
        url,
        headers=headers,
        stream=httpx.ByteStream(content),
        extensions={name: value for name, value in extensions.items() if value is not None},
    )


@lru_cache(maxsize=64)  # all requests of a speaker have one address and the same headers
def _place(url: str, headers: tuple[tuple[str, str], ...]) -> tuple[httpx.URL, list[tuple[bytes, bytes]]]:
    request = httpx.Request("GET", url, headers={**dict(headers), "accept-encoding": "identity"})
    request.headers.pop("content-length", None)
    return request.url, request.headers.raw


def http_response(answer: HttpAnswer) -> httpx.Response:
    """The httpx response for an answer; the answer's other fields are in its extensions."""
    extensions = {name: getattr(answer, name.removeprefix("duolog_")) for name in TOLD}
    return httpx.Response(
        answer.status_code,
        headers=[
            (name.encode(), value.encode("utf-8", "replace"))  # httpx itself takes only ASCII
            for name, value in answer.headers.items()
        ],
        content=answer.content,
        extensions=extensions,
    )


def http_answer(response: httpx.Response, content: bytes) -> HttpAnswer:
    """The answer for a response whose body was read."""
    told = response.extensions
    return HttpAnswer(
        response.status_code,
        dict(response.headers.items()),
        content,
        reason=response.reason_phrase,
        latency_ms=told.get("duolog_latency_ms"),
        asked=told.get("duolog_asked") or "",
        address_env=told.get("duolog_address_env"),
        key_env=told.get("duolog_key_env"),
    )
