"""Finds the scenario of a collected test, and reports its mistakes before any test runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
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
SNAPSHOT_FIXTURE = "duolog_snapshot"
VCR_FIXTURE = "duolog_vcr_config"
PLUGIN = "pytest_duolog.plugin"
# The argument of the marker that names a file of scenarios.
FILE = "scenarios"
# Arguments of the marker that are not part of a scenario: `SAMPLING` says how often a test runs.
OF_TEST = (*SAMPLING, FILE)
PARAMETRIZED = "parametrized"
_VALUES = frozenset(Scenario.arguments())
OF_SAMPLING = frozenset((*SAMPLING, SCENARIO_FIXTURE))
OF_DIALOGUE = _VALUES | OF_SAMPLING
# Values that any text may be, and on which nothing else in a scenario depends.
FREE = frozenset(("opener", "topic"))
SURROGATES = re.compile("[\ud800-\udfff]")


def marked_sources(item: pytest.Item) -> list[Source]:
    """Scenario values from the markers of a test, the nearest last.

    Raises ConfigurationError for a marker with positional arguments.
    """
    return [
        Source(place, {name: value for name, value in values.items() if name not in OF_TEST})
        for place, values in marks_of(item)
    ]


def sampling_of(item: pytest.Item) -> ScenarioPlan | None:
    """The plan for the samples of a test; None if it runs once without a pass rate.

    Raises ConfigurationError for wrong values.
    """
    rows = [given.sampling for given in _given_in_code(item) if isinstance(given, ScenarioRow)]
    given: dict[str, Any] = {}
    for values in (*(values for _, values in marks_of(item)), *rows, _direct_parameters(item, SAMPLING)):
        given |= {name: value for name, value in values.items() if name in SAMPLING}
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
    """The place and the arguments of each marker of a test; the nearest last."""
    for node in item.listchain():
        for mark in _marks_of(node) if node.own_markers else ():
            if mark.args:
                raise ConfigurationError(
                    f"the dialogue marker takes keyword arguments only (got {mark.args!r:.120})"
                )
            yield place_of(node), mark.kwargs


def _marks_of(node: Any) -> Sequence[pytest.Mark]:
    """A node's own markers, the nearest last. pytest lists decorators from below, but a class after its bases."""
    marks = [mark for mark in node.own_markers if mark.name == MARKER_NAME]
    return marks if isinstance(node, pytest.Class) else marks[::-1]


def place_of(node: Any) -> str:
    """The place of a marker for error messages."""
    if isinstance(node, pytest.Item):
        return "the marker of the test"
    return (
        f"the marker of class {node.name}" if isinstance(node, pytest.Class) else "the marker of the module"
    )


def parameter_names(item: pytest.Item) -> list[str]:
    """The parametrized arguments of a test that have the name of a scenario value."""
    return [name for name in _parameters(item) if name in _VALUES]


def _direct_parameters(item: pytest.Item, names: Collection[str]) -> dict[str, Any]:
    """The parametrized arguments whose values are known before fixtures run."""
    given = _parameters(item)
    return {name: given[name] for name in names if name in given and not has_fixture(item, name)}


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def scenario_of(item: pytest.Item) -> Scenario:
    """The scenario of a test from its markers and parameters, before its fixtures run."""
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
    """The scenario values of a test from its markers, these `parameters` and the value of `duolog_scenario`.

    Raises ConfigurationError if they are not a scenario.
    """
    in_code = _source_in_code(scenario, is_matrix=SCENARIO_FIXTURE in _parameters(item))
    return ScenarioValues.of(
        [*marked_sources(item), Source(PARAMETRIZED, parameters, is_matrix=True), in_code]
    )


def values_from_code(given: Any) -> dict[str, Any]:
    """The values of a `duolog_scenario`; raises ConfigurationError if it is not a mapping or a Scenario."""
    if isinstance(given, Scenario):
        return given.given()
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"{SCENARIO_FIXTURE} returned {given!r:.120}; a mapping or a Scenario is accepted"
        )
    return dict(given)


def mistakes_in(
    collector: pytest.Collector, found: Sequence[pytest.Item | pytest.Collector], tests: Iterable[pytest.Item]
) -> str:
    """The mistakes in the dialogues of `tests`, which were `found` in a file or class; empty if there are none."""
    wrong: dict[str, list[str]] = {}
    cells: list[Cell] = []
    alike: dict[Hashable, Cell] = {}
    for item in tests:
        try:
            cells.append(cell_like(item, alike))
        except pytest.UsageError as error:
            return f"wrong setting for dialogues\n{error}"
        except ConfigurationError as error:
            wrong.setdefault(str(error), []).append(item.nodeid)
    if not (wrong or collector.config.option.collectonly):
        for cell in alike.values():
            session_of(collector.config).expect(
                cell.asked, configures_vcr=has_fixture(cell.item, VCR_FIXTURE)
            )
    if not wrong:
        further = [*same_cells(cells)]
        if not any(isinstance(node, pytest.Collector) for node in found):
            further += _idle_marker(collector, cells)
        wrong = {mistake: [cell.item.nodeid] for cell, mistake in further}
    return printable("\n\n".join(map(_complaint, wrong.values(), wrong)))


