"""Options and ini keys as they were written, made into values.

Each function raises ConfigurationError for what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from typing import Literal, NamedTuple, get_args

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.gate.decision import status_of_inconclusive
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.results.plan import DEFAULT_MARGIN, DEFAULT_MAX_ROUNDS, GatePlan
from pytest_duolog.scenarios.scenario import STOP_ON, StopOn
from pytest_duolog.scenarios.speaker import ModelName

# The units that a budget can limit.
BUDGET_UNITS = ("tokens", "seconds", "cost", "dialogues")

FailOrWarn = Literal["fail", "warn"]
Otel = Literal["off", "spans", "content"]
# pytest's exit status for tests that failed.
FAILED = 1


class Names(NamedTuple):
    """What is called how where the settings were written, for texts that name them: by default, in pytest.

    `role_model` gives the model of `{role}`; `again` says how a run that was stopped continues.
    """

    budget: str = "--duolog-budget"
    executor: str = "duolog_executor"
    stop_on: str = "duolog_stop_on"
    role_model: str = "--duolog-model {role}=provider:model"
    again: str = "--record-mode=once continues where this run stopped"


IN_PYTEST = Names()


def record_mode(value: str) -> RecordMode:
    """The record mode with this name."""
    try:
        return RecordMode(value)
    except ValueError:
        modes = ", ".join(mode.value for mode in RecordMode)
        raise ConfigurationError(
            f"--record-mode or duolog_record_mode: unknown value {value!r} (accepted: {modes})"
        ) from None


def gate(margin: str | None, rounds: int | None) -> GatePlan:
    """The plan that compares candidate models; defaults replace what was not given."""
    try:
        return GatePlan(
            margin or DEFAULT_MARGIN,  # type: ignore[arg-type]  # the plan makes text a number
            rounds or DEFAULT_MAX_ROUNDS,
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"duolog_margin: {error}") from None


def inconclusive(given: str) -> int:
    """The exit status of an inconclusive gate."""
    try:
        return status_of_inconclusive(given, fail=FAILED)
    except ConfigurationError as error:
        raise ConfigurationError(f"duolog_inconclusive: {error}") from None


def fail_or_warn(name: str, given: str) -> FailOrWarn:
    """The value of the option `name`, which is `fail` or `warn`."""
    if given not in get_args(FailOrWarn):
        raise ConfigurationError(f"{name}: unknown value {given!r} (accepted: fail, warn)")
    return given  # type: ignore[return-value]  # it is one of them


def otel(given: str) -> Otel:
    """What is written to OpenTelemetry; raises ConfigurationError if its package is missing."""
    accepted = get_args(Otel)
    if given not in accepted:
        raise ConfigurationError(f"duolog_otel: unknown value {given!r} (accepted: {', '.join(accepted)})")
    if given != "off" and not _is_installed("opentelemetry.trace"):
        raise ConfigurationError(
            f"duolog_otel: {given} needs OpenTelemetry: pip install 'pytest-duolog[otel]' (or write off)"
        )
    return given  # type: ignore[return-value]  # it is one of them


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def count(name: str, given: str | int | None, *, at_most: int | None = None) -> int | None:
    """A whole number above 0; None if nothing was given."""
    if given is None or given == "":
        return None
    try:
        count = int(given)
    except ValueError:
        count = 0
    if count < 1:
        raise ConfigurationError(f"{name}: {given!r} is not a whole number above 0")
    if at_most is not None and count > at_most:
        raise ConfigurationError(f"{name}: {count} are too many (at most {at_most})")
    return count


def stop_on(names: Iterable[str], *, option: str = IN_PYTEST.stop_on) -> tuple[StopOn, ...]:
    """The reasons to stop a dialogue, in the order of `STOP_ON`; none if `nothing` is given."""
    given = tuple(name for name in STOP_ON if name in set(names))
    unknown = sorted(set(names) - {*STOP_ON, "nothing"})
    accepted = ", ".join([*STOP_ON, "nothing"])
    if unknown:
        raise ConfigurationError(f"{option}: unknown value {unknown[0]!r} (accepted: {accepted})")
    if given and "nothing" in names:
        raise ConfigurationError(f"{option}: 'nothing' cannot be combined (accepted: {accepted})")
    return given


def role_models(source: str, pairs: Iterable[str], *, advice: str = "leave one out") -> dict[str, str]:
    """Models by role, from `ROLE=provider:model`; raises ConfigurationError for a second one, with `advice`."""
    models: dict[str, str] = {}
    for role, model in (_role_model(source, pair) for pair in pairs):
        if models.setdefault(role, model) != model:
            raise ConfigurationError(f"{source}: {role!r} is given twice ({models[role]}, {model}); {advice}")
    return models


def _role_model(source: str, pair: str) -> tuple[str, str]:
    role, _, model = pair.partition("=")
    if role.strip():
        with suppress(ConfigurationError):
            return role.strip(), str(ModelName.parse(model))
    raise ConfigurationError(f"{source}: {pair!r} is not ROLE=provider:model")


def budget_limits(
    text: str, *, option: str = IN_PYTEST.budget, n_shares: int = 1, share: int = 0
) -> dict[str, float]:
    """The limits in `tokens=100000,cost=2.50`, divided by `n_shares` processes; this is number `share`, from 0.

    Dialogues are divided as whole numbers.

    The error names the option, the wrong part and what is accepted.
    """
    limits: dict[str, float] = {}
    if not text:
        return limits
    for part in (part.strip() for part in text.split(",")):
        unit, _, value = (word.strip() for word in part.partition("="))
        try:
            limit = float(value)
        except ValueError:
            limit = -1.0
        wrong = ""
        if unit not in BUDGET_UNITS:
            wrong = f"no limit has the name {unit!r}"
        elif unit in limits:
            wrong = f"{unit} is given twice"
        elif not 0 < limit < float("inf"):
            wrong = f"{value!r} is not a number above 0"
        elif unit == "dialogues" and not limit.is_integer():
            wrong = f"{value!r} is not a whole number of dialogues"
        if wrong:
            raise ConfigurationError(
                f"{option}: {part!r} is not a limit: {wrong}; write NAME=NUMBER, separated by commas "
                f"(names: {', '.join(BUDGET_UNITS)}), for example tokens=100000,cost=2.50"
            )
        limits[unit] = (limit + n_shares - 1 - share) // n_shares if unit == "dialogues" else limit / n_shares
    return limits
