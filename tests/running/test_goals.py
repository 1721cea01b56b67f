"""How a persona ends a dialogue: with a token, after too many messages, and what the other side may still say."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_duolog import Persona, Speaker
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.transcripts.transcript import StopKind, StopReason
from pytest_duolog.transcripts.usage import Usage
from tests.running.test_runner import Answers, hold, said


def persona(
    *replies: Any, ben: Any = ("Quite.",), gives_up_after: int | None = None, **values: Any
) -> DialogueRun:
    """A dialogue of a persona that says `replies`, beside Ben."""
    ann = Persona("Ann", goal="a lamp", gives_up_after=gives_up_after)
    return hold(replies, ben, **{"a": ann, "opener": None, "turns": 9, **values})


def stopped(kind: StopKind, detail: str) -> StopReason:
    return StopReason(kind=kind, speaker="Ann", detail=detail)


def test_a_bare_token_is_no_message_and_ends_at_once():
    run = persona("A lamp?", "<<DONE>>")
    assert said(run) == ["Ann: A lamp?", "Ben: Quite."]
    assert run.stop_reason == stopped(StopKind.GOAL_REACHED, "<<done>> in place of message 3")
    assert run.n_asked == 3


def test_after_a_token_with_words_the_other_side_can_act():
    run = persona(
        "A lamp?", "Yes, send it. <<done>>", "never said", ben=("Shall I send it?", "It is sent. Bye!")
    )
    assert said(run)[2:] == ["Ann: Yes, send it.", "Ben: It is sent. Bye!"]
    assert run.stop_reason == stopped(StopKind.GOAL_REACHED, "<<done>> in message 3, answered in message 4")


def test_the_other_side_does_not_see_tokens():
    ben = Answers("Hm.")
    hold(("A lamp? <<gave up>>",), ben, a=Persona("Ann", goal="a lamp"), opener=None)
    assert [message.content for message in ben.requests[0].messages] == ["A lamp?"]


def test_it_gives_up_with_a_token():
    assert persona("A lamp?", "<<gave up>>").stop_reason == stopped(
        StopKind.GAVE_UP, "<<gave up>> in place of message 3"
    )


def test_a_token_in_the_first_message_leaves_no_messages():
    run = persona("<<done>>")
    assert run.messages == []
    assert run.stop_reason == stopped(StopKind.GOAL_REACHED, "<<done>> in place of message 1")
    assert not run.transcript().reaches_goal()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"turns": 1}, "1 turn"),
        ({"stop_phrases": "thanks"}, "'Thanks'"),
        ({"token_budget": 5}, "5 of 5 tokens"),
    ],
)
def test_a_limit_leaves_no_answer_to_the_last_words(values, why):
    replies = ("A lamp?", Reply("Thanks <<done>>", usage=Usage(reply_tokens=5)))
    run = persona(*replies, **values)
    assert said(run)[-1] == "Ann: Thanks"
    assert run.stop_reason == stopped(StopKind.GOAL_REACHED, f"<<done>> in message 3, not answered: {why}")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("", StopKind.EMPTY_REPLY), (Reply("No.", finish="refused"), StopKind.REFUSAL)],
)
def test_a_side_that_does_not_answer_the_last_words_is_what_ended_it(answer, kind):
    run = persona("A lamp?", "Yes. <<done>>", ben=("Shall I?", answer))
    assert (run.stop_reason.kind, run.stop_reason.speaker) == (kind, "Ben")


def test_leave_taking_does_not_end_it_before_the_answer():
    run = persona("A lamp?", "Goodbye! <<done>>", ben=("Bye!", "Goodbye!"), grace=0)
    assert run.stop_reason.kind is StopKind.GOAL_REACHED


def test_it_has_only_so_many_messages():
    run = persona(*(f"Please, number {n}?" for n in range(9)), gives_up_after=3, stop_on=())
    assert [line for line in said(run) if line.startswith("Ann")] == [
        f"Ann: Please, number {n}?" for n in range(3)
    ]
    assert said(run)[-1] == "Ben: Quite."
    assert run.stop_reason == stopped(
        StopKind.GAVE_UP, "3 of 3 messages without <<done>>; message 7 was not said"
    )


def test_the_last_answer_may_be_all_that_it_wants():
    run = persona("A lamp?", "<<done>>", gives_up_after=1)
    assert run.stop_reason.kind is StopKind.GOAL_REACHED


def test_its_opener_is_one_of_its_messages():
    run = persona("A lamp?", opener="Hello.", gives_up_after=1)
    assert said(run) == ["Ann: Hello.", "Ben: Quite."]
    assert run.stop_reason.kind is StopKind.GAVE_UP


def test_a_refusal_of_its_model_and_an_empty_reply_stay_what_they_are():
    assert persona(Reply("<<done>>", finish="refused")).stop_reason.kind is StopKind.REFUSAL
    assert persona("").stop_reason.kind is StopKind.EMPTY_REPLY


def test_tokens_of_other_speakers_are_words():
    run = hold(("<<done>>",), ("<<gave up>>",), b=Speaker("Ben"), turns=1)
    assert said(run)[1:] == ["Ben: <<gave up>>", "Ann: <<done>>"]


def test_two_personas_have_goals_of_their_own():
    ben = Persona("Ben", goal="to sell a lamp")
    run = persona("A lamp?", ben=("Sold! <<done>>",), b=ben)
    assert run.stop_reason == StopReason(
        kind=StopKind.GOAL_REACHED, speaker="Ben", detail="<<done>> in message 2, answered in message 3"
    )


@pytest.mark.parametrize(("answer", "n_messages"), [("<<gave up>>", 1), ("Bye. <<done>>", 2)])
def test_the_first_persona_to_end_it_is_the_reason(answer, n_messages):
    run = persona("A lamp, thanks. <<done>>", ben=(answer,), b=Persona("Ben", goal="to sell a lamp"))
    token = answer[answer.index("<") :]
    assert len(run.messages) == n_messages
    assert run.stop_reason == stopped(
        StopKind.GOAL_REACHED, f"<<done>> in message 1, answered with {token} by Ben"
    )
