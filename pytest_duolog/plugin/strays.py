"""Finds what looks as if it set values of dialogues and does not: pytest does not know it, or does not read it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_duolog.display import did_you_mean, from_here
from pytest_duolog.plugin.collection import MARKER_NAME, SCENARIO_FIXTURE, VCR_FIXTURE, refuse, tests_in

PREFIX = "duolog_"
# The fixtures that a project overrides.
OVERRIDDEN = (SCENARIO_FIXTURE, VCR_FIXTURE)
# What the marker may be taken for, and how like these and the fixtures a name must be, by difflib's ratio.
MARKERS = (MARKER_NAME, "duolog")
LIKE = 0.8
# What pytest sets on a fixture: before 8.4, and since then.
MARKS_OF_FIXTURES = ("_pytestfixturefunction", "_fixture_function_marker")


def refuse_strays(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Report what the tests with a dialogue among `items` do not take, and run no test; do nothing if all is taken."""
    tests = tests_in(items)
    plugins = (plugin for _, plugin in config.pluginmanager.list_name_plugin())
    conftests = [
        plugin for plugin in plugins if isinstance(plugin, ModuleType) and _file(plugin).name == "conftest.py"
    ]
    modules = dict.fromkeys(found for test in tests if (found := getattr(test, "module", None)))
    classes = dict.fromkeys(found for test in tests if (found := getattr(test, "cls", None)))
    found = [
        *_markers(config, tests),
        *_marks_of_folders([*conftests, *_packages(modules)]),
        *_fixtures([*conftests, *modules, *classes], tests),
    ]
    if found:
        refuse(config, items, "\n".join(dict.fromkeys(found)))


def _packages(modules: Iterable[ModuleType]) -> Iterator[ModuleType]:
    """The packages that test modules were imported from, near and far."""
    for name in {module.__package__ for module in modules if module.__package__}:
        parts = name.split(".")
        names = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
        yield from (sys.modules[package] for package in names if package in sys.modules)


def _markers(config: pytest.Config, tests: Iterable[pytest.Item]) -> Iterator[str]:
    """Markers that nobody registered, with nearly the name of ours."""
    registered = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    for node in dict.fromkeys(node for test in tests for node in test.listchain()):
        for name in {mark.name for mark in node.own_markers} - registered:
            if did_you_mean(name.lower(), MARKERS, least=LIKE):
                yield f"{node.nodeid}: @pytest.mark.{name} has no effect: the marker is @pytest.mark.{MARKER_NAME}"


def _marks_of_folders(modules: Iterable[ModuleType]) -> Iterator[str]:
    for module in modules:
        marks = getattr(module, "pytestmark", ())
        marks = marks if isinstance(marks, list | tuple) else [marks]
        if any(getattr(mark, "name", "") == MARKER_NAME for mark in marks):
            yield (
                f"{_place(module)}: pytestmark has no effect: pytest reads it in test modules only. For the tests of "
                f"a folder, return the values from a fixture {SCENARIO_FIXTURE} in its conftest.py"
            )


def _fixtures(owners: Iterable[Any], tests: Sequence[pytest.Item]) -> Iterator[str]:
    """Fixtures that no test takes, with nearly the name of one to override; and functions with its name."""
    used = {name for test in tests for name in getattr(test, "fixturenames", ())}
    given = {name for test in tests if hasattr(test, "callspec") for name in test.callspec.params}
    for owner in owners:
        for name, found in vars(owner).items():
            if not name.startswith(PREFIX):
                continue
            place = f"{_place(inspect.getmodule(owner))}: {name}"
            is_fixture = any(hasattr(found, mark) for mark in MARKS_OF_FIXTURES)
            if name in OVERRIDDEN and not is_fixture and inspect.isfunction(found) and name not in given:
                yield f"{place} has no effect: it is no fixture; write @pytest.fixture above it"
            meant = did_you_mean(name, OVERRIDDEN, least=LIKE)
            if is_fixture and meant and name not in (*used, *OVERRIDDEN):
                yield f"{place} has no effect: no test with a dialogue takes this fixture{meant}"


def _place(module: ModuleType | None) -> str:
    return from_here(_file(module)) if module else "a plugin"


def _file(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or module.__name__)
