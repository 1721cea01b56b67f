"""What a message does: its act, its calls, its length and its stance."""

from __future__ import annotations

import pytest

from pytest_duolog.results.acts import Act, Stance, read_act
from pytest_duolog.transcripts.transcript import Message, ToolCall

BEFORE = (Message(speaker="A", content="Where is it?"), Message(speaker="B", content="In the harbour."))


def heard(content: str, **fields: object):
    return read_act(Message.model_validate({"speaker": "B", "content": content, **fields}), BEFORE)


@pytest.mark.parametrize(
    ("content", "act"),
    [
        ("The lamp is on the table.", Act.ANSWER),
        ("Which lamp do you mean?", Act.ASK),
        ("Goodbye, and thank you!", Act.END),
        ("In the harbour.", Act.REPEAT),
        ("in the  HARBOUR.", Act.REPEAT),
        ("I'm sorry, but I can't help with that.", Act.REFUSE),
        ("I cannot discuss prices.", Act.REFUSE),
        ("I am unable to issue a refund for items that were bought more than thirty days ago.", Act.REFUSE),
        ("I'm sorry, but we're not allowed to change it.", Act.REFUSE),
        ("I am unable to log in.", Act.ANSWER),
        ("I can help with that.", Act.ANSWER),
        ("", Act.NOTHING),
    ],
)
def test_acts(content, act):
    assert heard(content).act is act


def test_a_withheld_message_refuses():
    assert heard("Well,", finish="filtered").act is Act.REFUSE
    assert heard("", finish="refused").act is Act.REFUSE
    assert read_act(None, BEFORE).act is Act.NOTHING


def test_calls_are_heard_in_order():
    calls = tuple(ToolCall(name=name, arguments="{}") for name in ("look_up", "refund"))
    found = heard("I look.", tool_calls=calls)
    assert (found.act, found.tools) == (Act.CALL, ("look_up", "refund"))


@pytest.mark.parametrize(
    ("content", "stance"),
    [
        ("Absolutely! It is.", Stance.AGREES),
        ("No, it is not.", Stance.DECLINES),
        ("It is blue.", Stance.OPEN),
    ],
)
def test_stances(content, stance):
    assert heard(content).stance is stance


def test_what_the_other_side_said_is_no_repetition_and_words_are_counted():
    found = heard("Where is it?")
    assert (found.act, found.n_words) == (Act.ASK, 3)
