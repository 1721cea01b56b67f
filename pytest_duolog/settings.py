"""The settings of a pytest run outside of markers, merged once into one frozen object."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pytest_duolog.display import wrong_fields
from pytest_duolog.endpoints.addresses import Address
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.providers import PROVIDER_NAME, Provider
from pytest_duolog.endpoints.published import published_points, published_provider
from pytest_duolog.endpoints.rate_limiter import Limit
from pytest_duolog.endpoints.registry import (
    PROTOCOLS,
    check_model,
    key_header_of,
    known_protocols,
    known_providers,
    unsent_knobs,
)
from pytest_duolog.endpoints.template import DEFAULT_REQUEST, Template
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.gate.decision import status_of_inconclusive
from pytest_duolog.recording.cassette import RecordMode
from pytest_duolog.recording.secret_names import EnvironmentRules
from pytest_duolog.results.plan import DEFAULT_MARGIN, DEFAULT_MAX_ROUNDS, GatePlan
from pytest_duolog.results.shard import Shard
from pytest_duolog.scenarios.scenario import (
    DEFAULT_MODEL,
    SIDES,
    STOP_ON,
    ModelName,
    Scenario,
    Side,
    Speaker,
    StopOn,
)
from pytest_duolog.scenarios.values import Idle, Played, ScenarioValues
from pytest_duolog.scenarios.variants import PROVIDER as VARIANT
from pytest_duolog.scenarios.variants import Variant, check_names, variant_of

# The default number of live dialogues at a time: low enough for the rate limit of a small account.
DEFAULT_CONCURRENCY = 8
# The units that a budget can limit.
BUDGET_UNITS = ("tokens", "seconds", "cost", "dialogues")

FailOrWarn = Literal["fail", "warn"]
# pytest's exit status for tests that failed.
FAILED = 1


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


@dataclass(frozen=True)
class Settings:
    """The settings of one pytest run.

    The model of a speaker is the first of `overrides` (command line), its own model, and `models` (role table).
    `providers` are the configured ones, without the built-in ones. `variants` are models with their own settings.
    `concurrency` is the number of live dialogues at a time. `edited_cassettes` says what happens if a recording was
    edited by hand. `candidates` are the candidate models by role, and `gate` is the plan that compares them. `samples`
    overrides the markers. `inconclusive` is the exit status of an inconclusive gate; 0: it passes. `shard` is the part
    of the tests that this run has. `secrets` says which environment variables have secrets.
    """

    record_mode: RecordMode = RecordMode.NONE
    concurrency: int = DEFAULT_CONCURRENCY
    stop_on: tuple[StopOn, ...] = STOP_ON
    overrides: Mapping[str, str] = field(default_factory=dict)
    candidates: Mapping[str, str] = field(default_factory=dict)
    gate: GatePlan = field(default_factory=GatePlan)
    samples: int | None = None
    inconclusive: int = FAILED
    edited_cassettes: FailOrWarn = "warn"
    shard: Shard | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    default_model: str = DEFAULT_MODEL
    providers: Mapping[str, Provider] = field(default_factory=dict)
    variants: Mapping[str, Variant] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    budget: Mapping[str, float] = field(default_factory=dict)
    secrets: EnvironmentRules = field(default_factory=EnvironmentRules)

    @classmethod
    def merge(
        cls,
        *,
        record_mode: str,
        concurrency: str | int | None = None,
        model_options: Iterable[str],
        candidate_options: Iterable[str] = (),
        samples: str | int | None = None,
        margin: str | None = None,
        rounds: str | int | None = None,
        inconclusive: str = "fail",
        edited_cassettes: str = "warn",
        shard: str | None = None,
        model_ini: Iterable[str],
        stop_on: Iterable[str],
        pyproject: Path | None,
        budget: str = "",
        secrets: Iterable[str] = (),
        n_workers: int = 1,
        worker: int = 0,
    ) -> Settings:
        """Merge command line, ini file and `[tool.duolog]`, in this order of precedence.

        Each of the `n_workers` processes of each shard gets a share of the budget and of the limits; this process is
        number `worker`, from 0, of its shard. Raises ConfigurationError for wrong values.
        """
        table = read_project_table(pyproject)
        part = Shard.parse(shard) if shard is not None else None
        n_before, n_processes = (
            ((part.number - 1) * n_workers, part.n_shards * n_workers) if part else (0, n_workers)
        )
        settings = cls(
            record_mode=_record_mode(record_mode),
            concurrency=_count("duolog_concurrency", concurrency) or DEFAULT_CONCURRENCY,
            stop_on=_stop_on(stop_on),
            overrides=_role_models("--duolog-model", model_options),
            candidates=_candidates(candidate_options),
            samples=_count("duolog_samples", samples),
            gate=_gate(margin, _count("duolog_rounds", rounds)),
            inconclusive=_inconclusive(inconclusive),
            edited_cassettes=_fail_or_warn("duolog_edited_cassettes", edited_cassettes),
            shard=part,
            models={**table.models, **_role_models("duolog_model", model_ini)},
            default_model=table.default_model,
            providers=configured_providers(table),
            variants=table.variants,
            patience=Patience(**table.requests.model_dump()),
            limits={
                name: Limit(**limit.model_dump()).share(n_processes) for name, limit in table.limits.items()
            },
            secrets=EnvironmentRules(tuple(secrets)),
            budget=parse_budget(budget, n_shares=n_processes, share=n_before + worker % n_workers),
        )
        _check_limits(settings)
        settings.check()
        return settings

    @property
    def casting_arguments(self) -> list[str]:
        """The pytest options with which tests run the same dialogues again, with the same samples."""
        models = {"--duolog-model": self.overrides, "--duolog-candidate": self.candidates}
        given = [
            f"{option}={role}={model}" for option, roles in models.items() for role, model in roles.items()
        ]
        return [*given, *([f"--duolog-samples={self.samples}"] if self.samples else [])]

    def check(self) -> None:
        """Raises ConfigurationError that names the setting with a model that cannot be used."""
        check_names(self.variants)
        sources = {
            "--duolog-model": self.overrides,
            "--duolog-candidate": self.candidates,
            "[tool.duolog.models] or duolog_model": self.models,
        }
        named = {
            f"{source}, {role}": model for source, models in sources.items() for role, model in models.items()
        }
        named |= {f"[tool.duolog.variants.{name}]": variant.model for name, variant in self.variants.items()}
        named["[tool.duolog] default_model"] = self.default_model
        for where, model in named.items():
            try:
                self._check_model(model)
            except ConfigurationError as error:
                raise ConfigurationError(f"{where}: {error}") from None

    def _check_model(self, model: str) -> None:
        if variant_of(model, self.variants) is None:
            check_model(model, self.providers)

    def cast(self, scenario: Scenario, *, on_trial: bool = False) -> Scenario:
        """The scenario with a model for each speaker (the candidate models if `on_trial`) and with its reasons to stop.

        Raises ConfigurationError for a model with an unknown provider, or a role without a model.
        """
        overrides = {**self.overrides, **(self.candidates if on_trial else {})}
        changes: dict[str, Any] = {
            side: self._with_model(scenario.speaker(side), overrides) for side in SIDES
        }
        if scenario.stop_on is None:
            changes["stop_on"] = self.stop_on
        return scenario.model_copy(update=changes)

    def idle(self, values: ScenarioValues, scenario: Scenario) -> list[Idle]:
        """The arguments in `values` that have no effect on their `scenario`.

        Models from the command line are ignored here, because they are for one run only.
        """
        played = {side: self._played(scenario.speaker(side)) for side in SIDES}
        return list(values.idle(played, scenario=scenario, stop_on=self.stop_on))

    def unsent(self, cast: Scenario) -> list[tuple[Side, str]]:
        """The settings of speakers that are not sent to their models."""
        return [
            (side, name)
            for side in SIDES
            if (speaker := cast.speaker(side)).model is not None
            for name in unsent_knobs(speaker.model, self.providers)
            if getattr(speaker, name) not in (None, {})
        ]

    def asked(self, cast: Scenario) -> Scenario:
        """The scenario without settings that are not sent to models: two equal ones send the same requests.

        The settings of a speaker that is a function are kept, because the function may use them.
        """
        for side, name in self.unsent(cast):
            if isinstance(cast.speaker(side).model, str):
                without = cast.speaker(side).model_copy(update={name: None})
                cast = cast.model_copy(update={side: without})
        return cast

    def _played(self, speaker: Speaker) -> Played:
        model = speaker.model or self.models.get(speaker.role or speaker.name) or self.default_model
        if isinstance(model, str) and (variant := variant_of(model, self.variants)):
            return Played(speaker.name, (ModelName.parse(model).model, variant))
        return Played(speaker.name)

    def _check_spelling(self, name: str) -> None:
        """Raises ConfigurationError if the role table has a similar name for a speaker without a model."""
        alike = [role for role in self.models if _plain(role) == _plain(name)]
        if alike:
            raise ConfigurationError(
                f"{name!r} has no model, but [tool.duolog.models] or duolog_model has one for "
                f"{alike[0]!r}: use the same name, or give the speaker a model"
            )

    def _with_model(self, speaker: Speaker, overrides: Mapping[str, str]) -> Speaker:
        role = speaker.role or speaker.name
        model = overrides.get(role) or speaker.model or self.models.get(role)
        if model is None and speaker.role:
            raise ConfigurationError(
                f"role {role!r} has no model: give it one in [tool.duolog.models] or with "
                f"--duolog-model {role}=provider:model (roles with a model: "
                f"{', '.join(self.models) or 'none'})"
            )
        if model is None:
            self._check_spelling(role)
            model = self.default_model
        if isinstance(model, str):
            model = str(ModelName.parse(model))
            if variant := variant_of(model, self.variants):
                return variant.played_by(speaker, model)
            check_model(model, self.providers)
        label = None if role in overrides else speaker.label  # the label belongs to the speaker's own model
        return speaker.model_copy(update={"model": model, "label": label})


def _plain(role: str) -> str:
    """A role without differences in case and separators."""
    return re.sub(r"[\W_]", "", role.casefold())


def roles_of(scenario: Scenario) -> set[str]:
    """The names that `--duolog-model` accepts for the speakers of a scenario."""
    return {scenario.speaker(side).role or scenario.speaker(side).name for side in SIDES}


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


def _record_mode(value: str) -> RecordMode:
    try:
        return RecordMode(value)
    except ValueError:
        modes = ", ".join(mode.value for mode in RecordMode)
        raise ConfigurationError(
            f"--record-mode or duolog_record_mode: unknown value {value!r} (accepted: {modes})"
        ) from None


def _check_limits(settings: Settings) -> None:
    known = [
        name for name in known_providers(settings.providers) if name != "scripted"
    ]  # they get no requests
    for name in settings.limits:
        if name not in known:
            raise ConfigurationError(
                f"[tool.duolog.limits.{name}]: unknown provider {name!r} (known: {', '.join(known)})"
            )


def _gate(margin: str | None, rounds: int | None) -> GatePlan:
    try:
        return GatePlan(
            margin or DEFAULT_MARGIN,  # type: ignore[arg-type]  # the plan makes text a number
            rounds or DEFAULT_MAX_ROUNDS,
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"duolog_margin: {error}") from None


def _inconclusive(given: str) -> int:
    try:
        return status_of_inconclusive(given, fail=FAILED)
    except ConfigurationError as error:
        raise ConfigurationError(f"duolog_inconclusive: {error}") from None


def _fail_or_warn(name: str, given: str) -> FailOrWarn:
    if given not in get_args(FailOrWarn):
        raise ConfigurationError(f"{name}: unknown value {given!r} (accepted: fail, warn)")
    return given  # type: ignore[return-value]  # it is one of them


def _count(name: str, given: str | int | None) -> int | None:
    """A whole number above 0; None if nothing was given."""
    if given is None or given == "":
        return None
    try:
        count = int(given)
    except ValueError:
        count = 0
    if count < 1:
        raise ConfigurationError(f"{name}: {given!r} is not a whole number above 0")
    return count


def _stop_on(names: Iterable[str]) -> tuple[StopOn, ...]:
    given = tuple(name for name in STOP_ON if name in set(names))
    unknown = sorted(set(names) - {*STOP_ON, "nothing"})
    accepted = ", ".join([*STOP_ON, "nothing"])
    if unknown:
        raise ConfigurationError(f"duolog_stop_on: unknown value {unknown[0]!r} (accepted: {accepted})")
    if given and "nothing" in names:
        raise ConfigurationError(f"duolog_stop_on: 'nothing' cannot be combined (accepted: {accepted})")
    return given


def _candidates(pairs: Iterable[str]) -> dict[str, str]:
    """One candidate model for each role; raises ConfigurationError for a second one."""
    given = [_role_model("--duolog-candidate", pair) for pair in pairs]
    models: dict[str, str] = {}
    for role, model in given:
        if models.setdefault(role, model) != model:
            raise ConfigurationError(
                f"--duolog-candidate: {role!r} is given twice ({models[role]}, {model}); test one "
                "candidate at a time"
            )
    return models


def _role_models(source: str, pairs: Iterable[str]) -> dict[str, str]:
    return dict(_role_model(source, pair) for pair in pairs)


def _role_model(source: str, pair: str) -> tuple[str, str]:
    role, _, model = pair.partition("=")
    if role.strip():
        with suppress(ConfigurationError):
            return role.strip(), str(ModelName.parse(model))
    raise ConfigurationError(f"{source}: {pair!r} is not ROLE=provider:model")


def parse_budget(text: str, *, n_shares: int = 1, share: int = 0) -> dict[str, float]:
    """The limits in `tokens=100000,cost=2.50`, divided by `n_shares` processes; this is number `share`, from 0.

    Dialogues are divided as whole numbers.

    Raises ConfigurationError that names the wrong part and what is accepted.
    """
    limits = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        unit, _, value = (word.strip() for word in part.partition("="))
        try:
            limit = float(value)
        except ValueError:
            limit = -1.0
        if unit not in BUDGET_UNITS or unit in limits or not 0 < limit < float("inf"):
            raise ConfigurationError(
                f"--duolog-budget: {part!r} is not a limit, or a second one; write NAME=NUMBER, "
                f"separated by commas (names: {', '.join(BUDGET_UNITS)}), for example "
                "tokens=100000,cost=2.50"
            )
        limits[unit] = (limit + n_shares - 1 - share) // n_shares if unit == "dialogues" else limit / n_shares
    return limits
