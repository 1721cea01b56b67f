"""Refuses runs that cannot work with dialogues, before any test runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from pytest_duolog.display import listed
from pytest_duolog.endpoints.scripted import Script
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.plugin import DISTRIBUTION
from pytest_duolog.plugin.collection import SNAPSHOT_FIXTURE, scenario_of, uses_our_fixture
from pytest_duolog.results.arm import AnyArm, Arm, Pairing
from pytest_duolog.results.plan import RunPlan
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.settings import Settings, roles_of


def check_repetition(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Raises ConfigurationError for tests that pytest-run-parallel would run several times with the same dialogue."""
    if not config.pluginmanager.hasplugin("run-parallel"):
        return
    tests = [item for item in items if uses_our_fixture(item)]
    for repeated, what, advice in (
        (
            [item.nodeid for item in tests if _has_many_threads(item)],
            "in several threads (--parallel-threads, parallel_threads)",
            "set `thread_unsafe_fixtures = dialogue` in the ini file",
        ),
        (
            [item.nodeid for item in tests if _has_iterations(item)],
            "several times (--iterations, iterations)",
            "mark these tests with iterations(1), and use samples for several dialogues",
        ),
    ):
        if repeated:
            raise ConfigurationError(
                f"pytest-run-parallel would run {listed(repeated)} {what}, always with the same "
                f"dialogue: {advice}, or disable the plugin (-p no:run-parallel)"
            )


def _has_many_threads(item: Any) -> bool:
    """Whether the plugin's option and markers set more than one thread, by its documentation."""
    if item.get_closest_marker("thread_unsafe") or _is_thread_unsafe(item):
        return False
    forced = _argument(item, "force_parallel_threads", None)
    if forced is not None:
        return _is_many(forced)
    asked = _argument(item, "parallel_threads", item.config.getoption("parallel_threads", 1))
    return _is_many(asked) and _is_many(_argument(item, "parallel_threads_limit", asked))


def _is_thread_unsafe(item: Any) -> bool:
    try:
        names = item.config.getini("thread_unsafe_fixtures")
    except ValueError:  # the plugin is not installed
        return False
    return not set(item.fixturenames).isdisjoint(names)


def _has_iterations(item: Any) -> bool:
    return _is_many(_argument(item, "iterations", item.config.getoption("iterations", 1)))


def _argument(item: pytest.Item, marker: str, default: Any) -> Any:
    """The first argument of a marker of the plugin."""
    mark = item.get_closest_marker(marker)
    return mark.args[0] if mark is not None and mark.args else default


def _is_many(number: Any) -> bool:
    return str(number) not in {"0", "1"}


# Options of the command line that need a plan, and what to say of each without one.
_NONE_IS_LEFT = "no test with a dialogue is left to run; all are deselected or skipped"
NEED_PLAN = {
    "candidate": "no test with its role is left to run, so it would not be tried; all are deselected or skipped",
    "blame": _NONE_IS_LEFT,
    "collect": _NONE_IS_LEFT,
    "samples": _NONE_IS_LEFT,
    "record": "it has no effect, because no test has samples",
}


def check_distribution(config: pytest.Config, plan: RunPlan | None) -> None:
    """Raises ConfigurationError for tests with samples that every worker of pytest-xdist would run."""
    if plan is not None and getattr(config, "workerinput", {}).get(DISTRIBUTION) == "each":
        raise ConfigurationError(
            f"--dist=each would run the samples of {listed(list(plan.scenarios))} in every worker, "
            "but a run can have each sample only once: distribute the tests (--dist=load), or run "
            "without samples"
        )


def check_plan(config: pytest.Config, items: Iterable[pytest.Item], plan: RunPlan | None) -> None:
    """Raises ConfigurationError for options of the command line that need a plan, if there is none.

    One sample each is what dialogues have without a plan. What stands in `addopts` of the ini file or in PYTEST_ADDOPTS
    is for other runs as well.
    """
    if plan is not None:
        return
    standing = " ".join([*config.getini("addopts"), os.environ.get("PYTEST_ADDOPTS", "")])
    given = [
        name
        for name in NEED_PLAN
        if config.getoption(f"duolog_{name}") and f"--duolog-{name}" not in standing
    ]
    if "samples" in given and any(map(uses_our_fixture, items)):
        given.remove("samples")
    if given:
        raise ConfigurationError(f"--duolog-{given[0]}: {NEED_PLAN[given[0]]}")


