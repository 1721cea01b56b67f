"""Finds the endpoint for `provider:model`.

A protocol is a row in `CHAT_PROTOCOLS`, a provider a row in `providers.py`; `published.py` loads protocols of other
packages.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.base import Endpoint, EndpointConfig
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.endpoints.line import Line
from pytest_duolog.endpoints.providers import PROVIDERS, Provider, literal_headers
from pytest_duolog.endpoints.published import (
    open_published,
    published_factory,
    published_points,
    published_provider,
)
from pytest_duolog.endpoints.scripted import scripted
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.speaker import Knobs, Model, ModelName, Target

if TYPE_CHECKING:
    from pytest_duolog.endpoints.batches import BatchApi
    from pytest_duolog.endpoints.protocol import ChatProtocol

# An address such as `http://localhost:8000/chat` is a model, too.
ADDRESSES = ("http", "https")

# The module and the class of each protocol; a run imports those that its models speak.
CHAT_PROTOCOLS: Mapping[str, tuple[str, str]] = {
    "openai": ("openai_chat", "OpenAIChat"),
    "anthropic": ("anthropic_messages", "AnthropicMessages"),
    "gemini": ("gemini", "Gemini"),
    "ollama": ("ollama", "OllamaChat"),
}
PROTOCOLS = (*CHAT_PROTOCOLS, "http")
BATCH_APIS: Mapping[str, tuple[str, str]] = {
    "openai": ("openai_batches", "OpenAIBatches"),
    "anthropic": ("anthropic_batches", "AnthropicBatches"),
}


def chat_protocol(name: str) -> type[ChatProtocol]:
    """The built-in protocol with this name."""
    found: type[ChatProtocol] = _named_in(*CHAT_PROTOCOLS[name])
    return found


def _named_in(module: str, name: str) -> Any:
    return getattr(import_module(f"pytest_duolog.endpoints.{module}"), name)


def provider_named(name: str, configured: Mapping[str, Provider]) -> Provider:
    """The provider from the user's table, the built-in providers, or a protocol of another package.

    Raises ConfigurationError if there is none with this name, or the published one cannot be used.
    """
    if found := configured.get(name) or PROVIDERS.get(name):
        return found
    if name not in published_points():
        known = ", ".join(known_providers(configured))
        raise ConfigurationError(f"unknown provider {shorten(name)} (known: {known})")
    return published_provider(name)


def all_providers(configured: Mapping[str, Provider]) -> dict[str, Provider]:
    """Every provider by name, without published ones that cannot be used; asking for such a model raises the error."""
    published: dict[str, Provider] = {}
    for name in published_points():
        with suppress(ConfigurationError):
            published[name] = published_provider(name)
    return {**published, **PROVIDERS, **configured}


def key_header_of(protocol: str) -> str | None:
    """The header for the key in a built-in protocol; None for the default one."""
    return chat_protocol(protocol).key_header if protocol in CHAT_PROTOCOLS else None


def known_providers(configured: Mapping[str, Provider]) -> list[str]:
    """Every name that may be before the colon."""
    return sorted({*PROVIDERS, *configured, *published_points(), "scripted"})


def known_protocols() -> list[str]:
    """The names of all protocols, the built-in ones first."""
    return [*PROTOCOLS, *sorted(set(published_points()) - set(PROTOCOLS))]


def is_published(model: Model, configured: Mapping[str, Provider]) -> bool:
    """Whether the protocol of a model comes from another package."""
    return isinstance(model, str) and _protocol_of(model, configured) not in {*PROTOCOLS, None}


def speaks_chat_protocol(model: str, configured: Mapping[str, Provider]) -> bool:
    """Whether a model is asked, and its answers are read, by a built-in protocol alone."""
    return _protocol_of(model, configured) in CHAT_PROTOCOLS


def check_has_batches(model: Model, configured: Mapping[str, Provider]) -> None:
    """Raises ConfigurationError if a model cannot be asked through a batch API."""
    having = sorted(
        name for name, provider in {**PROVIDERS, **configured}.items() if provider.batches is not None
    )
    if not isinstance(model, str) or ModelName.parse(model).provider not in having:
        shown = shorten(model) if isinstance(model, str) else "a function, or a chatbot of your own,"
        name = ModelName.parse(model).provider if isinstance(model, str) else ""
        if name in configured and (usual := PROVIDERS.get(name)) and usual.batches:
            raise ConfigurationError(
                f"{shown} has no batch API: [tool.duolog.providers.{name}] replaces the built-in provider, and does "
                f'not say that its server has one; if it has: batches = "{usual.batches}"'
            )
        raise ConfigurationError(
            f"{shown} has no batch API; these providers have one: {', '.join(having)} (a provider of "
            "[tool.duolog.providers] has one if its table says so: batches)"
        )


def batch_api(provider: str, headers: Mapping[str, str], configured: Mapping[str, Provider]) -> BatchApi:
    """The batch API of a provider that has one."""
    name = provider_named(provider, configured).batches
    assert name is not None, "it was checked before anything was asked"
    opened: BatchApi = _named_in(*BATCH_APIS[name])(provider, headers)
    return opened


def _protocol_of(model: str, configured: Mapping[str, Provider]) -> str | None:
    """The name of a model's protocol; None for scripted models, which get no request."""
    name = ModelName.parse(model).provider
    if name == "scripted":
        return None
    return "http" if name in ADDRESSES else provider_named(name, configured).protocol


