"""The built-in providers, and the current address and headers of a provider.

Users add rows under `[tool.duolog.providers]`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints.addresses import Address, azure_address, azure_roots, ollama_address
from pytest_duolog.errors import ConfigurationError, EndpointError

if TYPE_CHECKING:
    from pytest_duolog.endpoints.template import Template

AddressForm = Literal["plain", "ollama", "azure"]

VARIABLE = re.compile(r"\$\{(\w+)\}")

# A provider's name is the host of its logical address.
PROVIDER_NAME = r"[a-z0-9][a-z0-9_-]*"


@dataclass(frozen=True)
class Provider:
    """A provider: the address of its models and the protocol to use.

    `base_url_env` names a variable that overrides `base_url`; its value may have the provider's own form
    (`address_form`). `api_key_env` names the variable with the key, or else `other_key_env`; it is required only if
    `needs_key`, and sent in `key_header`, or in `authorization` if that is None. `headers` are further headers;
    `${NAME}` in them is an environment variable. `template` describes the JSON of a chatbot with protocol `http`; None
    is the usual one. `batches` is the batch API that the provider has, by its name in `registry.py`. `source` is the
    place of the definition, for error messages. No variable is read before a model is really asked.
    """

    base_url: str
    protocol: str = "openai"
    base_url_env: str | None = None
    address_form: AddressForm = "plain"
    api_key_env: str | None = None
    other_key_env: str | None = None
    needs_key: bool = False
    key_header: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    template: Template | None = None
    batches: str | None = None
    source: str = field(default="", compare=False)

    @property
    def has_address(self) -> bool:
        """Whether it has an address, or a variable for one."""
        return bool(self.base_url or self.base_url_env)

    @property
    def secret_variables(self) -> list[str]:
        """The variables whose values are in headers."""
        named = (self.api_key_env, self.other_key_env, *variables_in(self.headers))
        return [name for name in named if name]


def literal_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without variables."""
    return {name: text for name, text in headers.items() if not VARIABLE.search(text)}


def variables_in(headers: Mapping[str, str]) -> list[str]:
    """The environment variables in headers."""
    return [name for text in headers.values() for name in VARIABLE.findall(text)]


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        "https://api.openai.com/v1",
        base_url_env="OPENAI_BASE_URL",
        api_key_env="OPENAI_API_KEY",
        needs_key=True,
        batches="openai",
    ),
    "openrouter": Provider("https://openrouter.ai/api/v1", api_key_env="OPENROUTER_API_KEY", needs_key=True),
    "anthropic": Provider(
        "https://api.anthropic.com",
        protocol="anthropic",
        base_url_env="ANTHROPIC_BASE_URL",
        api_key_env="ANTHROPIC_API_KEY",
        needs_key=True,
        key_header="x-api-key",
        batches="anthropic",
    ),
    "gemini": Provider(
        "https://generativelanguage.googleapis.com/v1beta",
        protocol="gemini",
        base_url_env="GEMINI_BASE_URL",
        api_key_env="GOOGLE_API_KEY",  # it has precedence in the vendor's SDK, too
        other_key_env="GEMINI_API_KEY",
        needs_key=True,
        key_header="x-goog-api-key",
    ),
    "azure": Provider(
        "",
        base_url_env="AZURE_OPENAI_ENDPOINT",
        address_form="azure",
        api_key_env="AZURE_OPENAI_API_KEY",
        needs_key=True,
        key_header="api-key",
    ),
    "mistral": Provider("https://api.mistral.ai/v1", api_key_env="MISTRAL_API_KEY", needs_key=True),
    "groq": Provider(
        "https://api.groq.com/openai/v1", api_key_env="GROQ_API_KEY", needs_key=True, batches="openai"
    ),
    "ollama": Provider(
        "http://127.0.0.1:11434",
        protocol="ollama",
        base_url_env="OLLAMA_HOST",
        address_form="ollama",
        api_key_env="OLLAMA_API_KEY",
    ),
    "vllm": Provider("http://127.0.0.1:8000/v1", base_url_env="VLLM_BASE_URL", api_key_env="VLLM_API_KEY"),
    "lmstudio": Provider(
        "http://127.0.0.1:1234/v1", base_url_env="LMSTUDIO_BASE_URL", api_key_env="LMSTUDIO_API_KEY"
    ),
    "llamacpp": Provider(
        "http://127.0.0.1:8080/v1", base_url_env="LLAMACPP_BASE_URL", api_key_env="LLAMACPP_API_KEY"
    ),
    "local": Provider(""),  # its address and key are the running server's: see `local/`
}