def check_gate(items: Sequence[pytest.Item], plan: RunPlan | None, settings: Settings) -> None:
    """Raises ConfigurationError for tests in a gate that cannot compare baseline and candidate."""
    if plan is None or plan.gate is None:
        return
    gated = [item for item in items if item.nodeid in plan.scenarios]
    with_snapshot = [item.nodeid for item in gated if SNAPSHOT_FIXTURE in getattr(item, "fixturenames", ())]
    if with_snapshot:
        raise ConfigurationError(
            f"--duolog-candidate: {listed(with_snapshot)} compares with a stored snapshot "
            "(duolog_snapshot), word for word, but a candidate uses other words. Leave these tests "
            "out of the gate (-k, --deselect), or check properties instead"
        )
    alike = [item.nodeid for item in gated if _is_same_in_both_arms(scenario_of(item), settings)]
    if alike:  # both sides would even replay the same recordings
        models = ", ".join(f"{role}={model}" for role, model in settings.candidates.items())
        raise ConfigurationError(
            f"--duolog-candidate: {listed(alike)} already uses {models}, so baseline and candidate "
            "would be the same. Set the role's current model again (--duolog-model, the role table), "
            "or leave these tests out (-k, --deselect)"
        )


def check_blame(items: Sequence[pytest.Item], plan: RunPlan | None, settings: Settings) -> None:
    """Raises ConfigurationError for tests whose two sides have nothing to exchange."""
    if plan is None or plan.blame is None:
        return
    for item in items:
        if item.nodeid in plan.scenarios:
            if SNAPSHOT_FIXTURE in getattr(item, "fixturenames", ()):
                raise ConfigurationError(
                    f"--duolog-blame: {item.nodeid} compares with a stored snapshot (duolog_snapshot), word for word, "
                    "but other models use other words. Check properties instead"
                )
            _check_suspects(item.nodeid, scenario_of(item), settings)
            _check_labels(item.nodeid, scenario_of(item), settings)


def _check_suspects(name: str, scenario: Scenario, settings: Settings) -> None:
    cast = settings.cast(scenario)
    if settings.candidates:
        lacking = roles_of(scenario) - settings.candidates.keys()
        if lacking:
            raise ConfigurationError(
                f"--duolog-blame: {name} has no candidate for {listed(sorted(lacking))}. With candidates, each side "
                "runs with its old and its new model, so name one for each (it may be the same model); to blame one of "
                "the two models of a pair, name the pair with --duolog-model and no candidate"
            )
        if any(
            _is_same_in(scenario, settings, Pairing.NEITHER, arm) for arm in (Pairing.ONLY_A, Pairing.ONLY_B)
        ):
            raise ConfigurationError(
                f"--duolog-blame: {name} already uses a candidate as its own model, so old and new would be the same"
            )
        return
    for side in SIDES:
        model = cast.speaker(side).model
        if isinstance(model, Script) or (isinstance(model, str) and model.startswith("scripted:")):
            raise ConfigurationError(
                f"--duolog-blame: in {name}, {cast.speaker(side).name} speaks by a script, which cannot take the other "
                "side: name candidates for both sides (--duolog-candidate), or use two models"
            )
    if _is_same_in(scenario, settings, Pairing.ONLY_A, Pairing.ONLY_B):
        raise ConfigurationError(
            f"--duolog-blame: both sides of {name} have the same model, so nothing changes when they are exchanged: "
            "name another model for one side (--duolog-model), or a candidate for each (--duolog-candidate)"
        )


def _check_labels(name: str, scenario: Scenario, settings: Settings) -> None:
    """Labels name the recordings of a pairing and its row in the answer, so no two pairings may have the same."""
    casts = [settings.cast(scenario, arm=arm) for arm in Pairing]
    labels = [" + ".join(cast.speaker(side).model_label for side in SIDES) for cast in casts]
    shared = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if shared:
        raise ConfigurationError(
            f"--duolog-blame: in {name}, different pairings of models have the label {listed(shared)}, so they would "
            "share recordings and could not be told apart: give each model its own label (Speaker(label=...)) or name"
        )


def _is_same_in(scenario: Scenario, settings: Settings, one: AnyArm, other: AnyArm) -> bool:
    casts = [settings.cast(scenario, arm=arm) for arm in (one, other)]
    found = [[cast.speaker(side).model_copy(update={"label": None}) for side in SIDES] for cast in casts]
    return found[0] == found[1]


def _is_same_in_both_arms(scenario: Scenario, settings: Settings) -> bool:
    return _is_same_in(scenario, settings, Arm.BASELINE, Arm.CANDIDATE)
