"""Reads the reply in a recorded response, without a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import EndpointConfig, Reply
from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.providers import PROVIDERS
from pytest_duolog.endpoints.published import published_factory, published_points
from pytest_duolog.endpoints.registry import CHAT_PROTOCOLS, chat_protocol
from pytest_duolog.errors import ConfigurationError, EndpointError

# Errors of reading a response of another form; protocols may come from other packages.
UNREADABLE = (EndpointError, ValueError, TypeError, LookupError, AttributeError)


class _NoLine:
    """A line that refuses every request."""

    def post(self, question: HttpQuestion) -> HttpAnswer:
        raise EndpointError("a recorded response is read without requests")


def recorded_reply(provider: str, status: int, content: bytes) -> Reply | None:
    """The reply in a response, read by the provider's protocol or else by the first one that can; None if none can.

    `provider` may be empty, or a provider that only the project's settings define.
    """
    for protocol in _protocols(provider):
        config = EndpointConfig(provider=provider, model="", base_url="", line=_NoLine())
        answer = Answer(provider, status, {}, content)
        with suppress(*UNREADABLE):
            return protocol(config).read(answer.json_object(), answer)
    return None


def _protocols(provider: str) -> Iterator[type[ChatProtocol]]:
    known = PROVIDERS.get(provider)
    if known is not None and known.protocol in CHAT_PROTOCOLS:
        yield chat_protocol(known.protocol)
    elif provider in published_points():
        with suppress(ConfigurationError):
            factory = published_factory(provider)
            if isinstance(factory, type) and issubclass(factory, ChatProtocol):
                yield factory
    yield from map(chat_protocol, CHAT_PROTOCOLS)
