"""What the collected tests ask for: the plan of a run with samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

# There is no public way (pytest 9.2) to find out whether a test's marks skip it.
from _pytest.skipping import evaluate_skip_marks

from pytest_duolog.plugin.collection import sampling_of, scenario_of, uses_our_fixture
from pytest_duolog.plugin.source_of_tests import TestSources
from pytest_duolog.recording.header import text_hash
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.scenarios.mcp import McpServer
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.tools import Tool
from pytest_duolog.settings import Settings, roles_of


def plan_of(items: Sequence[pytest.Item], settings: Settings, sources: TestSources) -> RunPlan | None:
    """What the collected tests ask for; None if each is to run once."""
    tests = {item.nodeid: item for item in items if uses_our_fixture(item) and not _is_skipped(item)}
    scenarios = {name: scenario_of(item) for name, item in tests.items()}

    def keys_of(names: Iterable[str]) -> dict[str, str]:
        return {name: _key(scenarios[name], sources.of(tests[name]), settings) for name in names}

    if not scenarios:
        return None
    if settings.blame:
        return RunPlan(
            dict.fromkeys(scenarios),
            baseline=_models(scenarios.values(), settings),
            candidate=settings.candidates,
            keys=keys_of(scenarios),
            blame=settings.blame,
        )
    if settings.collect:
        baseline = _models(scenarios.values(), settings)
        return RunPlan(
            dict.fromkeys(scenarios), baseline=baseline, keys=keys_of(scenarios), collect=settings.collect
        )
    bars = {name: sampling_of(item) for name, item in tests.items()}
    if settings.candidates:
        on_trial = {
            name: scenario
            for name, scenario in scenarios.items()
            if roles_of(scenario) & settings.candidates.keys()
        }
        gated = {name: bars[name] for name in on_trial}
        baseline = _models(on_trial.values(), settings)
        keys = keys_of(gated)
        return RunPlan(gated, settings.gate, baseline, settings.candidates, keys=keys) if gated else None
    sampled = {name: bar for name, bar in bars.items() if bar is not None}
    if not sampled:
        return None
    chosen = {name: scenarios[name] for name in sampled}
    return RunPlan(sampled, baseline=_models(chosen.values(), settings), keys=keys_of(chosen))


def _is_skipped(item: pytest.Item) -> bool:
    return evaluate_skip_marks(item) is not None


def _models(scenarios: Iterable[Scenario], settings: Settings) -> dict[str, str]:
    """The current models of the roles, including the other side; several if scenarios differ."""
    found: dict[str, set[str]] = {}
    for scenario in map(settings.cast, scenarios):
        for speaker in (scenario.a, scenario.b):
            found.setdefault(speaker.role or speaker.name, set()).add(speaker.model_label)
    return {role: " or ".join(sorted(models)) for role, models in sorted(found.items())}


def _key(scenario: Scenario, source: Sequence[str], settings: Settings) -> str:
    """A hash of everything that a test is: its scenario with the models of today, and its source."""
    cast = settings.cast(scenario).without_wordings()
    not_data = {"model", "label", "tools"}
    values = cast.model_dump(mode="json", exclude={"a": not_data, "b": not_data})
    for side in SIDES:
        values[side]["tools"] = list(map(_told, cast.speaker(side).tools))
    models = [speaker.model_label for speaker in (cast.a, cast.b)]
    said = [values, models, source]
    return str(text_hash(json.dumps(said, sort_keys=True)))


def _told(tool: Tool | McpServer) -> Any:
    """What a speaker's model is told of a tool; what a server offers is not known yet."""
    if isinstance(tool, Tool):
        return tool.definition.model_dump()
    return [tool.label, list(tool.only or ())]
