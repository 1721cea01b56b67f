"""The `[tool.duolog]` table of pyproject.toml, and the providers it configures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pytest_duolog.display import among_known, wrong_field
from pytest_duolog.endpoints.addresses import Address
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.providers import PROVIDER_NAME, Provider, check_headers
from pytest_duolog.endpoints.published import published_points, published_provider
from pytest_duolog.endpoints.rate_limiter import Limit
from pytest_duolog.endpoints.registry import PROTOCOLS, key_header_of, known_protocols
from pytest_duolog.endpoints.template import DEFAULT_REQUEST, Template
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.names import checked_role
from pytest_duolog.scenarios.speaker import DEFAULT_MODEL, Real, Whole
from pytest_duolog.scenarios.variants import PROVIDER as VARIANT
from pytest_duolog.scenarios.variants import Variant
from pytest_duolog.settings.pyproject import ProjectValues, table_in


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):  # it may be a key, so it is not shown
        raise ValueError("not the name of an environment variable (letters, digits and _)")
    return name


def _headers(headers: dict[str, str]) -> dict[str, str]:
    check_headers(headers)
    return headers


def _header(name: str) -> str:
    check_headers({name: ""})
    return name


VariableName = Annotated[str, AfterValidator(_variable)]


class ProviderTable(BaseModel):
    """One `[tool.duolog.providers.NAME]` table."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    base_url: str | None = None
    protocol: str | None = None
    base_url_env: VariableName | None = None
    api_key_env: VariableName | None = None
    key_header: Annotated[str, AfterValidator(_header)] | None = None
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = {}
    batches: Literal["openai", "anthropic"] | None = None
    request: Any = DEFAULT_REQUEST
    reply: str = "reply"
    session: str | None = None


class RequestsTable(BaseModel):
    """The `[tool.duolog.requests]` table: how long to try to get one message."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)

    tries: Whole = Field(default=Patience.tries, ge=1)
    timeout_s: Real = Field(default=Patience.timeout_s, gt=0)
    backoff_s: Real = Field(default=Patience.backoff_s, ge=0)
    longest_wait_s: Real = Field(default=Patience.longest_wait_s, ge=0)
    largest_reply_bytes: Whole = Field(default=Patience.largest_reply_bytes, ge=1)
    function_timeout_s: Real = Field(default=Patience.function_timeout_s, gt=0)


class LimitTable(BaseModel):
    """One `[tool.duolog.limits.NAME]` table: the limits for requests to this provider."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)

    concurrency: Whole | None = Field(default=None, ge=1)
    requests_per_minute: Real | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.concurrency is None and self.requests_per_minute is None:
            raise ValueError("the table has no effect: give concurrency or requests_per_minute")
        return self


class ProjectTable(BaseModel):
    """The `[tool.duolog]` table of pyproject.toml."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    default_model: str = DEFAULT_MODEL
    models: dict[Annotated[str, AfterValidator(checked_role)], str] = {}
    providers: dict[str, ProviderTable] = {}
    variants: dict[str, Variant] = {}
    requests: RequestsTable = RequestsTable()
    limits: dict[str, LimitTable] = {}

    @classmethod
    def checked(cls, table: Any, pyproject: Path | None) -> Self:
        """The table of a file; raises ConfigurationError that names every wrong value."""
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            wrong = "; ".join(map(_mistake, error.errors()))
            raise ConfigurationError(f"{pyproject}, [tool.duolog]: {wrong}") from None


_TABLES: dict[str, type[BaseModel]] = {
    "providers": ProviderTable,
    "variants": Variant,
    "requests": RequestsTable,
    "limits": LimitTable,
}


def _mistake(problem: ErrorDetails) -> str:
    """What is wrong in one place of the table."""
    if problem["type"] != "extra_forbidden":
        return wrong_field(problem)
    *tables, key = map(str, problem["loc"])
    known = sorted((_TABLES[tables[0]] if tables else ProjectTable).model_fields)
    return f"{'.'.join([*tables, key])}: unknown key{among_known(key, known)}"


def read_project_table(pyproject: Path | None) -> ProjectTable:
    """The `[tool.duolog]` table of a pyproject.toml; the defaults if there is none."""
    table = table_in(pyproject)
    return ProjectTable() if table is None else ProjectTable.checked(table, pyproject)


def values_of(table: ProjectTable) -> ProjectValues:
    """The values of the table as the settings keep them; raises ConfigurationError for a wrong provider."""
    return ProjectValues(
        table.default_model,
        table.models,
        configured_providers(table),
        table.variants,
        Patience(**table.requests.model_dump()),
        {name: Limit(**limit.model_dump()) for name, limit in table.limits.items()},
    )


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
    protocol = given.protocol
    if protocol is None:
        protocol = name if name in published_points() else "openai"
    if protocol not in known_protocols():
        raise ConfigurationError(
            f"[tool.duolog.providers.{name}]: unknown protocol {protocol!r} (known: "
            f"{', '.join(known_protocols())})"
        )
    try:
        usual = _usual(name, given, protocol)
        template, batches = _template(given, protocol), _batches(given, protocol)
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
        template=template,
        batches=batches,
        source=f"[tool.duolog.providers.{name}]",
    )


def _template(given: ProviderTable, protocol: str) -> Template | None:
    """What a table says of a chatbot's JSON; None for another protocol."""
    idle = sorted(given.model_fields_set & {"request", "reply", "session"}) if protocol != "http" else []
    if idle:
        raise ConfigurationError(f"{idle[0]} has no effect: it is for protocol 'http', not {protocol!r}")
    return Template(given.request, given.reply, given.session) if protocol == "http" else None


def _batches(given: ProviderTable, protocol: str) -> str | None:
    if given.batches and given.batches != protocol:
        raise ConfigurationError(
            f"batches {given.batches!r} is for protocol {given.batches!r}, not {protocol!r}"
        )
    return given.batches


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