def check_model(name: str, configured: Mapping[str, Provider]) -> None:
    """Raises ConfigurationError that lists the known providers if the provider in `name` is unknown."""
    provider, model = ModelName.parse(name)
    if provider in ADDRESSES:
        _http_target(name)
        return
    if provider == "scripted":
        scripted(model)
        return
    if provider in PROVIDERS and provider in published_points():
        raise ConfigurationError(
            f"an installed package publishes a protocol named {provider!r}, which is the name of a "
            "built-in provider; "
            f"uninstall it, or rename its entry point"
        )
    try:
        provider_named(provider, configured)
    except ConfigurationError as error:
        raise ConfigurationError(f"model {shorten(name)}: {error}") from None
    if provider == "local":
        from pytest_duolog.local.weights import MODELS  # noqa: PLC0415  # few models are local

        if model not in MODELS:
            raise ConfigurationError(
                f"model {shorten(name)}: unknown local model (known: {', '.join(MODELS)})"
            )


def unsent_knobs(model: Model, configured: Mapping[str, Provider]) -> Collection[str]:
    """The settings that are never sent to a model."""
    if not isinstance(model, str):
        return tuple(Knobs.model_fields)
    protocol = _protocol_of(model, configured)
    if protocol is None or protocol == "http":
        return tuple(Knobs.model_fields)
    if protocol in CHAT_PROTOCOLS:
        return chat_protocol(protocol).unsent_knobs
    return getattr(published_factory(protocol), "unsent_knobs", ())


def takes_tools(model: str, configured: Mapping[str, Provider]) -> bool:
    """Whether a speaker with this model can have tools."""
    protocol = _protocol_of(model, configured)
    if protocol is None or protocol == "http":
        return False
    factory: object = chat_protocol(protocol) if protocol in CHAT_PROTOCOLS else published_factory(protocol)
    return getattr(factory, "takes_tools", False) is True


def open_endpoint(
    model: Model,
    *,
    line: Line,
    configured: Mapping[str, Provider],
    in_thread: bool = False,
    limit_s: float = math.inf,
) -> Endpoint:
    """The endpoint of a model; its requests go over `line`. A function has `limit_s` seconds for a reply."""
    if isinstance(model, str):
        return _named(model, line, configured)
    if isinstance(model, Target):
        endpoint: Endpoint = model.open_endpoint(line)
        return endpoint
    return FunctionEndpoint(model, in_thread=in_thread, limit_s=limit_s)


def _http_target(address: str) -> Target:
    from pytest_duolog.endpoints.http_target import HttpTarget  # noqa: PLC0415  # few models are own chatbots

    return HttpTarget(address)


def _named(name: str, line: Line, configured: Mapping[str, Provider]) -> Endpoint:
    provider_name, model = ModelName.parse(name)
    if provider_name in ADDRESSES:
        opened: Endpoint = _http_target(name).open_endpoint(line)
        return opened
    if provider_name == "scripted":
        return FunctionEndpoint(scripted(model))
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
        from pytest_duolog.endpoints.http_target import HttpEndpoint  # noqa: PLC0415  # few models are own chatbots
        from pytest_duolog.endpoints.template import Template  # noqa: PLC0415

        return HttpEndpoint(config, provider.template or Template())
    if provider.protocol in CHAT_PROTOCOLS:
        return chat_protocol(provider.protocol)(config)
    return open_published(provider.protocol, config)
