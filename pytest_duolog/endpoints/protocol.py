"""Base class of chat protocols over HTTP: they post a JSON body with the history and get a JSON object.

A protocol is a subclass that defines where to post (`path`), the fields of the body next to the history (`fields`), how
a message of the history is written (`entry`), and how to read the response (`read`). It also declares the other facts
about its JSON, because nothing outside this folder knows a provider's fields: the field of the history, the fields that
change with every response and have no meaning, the field of the model that replied, and the header for the key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, EndpointConfig, Reply, then
from pytest_duolog.endpoints.history import HistoryBody, HistoryEncoder
from pytest_duolog.endpoints.line import JSON_HEADERS, HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.endpoints.reading import Malformed, fields_of, text_in, wrong
from pytest_duolog.transcripts.perspective import ChatMessage, Entry


class ChatProtocol(ABC):
    """One model with an HTTP address.

    `history_name` is the request's field with the messages. `unsent_knobs` are the settings that the protocol does not
    support. `volatile_fields` are fields of a response that change every time and have no meaning, such as ids and
    times: they are not recorded, so that recording the same reply again gives the same file. `model_name` is the field
    of the response with the model that replied, `id_name` that of an id that is new for every response. The key is sent
    in `key_header`, by default as `Authorization: Bearer`. A published protocol can describe its provider in
    `provider`. A protocol that `takes_tools` sends the tools of a request, and writes entries with calls and with
    results.
    """

    history_name: ClassVar[str] = "messages"
    unsent_knobs: ClassVar[Collection[str]] = ()
    volatile_fields: ClassVar[Collection[str]] = ()
    model_name: ClassVar[str] = "model"
    id_name: ClassVar[str] = "id"
    key_header: ClassVar[str | None] = None
    provider: ClassVar[Provider | None] = None
    takes_tools: ClassVar[bool] = False

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._encoder = HistoryEncoder(self.history_name, self.entry)

    @abstractmethod
    def path(self, request: ChatRequest) -> str:
        """The path to post to, relative to the base URL."""

    @abstractmethod
    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """The body without the history; it has only the settings that were set."""

    @abstractmethod
    def read(self, body: Mapping[str, Any], answer: Answer) -> Reply:
        """The reply in the body of a response.

        Raises an error made by `answer.fault`, or Malformed, if there is none.
        """

    def headers(self, request: ChatRequest) -> Mapping[str, str]:
        """Headers that the protocol requires, without the key."""
        return {}

    def history(self, request: ChatRequest) -> Sequence[Entry]:
        """The messages for `history_name`."""
        return request.history

    def entry(self, message: Any) -> dict[str, Any]:
        """The JSON value of a message in the history: of a ChatMessage, and where tools are used of other entries."""
        return dict(message._asdict())

    def kept(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body of a response without volatile fields, as it is recorded and read."""
        kept = {name: item for name, item in body.items() if name not in self.volatile_fields}
        if self.model_name in kept:
            kept[self.model_name] = _without_folder(kept[self.model_name])
        return kept

    def served_model(self, body: Mapping[str, Any]) -> str | None:
        """The model that the response names; None if it names none."""
        return text_in(body, self.model_name)

    def response_id(self, body: Mapping[str, Any]) -> str | None:
        """The id of a response; None if it has none."""
        return text_in(body, self.id_name)

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The model's reply, or an awaitable if it is not recorded; raises EndpointError if there is none."""
        body = HistoryBody(
            self.fields(request), self.history_name, self.history(request), self.entry, self, self._encoder
        )
        label = f"{self._config.provider}:{request.model}"
        read = partial(self._usable_reply, label, offers_tools=bool(request.tools))
        answer = self._config.line.post(
            HttpQuestion(
                self._config.base_url + self.path(request),
                partial(self._encoder.encode, body.fields, body.messages),
                headers={**JSON_HEADERS, **self.headers(request), **self._config.headers},
                asked_in=self._config.headers,
                body=body,
                read=read,
                model=request.model,
            )
        )
        return then(answer, lambda answered: replace(read(answered), latency_ms=answered.latency_ms))

    def _usable_reply(self, label: str, answered: HttpAnswer, *, offers_tools: bool) -> Reply:
        """The reply in a response; below the recording it decides whether a try has failed."""
        answer = Answer.of(answered, model=label, key_env=self._config.key_env)
        body = answer.json_object()
        try:
            reply = self.read(body, answer)
        except Malformed as error:
            raise answer.fault(str(error), is_passing=True) from None
        except (LookupError, TypeError, AttributeError, ValueError) as error:  # of a published protocol
            raise answer.fault(
                f"the response cannot be read ({type(error).__name__}: {error}); it has {fields_of(body)}",
                is_passing=True,
            ) from error
        if not isinstance(reply.content, str):
            raise answer.fault(str(wrong("the reply", reply.content, "text")), is_passing=True)
        answer.check(reply, offers_tools=offers_tools)
        return reply


def _without_folder(model: Any) -> Any:
    """The model's name without folders: some servers return the path of the file with the weights."""
    is_path = isinstance(model, str) and ("\\" in model or model.startswith("/"))
    return model.replace("\\", "/").rpartition("/")[2] if is_path else model


def without_system(messages: Sequence[Entry]) -> Sequence[Entry]:
    """The history without the system prompt, for protocols that have a separate field for it."""
    return messages if system_of(messages) is None else messages[1:]


def system_of(messages: Sequence[Entry]) -> str | None:
    """The system prompt of a history."""
    first = messages[0]
    return first.content if isinstance(first, ChatMessage) and first.role == "system" else None
