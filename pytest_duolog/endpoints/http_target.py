"""The user's own chatbot as a speaker: at an address, or an ASGI or WSGI application in this process.

Requests to a chatbot at an address are recorded. An application in this process is not recorded: it is the code under
test and also runs in replays. HTTP requests that it sends are recorded, like those of a callable.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.addresses import Address
from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, EndpointConfig, Reply, then
from pytest_duolog.endpoints.line import JSON_HEADERS, HttpAnswer, HttpQuestion, Line
from pytest_duolog.endpoints.providers import (
    Destination,
    Provider,
    check_headers,
    destination,
    literal_headers,
    variables_in,
)
from pytest_duolog.endpoints.reading import fields_of, shown
from pytest_duolog.endpoints.session_ids import RECORDED_ID, new_session_id
from pytest_duolog.endpoints.streams import is_stream, values_in
from pytest_duolog.endpoints.template import DEFAULT_REQUEST, Template, filled_in, texts_at, values_at
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.storage.json_text import canonical

ADVICE = "set `reply` to the place of the text, for example 'choices.0.text'"


class HttpEndpoint:
    """One dialogue with a chatbot; `destination_of` gives its real address."""

    def __init__(
        self,
        config: EndpointConfig,
        template: Template,
        *,
        destination_of: Callable[[str, str], Destination] | None = None,
    ) -> None:
        self._config = config
        self._template = template
        self._label = f"{config.provider}:{config.model}".rstrip(":")
        self._session = RECORDED_ID
        self._real_session = new_session_id()
        self._destination_of = destination_of

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The chatbot's reply, or an awaitable if it is not recorded; raises EndpointError if there is none."""
        answer = self._config.line.post(
            HttpQuestion(
                self._config.base_url,
                partial(canonical, filled_in(self._template.request, self._values(request))),
                headers={**JSON_HEADERS, **self._config.headers},
                asked_in=self._config.headers,
                read=self._read,
                model=request.model,
                session=self._real_session,
                destination_of=self._destination_of,
            )
        )
        return then(answer, self._heard)

    def _heard(self, answered: HttpAnswer) -> Reply:
        reply = self._read(answered)
        if self._template.session is not None:
            given = [texts_at(value, self._template.session) for value in values_in(self._answer(answered))]
            self._session = next((session for ids in given for session in ids), self._session)
        return replace(reply, latency_ms=answered.latency_ms)

    def _values(self, request: ChatRequest) -> dict[str, Any]:
        system = request.messages[0].content if request.messages[0].role == "system" else ""
        return {
            "message": request.messages[-1].content,
            "messages": [message._asdict() for message in request.messages if message.role != "system"],
            "system": system,
            "session": self._session,
            "model": request.model,
        }

    def _answer(self, answered: HttpAnswer) -> Answer:
        return Answer.of(answered, model=self._label)

    def _read(self, answered: HttpAnswer) -> Reply:
        answer, place = self._answer(answered), self._template.reply
        values = list(values_in(answer))
        for value in values:
            if place and isinstance(value, str) and value.lstrip().startswith("{"):
                raise answer.fault(
                    f"a part of the response is not complete JSON: {shorten(value)}", is_passing=True
                )
        found = [said for value in values for said in values_at(value, place)]
        if not found:
            raise answer.fault(
                f"the response has no text at {place!r}; it has {self._told(values)}", advice=ADVICE
            )
        for said in found:
            if not isinstance(said, str | None):
                raise answer.fault(f"the response has {shown(said)} at {place!r}, not text", advice=ADVICE)
        return Reply(("" if is_stream(answer) else "\n\n").join(filter(None, found)))

    @staticmethod
    def _told(values: Sequence[Any]) -> str:
        """The fields that a response has instead of the text."""
        if not values:
            return "no parts"
        return fields_of(values[0]) if isinstance(values[0], dict) else shorten(str(values[0]))


@dataclass(frozen=True)
class HttpTarget:
    """The user's own chatbot, as a model: `Speaker("Bot", model=HttpTarget("http://localhost:8000/chat"))`.

    `Template` describes `request`, `reply` and `session`. `${NAME}` in `headers` is an environment variable. Recordings
    have `name` instead of the address, so that the address may change; by default it is the host. With `app`, an ASGI
    or WSGI application, requests go to the application, and `url` may be only a path.
    """

    url: str
    request: Any = field(default_factory=lambda: DEFAULT_REQUEST)
    reply: str = "reply"
    session: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    app: Any = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a wrong argument."""
        if not isinstance(self.url, str):
            raise ConfigurationError(f"HttpTarget: {self.url!r:.60} is not an address")
        if not isinstance(self.name, str) or not re.fullmatch(r"([A-Za-z0-9][\w.-]*)?", self.name, re.ASCII):
            raise ConfigurationError(
                f"HttpTarget: name {self.name!r:.60} may have only letters, digits, `.`, `-` and `_`"
            )
        try:
            Template(self.request, self.reply, self.session)
            check_headers(self.headers)
        except ConfigurationError as error:
            raise ConfigurationError(f"HttpTarget: {error}") from None
        object.__setattr__(self, "url", self.url.strip())
        if self.app is not None:
            self._check_app()
            return
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ConfigurationError(f"HttpTarget: {self.url!r} does not start with http:// or https://")
        if Address.parse(self.url) is None:
            raise ConfigurationError(f"HttpTarget: {self.url!r} is not an address")

    def _check_app(self) -> None:
        if not callable(self.app):
            raise ConfigurationError(f"HttpTarget: app={self.app!r:.60} is not an ASGI or WSGI application")
        if not self.url.startswith(("/", "http://", "https://")) and self.url:
            raise ConfigurationError(f"HttpTarget: {self.url!r} is not a path that begins with '/'")

    @property
    def label(self) -> str:
        """Its name in transcripts and in names of recordings."""
        return f"app:{self._logical_host}" if self.app is not None else f"http:{self._logical_host}"

    @property
    def is_local(self) -> bool:
        """Whether it runs in this process."""
        return self.app is not None

    @property
    def secret_variables(self) -> list[str]:
        """The environment variables whose values are in headers."""
        return variables_in(self.headers)

    @property
    def _logical_host(self) -> str:
        return self.name or urlsplit(self.url).hostname or "chatbot"

    def open_endpoint(self, line: Line) -> HttpEndpoint:
        """An endpoint for one dialogue, which sends requests over `line` or to the application."""
        parts = urlsplit(self.url)
        origin = "http://app" if self.is_local else f"{parts.scheme}://{parts.netloc}"
        provider = Provider(origin, headers=self.headers)

        def reached(name: str, _: str) -> Destination:
            return destination(name, provider)

        if self.is_local:
            from pytest_duolog.endpoints.in_process import line_to  # noqa: PLC0415  # a replay needs no HTTP client

            line = line_to(self.app, reached)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        address = f"duolog://{self._logical_host}{path}"
        config = EndpointConfig(
            "http", self._logical_host, address, line, headers=literal_headers(self.headers)
        )
        template = Template(self.request, self.reply, self.session)
        return HttpEndpoint(config, template, destination_of=reached)
