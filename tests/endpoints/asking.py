"""Asking an endpoint without a network: what it sends is caught, and answered from a table."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import httpx

from pytest_duolog.endpoints.base import ChatRequest, Endpoint, Reply
from pytest_duolog.endpoints.line import Line
from pytest_duolog.endpoints.line_client import TransportLine
from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.endpoints.rate_limiter import Limit, RateLimiter
from pytest_duolog.endpoints.registry import open_endpoint
from pytest_duolog.endpoints.retrying import Patience, RetryingTransport
from pytest_duolog.scenarios.speaker import ModelName
from pytest_duolog.transcripts.perspective import ChatMessage, Entry
from pytest_duolog.transcripts.transcript import ToolDefinition

HISTORY = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "Hello."),
    ChatMessage("assistant", "Hello to you."),
    ChatMessage("user", "How are you?"),
)

Answering = Callable[[httpx.Request], httpx.Response]


class Wire:
    """Answers each request with the next of `answers`, the last one for ever, and remembers `requests` and `waits`.

    An answer is a JSON value, a (status, headers, body) triple, or an exception.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.rate_limiter = RateLimiter(Limit(), clock=lambda: sum(self.waits), sleep=self.sleep)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, headers=headers, content=content)

    async def sleep(self, wait_s: float) -> None:
        self.waits.append(wait_s)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def ask(
    model: str,
    wire: Wire,
    *,
    history: Sequence[ChatMessage] = HISTORY,
    knobs: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    schema: Mapping[str, Any] | None = None,
    tools: Sequence[ToolDefinition] = (),
    entries: Sequence[Entry] = (),
    configured: Mapping[str, Provider] | None = None,
    patience: Patience | None = None,
) -> Reply:
    """The reply of `model` to `history`, as far as the wire lets it come."""
    transport = RetryingTransport(
        httpx.MockTransport(wire), patience or Patience(), lambda _: wire.rate_limiter, sleep=wire.sleep
    )
    asked = (knobs or {}, extra or {}, schema, tuple(tools), tuple(entries))
    request = ChatRequest(ModelName.parse(model).model, tuple(history), *asked)

    return reply_over(
        transport, lambda line: open_endpoint(model, line=line, configured=configured or {}), request
    )


def reply_over(
    transport: httpx.AsyncBaseTransport,
    opened: Callable[[Line], Endpoint],
    request: ChatRequest,
    *,
    n_replies: int = 1,
) -> Reply:
    """The last of some replies of an endpoint whose line goes through `transport`."""

    async def asked() -> Reply:
        line = TransportLine(transport)
        endpoint = opened(line)
        try:
            for _ in range(n_replies):
                answer = endpoint.reply(request)
                reply = await answer if inspect.isawaitable(answer) else answer
        finally:
            await line.aclose()
        return reply

    return anyio.run(asked)
