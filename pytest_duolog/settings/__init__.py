"""The settings of a pytest run outside of markers, merged once into one frozen object.

`options` reads options and ini keys, `pyproject` the `[tool.duolog]` table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.endpoints.rate_limiter import Limit
from pytest_duolog.endpoints.registry import check_model, known_providers, takes_tools, unsent_knobs
from pytest_duolog.endpoints.scripted import CUSTOMER
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.secret_names import EnvironmentRules
from pytest_duolog.results.arm import AnyArm, Arm, Pairing
from pytest_duolog.results.plan import DEFAULT_BLAME_ROUNDS, MOST_SAMPLES, BlamePlan, GatePlan
from pytest_duolog.results.shard import Shard
from pytest_duolog.scenarios.scenario import SIDES, STOP_ON, Scenario, Side, StopOn
from pytest_duolog.scenarios.speaker import DEFAULT_MODEL, Model, ModelName, Speaker
from pytest_duolog.scenarios.values import Idle, Played, ScenarioValues
from pytest_duolog.scenarios.variants import Variant, check_names, variant_of
from pytest_duolog.settings import options
from pytest_duolog.settings.pyproject import values_of_project

if TYPE_CHECKING:
    from pytest_duolog.settings.executor import ExecutorAddress

# The default number of live dialogues at a time: low enough for the rate limit of a small account.
DEFAULT_CONCURRENCY = 8


@dataclass(frozen=True)
class Settings:
    """The settings of one pytest run.

    The model of a speaker is the first of `overrides` (command line), its own model, and `models` (role table).
    `providers` are the configured ones, without the built-in ones. `variants` are models with their own settings.
    `concurrency` is the number of live dialogues at a time. `edited_cassettes` says what happens if a recording was
    edited by hand. `candidates` are the candidate models by role, and `gate` is the plan that compares them. `samples`
    overrides the markers. With `collect` that many samples of every test are taken, and none is judged. With `blame`
    every test runs in four pairings of its models, and the run says which side carries its failure. `inconclusive` is
    the exit status of an inconclusive gate; 0: it passes. `shard` is the part
    of the tests that this run has. `secrets` says which environment variables have secrets. `otel` says what is written
    to OpenTelemetry. `executor` names the workers in which dialogues run; None: this process.
    """

    record_mode: RecordMode = RecordMode.NONE
    concurrency: int = DEFAULT_CONCURRENCY
    stop_on: tuple[StopOn, ...] = STOP_ON
    overrides: Mapping[str, str] = field(default_factory=dict)
    candidates: Mapping[str, str] = field(default_factory=dict)
    gate: GatePlan = field(default_factory=GatePlan)
    samples: int | None = None
    collect: int | None = None
    blame: BlamePlan | None = None
    inconclusive: int = options.FAILED
    edited_cassettes: options.FailOrWarn = "warn"
    shard: Shard | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    default_model: str = DEFAULT_MODEL
    providers: Mapping[str, Provider] = field(default_factory=dict)
    variants: Mapping[str, Variant] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    budget: Mapping[str, float] = field(default_factory=dict)
    secrets: EnvironmentRules = field(default_factory=EnvironmentRules)
    otel: options.Otel = "off"
    executor: ExecutorAddress | None = None
    names: options.Names = options.IN_PYTEST

    @classmethod
    def merge(
        cls,
        *,
        record_mode: str,
        concurrency: str | int | None = None,
        model_options: Iterable[str],
        candidate_options: Iterable[str] = (),
        samples: str | int | None = None,
        collect: str | int | None = None,
        blame: bool = False,
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
        otel: str = "off",
        executor: str = "",
        n_workers: int = 1,
        worker: int = 0,
        names: options.Names = options.IN_PYTEST,
    ) -> Settings:
        """Merge command line, ini file and `[tool.duolog]`, in this order of precedence.

        Each of the `n_workers` processes of each shard gets a share of the budget and of the limits; this process is
        number `worker`, from 0, of its shard. Raises ConfigurationError for wrong values.
        """
        project = values_of_project(pyproject)
        part = Shard.parse(shard) if shard is not None else None
        n_before, n_processes = (
            ((part.number - 1) * n_workers, part.n_shards * n_workers) if part else (0, n_workers)
        )
        n_collected = options.count("duolog_collect", collect, at_most=MOST_SAMPLES)
        n_rounds = options.count("duolog_rounds", rounds, at_most=MOST_SAMPLES)
        settings = cls(
            record_mode=options.record_mode(record_mode),
            concurrency=options.count("duolog_concurrency", concurrency) or DEFAULT_CONCURRENCY,
            stop_on=options.stop_on(stop_on, option=names.stop_on),
            overrides=options.role_models("--duolog-model", model_options),
            candidates={}
            if n_collected
            else options.role_models(
                "--duolog-candidate", candidate_options, advice="test one candidate at a time"
            ),
            samples=None if n_collected else options.count("duolog_samples", samples, at_most=MOST_SAMPLES),
            collect=n_collected,
            blame=BlamePlan(n_rounds or DEFAULT_BLAME_ROUNDS) if blame else None,
            gate=options.gate(margin, n_rounds),
            inconclusive=options.inconclusive(inconclusive),
            edited_cassettes=options.fail_or_warn("duolog_edited_cassettes", edited_cassettes),
            shard=part,
            models={**project.models, **options.role_models("duolog_model", model_ini)},
            default_model=project.default_model,
            providers=project.providers,
            variants=project.variants,
            patience=project.patience,
            limits={name: limit.share(n_processes) for name, limit in project.limits.items()},
            secrets=EnvironmentRules(tuple(secrets)),
            otel=options.otel(otel),
            executor=_executor_at(executor, names.executor) if executor else None,
            budget=options.budget_limits(
                budget, option=names.budget, n_shares=n_processes, share=n_before + worker % n_workers
            ),
            names=names,
        )
        _check_limits(settings)
        settings.check()
        return settings

    @property
    def on_used_budget(self) -> str:
        """What to do if the budget is used up."""
        return f"raise {self.names.budget}; then {self.names.again}"

    @property
    def casting_arguments(self) -> list[str]:
        """The pytest options with which tests run the same dialogues again, with the same samples."""
        models = {"--duolog-model": self.overrides, "--duolog-candidate": self.candidates}
        given = [
            f"{option}={role}={model}" for option, roles in models.items() for role, model in roles.items()
        ]
        counts = {"--duolog-samples": self.samples, "--duolog-collect": self.collect}
        blame = ["--duolog-blame"] if self.blame else []
        return [*given, *(f"{option}={n}" for option, n in counts.items() if n), *blame]

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
        if self.default_model != DEFAULT_MODEL:
            named["[tool.duolog] default_model"] = self.default_model
        for where, model in named.items():
            try:
                self._check_model(model)
            except ConfigurationError as error:
                raise ConfigurationError(f"{where}: {error}") from None

    def _check_model(self, model: str) -> None:
        if variant_of(model, self.variants) is None:
            check_model(model, self.providers)

    def cast(self, scenario: Scenario, *, arm: AnyArm = Arm.BASELINE) -> Scenario:
        """The scenario with a model for each speaker (those of an arm), and with its reasons to stop.

        Raises ConfigurationError for a model with an unknown provider, or a role without a model.
        """
        overrides = {side: self._override(scenario, side, arm) for side in SIDES}
        changes: dict[str, Any] = {
            side: self._with_model(scenario.speaker(side), overrides[side]) for side in SIDES
        }
        for speaker in changes.values():
            if speaker.model == CUSTOMER:
                from pytest_duolog.endpoints.customer import require_part  # noqa: PLC0415  # it has many patterns

                require_part(speaker.name, speaker.part)
            self._check_takes_tools(speaker)
        if scenario.stop_on is None:
            changes["stop_on"] = self.stop_on
        if scenario.steps:
            from pytest_duolog.properties.by_name import parse_property  # noqa: PLC0415  # most have no steps
            from pytest_duolog.scenarios.steps import Check  # noqa: PLC0415

            changes["steps"] = tuple(
                step.read(parse_property) if isinstance(step, Check) else step for step in scenario.steps
            )
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

    def _check_takes_tools(self, speaker: Speaker) -> None:
        """Raises ConfigurationError if a speaker has tools that its model would never get."""
        if (
            speaker.tools
            and isinstance(speaker.model, str)
            and not takes_tools(speaker.model, self.providers)
        ):
            raise ConfigurationError(
                f"{speaker.name} has tools, but {speaker.model} takes none: use a model of the protocols openai, "
                "anthropic, gemini or ollama, or remove tools="
            )

    def _check_spelling(self, name: str) -> None:
        """Raises ConfigurationError if the role table has a similar name for a speaker without a model."""
        alike = [role for role in self.models if _plain(role) == _plain(name)]
        if alike:
            raise ConfigurationError(
                f"{name!r} has no model, but [tool.duolog.models] or duolog_model has one for "
                f"{alike[0]!r}: use the same name, or give the speaker a model"
            )

    def _override(self, scenario: Scenario, side: Side, arm: AnyArm) -> _Override | None:
        """The model that a side has instead of its own; None if it has its own.

        In a run with blame, a suspect is a candidate if there are any; otherwise it is the side's own model, and the
        model of the other side takes its place.
        """
        speaker = scenario.speaker(side)
        role = speaker.role or speaker.name
        is_suspect = arm is Pairing.BOTH or arm is (Pairing.ONLY_A if side == "a" else Pairing.ONLY_B)
        if (arm is Arm.CANDIDATE or (is_suspect and self.candidates)) and role in self.candidates:
            return _Override(self.candidates[role])
        if isinstance(arm, Pairing) and not self.candidates and not is_suspect:
            other = scenario.speaker("b" if side == "a" else "a")
            its_role = other.role or other.name
            if its_role in self.overrides:
                return _Override(self.overrides[its_role])
            return _Override(other.model or self.models.get(its_role) or self.default_model, other.label)
        return _Override(self.overrides[role]) if role in self.overrides else None

    def _with_model(self, speaker: Speaker, override: _Override | None) -> Speaker:
        role = speaker.role or speaker.name
        model = (override.model if override else None) or speaker.model or self.models.get(role)
        if model is None and speaker.role:
            raise ConfigurationError(
                f"role {role!r} has no model: give it one in [tool.duolog.models] or with "
                f"{self.names.role_model.format(role=role)} (roles with a model: {', '.join(self.models) or 'none'})"
            )
        if model is None:
            self._check_spelling(role)
            model = self.default_model
        if isinstance(model, str):
            model = str(ModelName.parse(model))
            if variant := variant_of(model, self.variants):
                return variant.played_by(speaker, model)
            check_model(model, self.providers)
        label = override.label if override else speaker.label  # the label belongs to the speaker's own model
        return speaker.model_copy(update={"model": model, "label": label})


class _Override(NamedTuple):
    """A model that a side has instead of its own, with its label."""

    model: Model
    label: str | None = None


def _executor_at(address: str, option: str) -> ExecutorAddress:
    from pytest_duolog.settings.executor import ExecutorAddress  # noqa: PLC0415  # most runs have none

    return ExecutorAddress.parse(address, option=option)


def _plain(role: str) -> str:
    """A role without differences in case and separators."""
    return re.sub(r"[\W_]", "", role.casefold())


def roles_of(scenario: Scenario) -> set[str]:
    """The names that `--duolog-model` accepts for the speakers of a scenario."""
    return {scenario.speaker(side).role or scenario.speaker(side).name for side in SIDES}


def _check_limits(settings: Settings) -> None:
    if not settings.limits:  # the names of published providers are in the metadata of all packages
        return
    known = [
        name for name in known_providers(settings.providers) if name != "scripted"
    ]  # they get no requests
    for name in settings.limits:
        if name not in known:
            raise ConfigurationError(
                f"[tool.duolog.limits.{name}]: unknown provider {name!r} (known: {', '.join(known)})"
            )
