"""The `[tool.duolog]` table of pyproject.toml, and the providers it configures."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pytest_duolog.display import wrong_fields
from pytest_duolog.endpoints.addresses import Address
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.providers import PROVIDER_NAME, Provider
from pytest_duolog.endpoints.published import published_points, published_provider
from pytest_duolog.endpoints.registry import PROTOCOLS, key_header_of, known_protocols
from pytest_duolog.endpoints.template import DEFAULT_REQUEST, Template
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.scenario import DEFAULT_MODEL
from pytest_duolog.scenarios.variants import PROVIDER as VARIANT
from pytest_duolog.scenarios.variants import Variant


class ProviderTable(BaseModel):
    """One `[tool.duolog.providers.NAME]` table."""

    model_config = ConfigDict(extra="forbid")

    base_url: str | None = None
    protocol: str | None = None
    base_url_env: str | None = None
    api_key_env: str | None = None
    key_header: str | None = None
    headers: dict[str, str] = {}
    request: Any = DEFAULT_REQUEST
    reply: str = "reply"
    session: str | None = None


class RequestsTable(BaseModel):
    """The `[tool.duolog.requests]` table: how long to try to get one message."""

    model_config = ConfigDict(extra="forbid")

    tries: int = Field(default=Patience.tries, ge=1)
    timeout_s: float = Field(default=Patience.timeout_s, gt=0)
    backoff_s: float = Field(default=Patience.backoff_s, ge=0)
    longest_wait_s: float = Field(default=Patience.longest_wait_s, ge=0)
    largest_reply_bytes: int = Field(default=Patience.largest_reply_bytes, ge=1)
    function_timeout_s: float = Field(default=Patience.function_timeout_s, gt=0)


class LimitTable(BaseModel):
    """One `[tool.duolog.limits.NAME]` table: the limits for requests to this provider."""

    model_config = ConfigDict(extra="forbid")

    concurrency: int | None = Field(default=None, ge=1)
    requests_per_minute: float | None = Field(default=None, gt=0)


class ProjectTable(BaseModel):
    """The `[tool.duolog]` table of pyproject.toml."""

    model_config = ConfigDict(extra="forbid")

    default_model: str = DEFAULT_MODEL
    models: dict[str, str] = {}
    providers: dict[str, ProviderTable] = {}
    variants: dict[str, Variant] = {}
    requests: RequestsTable = RequestsTable()
    limits: dict[str, LimitTable] = {}


def read_project_table(pyproject: Path | None) -> ProjectTable:
    """The `[tool.duolog]` table of a pyproject.toml; the defaults if there is none."""
    if pyproject is None or not pyproject.is_file():
        return ProjectTable()
    try:
        tools: Any = tomllib.loads(pyproject.read_text("utf-8")).get("tool", {})
        return ProjectTable.model_validate(tools.get("duolog", {}) if isinstance(tools, dict) else tools)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{pyproject} cannot be read: {error}") from None
    except ValidationError as error:
        raise ConfigurationError(f"{pyproject}, [tool.duolog]: {wrong_fields(error)}") from None


def configured_providers(table: ProjectTable) -> dict[str, Provider]:
    """The providers of the table by name; raises ConfigurationError for an invalid one."""
    return {name: _provider(name, given) for name, given in table.providers.items()}


def _provider(name: str, given: ProviderTable) -> Provider:
    if name in ("local", "scripted", VARIANT):
        raise ConfigurationError(f"[tool.duolog.providers.{name}]: the name is reserved")
    if not re.fullmatch(PROVIDER_NAME, name):  # it is the host of a logical address
        raise ConfigurationError(
            f"[tool.duolog.providers.{name}]: a name may have only lower-case letters, digits, - and _"
        )
    protocol = given.protocol or (name if name in published_points() else "openai")
    if protocol not in known_protocols():
        raise ConfigurationError(
            f"[tool.duolog.providers.{name}]: unknown protocol {protocol!r} (known: "
            f"{', '.join(known_protocols())})"
        )
    try:
        usual = _usual(name, given, protocol)
    except ConfigurationError as error:
        raise ConfigurationError(f"[tool.duolog.providers.{name}]: {error}") from None
    base_url = usual.base_url if given.base_url is None else given.base_url.strip()
    if given.base_url is None and not (usual.has_address or given.base_url_env):
        raise ConfigurationError(f"[tool.duolog]: providers.{name}.base_url: Field required")
    if given.base_url is not None and not base_url.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"[tool.duolog.providers.{name}]: base_url {base_url!r} does not start with http:// or https://"
        )
    if given.base_url is not None and Address.parse(base_url) is None:
        raise ConfigurationError(f"[tool.duolog.providers.{name}]: base_url {base_url!r} is not an address")
    return replace(
        usual,
        base_url=base_url,
        protocol=protocol,
        base_url_env=given.base_url_env or usual.base_url_env,
        api_key_env=given.api_key_env or usual.api_key_env,
        needs_key=given.api_key_env is not None or usual.needs_key,
        key_header=given.key_header or usual.key_header,
        headers={**usual.headers, **given.headers},
        template=Template(given.request, given.reply, given.session),
        source=f"[tool.duolog.providers.{name}]",
    )


def _usual(name: str, given: ProviderTable, protocol: str) -> Provider:
    """Defaults for a table: those of the provider of a published protocol.

    A key must not be sent to another address. Therefore a table with an address must also name the variable of its key,
    unless it has the provider's own name.
    """
    if protocol in PROTOCOLS:
        return Provider("", protocol=protocol, key_header=key_header_of(protocol))
    published = published_provider(protocol)
    if given.base_url is None or name == protocol:
        return published
    return Provider("", protocol=protocol, key_header=published.key_header)
