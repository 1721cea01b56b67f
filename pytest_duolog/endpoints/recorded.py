"""What a model said in an answer that somebody has recorded: nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import EndpointConfig, Reply
from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.providers import PROVIDERS
from pytest_duolog.endpoints.published import published_factory, published_points
from pytest_duolog.endpoints.registry import CHAT_PROTOCOLS
from pytest_duolog.errors import ConfigurationError, EndpointError

# What reading raises for an answer of another form; protocols may be other people's.
UNREADABLE = (EndpointError, ValueError, TypeError, LookupError, AttributeError)


class _NoLine:
    """Where nothing is asked."""

    def post(self, question: HttpQuestion) -> HttpAnswer:
        raise EndpointError("a recorded answer is read, and nothing is asked")


def recorded_reply(provider: str, status: int, content: bytes) -> Reply | None:
    """The reply in an answer, by the protocol of the provider, or else by the first that can read it; None if none can.

    `provider` may be empty, or one that only the project's settings know.
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
        yield CHAT_PROTOCOLS[known.protocol]
    elif provider in published_points():
        with suppress(ConfigurationError):
            factory = published_factory(provider)
            if isinstance(factory, type) and issubclass(factory, ChatProtocol):
                yield factory
    yield from CHAT_PROTOCOLS.values()
