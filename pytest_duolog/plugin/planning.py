"""`--duolog-plan`: prints the costs and risks of the collected tests instead of running them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_duolog.display import counted, printable
from pytest_duolog.errors import RunRecordError
from pytest_duolog.plugin.collection import scenario_of, uses_our_fixture
from pytest_duolog.plugin.record_keeper import RecordKeeper
from pytest_duolog.plugin.run_plan import plan_of
from pytest_duolog.plugin.source_of_tests import TestSources
from pytest_duolog.plugin.state import settings_of
from pytest_duolog.reports.forecast import Habits, forecast_words, habits_of, is_free
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.results.record import RunRecord
from pytest_duolog.results.shard import Shard
from pytest_duolog.results.store import read_record
from pytest_duolog.scenarios.scenario import SIDES, Scenario


@dataclass(eq=False)  # pytest before 8.4 keeps its plugins in a set
class Planning:
    """Replaces the run: prints its plan."""

    config: pytest.Config
    _lines: Sequence[str] = field(default=())
    _has_workers: bool = False

    def __post_init__(self) -> None:
        option = self.config.option  # workers of pytest-xdist have nothing to do
        self._has_workers = bool(getattr(option, "numprocesses", None))
        option.dist, option.numprocesses = "no", 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run nothing; if tests could not be collected, let pytest report it."""
        if session.testsfailed:
            return None
        self._lines = list(plan_lines(session.items, self.config, has_workers=self._has_workers))
        return True

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the plan."""
        if self._lines:
            terminalreporter.section("plan of dialogues", sep="-")
            for line in self._lines:
                terminalreporter.write_line(printable(line))


def plan_lines(
    items: Sequence[pytest.Item], config: pytest.Config, *, has_workers: bool = False
) -> Iterator[str]:
    """The lines of the plan: costs and risks of a run of these tests."""
    settings = settings_of(config)
    tests = {item.nodeid: settings.cast(scenario_of(item)) for item in items if uses_our_fixture(item)}
    plan = plan_of(items, settings, TestSources(config.rootpath))
    sampled = plan.scenarios if plan else {}
    if plan is not None:
        yield from _forecast(plan, tests, config)
        yield from _every_round(plan, settings.shard, has_workers=has_workers)
    yield from _once([scenario for name, scenario in tests.items() if name not in sampled])
    if settings.shard:
        yield _shard_words(settings.shard, sampled, [item.nodeid for item in items])
    if not tests:
        yield "no collected test has a dialogue"
    yield "nothing was run, and no record, history or report is written: this is the plan (--duolog-plan)"


def _forecast(plan: RunPlan, tests: Mapping[str, Scenario], config: pytest.Config) -> Iterator[str]:
    """The forecast for tests with samples, from the last run record or else from the longest dialogue."""
    record = _last_record(config)
    known = {name: record and habits_of(record, name) for name in plan.scenarios}
    yield from forecast_words(plan, {name: habits or _longest(tests[name]) for name, habits in known.items()})


def _every_round(plan: RunPlan, shard: Shard | None, *, has_workers: bool) -> Iterator[str]:
    """The costs of a gate that cannot stop early, because no process sees all its pairs while it runs."""
    if plan.gate is None:
        return
    most = 2 * plan.gate.max_rounds * len(plan.scenarios)
    rest = f"{most} dialogues: each runs every round of its tests"
    if shard and shard.n_shards > 1 < len(plan.scenarios):
        yield f"in shards {rest} (without them a gate stops early)"
    elif has_workers:
        yield f"with workers of pytest-xdist {rest} (-n0 stops early)"


def _once(scenarios: Sequence[Scenario]) -> Iterator[str]:
    if scenarios:
        replies = sum(_longest(scenario).replies for scenario in scenarios)
        yield (
            f"{counted(len(scenarios), 'test')} with a dialogue that runs once: at most {replies:.0f} replies"
        )


def _shard_words(shard: Shard, sampled: Collection[str], nodeids: Sequence[str]) -> str:
    own = shard.share(sampled, nodeids)
    n_sampled = sum(name in sampled for name in own)
    return (
        f"these are the numbers of all {counted(shard.n_shards, 'shard')} together; shard {shard} "
        f"runs {n_sampled} of {counted(len(sampled), 'test')} with samples, and "
        f"{len(own) - n_sampled} of {len(nodeids) - len(sampled)} others"
    )


def _longest(scenario: Scenario) -> Habits:
    """The largest number of replies in one dialogue of the scenario."""
    if scenario.steps:
        models = [scenario.speaker(side).model for side in scenario.asked_in_steps()]
        return Habits(replies=sum(not is_free(model) for model in models))
    n_given = len(scenario.history) or int(scenario.opener is not None)
    n_asked = sum(not is_free(scenario.speaker(side).model) for side in SIDES)
    return Habits(replies=math.ceil((scenario.max_messages - n_given) * n_asked / len(SIDES)))


def _last_record(config: pytest.Config) -> RunRecord | None:
    try:
        return read_record(RecordKeeper(config).path)
    except RunRecordError:  # there is no readable record; a plan does not need one
        return None
