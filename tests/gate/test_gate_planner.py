"""The forecast of a gate, and whether stored baseline samples may be used."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pytest_duolog.gate.baseline import has_drifted, reasons_against
from pytest_duolog.gate.planner import clean_pairs_to_pass, forecast, losses_to_alarm
from pytest_duolog.gate.tally import Pair
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import RunRecord
from tests.run_records import STARTED, header, sample


def test_a_perfect_suite_is_forecast_exactly() -> None:
    seen = forecast(GatePlan(), [1] * 20, [1] * 20, n_gates=5)
    assert (seen.pass_probability, seen.block_probability, seen.inconclusive_probability) == (1, 0, 0)
    assert (seen.mean_dialogues, seen.p90_dialogues) == (120, 120)


def test_a_forecast_repeats_and_its_chances_add_up() -> None:
    plan = GatePlan(max_rounds=6)
    one, again = (forecast(plan, [0.9] * 4, [0.8] * 4, n_gates=30) for _ in range(2))
    other = forecast(plan, [0.9] * 4, [0.8] * 4, n_gates=30, seed=1)
    assert one == again != other
    assert one.pass_probability + one.block_probability + one.inconclusive_probability == pytest.approx(1)
    assert one.mean_dialogues <= 48
    assert one.p90_dialogues <= 48


def test_a_forecast_is_near_what_happens() -> None:
    base = [0.93] * 10
    predicted = forecast(GatePlan(), base, base, n_gates=60).mean_dialogues
    happens = forecast(GatePlan(), base, base, n_gates=120, seed=99).mean_dialogues
    assert predicted == pytest.approx(happens, rel=0.3)


def test_arms_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        forecast(GatePlan(), [0.9], [0.9, 0.8])


@pytest.mark.parametrize(("margin", "n"), [("0.20", 21), ("0.10", 44), ("0.05", 89), ("0.03", 151)])
def test_clean_pairs_to_pass(margin: str, n: int) -> None:
    assert clean_pairs_to_pass(GatePlan(margin)) == n


@pytest.mark.parametrize(("n_scenarios", "n"), [(1, 7), (5, 9), (20, 12), (50, 13)])
def test_losses_to_alarm(n_scenarios: int, n: int) -> None:
    assert losses_to_alarm(n_scenarios) == n


PLAN = RunPlan({"a": None}, GatePlan(), baseline={"agent": "openai:old"}, key="k")
STORED = RunRecord(header(PLAN), (sample("a", 1),))
NOW = STARTED + timedelta(days=3)


def test_a_fresh_record_of_the_same_thing_is_a_baseline() -> None:
    assert reasons_against(STORED, PLAN, plugin="0.1.0", now=NOW) == []


@pytest.mark.parametrize(
    ("changes", "arguments", "reason"),
    [
        (
            {"baseline": {"agent": "openai:other"}},
            {},
            "it was run with {'agent': 'openai:old'}, and the baseline is",
        ),
        ({"key": "z"}, {}, "its tests (-k chooses others), prompts or judges were others"),
        ({"scenarios": {"a": None, "b": None}}, {}, "it has no samples of b"),
        ({}, {"plugin": "0.2.0"}, "it was judged by pytest-duolog 0.1.0, and this is 0.2.0"),
        ({}, {"now": STARTED + timedelta(days=31)}, "it is 31 days old, more than 30"),
    ],
    ids=["models", "key", "scenarios", "plugin", "age"],
)
def test_anything_else_is_named(
    changes: dict[str, object], arguments: dict[str, object], reason: str
) -> None:
    found = reasons_against(STORED, replace(PLAN, **changes), **{"plugin": "0.1.0", "now": NOW} | arguments)
    assert len(found) == 1
    assert found[0].startswith(reason)


@pytest.mark.parametrize(
    ("pairs", "drifted"),
    [
        ([], False),
        ([Pair(True, True)] * 40, False),
        ([Pair(True, False)] * 12 + [Pair(True, True)] * 28, True),
        ([Pair(False, True)] * 12, True),
        ([Pair(True, False), Pair(False, True)] * 10, False),
    ],
    ids=["none", "same", "worse", "better", "noise"],
)
def test_drift_shows_in_either_direction(pairs: list[Pair], drifted: bool) -> None:
    assert has_drifted(pairs) is drifted
