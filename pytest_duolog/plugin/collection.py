"""From a collected test to its scenario; what is wrong in one is said before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from pytest_duolog.display import counted, printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin.matrix import Cell, same_cells
from pytest_duolog.plugin.state import session_of, settings_of
from pytest_duolog.results.plan import ScenarioPlan
from pytest_duolog.scenarios.rows import SAMPLING, ScenarioRow
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.values import ScenarioValues, Source
from pytest_duolog.settings import roles_of

MARKER_NAME = "dialogue"
FIXTURE_NAME = "dialogue"
SCENARIO_FIXTURE = "duolog_scenario"
VCR_FIXTURE = "duolog_vcr_config"
PLUGIN = "pytest_duolog.plugin"
# The argument of the marker that names a file of scenarios.
FILE = "scenarios"
# Arguments of the marker that are none of a scenario: `SAMPLING` says how often a test runs.
OF_TEST = (*SAMPLING, FILE)
PARAMETRIZED = "parametrized"


def marked_sources(item: pytest.Item) -> list[Source]:
    """Scenario values from the markers of a test, the nearest last.

    Raises ConfigurationError for a marker with positional arguments.
    """
    return [
        Source(place, {name: value for name, value in values.items() if name not in OF_TEST})
        for place, values in marks_of(item)
    ]


def sampling_of(item: pytest.Item) -> ScenarioPlan | None:
    """How many samples of a test must pass; None if it runs once and is not asked for a rate.

    Raises ConfigurationError for what is wrong in it.
    """
    rows = [given.sampling for given in _given_in_code(item) if isinstance(given, ScenarioRow)]
    sources = [*(values for _, values in marks_of(item)), *rows, _direct_parameters(item, SAMPLING)]
    given = {name: value for values in sources for name, value in values.items() if name in SAMPLING}
    samples = settings_of(item.config).samples or given.get("samples")
    rate = {name: value for name, value in given.items() if name != "samples"}
    if samples is None:
        if rate:
            named = ", ".join(f"{name}={value!r}" for name, value in rate.items())
            raise ConfigurationError(
                f"{named} has no effect: the test runs once; say how often with samples=, "
                "--duolog-samples or duolog_samples (1 is accepted)"
            )
        return None
    if not isinstance(samples, int) or isinstance(samples, bool):
        raise ConfigurationError(f"samples: {samples!r} is not a whole number")
    return None if samples == 1 and not rate else ScenarioPlan(samples, **rate)


def marks_of(item: pytest.Item) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where the markers of a test stand, and their arguments; the nearest last."""
    for node in item.listchain():
        for mark in _marks_of(node):
            if mark.args:
                raise ConfigurationError(
                    f"the dialogue marker takes keyword arguments only (got {mark.args!r:.120})"
                )
            yield place_of(node), mark.kwargs


def _marks_of(node: Any) -> Sequence[pytest.Mark]:
    """A node's own markers. pytest lists a decorator after those below it, but a class after its bases."""
    marks = [mark for mark in node.own_markers if mark.name == MARKER_NAME]
    return marks if isinstance(node, pytest.Class) else marks[::-1]


def place_of(node: Any) -> str:
    """A marker as complaints name it."""
    if isinstance(node, pytest.Item):
        return "the marker of the test"
    return (
        f"the marker of class {node.name}" if isinstance(node, pytest.Class) else "the marker of the module"
    )


def parameter_names(item: pytest.Item) -> list[str]:
    """Parametrized arguments of a test that are named like a scenario's values."""
    return [
        name for name in _parameters(item) if name in {*Scenario.model_fields, *Scenario.shared_with_speakers}
    ]


def _direct_parameters(item: pytest.Item, names: Collection[str]) -> dict[str, Any]:
    """Those parametrized arguments whose values are known before any fixture runs."""
    return {
        name: value
        for name, value in _parameters(item).items()
        if name in names and not has_fixture(item, name)
    }


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def scenario_of(item: pytest.Item) -> Scenario:
    """The scenario of a test as far as markers and parameters tell it before its fixtures run."""
    return Scenario.build(known_values(item).values, beside=OF_TEST)


def known_values(item: pytest.Item) -> ScenarioValues:
    """The scenario values of a test that are known before its fixtures run."""
    sources = marked_sources(item)
    sources.append(Source(PARAMETRIZED, _direct_parameters(item, parameter_names(item)), is_matrix=True))
    sources += [_source_in_code(given, is_matrix=True) for given in _given_in_code(item)]
    return ScenarioValues.of(sources)


def _given_in_code(item: pytest.Item) -> list[Any]:
    """The `duolog_scenario` of a test where it is parametrized directly; else empty."""
    return [*_direct_parameters(item, [SCENARIO_FIXTURE]).values()]


