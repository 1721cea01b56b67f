"""From `provider:model` to an endpoint, and from a provider to its address.

Built-in providers are a row in `PROVIDERS`; users add rows under `[tool.duolog.providers]`, other packages
publish a factory under the entry point group `pytest_duolog.endpoints`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import httpx

from pytest_duolog.endpoints.base import Endpoint, EndpointConfig
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.endpoints.openai_chat import OpenAIChat
from pytest_duolog.endpoints.scripted import persona
from pytest_duolog.errors import ConfigurationError, EndpointError
from pytest_duolog.local.weights import MODELS
from pytest_duolog.scenario import ModelName

ENTRY_POINT_GROUP = "pytest_duolog.endpoints"


@dataclass(frozen=True)
class Provider:
    """Where models live and how they are spoken to.

    `base_url_env` names a variable that overrides `base_url`; `api_key_env` the one that holds the key,
    which is asked for only where `needs_key`. Nothing is read before a model is really called.
    """

    base_url: str
    protocol: str = "openai"
    base_url_env: str | None = None
    api_key_env: str | None = None
    needs_key: bool = False


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        "https://api.openai.com/v1",
        base_url_env="OPENAI_BASE_URL",
        api_key_env="OPENAI_API_KEY",
        needs_key=True,
    ),
    "openrouter": Provider("https://openrouter.ai/api/v1", api_key_env="OPENROUTER_API_KEY", needs_key=True),
    "ollama": Provider(
        "http://127.0.0.1:11434/v1", base_url_env="OLLAMA_BASE_URL", api_key_env="OLLAMA_API_KEY"
    ),
    "vllm": Provider("http://127.0.0.1:8000/v1", base_url_env="VLLM_BASE_URL", api_key_env="VLLM_API_KEY"),
    "local": Provider(""),  # its address and key are the running server's: see `local/`
}

PROTOCOLS: Mapping[str, Callable[[EndpointConfig], Endpoint]] = {"openai": OpenAIChat}


@dataclass(frozen=True)
class Destination:
    """The real address behind a logical one, and the headers that open it."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)


def destination(name: str, provider: Provider, environ: Mapping[str, str] = os.environ) -> Destination:
    """Where `provider` is reached today.

    Raises EndpointError naming the variable if a key is needed and not set, or if what is set can be neither
    a key nor an address.
    """
    key = environ.get(provider.api_key_env, "").strip() if provider.api_key_env else ""
    if provider.needs_key and not key:
        raise EndpointError(
            f"no key for provider {name!r}: the environment variable {provider.api_key_env} is not set",
            advice=f"set {provider.api_key_env}, or replay a recording with --record-mode=none",
        )
    if not (key.isascii() and key.isprintable()):  # an HTTP library's own complaint would show the key
        raise EndpointError(
            f"the key in {provider.api_key_env} holds a character that no key has "
            f"(a line break, or one outside ASCII)"
        )
    base_url = _base_url(provider, environ)
    if not re.match("https?://[^/]", base_url):
        raise EndpointError(f"{provider.base_url_env} holds no http:// or https:// address")
    return Destination(base_url, {"authorization": f"Bearer {key}"} if key else {})


def base_urls(
    configured: Mapping[str, Provider], environ: Mapping[str, str] = os.environ
) -> list[tuple[str, str]]:
    """(provider, URL) for every address under which a provider is reached, today's before the usual one.

    The embedded model has no fixed address and is not among them.
    """
    known = {**PROVIDERS, **configured}.items()
    today = [(name, _base_url(provider, environ)) for name, provider in known]
    usual = [(name, provider.base_url.rstrip("/")) for name, provider in known]
    return [pair for pair in dict.fromkeys(today + usual) if pair[1]]


def _base_url(provider: Provider, environ: Mapping[str, str]) -> str:
    overridden = environ.get(provider.base_url_env, "") if provider.base_url_env else ""
    return (overridden or provider.base_url).rstrip("/")


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
    known = known_providers(configured)
    if provider not in known:
        raise ConfigurationError(f"model {name!r}: unknown provider {provider!r} (known: {', '.join(known)})")
    if provider == "scripted":
        persona(model)
    if provider == "local" and model not in MODELS:
        raise ConfigurationError(f"model {name!r}: unknown local model (known: {', '.join(MODELS)})")


def open_endpoint(
    model: str | Callable[..., Any],
    *,
    client: httpx.AsyncClient,
    configured: Mapping[str, Provider],
    in_thread: bool = False,
) -> Endpoint:
    """The endpoint behind a model name or a callable; what it sends goes through `client`."""
    if not isinstance(model, str):
        return FunctionEndpoint(model, in_thread=in_thread)
    provider_name, model_name = ModelName.parse(model)
    if provider_name == "scripted":
        return FunctionEndpoint(persona(model_name))
    provider = {**PROVIDERS, **configured}.get(provider_name)
    config = EndpointConfig(
        provider=provider_name,
        model=model_name,
        base_url=f"duolog://{provider_name}",
        client=client,
        key_env=provider.api_key_env if provider else None,
    )
    if provider is None:
        return _published(provider_name, config)
    return PROTOCOLS[provider.protocol](config)


def _published(name: str, config: EndpointConfig) -> Endpoint:
    endpoint = published_factories()[name].load()(config)
    if not callable(getattr(endpoint, "reply", None)):
        raise ConfigurationError(f"the entry point {name!r} made {endpoint!r}, which has no method 'reply'")
    return endpoint  # type: ignore[no-any-return]
