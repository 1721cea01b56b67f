"""Where a model answers: messages in, reply out.

An endpoint knows nothing of transcripts, cassettes or tests. To add a protocol, write a class with
`async def reply(request) -> Reply` (a plain `def` works too) and either name its factory in `registry.py`
or publish it from another package under the entry point group `pytest_duolog.endpoints`. A protocol that posts
JSON and gets JSON back has most of its work done by `ChatProtocol` in `protocol.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pytest_duolog.transcripts.perspective import ChatMessage
from pytest_duolog.transcripts.transcript import FinishReason, ToolCall, Usage

if TYPE_CHECKING:
    import httpx


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

    def reply(self, request: ChatRequest) -> Awaitable[Reply]:
        """The model's answer.

        Raises EndpointError if the model cannot be asked or its answer cannot be used.
        """
        ...


@dataclass(frozen=True)
class EndpointConfig:
    """What an endpoint factory is given.

    `client` records and replays what goes through it; an endpoint that uses another client is not recorded.
    A built-in protocol posts to `base_url`, which is a logical address (`duolog://provider`): the real one,
    and the key, are put in below the recording, so that neither can reach a cassette. `key_env` names the
    variable the key is read from, for error messages.
    """

    provider: str
    model: str
    base_url: str
    client: httpx.AsyncClient
    key_env: str | None = None
