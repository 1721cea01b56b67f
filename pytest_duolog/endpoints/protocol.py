"""What all chat protocols over HTTP have in common: a JSON body with the history is posted, a JSON object comes back.

A protocol is a subclass that says where to post (`path`), what stands in the body beside the history (`fields`),
how a message of the history is written (`entry`) and what the answer means (`read`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import httpx

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, EndpointConfig, Reply
from pytest_duolog.endpoints.history import HistoryBody, HistoryEncoder
from pytest_duolog.transcripts.perspective import ChatMessage


class ChatProtocol(ABC):
    """One model behind an HTTP address; `history_name` is the body's field with the messages."""

    history_name: ClassVar[str] = "messages"

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._encoder = HistoryEncoder(self.history_name, self.entry)

    @abstractmethod
    def path(self, request: ChatRequest) -> str:
        """Where to post, below the base URL."""

    @abstractmethod
    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """The body without the history; a knob is in it only if it was set."""

    @abstractmethod
    def read(self, body: Mapping[str, Any], answer: Answer) -> Reply:
        """The reply in an answer's body.

        Raises what `answer.fault` makes if there is none.
        """

    def headers(self, request: ChatRequest) -> Mapping[str, str]:
        """What the protocol wants in the request's header, the key not among it."""
        return {}

    def history(self, request: ChatRequest) -> Sequence[ChatMessage]:
        """The messages that go under `history_name`."""
        return request.messages

    def entry(self, message: ChatMessage) -> dict[str, Any]:
        """A message as it stands in the history."""
        return message._asdict()

    async def reply(self, request: ChatRequest) -> Reply:
        """The model's answer; raises EndpointError if there is none."""
        body = HistoryBody(self.fields(request), self.history_name, self.history(request), self.entry)
        read = partial(self._usable_reply, f"{self._config.provider}:{request.model}")
        response = await self._config.client.post(
            self._config.base_url + self.path(request),
            content=self._encoder.encode(body.fields, body.messages),
            headers={"content-type": "application/json", **self.headers(request)},
            extensions={"duolog_body": body, "duolog_model": request.model, "duolog_read": read},
        )
        return replace(read(response), latency_ms=response.extensions.get("duolog_latency_ms"))

    def _usable_reply(self, label: str, response: httpx.Response) -> Reply:
        """The reply in a response; below the recording this decides whether a try has failed."""
        key_env = response.extensions.get("duolog_key_env", self._config.key_env)
        answer = Answer(label, response.status_code, response.headers, response.content, key_env)
        reply = self.read(answer.json_object(), answer)
        answer.check(reply)
        return reply


def without_system(messages: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    """The history without the system prompt, for protocols that have a field for that."""
    return messages[1:] if messages[0].role == "system" else messages


def system_of(messages: Sequence[ChatMessage]) -> str | None:
    """The system prompt of a history."""
    return messages[0].content if messages[0].role == "system" else None
