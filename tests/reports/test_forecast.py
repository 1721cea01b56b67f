"""What a run will take and risk, in words."""

from __future__ import annotations

import re

import pytest

from pytest_duolog.reports.forecast import Habits, forecast_words, habits_of
from pytest_duolog.results.dialogue_result import DialogueResult
from pytest_duolog.results.plan import GatePlan, RunPlan, ScenarioPlan
from pytest_duolog.results.record import RunRecord
from pytest_duolog.transcripts.transcript import Message, Transcript, TranscriptSpeaker
from pytest_duolog.transcripts.usage import Usage
from tests.run_records import bar_record, header, sample

BAR = ScenarioPlan(20, "0.9")  # type: ignore[arg-type]  # the plan makes text a number


def words(plan: RunPlan, habits: Habits) -> list[str]:
    return list(forecast_words(plan, dict.fromkeys(plan.scenarios, habits)))


def test_samples_have_their_likely_and_their_most_dialogues() -> None:
    lines = words(RunPlan({"a": BAR, "b": BAR}), Habits(12, pass_rate=1.0))
    assert lines[1:5] == [
        "about 24 dialogues, and at most 40",
        "about 288 replies from models, without those that are recorded",
        "at these pass rates at least one of 2 tests fails in 0 % of runs",
        "a: 18 of 20 samples must pass (0.9)",
    ]


def test_risks_of_many_tests_add_up() -> None:
    """The figure of docs/gate.md: twenty tests at 97 %."""
    lines = words(RunPlan({f"t{n}": BAR for n in range(20)}), Habits(12, pass_rate=0.97))
    (line,) = [line for line in lines if line.startswith("at these pass rates")]
    assert line == "at these pass rates at least one of 20 tests fails in 37.5 % of runs"


def test_gate_says_likely_cost_promises_and_both_extremes() -> None:
    lines = words(
        RunPlan({f"t{n}": None for n in range(20)}, GatePlan()), Habits(10, 500.0, 1.0, is_known=True)
    )
    assert lines[0] == "pass rates and lengths of 20 of 20 scenarios are from the last run record"
    assert lines[1].startswith(
        "about 80 dialogues, baseline and candidate together; nine in ten gates need at most"
    )
    assert lines[1].endswith(" 80, and none needs more than 800")
    assert lines[2:5] == [
        "about 800 replies from models, without those that are recorded",
        "about 40,000 tokens read and written",
        "an equal candidate: PASS in 100 % of gates, BLOCK in 0 %, INCONCLUSIVE in 0 %",
    ]
    assert re.match(r"one that is worse by 10 points everywhere: BLOCK in 9\d(\.\d)? %, PASS in", lines[5])
    assert (
        lines[6] == "40 pairs without any difference pass (2 rounds); 12 lost in a row by one scenario block"
    )
    assert "(the margin)" in lines[7]


def test_what_is_not_known_is_said() -> None:
    plan = RunPlan({"a": BAR, "b": BAR})
    assert words(plan, Habits(12))[0].startswith(
        "no earlier run is known: assuming that scenarios pass 95 % of the time"
    )
    half = list(forecast_words(plan, {"a": Habits(12), "b": Habits(12, 100.0, 1.0, is_known=True)}))
    assert half[0] == "pass rates and lengths of 1 of 2 scenarios are from the last run record"
    assert "about 1,200 tokens read and written by 1 of 2 scenarios; the others are not known" in half


@pytest.mark.parametrize(("outcomes", "rate"), [("+++", 3.5 / 4), ("---", 0.5 / 4), ("+-!", 0.5)])
def test_rates_of_an_earlier_run_are_never_certain(outcomes: str, rate: float) -> None:
    found = habits_of(bar_record({"a": outcomes}), "a")
    assert found is not None
    assert found.pass_rate == rate


def test_lengths_and_tokens_are_means_over_the_samples() -> None:
    def said(*tokens: int) -> DialogueResult:
        replies = [
            Message(speaker="B", content="x", finish="end", usage=Usage(prompt_tokens=n, reply_tokens=1))
            for n in tokens
        ]
        return DialogueResult(transcript=Transcript(messages=(Message(speaker="A", content="Hi."), *replies)))

    samples = (sample(dialogues=(said(9, 19),)), sample(number=2, dialogues=(said(9), said(9))))
    assert habits_of(RunRecord(header(RunPlan({"a": BAR})), samples), "a") == Habits(
        replies=2, tokens=25, pass_rate=2.5 / 3, is_known=True
    )


def test_what_a_scripted_persona_says_is_no_reply_to_ask_for() -> None:
    said = Transcript(
        speakers=(
            TranscriptSpeaker(name="A", model="scripted:echo"),
            TranscriptSpeaker(name="B", model="x:y"),
        ),
        messages=tuple(Message(speaker=speaker, content="Hi.", finish="end") for speaker in "ABA"),
    )
    record = RunRecord(header(RunPlan({"a": BAR})), (sample(dialogues=(DialogueResult(transcript=said),)),))
    found = habits_of(record, "a")
    assert found is not None
    assert found.replies == 1


def test_scenario_that_never_ran_has_no_habits() -> None:
    assert habits_of(bar_record({"a": "!"}), "a") is None
