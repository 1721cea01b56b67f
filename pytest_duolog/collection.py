"""From a collected test to its scenario; what is wrong in one is said before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin_state import settings_of
from pytest_duolog.scenario import Scenario
from pytest_duolog.settings import roles_of

MARKER_NAME = "dialogue"
FIXTURE_NAME = "dialogue"
SCENARIO_FIXTURE = "duolog_scenario"


def marked_values(item: pytest.Item) -> dict[str, Any]:
    """Scenario values of a test: its markers, the nearest last, then parametrized arguments named like one.

    Raises ConfigurationError for a marker with positional arguments.
    """
    values: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers(MARKER_NAME))):
        if mark.args:
            raise ConfigurationError(
                f"the dialogue marker takes keyword arguments only (got {mark.args!r:.120})"
            )
        values.update(mark.kwargs)
    parameters = _parameters(item)
    known = {*Scenario.model_fields, *Scenario.shared_with_speakers}
    values.update({name: value for name, value in parameters.items() if name in known})
    return values


def check_scenarios(items: Iterable[Any]) -> None:
    """Raises a collection error that names every wrong value of the first wrong test among `items`."""
    for item in items:
        if not (isinstance(item, pytest.Item) and uses_our_fixture(item)):
            continue
        try:
            settings_of(item.config).cast(scenario_of(item))
        except pytest.UsageError as error:
            raise pytest.Collector.CollectError(f"wrong setting of dialogues\n{error}") from None
        except ConfigurationError as error:
            raise pytest.Collector.CollectError(f"{item.nodeid}: wrong dialogue\n{error}") from error


def scenario_of(item: pytest.Item, more: Mapping[str, Any] | None = None) -> Scenario:
    """The scenario of a test as far as markers and parameters tell it; `more` wins over both."""
    parametrized = _parameters(item).get(SCENARIO_FIXTURE)
    if more is None:
        more = parametrized if isinstance(parametrized, Mapping) else {}
    return Scenario.build({**marked_values(item), **more})


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def uses_our_fixture(item: pytest.Item) -> bool:
    """Whether a test uses this package's `dialogue` fixture, not one of the project's own with that name."""
    info = getattr(item, "_fixtureinfo", None)
    definitions: Sequence[Any] = info.name2fixturedefs.get(FIXTURE_NAME, ()) if info else ()
    return any(definition.func.__module__ == "pytest_duolog.plugin" for definition in definitions)


def check_roles_are_used(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Raises UsageError if `--duolog-model` names a role that no collected dialogue has."""
    roles: set[str] = set()
    for item in items:
        if uses_our_fixture(item):
            roles |= roles_of(scenario_of(item))
    unused = set(settings_of(config).overrides) - roles
    if unused:
        raise pytest.UsageError(
            f"--duolog-model: no collected test has a speaker with the role or name "
            f"{', '.join(map(repr, sorted(unused)))} (there are: {', '.join(sorted(roles)) or 'none'})"
        )
