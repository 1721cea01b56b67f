"""What a run asked for, by arm and role; and what its pass rates mean for several tries."""

from __future__ import annotations

import pytest

from pytest_duolog.reports.terminal import judge_words
from pytest_duolog.reports.wording import cost_lines
from pytest_duolog.results.arm import Arm
from pytest_duolog.results.costs import costs_of
from pytest_duolog.results.dialogue_result import DialogueResult, JudgeUse
from pytest_duolog.results.plan import GatePlan, RunPlan
from pytest_duolog.results.record import RunRecord
from pytest_duolog.results.tries import tries_of
from pytest_duolog.transcripts.transcript import Message, Transcript, TranscriptSpeaker
from pytest_duolog.transcripts.usage import Usage
from tests.run_records import header, sample


def talk(model: str, *, fresh: tuple[int, ...] = (1, 2)) -> DialogueResult:
    usage = Usage(prompt_tokens=10, reply_tokens=4, cost=0.5)
    speakers = (
        TranscriptSpeaker(name="Ann", model="openai:asker"),
        TranscriptSpeaker(name="Ben", model=model),
    )
    messages = tuple(
        Message(speaker=name, content="x", finish="end", usage=usage, latency_ms=500)
        for name in ("Ann", "Ben")
    )
    judge = JudgeUse(model="openai:judge").with_vote(usage, 250).with_vote(None, None)
    return DialogueResult(
        transcript=Transcript(speakers=speakers, messages=messages),
        fresh=fresh,
        judges=(judge,) if fresh else (),
    )


def record(*dialogues: tuple[Arm, DialogueResult, bool]) -> RunRecord:
    plan = RunPlan({"a": None}, GatePlan(), stored={"a": 1})
    samples = [
        sample("a", at, arm=arm, dialogues=(dialogue,), is_stored=is_stored)
        for at, (arm, dialogue, is_stored) in enumerate(dialogues, start=1)
    ]
    return RunRecord(header(plan), tuple(samples))


def test_votes_and_replies_that_do_not_say_their_usage_are_counted() -> None:
    spoken = talk("openai:old")
    silent = spoken.transcript.messages[1].model_copy(update={"usage": Usage(prompt_tokens=3)})
    messages = (spoken.transcript.messages[0], silent)
    partly = spoken.model_copy(
        update={"transcript": spoken.transcript.model_copy(update={"messages": messages})}
    )
    found = {one.role: one for one in costs_of(record((Arm.BASELINE, partly, False)))}
    assert {role: (one.gaps.tokens, one.gaps.cost) for role, one in found.items()} == {
        "Ann": (0, 0),
        "Ben": (1, 1),
        "judge": (1, 1),
    }
    assert (
        "2 votes of judges (0.2 s of model time; at least 10 tokens read; at least 4 written; cost at least"
        in (judge_words([partly]))
    )
    (words,) = cost_lines(record((Arm.BASELINE, partly, False)))
    assert "Ann (openai:asker) 1 reply, 0.5 s of model time, 10 tokens read, 4 written, cost 0.5;" in words
    assert "judge (openai:judge) 2 votes, 0.2 s of model time, at least 10 tokens read" in words


def test_what_was_asked_for_is_counted_by_arm_and_role() -> None:
    found = costs_of(
        record(
            (Arm.CANDIDATE, talk("openai:new"), False),
            (Arm.BASELINE, talk("openai:old"), False),
            (Arm.BASELINE, talk("openai:old", fresh=(2,)), False),
        )
    )
    assert [
        (one.arm.value, one.role, one.model, one.replies, one.usage.reply_tokens, one.seconds)
        for one in found
    ] == [
        ("baseline", "Ann", "openai:asker", 1, 4, 0.5),
        ("baseline", "Ben", "openai:old", 2, 8, 1.0),
        ("baseline", "judge", "openai:judge", 4, 8, 0.5),
        ("candidate", "Ann", "openai:asker", 1, 4, 0.5),
        ("candidate", "Ben", "openai:new", 1, 4, 0.5),
        ("candidate", "judge", "openai:judge", 2, 4, 0.25),
    ]


def test_what_was_replayed_or_stored_costs_nothing() -> None:
    replayed = (Arm.CANDIDATE, talk("openai:new", fresh=()), False)
    stored = (Arm.BASELINE, talk("openai:old"), True)
    assert costs_of(record(replayed, stored)) == []
    assert list(cost_lines(record(replayed, stored))) == []


def test_costs_have_a_line_for_each_arm() -> None:
    assert list(cost_lines(record((Arm.CANDIDATE, talk("openai:new"), False)))) == [
        (
            "cost of the candidate: Ann (openai:asker) 1 reply, 0.5 s of model time, 10 tokens read, 4 written, "
            "cost 0.5; Ben (openai:new) 1 reply, 0.5 s of model time, 10 tokens read, 4 written, cost 0.5; "
            "judge (openai:judge) 2 votes, 0.2 s of model time, at least 10 tokens read, at least 4 written, "
            "cost at least 0.5"
        )
    ]


@pytest.mark.parametrize(
    ("counts", "all_pass", "one_passes"),
    [
        ([(4, 4)], 1.0, 1.0),
        ([(3, 4)], 0.25, 1.0),
        ([(2, 4)], 0.0, 1.0),
        ([(1, 4)], 0.0, 0.75),
        ([(4, 4), (0, 4)], 0.5, 0.5),
    ],
)
def test_chances_of_several_tries_are_means_over_scenarios(
    counts: list[tuple[int, int]], all_pass: float, one_passes: float
) -> None:
    tries = tries_of(counts)
    assert tries is not None
    assert (tries.all_pass, tries.one_passes) == (all_pass, one_passes)


def test_too_few_samples_say_nothing_of_three_tries() -> None:
    assert tries_of([(4, 4), (2, 2)]) is None
    assert tries_of([]) is None


def test_a_message_that_failed_after_replies_has_costs() -> None:
    told = talk("openai:m", fresh=(1, 2, 3))
    unsaid = Message(speaker="Ann", content="", finish="tool", usage=Usage(reply_tokens=9), latency_ms=1000)
    failed = told.model_copy(update={"unsaid": unsaid})
    ann, *_ = costs_of(record((Arm.BASELINE, failed, False)))
    assert (ann.role, ann.replies, ann.usage.reply_tokens, ann.seconds) == ("Ann", 2, 13, 1.5)
    ann, *_ = costs_of(record((Arm.BASELINE, failed.model_copy(update={"fresh": (1, 2)}), False)))
    assert ann.replies == 1, "it was replayed"
