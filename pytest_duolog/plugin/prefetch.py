"""Begins the live dialogues of the next tests while a test waits for its own, so that many run at once.

A dialogue begins early only if its test cannot change it: its values come only from markers and parameters, its
speakers are not functions and have no tools, the project's fixtures of its test are already set up, and no hook of the
project is called in between.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import pytest

from pytest_duolog.endpoints.scripted import Script
from pytest_duolog.plugin.attempts import Attempt
from pytest_duolog.plugin.collection import PLUGIN, VCR_FIXTURE, scenario_of, uses_our_fixture
from pytest_duolog.running.dialogue import Dialogue
from pytest_duolog.scenarios.scenario import SIDES

# Packages whose fixtures do not change dialogues, except the fixtures in `MEDDLERS`.
HARMLESS = (
    "_pytest",
    "anyio",
    "cassetter",
    "pytest_asyncio",
    "pytest_duolog",
    "pytest_recording",
    "syrupy",
    "xdist",
)
MEDDLERS = frozenset({"monkeypatch", "pytester", "testdir"})
# Fixtures of a scope live as long as the nearest of these nodes.
NODES = {"class": (pytest.Class, pytest.Module), "module": (pytest.Module,)}
# Hooks of the project that may skip a test, or change its environment, just before it runs.
HOOKS = (
    "pytest_runtest_protocol",
    "pytest_runtest_setup",
    "pytest_runtest_call",
    "pytest_fixture_setup",
    "pytest_pyfunc_call",
)
# Markers of tests that may not run, or whose requests may be redirected.
UNSURE = ("skip", "skipif", "xfail", "vcr")

# Packages that mock requests; of `unittest`, only `mock`.
MOCKING = frozenset(
    {
        *(
            "aioresponses",
            "httpretty",
            "mocket",
            "mock",
            "pook",
            "pytest_httpx",
            "requests_mock",
            "responses",
            "respx",
        ),
        "unittest",
    }
)

# How many of the next tests are considered for each dialogue that may run at a time, so that dialogues are ready when a
# long one delays the tests. With `-x`, this many dialogues may be wasted.
TESTS_PER_PLACE = 2


class Prefetch:
    """Begins the dialogues of the next attempts, as many as `has_room_for` allows."""

    def __init__(
        self,
        coming: Iterable[Attempt],
        concurrency: int,
        begin: Callable[[Attempt], Dialogue],
        has_room_for: Callable[[int], bool] = lambda _n_dialogues: True,
        is_quiet: Callable[[], bool] = lambda: True,
        *,
        begins_own: bool = False,
    ) -> None:
        """`is_quiet` says whether the running test has not changed anything that dialogues depend on.

        With `begins_own`, the dialogue of the running test begins as those of the next tests do, because they run in
        workers.
        """
        self._begins_own = begins_own
        self._n_ahead = TESTS_PER_PLACE * concurrency
        self._begin = begin
        self._has_room_for = has_room_for
        self._is_quiet = is_quiet
        self._begun: dict[Attempt, Dialogue] = {}
        self._settled: dict[pytest.Item, bool] = {}
        self.expect(coming)

    def expect(self, coming: Iterable[Attempt]) -> None:
        """Set the next attempts, in their order."""
        self._coming = deque(attempt for attempt in coming if uses_our_fixture(attempt.item))

    def take(self, attempt: Attempt) -> Dialogue | None:
        """The dialogue that was begun for an attempt, or None; begins those of the next attempts."""
        if attempt in self._coming:
            while self._coming.popleft() != attempt:
                pass
        n_running = sum(not dialogue.has_run for dialogue in self._begun.values())
        n_running += attempt not in self._begun
        if self._begins_own and attempt not in self._begun and self._is_quiet():
            self._begin_own(attempt)
        for later in islice(self._coming, self._n_ahead if self._is_quiet() else 0):
            if not self._has_room_for(n_running + 1):  # dialogues that have begun must be able to finish
                break
            if later not in self._begun and self._can_begin_early(later.item, attempt.item):
                self._begun[later] = self._begin(later)
                n_running += 1
        return self._begun.pop(attempt, None)

    def _begin_own(self, attempt: Attempt) -> None:
        if self._can_begin_early(attempt.item, attempt.item):
            self._begun[attempt] = self._begin(attempt)

    def _can_begin_early(self, item: pytest.Item, running: pytest.Item) -> bool:
        """Whether nothing that happens between the running test and that of `item` can change its dialogue."""
        if item not in self._settled:  # otherwise every test would be checked again for each test before it
            self._settled[item] = is_settled(item) and not has_hooks_of_project(item)
        return self._settled[item] and has_its_fixtures(item, running)


def is_settled(item: pytest.Item) -> bool:
    """Whether a test's markers and parameters alone determine that it runs and with which models."""
    if any(item.get_closest_marker(name) for name in UNSURE) or may_mock(item):
        return False
    scenario = scenario_of(item)
    speakers = [scenario.speaker(side) for side in SIDES]
    # A tool may read what the tests before this one have yet to write.
    return all(isinstance(speaker.model, str | Script | None) and not speaker.tools for speaker in speakers)


