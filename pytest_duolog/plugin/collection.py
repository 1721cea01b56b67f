"""From a collected test to its scenario; what is wrong in one is said before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from pytest_duolog.display import counted, printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin.state import settings_of
from pytest_duolog.results.plan import ScenarioPlan
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.settings import roles_of

MARKER_NAME = "dialogue"
FIXTURE_NAME = "dialogue"
SCENARIO_FIXTURE = "duolog_scenario"
PLUGIN = "pytest_duolog.plugin"
# Arguments of the marker that say how often a test runs, not what is said in it.
SAMPLING = ("samples", "min_pass_rate", "claim")


def marked_values(item: pytest.Item) -> dict[str, Any]:
    """Scenario values from the markers of a test; the nearest wins.

    Raises ConfigurationError for a marker with positional arguments.
    """
    return {name: value for name, value in _marker_values(item).items() if name not in SAMPLING}


def _marker_values(item: pytest.Item) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for mark in _marks(item):
        if mark.args:
            raise ConfigurationError(
                f"the dialogue marker takes keyword arguments only (got {mark.args!r:.120})"
            )
        values.update(mark.kwargs)
    return values


def sampling_of(item: pytest.Item) -> ScenarioPlan | None:
    """How many samples of a test must pass; None if it runs once and is not asked for a rate.

    Raises ConfigurationError for what is wrong in it.
    """
    given = {name: value for name, value in _marker_values(item).items() if name in SAMPLING}
    samples = settings_of(item.config).samples or given.pop("samples", 1)
    if not isinstance(samples, int) or isinstance(samples, bool):
        raise ConfigurationError(f"samples: {samples!r} is not a whole number")
    if samples == 1 and not given:
        return None
    given.pop("samples", None)
    return ScenarioPlan(samples, **given)


def _marks(item: pytest.Item) -> Iterator[pytest.Mark]:
    """The markers, the nearest last. pytest lists a decorator after those below it, but a class after its bases."""
    for node in item.listchain():
        marks = [mark for mark in node.own_markers if mark.name == MARKER_NAME]
        yield from marks if isinstance(node, pytest.Class) else reversed(marks)


def parameter_names(item: pytest.Item) -> list[str]:
    """Parametrized arguments of a test that are named like a scenario's values."""
    return [
        name for name in _parameters(item) if name in {*Scenario.model_fields, *Scenario.shared_with_speakers}
    ]


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def scenario_of(item: pytest.Item) -> Scenario:
    """The scenario of a test as far as markers and parameters tell it before its fixtures run."""
    return Scenario.build(known_values(item), beside=SAMPLING)


def known_values(item: pytest.Item) -> dict[str, Any]:
    """The scenario values of a test that are known before its fixtures run."""
    parameters = _parameters(item)
    values = {name: parameters[name] for name in parameter_names(item) if not has_fixture(item, name)}
    if SCENARIO_FIXTURE in parameters and not has_fixture(item, SCENARIO_FIXTURE):
        values |= values_from_code(parameters[SCENARIO_FIXTURE])
    return {**marked_values(item), **values}


def values_from_code(given: Any) -> dict[str, Any]:
    """What a `duolog_scenario` sets; raises ConfigurationError if it is none."""
    if isinstance(given, Scenario):
        return given.given()
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"{SCENARIO_FIXTURE} gave {given!r:.120}; a mapping or a Scenario is accepted"
        )
    return dict(given)


def mistakes_in(items: Iterable[pytest.Item]) -> str:
    """Every wrong value of every dialogue among `items`; empty if all are right."""
    wrong: dict[str, list[str]] = {}
    for item in filter(uses_our_fixture, items):
        try:
            settings_of(item.config).cast(scenario_of(item))
            sampling_of(item)
        except pytest.UsageError as error:
            return f"wrong setting of dialogues\n{error}"
        except ConfigurationError as error:
            wrong.setdefault(str(error), []).append(item.nodeid)
    return printable("\n\n".join(map(_complaint, wrong.values(), wrong)))


def _complaint(nodeids: Sequence[str], mistakes: str) -> str:
    n_more = len(nodeids) - 1
    more = f" (and {counted(n_more, 'more test')} with the same mistake)" if n_more else ""
    return f"{nodeids[0]}: wrong dialogue{more}\n{mistakes}"


def uses_our_fixture(item: Any) -> bool:
    """Whether a test uses this package's `dialogue` fixture, not one of the project's own with that name."""
    for definition in reversed(_fixtures(item, FIXTURE_NAME)):
        if definition.func.__module__ == PLUGIN:
            return True
        if FIXTURE_NAME not in definition.argnames:  # it does not build on the one it overrides
            return False
    return False


def has_fixture(item: pytest.Item, name: str) -> bool:
    """Whether a project's fixture makes the value, which is not known before it ran.

    For an argument that is parametrized directly pytest makes a fixture of its own.
    """
    modules = {definition.func.__module__ for definition in _fixtures(item, name)}
    return any(not (module == PLUGIN or module.startswith("_pytest.")) for module in modules)


def _fixtures(item: Any, name: str) -> Sequence[Any]:
    info = getattr(item, "_fixtureinfo", None)
    return info.name2fixturedefs.get(name, ()) if info else ()


def refuse(config: pytest.Config, items: list[pytest.Item], mistake: str) -> None:
    """Report the mistake and run no test. An exception would end a worker of pytest-xdist without a word."""
    report = pytest.CollectReport("duolog", "failed", longrepr=printable(mistake), result=[])
    config.hook.pytest_collectreport(report=report)
    items.clear()


def unused_roles(config: pytest.Config, items: Iterable[pytest.Item]) -> str:
    """What is wrong if an option names a role that no dialogue has; or empty. The role table may have it, too.

    Where a fixture sets scenarios in code their roles are not known yet, and nothing is said.
    """
    settings = settings_of(config)
    roles: set[str] = set()
    for item in filter(uses_our_fixture, items):
        if has_fixture(item, SCENARIO_FIXTURE):
            return ""
        roles |= roles_of(scenario_of(item))
    known = ", ".join(sorted(roles | set(settings.models))) or "none"
    for option, unused in (
        ("--duolog-model", set(settings.overrides) - roles - set(settings.models)),
        ("--duolog-candidate", set(settings.candidates) - roles),
    ):
        if unused:
            named = ", ".join(map(repr, sorted(unused)))
            return f"{option}: no collected test has a speaker with the role or name {named} (there are: {known})"
    return ""
