"""The forecast of a gate, and whether stored baseline samples may be used."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pytest_duolog.gate.baseline import Canary, Guard, anew_words, reasons_against, stored_scenarios
from pytest_duolog.gate.planner import can_pass, clean_pairs_to_pass, forecast, losses_to_alarm
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import RunRecord
from tests.run_records import STARTED, header, sample


def test_a_perfect_suite_is_forecast_exactly() -> None:
    seen = forecast(GatePlan(), [1] * 20, [1] * 20, n_gates=5)
    assert (seen.pass_probability, seen.block_probability, seen.inconclusive_probability) == (1, 0, 0)
    assert (seen.mean_dialogues, seen.p90_dialogues) == (80, 80)


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


@pytest.mark.parametrize(("margin", "n"), [("0.20", 19), ("0.10", 40), ("0.05", 83), ("0.03", 139)])
def test_clean_pairs_to_pass(margin: str, n: int) -> None:
    assert clean_pairs_to_pass(GatePlan(margin)) == n


@pytest.mark.parametrize(("n_scenarios", "n"), [(1, 7), (5, 10), (20, 12), (50, 13)])
def test_losses_to_alarm(n_scenarios: int, n: int) -> None:
    assert losses_to_alarm(n_scenarios) == n


@pytest.mark.parametrize(
    ("n_scenarios", "plan", "can"),
    [
        (1, GatePlan(), False),
        (2, GatePlan(), True),
        (1, GatePlan("0.20"), True),
        (20, GatePlan(max_rounds=1), False),
    ],
)
def test_whether_a_gate_can_pass_at_all_is_known_before_anything_runs(
    n_scenarios: int, plan: GatePlan, can: bool
) -> None:
    assert can_pass(plan, n_scenarios) is can


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
            (
                "it was run with agent=openai:old, but the baseline is agent=openai:other; "
                "1 of 1 scenario had other models, prompts, properties or source: a"
            ),
        ),
        ({"key": "z"}, {}, "1 of 1 scenario had other models, prompts, properties or source: a"),
        ({"scenarios": {"b": None}}, {}, "1 of 1 scenario is not in it: b"),
        ({}, {"plugin": "0.2.0"}, "it was judged by pytest-duolog 0.1.0, but this is 0.2.0"),
        ({}, {"now": STARTED + timedelta(days=31)}, "it is 31 days old, more than 30"),
    ],
    ids=["models", "key", "scenarios", "plugin", "age"],
)
def test_anything_else_is_named(
    changes: dict[str, object], arguments: dict[str, object], reason: str
) -> None:
    found = reasons_against(STORED, replace(PLAN, **changes), **{"plugin": "0.1.0", "now": NOW} | arguments)
    assert "; ".join(found) == reason


def guard(stored: str, today: str, n: int = 40) -> Guard:
    """A guard over `n` canaries, `today` again and again, of scenarios that passed as `stored` says, out of 60."""
    n_passed = round(60 * float(stored))
    return Guard([Canary(str(at % 20), n_passed, 60, today[at % len(today)] == "+") for at in range(n)], 0.10)


@pytest.mark.parametrize(
    ("stored", "today", "has_moved", "is_steady_below", "is_steady_above"),
    [
        ("0.98", "+", False, True, True),
        ("0.98", "+++++++-", True, True, False),
        ("0.85", "+", True, False, True),
        ("0.80", "++++-", False, False, False),
        ("1.00", "+", False, True, True),
    ],
    ids=["steady", "worse", "better", "not known yet", "no room above"],
)
def test_canaries_tell_whether_the_baseline_moved(
    stored: str, today: str, has_moved: bool, is_steady_below: bool, is_steady_above: bool
) -> None:
    found = guard(stored, today)
    assert found.has_moved is has_moved
    assert found.is_steady_below is is_steady_below
    assert found.is_steady_above is is_steady_above


def test_without_canaries_nothing_is_known() -> None:
    found = Guard([], 0.10)
    assert (found.has_moved, found.is_steady_below, found.is_steady_above) == (False, False, False)


def test_scenario_that_fell_by_itself_is_not_the_candidates_fault() -> None:
    fell = Guard([Canary("a", 59, 60, False)] * 2, 0.10)
    assert fell.has_moved_in("a", 0.1)
    assert not fell.is_steady_in("a", 0.1)
    steady = Guard([Canary("a", 59, 60, True)] * 3, 0.10)
    assert steady.is_steady_in("a", 0.1)
    assert not steady.is_steady_in("b", 0.1)


@pytest.mark.parametrize(("n_stored", "per_pair"), [(5, 1), (20, 1), (40, 2), (60, 3), (200, 3)])
def test_stored_samples_last_for_all_rounds(n_stored: int, per_pair: int) -> None:
    stored = RunRecord(header(PLAN), tuple(sample("a", number) for number in range(1, n_stored + 1)))
    assert stored_scenarios(stored, PLAN) == {"a": per_pair}


def test_shard_is_no_baseline() -> None:
    plan = replace(PLAN, scenarios=dict.fromkeys("ab"))
    stored = RunRecord(header(plan, shard="1/2"), (sample("a", 1),))
    assert reasons_against(stored, plan, plugin="0.1.0", now=NOW) == [
        "it is shard 1/2 of a run (duolog merge makes one record of all shards)"
    ]


def test_what_changed_since_is_run_anew_and_the_rest_is_kept() -> None:
    old = replace(PLAN, scenarios=dict.fromkeys("abc"), keys={"a": "1", "b": "1", "c": "1"})
    new = replace(PLAN, scenarios=dict.fromkeys("abd"), keys={"a": "1", "b": "2", "d": "1"})
    stored = RunRecord(header(old), tuple(sample(name, 1) for name in "abc"))
    assert stored_scenarios(stored, new) == {"a": 1}
    assert reasons_against(stored, new, plugin="0.1.0", now=NOW) == []
    assert anew_words(stored, new) == [
        "1 of 3 scenarios had other models, prompts, properties or source: b",
        "1 of 3 scenarios is not in it: d",
    ]
