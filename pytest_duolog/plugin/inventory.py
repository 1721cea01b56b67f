"""Writes a file with the dialogues that pytest collects and the recordings that they use, for `duolog cassettes`.

It is loaded only by that command, with `-p pytest_duolog.plugin.inventory`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.genuine import CLOCK
from pytest_duolog.plugin import REPORT_ATTRIBUTE
from pytest_duolog.plugin.collection import (
    SCENARIO_FIXTURE,
    has_fixture,
    parameter_names,
    sampling_of,
    scenario_of,
    uses_our_fixture,
)
from pytest_duolog.plugin.state import session_of, settings_of
from pytest_duolog.recording.header import make_header
from pytest_duolog.recording.inventory import CollectedDialogue, Inventory
from pytest_duolog.recording.naming import CassetteLocation, folder_of
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.scenarios.scenario import SIDES

OPTION = "--duolog-inventory"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option, which only `duolog cassettes` uses."""
    parser.addoption(OPTION, type=Path, help="write the inventory to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run; workers of pytest-xdist report to the controller as usual."""
    path = config.getoption(OPTION)
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Watcher(path))


class Watcher:
    """Collects the inventory of a run and writes it at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dialogues: list[CollectedDialogue] = []
        self._modules: set[Path] = set()
        self._broken: dict[str, str] = {}
        self._passed: set[str] = set()
        self._used: set[Path] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note which modules were collected, and which could not be collected."""
        if report.failed:
            self._broken[report.nodeid] = report.longreprtext

    @pytest.hookimpl(tryfirst=True)  # before tests are deselected
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the dialogues."""
        self._modules = {item.path.resolve() for item in items}
        self._dialogues = [dialogue for item in items for dialogue in _dialogue_of(item)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which recordings a test used."""
        results: Iterable[DialogueResult] = getattr(report, REPORT_ATTRIBUTE, ())
        self._used |= {Path(result.cassette).resolve() for result in results if result.cassette}
        if report.when == "call" and report.passed:
            self._passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write the inventory."""
        found = Inventory(
            dialogues=tuple(self._dialogues),
            modules=frozenset(self._modules),
            broken=self._broken,
            passed=frozenset(self._passed),
            used=frozenset(self._used),
        )
        self._path.write_text(found.model_dump_json(), "utf-8")


def _dialogue_of(item: pytest.Item) -> Iterator[CollectedDialogue]:
    if not uses_our_fixture(item):
        return
    test = item.nodeid.partition("::")[2] or item.name
    try:
        plan = sampling_of(item)
    except ConfigurationError:
        plan = None
    n_samples = plan.samples if plan else 1
    is_open = has_fixture(item, SCENARIO_FIXTURE) or any(
        has_fixture(item, name) for name in parameter_names(item)
    )
    yield CollectedDialogue(
        nodeid=item.nodeid,
        module=item.path.resolve(),
        test=test,
        samples=n_samples,
        headers=() if is_open else tuple(_headers(item, test, n_samples)),
    )


def _headers(item: pytest.Item, test: str, n_samples: int) -> Iterator[dict[str, object]]:
    scenario, session = scenario_of(item), session_of(item.config)
    for number in range(1, n_samples + 1):
        cast = settings_of(item.config).cast(scenario.for_sample(number))
        models = [cast.speaker(side).model_label for side in SIDES]
        location = CassetteLocation(folder_of(item.path), test, models, sample=number)
        yield session.redactor.json(make_header(cast, location, now=CLOCK.now()))
