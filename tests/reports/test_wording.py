"""Decisions in words: verdict first, counts beside every rate, the promises, and what would settle it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pytest_duolog.gate.decide import decide_record
from pytest_duolog.reports.numbers import percent, points
from pytest_duolog.reports.wording import plan_words, record_words
from pytest_duolog.results.plan import GatePlan, ScenarioPlan
from pytest_duolog.results.record import Arm, RunRecord
from pytest_duolog.transcripts.transcript import StopKind, StopReason
from tests.run_records import bar_record, gate_record, header, sample


def words(record: RunRecord) -> list[str]:
    return list(record_words(record, decide_record(record)))


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.9, "90 %"),
        (0.755, "75.5 %"),
        (0.9999, ">99.9 %"),
        (0.0001, "<0.1 %"),
        (0.9994, "99.9 %"),
    ],
)
def test_percentages_never_round_into_certainty(rate: float, shown: str) -> None:
    assert percent(rate) == shown


@pytest.mark.parametrize(
    ("difference", "shown"),
    [(0.1, "10 points"), (Decimal("0.03"), "3 points"), (-0.00001, "0 points"), (-0.0625, "-6.2 points")],
)
def test_points(difference: float, shown: str) -> None:
    assert points(difference) == shown


HEALTHY_AND_BROKEN = (
    "  a scenario that passes 95.8 % of the time fails this in about 5 % of runs; "
    "one that passes 75.5 % of the time passes it in about 10 %"
)


def test_a_scenario_that_passes() -> None:
    assert words(bar_record({"test_a": "+-" + "+" * 17})) == [
        "test_a: PASS: 18 of 19 passed (94.7 %, 95 % interval 75.4 % to 99.1 %); stopped after 19",
        "  pass^3 (3 of 3 tries pass): 84.2 %; pass@3 (1 of 3 passes): 100 %",
        "  18 of 20 samples must pass (0.9)",
        HEALTHY_AND_BROKEN,
    ]


def test_tries_of_several_scenarios_are_their_mean() -> None:
    record = bar_record({"test_a": "++-+", "test_b": "++++"}, n_samples=4, rate="0.7")
    lines = words(record)
    assert "  pass^3 (3 of 3 tries pass): 25 %; pass@3 (1 of 3 passes): 100 %" in lines
    assert (
        lines[-1] == "mean of 2 scenarios: pass^3 (3 of 3 tries pass): 62.5 %; pass@3 (1 of 3 passes): 100 %"
    )
    assert not any("pass^" in line for line in words(bar_record({"test_a": "+" * 12, "test_b": "--"})))


def test_a_scenario_that_fails() -> None:
    assert words(bar_record({"test_a": "+++++---"}))[0].startswith("test_a: FAIL: 5 of 8 passed (62.5 %, ")


def test_a_scenario_that_is_not_finished() -> None:
    first, *_, last = words(bar_record({"test_a": "++!+++", "test_b": ""}))
    assert first.startswith(
        "test_a: INCONCLUSIVE: sample 3 is missing; 2 of 2 passed (100 %, 95 % interval 34.2 % to"
    )
    assert first.endswith("; stopped after 2")
    assert (
        last
        == "1 of 6 attempts ended in an error, which counts neither as pass nor as failure: no reason given"
    )


def test_repeats_are_named() -> None:
    record = bar_record({"test_a": ""}, n_samples=5)
    record = RunRecord(record.header, tuple(sample("test_a", n, says="Hello.") for n in range(1, 6)))
    assert words(record)[:2] == [
        (
            "test_a: INCONCLUSIVE: too few distinct samples; 1 of 1 passed "
            "(100 %, 95 % interval 20.7 % to 100 %); stopped after 3"
        ),
        ("  3 samples, 1 distinct: copies count once (temperature 0, a cache, or a fixed seed?)"),
    ]


def test_a_count_that_is_not_whole_is_said() -> None:
    plan = ScenarioPlan(15, 0.9)
    assert list(plan_words(plan))[-1] == "15 × 0.9 is 13.5, not a whole number: 14 of 15 is 93.3 %"


def test_a_proof_says_so() -> None:
    record = bar_record({"test_a": "+" * 28 + "-"}, n_samples=29, claim="prove")
    assert [line for line in words(record)[:3] if "pass^" not in line] == [
        (
            "test_a: INCONCLUSIVE: 29 samples can no longer show whether the rate reaches 0.9; "
            "28 of 29 passed (96.6 %, 95 % interval 82.8 % to 99.4 %)"
        ),
        "  29 of 29 samples must pass, which proves a pass rate of 0.9 with 95 % confidence",
    ]


PROMISES = [
    (
        "a candidate whose mean pass rate drops by 10 points or more (the margin) "
        "passes in at most 5 % of gates"
    ),
    (
        "a candidate that is as good in every scenario is blocked in at most 5 % of gates; "
        "between these, both answers are acceptable"
    ),
]


def test_a_gate_that_passes() -> None:
    assert words(gate_record({f"t{s}": ("++", "++") for s in range(20)})) == [
        "PASS: the mean pass rate does not drop by 10 points or more",
        (
            "baseline 40 of 40 passed (100 %), candidate 40 of 40 (100 %): mean drop 0 points, "
            "95 % -11.4 to 11.4 (descriptive)"
        ),
        "80 of at most 800 dialogues, 2 rounds over 20 scenarios",
        *PROMISES,
    ]


def test_a_gate_that_blocks() -> None:
    lines = words(gate_record({f"t{s}": ("+++", "---" if s < 6 else "+++") for s in range(20)}))
    assert lines[0] == (
        "BLOCK: the candidate passes less often than the baseline, most of all in t0, t1, t2 and 3 more"
    )
    assert lines[1].startswith(
        "baseline 40 of 40 passed (100 %), candidate 28 of 40 (70 %): mean drop 30 points, 95 % 1"
    )


def test_a_gate_names_the_models_on_trial() -> None:
    record = gate_record({f"t{s}": ("+++", "+++") for s in range(20)})
    models = {
        "baseline": {"agent": "openai:old", "user": "openai:asker"},
        "candidate": {"agent": "openai:new"},
    }
    plan = replace(record.header.plan, **models)
    record = RunRecord(header(plan), record.samples)
    assert words(record)[1] == "candidate for agent: openai:new instead of openai:old"


def test_a_candidate_that_is_better_gains() -> None:
    lines = words(gate_record({f"t{s}": ("+-" if s < 4 else "++", "++") for s in range(20)}))
    assert "candidate 40 of 40 (100 %): mean gain 10 points, 95 % 0.1 to 26 (descriptive)" in lines[1]


def test_candidate_that_says_nothing_and_passes_is_named() -> None:
    record = gate_record({f"t{s}": ("++", "++") for s in range(20)})
    silent = StopReason(kind=StopKind.EMPTY_REPLY, speaker="B")
    said = sample(says="Hello.").dialogues[0]
    ended = said.model_copy(update={"transcript": said.transcript.model_copy(update={"stop_reason": silent})})
    samples = tuple(
        one.model_copy(update={"dialogues": (ended,)})
        if one.arm is Arm.CANDIDATE and one.scenario in ("t0", "t1", "t2", "t3")
        else one
        for one in record.samples
    )
    lines = words(RunRecord(record.header, samples))
    assert lines[1] == (
        "8 of 40 samples of the candidate that passed ended in an empty reply (baseline 0 of 40): does the "
        "test look at dialogue.stop_reason?"
    )
    assert not any("stop_reason" in line for line in words(record))


def test_scenarios_that_never_pass_are_named() -> None:
    lines = words(gate_record({f"t{s}": ("+++", "+++") if s else ("---", "---") for s in range(20)}))
    assert lines[0].startswith("PASS: ")
    assert lines[2] == "1 of 20 scenarios never passed in either arm, so they cannot get worse: t0"


def test_a_gate_that_blames_a_scenario() -> None:
    mixed = ("++-+" * 5, "+++-" * 5)
    record = gate_record({f"t{s}": mixed for s in range(19)} | {"broken": ("+" * 20, "-" * 20)})
    assert words(record)[0] == "BLOCK: 1 of 20 scenarios got worse: broken"


@pytest.mark.parametrize(
    ("outcomes", "first"),
    [
        (
            {"t0": ("+++", "++"), "t1": ("+++", "+++")},
            (
                "INCONCLUSIVE: the evidence decides neither way; round 3 lacks 1 pair: t0; "
                "about 18 more rounds needed"
            ),
        ),
        (
            {"t0": ("", ""), "t1": ("", "")},
            "INCONCLUSIVE: the evidence decides neither way; round 1 lacks 2 pairs: t0, t1",
        ),
        (
            {"t0": ("+" * 20, "+" * 20)},
            "INCONCLUSIVE: the evidence decides neither way; about 20 more rounds needed (--duolog-rounds=40)",
        ),
        (
            {"t0": ("++++++++-", "+++++++-+"), "t1": ("+" * 9, "+" * 9)},
            (
                "INCONCLUSIVE: the evidence decides neither way; round 10 lacks 2 pairs: t0, t1; "
                "about 46 more rounds needed (--duolog-rounds=55)"
            ),
        ),
        (
            {f"t{n}": ("+++", "+++") for n in range(5)},
            (
                "INCONCLUSIVE: the evidence decides neither way; round 4 lacks 5 pairs: t0, t1, t2, t3, t4; "
                "about 5 more rounds needed"
            ),
        ),
        (
            {"t0": ("+" * 18 + "--", "---" + "+" * 17)},
            "INCONCLUSIVE: the evidence decides neither way; more rounds like these would not decide it",
        ),
    ],
    ids=["open", "nothing", "last round", "more than planned", "within the plan", "near the margin"],
)
def test_a_gate_that_does_not_know(outcomes: dict[str, tuple[str, str]], first: str) -> None:
    assert words(gate_record(outcomes))[0] == first


def test_a_gate_over_one_dialogue_told_again_and_again() -> None:
    record = gate_record({"t0": ("", "")}, GatePlan(max_rounds=4))
    samples = [sample("t0", n, arm=arm, says="Hello.") for arm in Arm for n in range(1, 5)]
    lines = words(RunRecord(record.header, tuple(samples)))
    assert lines[0] == (
        "INCONCLUSIVE: every scenario gave the same dialogue again and again, "
        "which is the evidence of only one round (temperature 0, a cache, or a fixed seed?)"
    )
    assert "3 pairs, 1 distinct: copies of a dialogue are not new evidence" in lines


def test_errors_are_counted_apart_and_the_commonest_is_shown() -> None:
    samples = [sample("t0", n, "!", problem="HTTP 500" if n > 1 else "timeout") for n in range(1, 4)]
    record = RunRecord(gate_record({"t0": ("", "")}).header, tuple(samples))
    assert (
        words(record)[-1]
        == "3 of 3 attempts ended in an error, which counts neither as pass nor as failure: HTTP 500"
    )
    unexplained = RunRecord(record.header, (sample("t0", 1, "!"),))
    assert words(unexplained)[-1].endswith("no reason given")
