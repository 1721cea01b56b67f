"""From `provider:model` to an endpoint.

A protocol is a row in `CHAT_PROTOCOLS`, a provider one in `providers.py`; what other packages publish is in
`published.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import suppress

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.anthropic_messages import AnthropicMessages
from pytest_duolog.endpoints.base import Endpoint, EndpointConfig
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.endpoints.gemini import Gemini
from pytest_duolog.endpoints.http_target import HttpEndpoint, HttpTarget
from pytest_duolog.endpoints.line import Line
from pytest_duolog.endpoints.ollama import OllamaChat
from pytest_duolog.endpoints.openai_chat import OpenAIChat
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.providers import PROVIDERS, Provider, literal_headers
from pytest_duolog.endpoints.published import (
    open_published,
    published_factory,
    published_points,
    published_provider,
)
from pytest_duolog.endpoints.scripted import Script, persona
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.local.weights import MODELS
from pytest_duolog.scenarios.scenario import Knobs, Model, ModelName, Target

# `http://localhost:8000/chat` is a model, too.
ADDRESSES = ("http", "https")

CHAT_PROTOCOLS: Mapping[str, type[ChatProtocol]] = {
    "openai": OpenAIChat,
    "anthropic": AnthropicMessages,
    "gemini": Gemini,
    "ollama": OllamaChat,
}
PROTOCOLS = (*CHAT_PROTOCOLS, "http")


def provider_named(name: str, configured: Mapping[str, Provider]) -> Provider:
    """Where a provider is, by the user's table, as built in, or by the protocol that another package publishes.

    Raises ConfigurationError if there is none of this name, or what is published does not work.
    """
    if found := configured.get(name) or PROVIDERS.get(name):
        return found
    if name not in published_points():
        known = ", ".join(known_providers(configured))
        raise ConfigurationError(f"unknown provider {shorten(name)} (known: {known})")
    return published_provider(name)


def all_providers(configured: Mapping[str, Provider]) -> dict[str, Provider]:
    """Every provider by name; a published one that does not work is left out, which is told to who asks for it."""
    published: dict[str, Provider] = {}
    for name in published_points():
        with suppress(ConfigurationError):
            published[name] = published_provider(name)
    return {**published, **PROVIDERS, **configured}


def key_header_of(protocol: str) -> str | None:
    """The header that takes the key in a built-in protocol; None for the usual one."""
    return CHAT_PROTOCOLS[protocol].key_header if protocol in CHAT_PROTOCOLS else None


def known_providers(configured: Mapping[str, Provider]) -> list[str]:
    """Every name that may stand before the colon."""
    return sorted({*PROVIDERS, *configured, *published_points(), "scripted"})


def known_protocols() -> list[str]:
    """Every name of a protocol, the built-in ones first."""
    return [*PROTOCOLS, *sorted(set(published_points()) - set(PROTOCOLS))]


def is_published(model: Model, configured: Mapping[str, Provider]) -> bool:
    """Whether a model is asked by the code of another package."""
    if not isinstance(model, str):
        return False
    name = ModelName.parse(model).provider
    if name in ADDRESSES or name == "scripted":
        return False
    return provider_named(name, configured).protocol not in PROTOCOLS


def check_model(name: str, configured: Mapping[str, Provider]) -> None:
    """Raises ConfigurationError that lists the known providers if `name` uses another one."""
    provider, model = ModelName.parse(name)
    if provider in ADDRESSES:
        HttpTarget(name)
        return
    if provider == "scripted":
        persona(model)
        return
    if provider in PROVIDERS and provider in published_points():
        raise ConfigurationError(
            f"an installed package publishes a protocol named {provider!r}, which is the name of a built-in provider; "
            f"uninstall it, or rename its entry point"
        )
    try:
        provider_named(provider, configured)
    except ConfigurationError as error:
        raise ConfigurationError(f"model {shorten(name)}: {error}") from None
    if provider == "local" and model not in MODELS:
        raise ConfigurationError(f"model {shorten(name)}: unknown local model (known: {', '.join(MODELS)})")


def unsent_knobs(model: Model, configured: Mapping[str, Provider]) -> Collection[str]:
    """The settings that a model is never sent. Of scripted models nothing is said: they are sent nothing at all."""
    if not isinstance(model, str):
        return () if isinstance(model, Script) else tuple(Knobs.model_fields)
    name = ModelName.parse(model).provider
    if name == "scripted":
        return ()
    protocol = "http" if name in ADDRESSES else provider_named(name, configured).protocol
    if protocol == "http":
        return tuple(Knobs.model_fields)
    if protocol in CHAT_PROTOCOLS:
        return CHAT_PROTOCOLS[protocol].unsent_knobs
    return getattr(published_factory(protocol), "unsent_knobs", ())


def open_endpoint(
    model: Model,
    *,
    line: Line,
    configured: Mapping[str, Provider],
    in_thread: bool = False,
    limit_s: float = math.inf,
) -> Endpoint:
    """The endpoint behind a model; what it asks goes over `line`. A function has `limit_s` for a reply."""
    if isinstance(model, str):
        return _named(model, line, configured)
    if isinstance(model, Target):
        endpoint: Endpoint = model.open_endpoint(line)
        return endpoint
    return FunctionEndpoint(model, in_thread=in_thread, limit_s=limit_s)


def _named(name: str, line: Line, configured: Mapping[str, Provider]) -> Endpoint:
    provider_name, model = ModelName.parse(name)
    if provider_name in ADDRESSES:
        return HttpTarget(name).open_endpoint(line)
    if provider_name == "scripted":
        return FunctionEndpoint(persona(model))
    provider = provider_named(provider_name, configured)
    config = EndpointConfig(
        provider=provider_name,
        model=model,
        base_url=f"duolog://{provider_name}",
        line=line,
        key_env=provider.api_key_env,
        headers=literal_headers(provider.headers),
    )
    if provider.protocol == "http":
        return HttpEndpoint(config, provider.template)
    if provider.protocol in CHAT_PROTOCOLS:
        return CHAT_PROTOCOLS[provider.protocol](config)
    return open_published(provider.protocol, config)
