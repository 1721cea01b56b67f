"""What an endpoint is: it takes a chat history and returns a model's reply.

An endpoint knows nothing about transcripts, cassettes or tests. To add a protocol, write a class with `async def
reply(request) -> Reply` (a plain `def` works too) and either name its factory in `registry.py` or publish it from
another package under the entry point group `pytest_duolog.endpoints`. For a protocol with JSON requests and responses,
`ChatProtocol` in `protocol.py` does most of the work.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_duolog.dataclass import dataclass
from pytest_duolog.transcripts.perspective import ChatMessage, Entry
from pytest_duolog.transcripts.transcript import FinishReason, ToolCall, ToolDefinition
from pytest_duolog.transcripts.usage import Usage

if TYPE_CHECKING:
    import httpx

    from pytest_duolog.endpoints.line import Line

First = TypeVar("First")
Then = TypeVar("Then")


@dataclass(frozen=True)
class ChatRequest:
    """One request to a model: its whole chat history, oldest first, ending with `user`.

    `knobs` has only the settings that the user set (`temperature`, `top_p`, `max_tokens`, `seed`); `extra` is added to
    the request body unchanged. `schema` is the JSON schema of the reply; a protocol that does not support schemas
    leaves it out. `tools` are the tools that the model may call; only then `entries` has the same history with the
    calls so far and their results.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    knobs: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    tools: tuple[ToolDefinition, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def history(self) -> tuple[Entry, ...]:
        """The history, with calls and results if the model has tools."""
        return self.entries or self.messages


@dataclass(frozen=True)
class Reply:
    """The reply of a model.

    `finish` is why it stopped, as one of this package's finish reasons; `raw_finish` is the provider's own reason.
    `reasoning` and `tool_calls` are kept in the transcript; the other side never sees them. `model` is the model that
    replied, if the provider names it. `latency_ms` is the duration of the request when it was recorded. `opaque` is
    JSON text in the provider's own form, with what the provider wants back beside the results of the calls, such as
    signed reasoning.
    """

    content: str
    finish: FinishReason = "end"
    raw_finish: str = ""
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    model: str | None = None
    latency_ms: float | None = None
    opaque: str | None = None


class Endpoint(Protocol):
    """An endpoint of a model."""

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The model's reply, or an awaitable if it is not available yet.

        Raises EndpointError if the model cannot be asked or its response cannot be used.
        """
        ...


@dataclass(frozen=True)
class EndpointConfig:
    """The arguments of an endpoint factory.

    Requests through `client` or `line` are recorded and replayed; requests through another client are not. A built-in
    protocol posts to `base_url`, a logical address (`duolog://provider`): the real address and the key are added below
    the recording, so neither can get into a cassette. `key_env` names the variable with the key, for error messages.
    `headers` are the headers from the user's table, without those that contain variables; a replay compares them.
    """

    provider: str
    model: str
    base_url: str
    line: Line
    key_env: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def client(self) -> httpx.AsyncClient:
        """An HTTP client whose requests go over the line."""
        from pytest_duolog.endpoints.line_client import client_on  # noqa: PLC0415  # a replay needs no HTTP client

        return client_on(self.line)


def then(answer: First | Awaitable[First], change: Callable[[First], Then]) -> Then | Awaitable[Then]:
    """`change` applied to the answer, now or when it is awaited."""

    async def changed(awaited: Awaitable[First]) -> Then:
        return change(await awaited)

    if inspect.isawaitable(answer):
        return changed(answer)
    return change(answer)
