"""From `provider:model` to an endpoint.

A protocol is a row in `PROTOCOLS`, a provider one in `providers.py`; other packages publish a factory under the
entry point group `pytest_duolog.endpoints`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import httpx

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.anthropic_messages import AnthropicMessages
from pytest_duolog.endpoints.base import Endpoint, EndpointConfig
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.endpoints.gemini import Gemini
from pytest_duolog.endpoints.http_target import HttpEndpoint, HttpTarget
from pytest_duolog.endpoints.ollama import OllamaChat
from pytest_duolog.endpoints.openai_chat import OpenAIChat
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.providers import PROVIDERS, Provider
from pytest_duolog.endpoints.scripted import persona
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.local.weights import MODELS
from pytest_duolog.scenarios.scenario import Model, ModelName, Target

# `http://localhost:8000/chat` is a model, too.
ADDRESSES = ("http", "https")

ENTRY_POINT_GROUP = "pytest_duolog.endpoints"

CHAT_PROTOCOLS: Mapping[str, type[ChatProtocol]] = {
    "openai": OpenAIChat,
    "anthropic": AnthropicMessages,
    "gemini": Gemini,
    "ollama": OllamaChat,
}
PROTOCOLS = (*CHAT_PROTOCOLS, "http")


@cache
def published_factories() -> Mapping[str, Any]:
    """Entry points of other packages, by provider name."""
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}


def known_providers(configured: Mapping[str, Provider]) -> list[str]:
    """Every name that may stand before the colon."""
    return sorted({*PROVIDERS, *configured, *published_factories(), "scripted"})


def check_model(name: str, configured: Mapping[str, Provider]) -> None:
    """Raises ConfigurationError that lists the known providers if `name` uses another one."""
    provider, model = ModelName.parse(name)
    if provider in ADDRESSES:
        HttpTarget(name)
        return
    known = known_providers(configured)
    if provider not in known:
        raise ConfigurationError(
            f"model {shorten(name)}: unknown provider {shorten(provider)} (known: {', '.join(known)})"
        )
    if provider == "scripted":
        persona(model)
    if provider == "local" and model not in MODELS:
        raise ConfigurationError(f"model {shorten(name)}: unknown local model (known: {', '.join(MODELS)})")


def open_endpoint(
    model: Model,
    *,
    client: httpx.AsyncClient,
    configured: Mapping[str, Provider],
    in_thread: bool = False,
    limit_s: float = math.inf,
) -> Endpoint:
    """The endpoint behind a model; what it sends goes through `client`. A function has `limit_s` for a reply."""
    if isinstance(model, str):
        return _named(model, client, configured)
    if isinstance(model, Target):
        endpoint: Endpoint = model.open_endpoint(client)
        return endpoint
    return FunctionEndpoint(model, in_thread=in_thread, limit_s=limit_s)


def _named(name: str, client: httpx.AsyncClient, configured: Mapping[str, Provider]) -> Endpoint:
    provider_name, model = ModelName.parse(name)
    if provider_name in ADDRESSES:
        return HttpTarget(name).open_endpoint(client)
    if provider_name == "scripted":
        return FunctionEndpoint(persona(model))
    provider = {**PROVIDERS, **configured}.get(provider_name)
    config = EndpointConfig(
        provider=provider_name,
        model=model,
        base_url=f"duolog://{provider_name}",
        client=client,
        key_env=provider.api_key_env if provider else None,
    )
    if provider is None:
        return _published(provider_name, config)
    if provider.protocol == "http":
        return HttpEndpoint(config, provider.template)
    return CHAT_PROTOCOLS[provider.protocol](config)


def _published(name: str, config: EndpointConfig) -> Endpoint:
    endpoint = published_factories()[name].load()(config)
    if not callable(getattr(endpoint, "reply", None)):
        raise ConfigurationError(f"the entry point {name!r} made {endpoint!r}, which has no method 'reply'")
    return endpoint  # type: ignore[no-any-return]