def cell_like(item: pytest.Item, alike: dict[Hashable, Cell]) -> Cell:
    """The dialogue of a test, from a test of the same kind in `alike`; a test of a new kind is checked and added to it.

    A suite may have thousands of tests that differ in their first message only. Raises ConfigurationError for values
    that are wrong or have no effect, also those about samples.
    """
    texts = _free_texts(item)
    kind = kind_of(item, OF_DIALOGUE, free=texts), *texts
    if kind not in alike:
        alike[kind] = cell_of(item)
        sampling_of(item)
    _, scenario, idle, parameters, _ = alike[kind]
    return Cell(item, scenario, idle, parameters, texts)


def kind_of(
    item: pytest.Item, names: Collection[str] = OF_SAMPLING, *, free: Collection[str] = ()
) -> Hashable:
    """A key that is equal for collected tests whose markers, fixtures and parameters are the same.

    Of the parameters, those with these `names` count that are not `free`. With the default, such tests have the same
    samples. Two objects that are equal are not the same here. Tests of one module or class share the markers above.
    """
    marks = [id(mark) for mark in item.own_markers if mark.name == MARKER_NAME]
    given = [
        (name, id(value)) for name, value in _parameters(item).items() if name in names and name not in free
    ]
    return id(item.parent), id(getattr(item, "_fixtureinfo", None)), *marks, *given


def _free_texts(item: pytest.Item) -> dict[str, str]:
    """The parametrized texts of a test on which no other value depends, if they are as a scenario keeps them."""
    return {
        name: text
        for name, text in _parameters(item).items()
        if name in FREE and _is_kept(text) and not has_fixture(item, name)
    }


def _is_kept(text: Any) -> bool:
    return type(text) is str and bool(text.strip()) and (text.isascii() or not SURROGATES.search(text))


def cell_of(item: pytest.Item) -> Cell:
    """The dialogue of a test; raises ConfigurationError for values that are wrong or have no effect."""
    settings, values = settings_of(item.config), known_values(item)
    try:
        scenario = Scenario.build(values.values, beside=OF_TEST)
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
    )  # values from fixtures are checked later
    names = [name for name in _parameters(item) if name in matrix or name == in_code]
    return Cell(item, settings.asked(cast), idle, names)


def _idle_marker(collector: pytest.Collector, cells: Sequence[Cell]) -> Iterator[tuple[Cell, str]]:
    """Values in the marker of a file or class that nearer values replace in every test of it."""
    if (
        not cells or len(_marks_of(collector)) != 1
    ):  # one of several belongs to a base class, which other classes share
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


def tests_in(found: Iterable[pytest.Item | pytest.Collector]) -> list[pytest.Item]:
    """The tests with a dialogue of this package in what was collected."""
    return [item for item in found if isinstance(item, pytest.Item) and uses_our_fixture(item)]


def uses_our_fixture(item: Any) -> bool:
    """Whether a test uses this package's `dialogue` fixture, not another fixture with that name."""
    for definition in reversed(_fixtures(item, FIXTURE_NAME)):
        if definition.func.__module__ == PLUGIN:
            return True
        if FIXTURE_NAME not in definition.argnames:  # it does not use the fixture that it overrides
            return False
    return False


def has_fixture(item: pytest.Item, name: str) -> bool:
    """Whether a fixture of the project sets the value, so that it is not known before the fixture runs.

    For a directly parametrized argument, pytest creates a fixture itself.
    """
    modules = [definition.func.__module__ for definition in _fixtures(item, name)]
    return any(not (module == PLUGIN or module.startswith("_pytest.")) for module in modules)


def _fixtures(item: Any, name: str) -> Sequence[Any]:
    info = getattr(item, "_fixtureinfo", None)
    return info.name2fixturedefs.get(name, ()) if info else ()


def refuse(config: pytest.Config, items: list[pytest.Item], mistake: str) -> None:
    """Report the mistake and run no test. An exception would end a worker of pytest-xdist without a message."""
    report = pytest.CollectReport("duolog", "failed", longrepr=printable(mistake), result=[])
    config.hook.pytest_collectreport(report=report)
    items.clear()


def unused_roles(config: pytest.Config, items: Iterable[pytest.Item]) -> str:
    """The error message if an option names a role that no dialogue has; otherwise empty.

    If fixtures set scenarios, their roles are not known yet, and there is no error.
    """
    settings = settings_of(config)
    roles: set[str] = set()
    role_of: dict[str, str] = {}
    for item in filter(uses_our_fixture, items):
        if has_fixture(item, SCENARIO_FIXTURE):
            return ""
        scenario = scenario_of(item)
        roles |= roles_of(scenario)
        role_of |= {speaker.name: speaker.role for speaker in (scenario.a, scenario.b) if speaker.role}
    known = ", ".join(sorted(roles | set(settings.models))) or "none"
    for option, unused in (
        ("--duolog-model", set(settings.overrides) - roles - set(settings.models)),
        ("--duolog-candidate", set(settings.candidates) - roles),
    ):
        if unused:
            named = ", ".join(map(repr, sorted(unused)))
            hints = (
                f"; {name} has the role {role_of[name]}: {option} {role_of[name]}=..."
                for name in sorted(unused & role_of.keys())
            )
            return (
                f"{option}: no collected test has a speaker with the role or name {named} (there are: "
                f"{known}){''.join(hints)}"
            )
    return ""