@dataclass(frozen=True)
class Destination:
    """The real address for a logical one, and the headers to send.

    `key_env` is the variable with the key, `address_env` the variable with the address. `query` is added to every
    request.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    key_env: str | None = None
    query: str = ""
    address_env: str | None = field(default=None, compare=False)


def destination(
    name: str, provider: Provider, environ: Mapping[str, str] = os.environ, model: str = ""
) -> Destination:
    """The current real address and headers for `model` of `provider`.

    Raises EndpointError that names the variable if an address, a key or a header needs one that is not set or not
    valid.
    """
    text, address_env = _address_text(provider, environ)
    if not text:
        raise _unset(name, "no address", str(provider.base_url_env))
    address = _address(provider, text)
    if address is None:
        raise EndpointError(
            f"{address_env or f'the base_url of provider {name!r}'} is not an http:// or https:// address"
        )
    if provider.address_form == "azure":
        address = azure_address(address, model, environ)
    headers = {header: _filled_in(name, text, environ) for header, text in provider.headers.items()}
    key_envs = [env for env in (provider.api_key_env, provider.other_key_env) if env]
    key_env = next((env for env in key_envs if environ.get(env, "").strip()), None)
    if provider.needs_key and not key_env:
        raise _unset(name, "no key", " or ".join(key_envs))
    if key_env:
        header = provider.key_header or "authorization"
        prefix = "Bearer " if header == "authorization" else ""
        headers[header] = prefix + _header_value(key_env, environ)
    return Destination(address.url, headers, key_env, address.query, address_env or provider.source or None)


def check_headers(headers: object) -> None:
    """Raises ConfigurationError for what cannot be the headers of a request; values are not shown."""
    if not isinstance(headers, Mapping):
        raise ConfigurationError(f"headers must be names with values (got {type(headers).__name__})")
    for name, value in headers.items():
        if not isinstance(name, str) or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ConfigurationError(f"headers: {name!r} cannot be the name of a header")
        if not isinstance(value, str) or not (value.isprintable() and value == value.strip()):
            raise ConfigurationError(
                f"headers: the value of {name} must be a text on one line without spaces around it"
            )
        if "${" in VARIABLE.sub("", value):
            raise ConfigurationError(
                f"headers: the value of {name} has '${{' that does not begin the name of an environment variable"
            )


def _filled_in(name: str, text: str, environ: Mapping[str, str]) -> str:
    """The text of a header, with the values of its variables."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in environ:
            raise _unset(name, "a header is incomplete", found[1])
        return _header_value(found[1], environ)

    return VARIABLE.sub(value, text)


def _header_value(variable: str, environ: Mapping[str, str]) -> str:
    """The value of a variable, checked here because an HTTP library's error would show the secret."""
    value = environ[variable].strip()
    if not (value.isascii() and value.isprintable()):
        raise EndpointError(
            f"the key in {variable} contains a character that no key can have (a line break, or one "
            "outside ASCII)"
        )
    return value


def _unset(name: str, problem: str, variable: str) -> EndpointError:
    return EndpointError(
        f"{problem} for provider {name!r}: the environment variable {variable} is not set",
        advice=f"set {variable}; only recorded messages need no model",
    )


def base_urls(
    known: Mapping[str, Provider], environ: Mapping[str, str] = os.environ
) -> list[tuple[str, str]]:
    """(provider, URL) for every address of a provider, the current one before the default.

    They have no queries. The embedded model is not among them, because it has no fixed address.
    """
    pairs = [
        (name, url)
        for at in (environ, {})
        for name, provider in known.items()
        for url in _urls(provider, _address_text(provider, at)[0])
    ]
    return list(dict.fromkeys(pairs))


def _address_text(provider: Provider, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """The address as it was written, and the variable that sets it; None for the default address."""
    variable = provider.base_url_env
    text = environ.get(variable, "").strip() if variable else ""
    return (text, variable) if text else (provider.base_url.strip(), None)


def _address(provider: Provider, text: str) -> Address | None:
    return Address.parse(ollama_address(text) if provider.address_form == "ollama" and text else text)


def _urls(provider: Provider, text: str) -> list[str]:
    address = _address(provider, text)
    if address is None:
        return []
    return azure_roots(address) if provider.address_form == "azure" else [address.url]
