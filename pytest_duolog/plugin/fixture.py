"""The body of the `dialogue` fixture, and the dialogues on a test's report."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from pytest_duolog.display import printable
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin import REPORT_ATTRIBUTE, SITE
from pytest_duolog.plugin.attempts import ATTEMPT, Attempt, attempt_of
from pytest_duolog.plugin.collection import (
    all_values,
    known_values,
    parameter_names,
    test_in_module,
)
from pytest_duolog.plugin.collector import UNMEASURED_ATTRIBUTE
from pytest_duolog.plugin.prefetch import Prefetch, vcr_config_of
from pytest_duolog.plugin.progress import progress_observers
from pytest_duolog.plugin.state import is_recording, session_of, settings_of
from pytest_duolog.plugin.unseen import PASSED, require_seen
from pytest_duolog.recording.mocks import is_httpx_mocked
from pytest_duolog.recording.naming import folder_of
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.reports.terminal import dialogue_section
from pytest_duolog.running.dialogue import Dialogue, TestSite
from pytest_duolog.scenarios.values import ScenarioValues

LONGEST_HEADING = 100

BEFORE_FIXTURES: pytest.StashKey[BeforeFixtures] = pytest.StashKey()
PREFETCH: pytest.StashKey[Prefetch | None] = pytest.StashKey()


def open_dialogue(
    request: pytest.FixtureRequest, scenario: Any, vcr_config: Mapping[str, Any]
) -> Iterator[Dialogue]:
    """The first dialogue of a test; afterwards, raises an error for dialogues that never ran."""
    item: pytest.Item = request.node
    attempt = attempt_of(item)
    prefetch = prefetch_of(item)
    first = prefetch.take(attempt) if prefetch else None
    if first is None:
        parameters = {name: request.getfixturevalue(name) for name in parameter_names(item)}
        first = _first_dialogue(attempt, all_values(item, parameters, scenario), vcr_config)
    site = item.stash[SITE] = first.site
    item.stash[PASSED] = False
    yield first
    if item.stash[PASSED]:
        require_seen(item, is_over=True)  # the teardown of other fixtures may have asked for more verdicts
    for made in site.dialogues:
        made.abandon()
    forgotten = [made for made in site.dialogues if not (made.has_run or made.is_first)]
    if forgotten:
        raise ConfigurationError(f"{forgotten[0]!r} was made with dialogue.run() and never awaited")


def _first_dialogue(attempt: Attempt, values: ScenarioValues, vcr_config: Mapping[str, Any]) -> Dialogue:
    item = attempt.item
    nodeid = item.nodeid
    site = TestSite(
        session=session_of(item.config),
        folder=folder_of(item.path),
        test=test_in_module(item),
        values=values,
        vcr_config=vcr_config,
        test_argument=shlex.join([*settings_of(item.config).casting_arguments, nodeid]),
        observers=partial(progress_observers, item.config, attempt),
        sample=attempt.number,
        is_sample=ATTEMPT in item.stash,
        arm=attempt.arm,
        root=item.config.rootpath,
    )
    return Dialogue(site, site.values)


def prefetch_of(item: pytest.Item) -> Prefetch | None:
    """The prefetch for the next attempts; None if nothing is live, or only one dialogue may run at a time."""
    config = item.config
    if BEFORE_FIXTURES not in config.stash:
        return None  # all tests get dialogues with `request.getfixturevalue`, while they run
    if PREFETCH not in config.stash:
        settings = settings_of(config)
        is_wanted = settings.record_mode is not RecordMode.NONE and settings.concurrency > 1
        coming = () if hasattr(config, "workerinput") else map(Attempt, item.session.items)
        has_room_for = session_of(config).budget.has_room_for
        is_quiet = config.stash[BEFORE_FIXTURES].is_unchanged
        prefetch = Prefetch(
            coming,
            settings.concurrency,
            _begin_early,
            has_room_for,
            is_quiet,
            begins_own=settings.executor is not None,
        )
        config.stash[PREFETCH] = prefetch if is_wanted else None
    return config.stash[PREFETCH]


class BeforeFixtures:
    """Remembers the environment before the fixtures of the running test."""

    def __init__(self) -> None:
        self._environ = _environ()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Remember the environment; fixtures run later."""
        self._environ = _environ()

    def is_unchanged(self) -> bool:
        """Whether the test's fixtures have not changed it and do not mock the way to providers.

        Changes by a session fixture are there before the next test's fixtures.
        """
        return self._environ == _environ() and not is_httpx_mocked()


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def watch_environment(config: pytest.Config) -> None:
    """Remember the environment before each test from now on."""
    config.stash[BEFORE_FIXTURES] = BeforeFixtures()
    config.pluginmanager.register(config.stash[BEFORE_FIXTURES], "duolog-before-fixtures")


def _begin_early(attempt: Attempt) -> Dialogue:
    dialogue = _first_dialogue(attempt, known_values(attempt.item), vcr_config_of(attempt.item))
    dialogue.begin()
    return dialogue


def add_dialogues(
    report: pytest.TestReport, item: pytest.Item, error: pytest.ExceptionInfo[BaseException] | None
) -> None:
    """Attach the results of a test's dialogues to its report, and show them with a failure."""
    site = item.stash[SITE]
    if error is not None and (
        getattr(error.value, "is_unmeasured", False) or any(made.was_prevented for made in site.dialogues)
    ):
        setattr(report, UNMEASURED_ATTRIBUTE, True)
    if not (report.when == "call" or (report.when == "setup" and report.failed)):
        if report.when == "setup" and hasattr(item.config, "workerinput") and is_recording(item.config):
            setattr(report, REPORT_ATTRIBUTE, ())  # the controller says after Ctrl-C what is kept
        return
    if site.session.settings.otel != "off":
        from pytest_duolog.plugin.dialogue_spans import write_dialogues  # noqa: PLC0415  # most runs want no spans

        write_dialogues(site, item.nodeid)
    results = tuple(result for made in site.dialogues if (result := made.result))
    setattr(report, REPORT_ATTRIBUTE, results)
    if report.failed:
        report.sections += [(_heading(result.title), dialogue_section(result)) for result in results]


def _heading(title: str) -> str:
    """A title on one line; the name of a dialogue can be any text."""
    return printable(" ".join(title[:LONGEST_HEADING].split()))