def has_hooks_of_project(item: pytest.Item) -> bool:
    """Whether code that is no installed plugin, such as a `conftest.py`, is called just before the test runs."""
    manager = item.config.pluginmanager
    known = {*HARMLESS, *(package_of(plugin) for plugin, _ in manager.list_plugin_distinfo())}
    implementations = [impl for name in HOOKS for impl in getattr(item.ihook, name).get_hookimpls()]
    return any(package_of(impl.plugin) not in known for impl in implementations)


def may_mock(item: Any) -> bool:
    """Whether a test's function, or its module, uses a library that mocks requests.

    A decorator, or a `with` in the test, sets up a mock only after the dialogue would have begun.
    """
    names = {package_of(value) for value in vars(item.module).values()} if hasattr(item, "module") else set()
    code = getattr(inspect.unwrap(item.function), "__code__", None) if hasattr(item, "function") else None
    return not MOCKING.isdisjoint(names | set(code.co_names if code else ()))


def package_of(value: Any) -> str:
    """The package of a module, or of the module in which an object was defined."""
    name = value.__name__ if inspect.ismodule(value) else getattr(type(value), "__module__", "")
    made = getattr(value, "__module__", None) if callable(value) else None
    return str(made or name).partition(".")[0]


def has_its_fixtures(item: pytest.Item, running: pytest.Item) -> bool:
    """Whether the project's fixtures of a test are already set up, with the values that the test will get."""
    info: Any = getattr(item, "_fixtureinfo", None)
    return all(
        _is_harmless(name, definitions[-1], item, running)
        for name, definitions in info.name2fixturedefs.items()
        if definitions
    )


def _is_harmless(name: str, definition: Any, item: Any, running: pytest.Item) -> bool:
    if definition.func.__module__.partition(".")[0] in HARMLESS:
        return name not in MEDDLERS
    if definition.scope == "function" or definition.cached_result is None:
        return False
    _, parameter, error = definition.cached_result
    given = getattr(getattr(item, "callspec", None), "params", {}).get(name)
    return error is None and parameter is given and _outlives(definition.scope, item, running)


def _outlives(scope: str, item: pytest.Item, running: pytest.Item) -> bool:
    """Whether the value of a fixture of the running test will be that of `item`, too."""
    if scope not in NODES:  # a package is that of the fixture, so that both tests are in it
        return True
    nodes = [next(filter(None, map(test.getparent, NODES[scope])), None) for test in (item, running)]
    return nodes[0] is nodes[1]


def vcr_config_of(item: Any) -> Mapping[str, Any]:
    """The value of `duolog_vcr_config` for a test for which `has_its_fixtures`."""
    definition = item._fixtureinfo.name2fixturedefs[VCR_FIXTURE][-1]  # noqa: SLF001  # as in `has_its_fixtures`
    is_of_project = definition.func.__module__ != PLUGIN
    config: Mapping[str, Any] = definition.cached_result[0] if is_of_project else {}
    return config
