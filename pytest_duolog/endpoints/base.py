"""Where a model answers: messages in, reply out.

An endpoint knows nothing of transcripts, cassettes or tests. To add a protocol, write a class with
`async def reply(request) -> Reply` (a plain `def` works too) and either name its factory in `registry.py`
or publish it from another package under the entry point group `pytest_duolog.endpoints`. A protocol that posts
JSON and gets JSON back has most of its work done by `ChatProtocol` in `protocol.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_duolog.transcripts.perspective import ChatMessage
from pytest_duolog.transcripts.transcript import FinishReason, ToolCall, Usage

if TYPE_CHECKING:
    import httpx

    from pytest_duolog.endpoints.line import Line

First = TypeVar("First")
Then = TypeVar("Then")


@dataclass(frozen=True)
class ChatRequest:
    """One question to a model: its whole chat history, oldest first, ending with `user`.

    `knobs` holds only what the user set (`temperature`, `top_p`, `max_tokens`, `seed`); `extra` goes into
    the request body as it is. `schema` is the JSON schema that the reply must follow; a protocol that cannot say so
    leaves it out, and the words of the request have to do.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    knobs: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    `finish` is why it stopped, in this package's words; `raw_finish` in the provider's. `reasoning` is kept
    for the record and never shown to the other side, and so are `tool_calls`. `model` is the model that served,
    where it was said.
    `latency_ms` is the time the answer took when it was recorded.
    """

    content: str
    finish: FinishReason = "end"
    raw_finish: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    model: str | None = None
    latency_ms: float | None = None


class Endpoint(Protocol):
    """Where a model answers."""

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The model's answer, to be awaited unless it is at hand.

        Raises EndpointError if the model cannot be asked or its answer cannot be used.
        """
        ...


@dataclass(frozen=True)
class EndpointConfig:
    """What an endpoint factory is given.

    What goes through `client`, or `line`, is recorded and replayed; an endpoint that uses another client is not
    recorded. A built-in protocol posts to `base_url`, which is a logical address (`duolog://provider`): the real one,
    and the key, are put in below the recording, so that neither can reach a cassette. `key_env` names the
    variable the key is read from, for error messages. `headers` are those that the user's table adds to each request,
    without those that hold variables; recordings are told apart by them.
    """

    provider: str
    model: str
    base_url: str
    line: Line
    key_env: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def client(self) -> httpx.AsyncClient:
        """An HTTP client for the line."""
        from pytest_duolog.endpoints.line_client import client_on  # noqa: PLC0415  # a replay needs no HTTP client

        return client_on(self.line)


def then(answer: First | Awaitable[First], change: Callable[[First], Then]) -> Then | Awaitable[Then]:
    """What `change` makes of an answer, as soon as it is there."""

    async def changed(awaited: Awaitable[First]) -> Then:
        return change(await awaited)

    if inspect.isawaitable(answer):
        return changed(answer)
    return change(answer)
