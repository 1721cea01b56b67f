"""Has the dialogues of a run held in the workers of `--duolog-executor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin.collection import VCR_FIXTURE, refuse, scenario_of, uses_our_fixture
from pytest_duolog.plugin.prefetch import may_mock, package_of
from pytest_duolog.plugin.state import session_of, settings_of
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.results.arm import Arm
from pytest_duolog.running.executors.driver import Executor
from pytest_duolog.running.executors.engine import engine_at
from pytest_duolog.running.executors.sendable import refused, why_not_sent
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.settings import Settings


def engage(session: pytest.Session) -> None:
    """Reach the workers before the first test runs; refuse tests whose dialogues no worker can hold."""
    config = session.config
    settings = settings_of(config)
    address = settings.executor
    assert address is not None, "the caller has looked"
    is_asked_for = bool(config.getoption("duolog_executor"))
    runs_nothing = config.option.collectonly or config.getoption("duolog_plan")
    # A screen asks the candidate whatever the record mode of the tests is; its batches are sent from this process.
    is_here = config.getoption("duolog_screen_batch") is not None
    is_live = settings.record_mode is not RecordMode.NONE or (
        config.getoption("duolog_screen") and not is_here
    )
    if runs_nothing or not (is_live or is_asked_for):
        return
    try:
        _check_run(config, settings, is_live=bool(is_live), is_here=is_here)
        tests = list(filter(uses_our_fixture, session.items))
        reasons = {item.nodeid: why for item in tests if (why := _why_not_sent(item, settings))}
        if reasons:
            raise refused(reasons, how=" (-k, --deselect)")
        executor = Executor(session_of(config), engine_at(address), str(address))
        session_of(config).executor = executor
        executor.open(scenario for item in tests for scenario in _cast(item, settings))
    except ConfigurationError as error:
        refuse(config, session.items, str(error))
        return
    config.pluginmanager.register(Summary(executor), "duolog-executor")


def _check_run(config: pytest.Config, settings: Settings, *, is_live: bool, is_here: bool) -> None:
    if not is_live and is_here:
        raise ConfigurationError(
            "--duolog-executor: it has no effect on --duolog-screen-batch, whose batches are sent from this process: "
            "leave it out"
        )
    if not is_live:
        raise ConfigurationError(
            "--duolog-executor: it has no effect in record mode none, which asks no model: add "
            "--record-mode=once, or leave it out"
        )
    if hasattr(config, "workerinput"):
        raise ConfigurationError(
            "duolog_executor: workers of pytest-xdist and of an executor cannot be combined: leave out -n; one "
            "process keeps all workers of an executor busy"
        )
    if settings.concurrency == 1:
        raise ConfigurationError(
            "duolog_executor: with --duolog-concurrency=1 one dialogue runs after the other, so that no worker is "
            "needed: set it to the number of dialogues at a time in all workers"
        )


def _cast(item: pytest.Item, settings: Settings) -> Iterator[Scenario]:
    scenario = scenario_of(item)
    yield settings.cast(scenario)
    if settings.candidates:
        yield settings.cast(scenario, arm=Arm.CANDIDATE)


def _why_not_sent(item: pytest.Item, settings: Settings) -> str:
    for scenario in _cast(item, settings):
        if why := why_not_sent(scenario, settings):
            return why
    info: Any = getattr(item, "_fixtureinfo", None)
    definitions: Sequence[Any] = info.name2fixturedefs.get(VCR_FIXTURE, ()) if info else ()
    if definitions and package_of(definitions[-1].func) != "pytest_duolog":
        return f"{VCR_FIXTURE} has hooks, which are code of your tests"
    if may_mock(item):
        return "it may mock requests, which a worker would send to the network"
    return ""


class Summary:
    """Says at the end of the run what ran where."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print one line."""
        terminalreporter.write_line(printable(self._executor.words))
