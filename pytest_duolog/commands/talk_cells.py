"""The combinations for `duolog talk`: repeated options, combined with the rows of a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.running.talks import identity_of
from pytest_duolog.scenarios.files import MOST_CELLS, read_scenarios
from pytest_duolog.scenarios.rows import Axis, ScenarioRow, crossed, flat_names, label_of, n_crossed
from pytest_duolog.scenarios.scenario import SIDES, Scenario, Side
from pytest_duolog.scenarios.speaker import Knobs, ModelName
from pytest_duolog.scenarios.steps import Check
from pytest_duolog.scenarios.values import Idle, ScenarioValues, Source
from pytest_duolog.settings import Settings

# Options that can be repeated, and the scenario argument that each one sets.
AXES: Mapping[str, tuple[str, str]] = {
    "model": ("model", "the model of both speakers, or of the one that --a and --b leave"),
    "a": ("a.model", "the model of one speaker, provider:model"),
    "b": ("b.model", "the model of the other speaker"),
    "opener": (
        "opener",
        "the first message, said by speaker a (default 'Hello.'); '' lets its model write it",
    ),
    "system": ("system", "the system prompt of both speakers"),
    "system-a": ("a.system", "the system prompt of speaker a"),
    "system-b": ("b.system", "the system prompt of speaker b"),
    "topic": ("topic", "the topic for stays_on_topic(); it is not sent to the models"),
    "temperature": ("temperature", "the temperature of both models"),
    "max-tokens": ("max_tokens", "the largest number of tokens of a reply"),
    "seed": ("seed", "the seed of the first sample; it grows by 1 with each further sample"),
}
TYPES: Mapping[str, type] = {"temperature": float, "max-tokens": int, "seed": int}
# What the help calls a value of each type.
METAVARS: Mapping[type, str] = {str: "TEXT", float: "NUMBER", int: "N"}
# The embedded model rarely stops by itself.
LOCAL_MAX_TOKENS = 120


@dataclass(frozen=True)
class Cell:
    """One combination: its row, its scenario (as given, and with its models), and its number of samples."""

    row: ScenarioRow
    given: Scenario
    cast: Scenario
    n_samples: int


def cells_of(arguments: argparse.Namespace, settings: Settings, redact: Callable[[str], str]) -> list[Cell]:
    """All combinations; `redact` keeps keys out of their names.

    Raises ConfigurationError for values that are wrong or have no effect.
    """
    given = {name: values for name in AXES if (values := getattr(arguments, name.replace("-", "_")))}
    for name, values in given.items():
        if len(set(values)) < len(values):
            raise ConfigurationError(
                f"--{name}: a value is given twice; to run a dialogue many times, use --samples"
            )
    rows = read_scenarios(arguments.scenarios) if arguments.scenarios else [ScenarioRow("", {})]
    for row in rows:
        _check_once(row, given, arguments)
    axes = [Axis.of(AXES[name][0], values, redact) for name, values in given.items()]
    n_cells = n_crossed(len(rows), axes)
    if n_cells > MOST_CELLS:
        raise ConfigurationError(f"these are {n_cells:,} combinations (at most {MOST_CELLS:,})")
    shown = [_unnamed(axis) if len(axis.choices) == 1 else axis for axis in axes]
    cells = [_cell(row, arguments, settings, redact) for row in crossed(rows, shown)]
    _check_same(cells)
    return cells


def _unnamed(axis: Axis) -> Axis:
    """An axis with one value, which ids need not mention."""
    return axis._replace(choices=[choice._replace(label="") for choice in axis.choices])


def _check_once(row: ScenarioRow, given: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    """Raises ConfigurationError if an option and a row set the same argument."""
    options = {AXES[name][0]: name for name in given}
    options |= {name: name for name in ("turns", "samples") if getattr(arguments, name)}
    twice = (flat_names(row.values) | set(row.sampling)) & options.keys()
    if arguments.stop_on and "stop_on" in row.values:
        twice.add("stop_on")
        options["stop_on"] = "stop-on"
    if twice:
        name = min(twice)
        raise ConfigurationError(
            f"{row.place}: {name} is given here and by --{options[name]}; remove one of them"
        )


def _cell(
    row: ScenarioRow, arguments: argparse.Namespace, settings: Settings, redact: Callable[[str], str]
) -> Cell:
    values = {**row.values, **({"turns": arguments.turns} if arguments.turns else {})}
    try:
        _check_effect(values, settings)
        scenario = Scenario.build(_with_length(values, settings))
        cast = settings.cast(scenario)
        _check_sent(values, cast, settings)
        _check_steps(scenario)
    except ConfigurationError as error:
        where = f"{row.place}: " if row.place else ""
        raise ConfigurationError(f"{where}{error}") from None
    name = row.id or label_of({"opener": redact(scenario.opener or "no-opener")})
    n_samples = arguments.samples or row.sampling.get("samples", 1)
    return Cell(replace(row, id=name, values=values), scenario, cast, n_samples)


def _check_steps(scenario: Scenario) -> None:
    """Raises ConfigurationError for checks among the steps, which only a test judges."""
    if any(isinstance(step, Check) for step in scenario.steps or ()):
        raise ConfigurationError("steps: duolog talk judges nothing; remove the checks, or use a test")


def _check_effect(values: Mapping[str, Any], settings: Settings) -> None:
    """Raises ConfigurationError for a wrong value, and for one without effect."""
    sources = ScenarioValues.of([Source("given", values)])
    idle = settings.idle(sources, Scenario.build(values))
    if wrong := [str(one) for one in idle if not one.is_overruled]:
        raise ConfigurationError("\n".join(wrong))


def _check_sent(values: Mapping[str, Any], cast: Scenario, settings: Settings) -> None:
    """Raises ConfigurationError for a setting of both models that neither gets; scripted models get none."""
    given = ScenarioValues.of([Source("given", values)])
    unsent = settings.unsent(cast)
    for name in (name for name in Knobs.model_fields if values.get(name) not in (None, {})):
        sides = [side for side in SIDES if not given.is_own(side, name)]
        if all(_is_of(cast.speaker(side).model, "scripted") or (side, name) in unsent for side in sides):
            models = " and ".join(dict.fromkeys(cast.speaker(side).model_label for side in sides))
            raise ConfigurationError(str(Idle(name, values[name], "given", f"it is not sent to {models}")))


def _with_length(values: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The values, with a limit for replies of the embedded model if they have none."""
    cast = settings.cast(Scenario.build(values))
    changes: dict[str, Any] = {
        side: {"max_tokens": LOCAL_MAX_TOKENS}
        for side in SIDES
        if (speaker := cast.speaker(side)).max_tokens is None and _is_of(speaker.model, "local")
    }
    return Scenario.changed(values, changes)


def _is_of(model: Any, provider: str) -> bool:
    return isinstance(model, str) and ModelName.parse(model).provider == provider


def is_scripted(scenario: Scenario) -> bool:
    """Whether no model is asked."""
    return all(_is_of(scenario.speaker(side).model, "scripted") for side in SIDES)


def local_models(scenario: Scenario) -> Iterator[tuple[Side, str]]:
    """The embedded models in a scenario, with their sides."""
    for side in SIDES:
        model = scenario.speaker(side).model
        if isinstance(model, str) and _is_of(model, "local"):
            yield side, ModelName.parse(model).model


def _check_same(cells: Sequence[Cell]) -> None:
    """Raises ConfigurationError if two combinations are the same dialogue."""
    seen: dict[str, Cell] = {}
    for cell in cells:
        other = seen.setdefault(identity_of(cell.cast), cell)
        if other is not cell:
            raise ConfigurationError(
                f"{cell.row.place or 'the options'}: {cell.row.id!r} is the same dialogue as "
                f"{other.row.id!r}; to run it many times, use --samples"
            )