def _source_in_code(given: Any, *, is_matrix: bool) -> Source:
    """What a `duolog_scenario` sets, or a row of a file that stands for one."""
    if isinstance(given, ScenarioRow):
        return Source(given.place, given.values, is_matrix, is_change=True)
    return Source(SCENARIO_FIXTURE, values_from_code(given), is_matrix)


def all_values(item: pytest.Item, parameters: Mapping[str, Any], scenario: Any) -> ScenarioValues:
    """The scenario values of a test whose fixtures gave these `parameters` and this `duolog_scenario`.

    Raises ConfigurationError for what is no scenario.
    """
    in_code = _source_in_code(scenario, is_matrix=SCENARIO_FIXTURE in _parameters(item))
    return ScenarioValues.of(
        [*marked_sources(item), Source(PARAMETRIZED, parameters, is_matrix=True), in_code]
    )


def values_from_code(given: Any) -> dict[str, Any]:
    """What a `duolog_scenario` sets; raises ConfigurationError if it is none."""
    if isinstance(given, Scenario):
        return given.given()
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"{SCENARIO_FIXTURE} gave {given!r:.120}; a mapping or a Scenario is accepted"
        )
    return dict(given)


def mistakes_in(collector: pytest.Collector, found: Sequence[pytest.Item | pytest.Collector]) -> str:
    """Every wrong value of every dialogue of what was `found` in a file or class; empty if all are right."""
    wrong: dict[str, list[str]] = {}
    cells: list[Cell] = []
    items = [item for item in found if isinstance(item, pytest.Item) and uses_our_fixture(item)]
    for item in items:
        try:
            cells.append(_cell_of(item))
            sampling_of(item)
        except pytest.UsageError as error:
            return f"wrong setting of dialogues\n{error}"
        except ConfigurationError as error:
            wrong.setdefault(str(error), []).append(item.nodeid)
    if not (wrong or collector.config.option.collectonly):
        for cell in cells:
            session_of(collector.config).expect(
                cell.asked, configures_vcr=has_fixture(cell.item, VCR_FIXTURE)
            )
    if not wrong:
        further = [*same_cells(cells)]
        if not any(isinstance(node, pytest.Collector) for node in found):
            further += _idle_marker(collector, cells)
        wrong = {mistake: [cell.item.nodeid] for cell, mistake in further}
    return printable("\n\n".join(map(_complaint, wrong.values(), wrong)))


def _cell_of(item: pytest.Item) -> Cell:
    """What a test will hold; raises ConfigurationError for what is wrong, or changes nothing, in it."""
    settings, values = settings_of(item.config), known_values(item)
    try:
        scenario = scenario_of(item)
        cast = settings.cast(scenario)
    except ConfigurationError as error:
        rows = [given for given in _given_in_code(item) if isinstance(given, ScenarioRow)]
        where = f"{rows[0].place}: " if rows else ""
        raise ConfigurationError(f"{where}{error}") from None
    idle = settings.idle(values, scenario)
    if wrong := [str(value) for value in idle if not value.is_overruled]:
        raise ConfigurationError("\n".join(wrong))
    matrix = [name for source in values.sources if source.is_matrix for name in source.values]
    in_code = (
        SCENARIO_FIXTURE if not has_fixture(item, SCENARIO_FIXTURE) else None
    )  # what a fixture makes shows later
    names = [name for name in _parameters(item) if name in matrix or name == in_code]
    return Cell(item, settings.asked(cast), idle, names)


def _idle_marker(collector: pytest.Collector, cells: Sequence[Cell]) -> Iterator[tuple[Cell, str]]:
    """What the marker of a file or class says, and nearer values beat in every test of it."""
    if (
        not cells or len(_marks_of(collector)) != 1
    ):  # one of several is a base class's, which others have, too
        return
    for idle in cells[0].idle:
        alike = [{(other.name, other.place) for other in cell.idle} for cell in cells]
        if idle.place == place_of(collector) and all((idle.name, idle.place) in names for names in alike):
            yield cells[0], str(idle)


def _complaint(nodeids: Sequence[str], mistakes: str) -> str:
    n_more = len(nodeids) - 1
    more = f" (and {counted(n_more, 'more test')} with the same mistake)" if n_more else ""
    return f"{nodeids[0]}: wrong dialogue{more}\n{mistakes}"


def test_in_module(item: pytest.Item) -> str:
    """A test's id inside its module, with its parameters."""
    return item.nodeid.partition("::")[2] or item.name


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
            return (
                f"{option}: no collected test has a speaker with the role or name {named} (there are: "
                f"{known})"
            )
    return ""
