"""Plans: exact numbers, refused where they make no sense, before anything is run."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.results.plan import Claim, GatePlan, RunPlan, ScenarioPlan


@pytest.mark.parametrize("rate", [0.55, "0.55", Decimal("0.55")], ids=["float", "text", "decimal"])
def test_rates_are_the_decimals_they_are_written_as(rate: float) -> None:
    plan = ScenarioPlan(20, rate)
    assert plan == ScenarioPlan(20, Decimal("0.55"))
    assert plan.acceptance.n_needed == 11
    assert not plan.is_rounded_up


@pytest.mark.parametrize(
    ("n", "rate", "rounded"), [(15, "0.9", True), (20, "0.9", False), (1, "1", False), (3, "0.67", True)]
)
def test_counts_that_are_not_whole_are_known(n: int, rate: str, rounded: bool) -> None:
    assert ScenarioPlan(n, rate).is_rounded_up is rounded
    assert not ScenarioPlan(29, "0.9", Claim.PROVE).is_rounded_up


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((0, 0.9), "a plan needs at least 1 sample, not 0"),
        ((20, 0), "must be above 0 and at most 1"),
        ((20, 90), "must be above 0 and at most 1"),
        ((20, "most"), "'most' is not a number"),
        ((20, "nan"), "'nan' is not a number"),
        ((20, 0.9, "prove"), "20 samples cannot prove a pass rate of 0.9: at least 29 are needed"),
        ((20, 1, "prove"), "no number of samples can prove a pass rate of 1"),
        ((20, 0.9, "hope"), "claim: 'hope' is not one of meets, prove"),
    ],
    ids=str,
)
def test_bars_that_make_no_sense_are_refused(arguments: tuple[object, ...], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        ScenarioPlan(*arguments)


@pytest.mark.parametrize("margin", [0, 1, -0.1, 10])
def test_a_margin_is_a_part_of_the_pass_rate(margin: float) -> None:
    with pytest.raises(ConfigurationError, match=r"is not inside \(0, 1\): it is the smallest drop"):
        GatePlan(margin)


def test_gates_and_plans_need_something_to_do() -> None:
    with pytest.raises(ConfigurationError, match="at least 1 round, not 0"):
        GatePlan(max_rounds=0)
    with pytest.raises(ConfigurationError, match="the plan has no scenarios"):
        RunPlan({})


def test_plans_say_how_they_differ() -> None:
    one = RunPlan({"a": None}, GatePlan("0.1"), candidate={"agent": "x:y"})
    same = RunPlan({"a": None}, GatePlan(0.10), candidate={"agent": "x:y"})
    other = RunPlan(
        dict.fromkeys(map(str, range(8))), GatePlan("0.05"), candidate={"agent": "x:z"}, key="other"
    )
    assert one.differences(same) == []
    assert one.differences(other) == [
        "gate: margin 0.1 (20 rounds) and margin 0.05 (20 rounds)",
        "candidate: agent=x:y and agent=x:z",
        "prompts, judges or other settings (keys  and other)",
        "scenario a: there and not there",
        *(f"scenario {n}: not there and there" for n in range(4)),
        "and 4 more scenarios",
    ]
    bars = [RunPlan({"a": ScenarioPlan(20, rate)}) for rate in ("0.9", "0.90", "0.8")]
    assert bars[0].differences(bars[1]) == []
    assert bars[0].differences(bars[2]) == [
        "scenario a: at least 0.9 of 20 samples and at least 0.8 of 20 samples"
    ]
    assert bars[0].differences(one)[0] == "gate: none and margin 0.1 (20 rounds)"
