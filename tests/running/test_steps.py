"""Dialogues in steps: who says what, where free parts end, and where checks are reached."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_duolog import ConfigurationError, Mentions, Message, Persona, Scenario, check, reply, say, talk
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.talks import identity_of
from pytest_duolog.scenarios.files import read_scenarios
from pytest_duolog.scenarios.values import ScenarioValues, Source
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.transcript import StopKind, ToolCall
from pytest_duolog.transcripts.usage import Usage
from tests.running.test_runner import Answers, said
from tests.running.test_runner import hold as hold_free

LAMP = check(Mentions("lamp"))


def hold(steps: list[Any], ann: Any = ("Indeed.",), ben: Any = ("Quite.",), **values: Any) -> DialogueRun:
    """A dialogue in these steps; Ann is next after an even number of messages."""
    values = {"a": {"name": "Ann"}, "b": {"name": "Ben"}, **values}
    scenario = Scenario.build({**values, "steps": steps})
    return hold_free(ann, ben, **scenario.given())


def reached(run: DialogueRun) -> list[tuple[int, int | None]]:
    return [(step, after) for step, _, after in run.checks()]


def test_fixed_and_free_parts_are_mixed():
    ben = Answers("Order number?", "I look.", "Sent.", "Bye!")
    run = hold(
        [
            say("Hello"),
            reply(),
            LAMP,
            say("4711"),
            reply(),
            talk(turns=1),
            LAMP,
            LAMP,
            say("Bye!"),
            reply(),
            LAMP,
        ],
        ann=("And?",),
        ben=ben,
    )
    assert said(run) == [
        "Ann: Hello",
        "Ben: Order number?",
        "Ann: 4711",
        "Ben: I look.",
        "Ann: And?",
        "Ben: Sent.",
        "Ann: Bye!",
        "Ben: Bye!",
    ]
    assert [message.finish for message in run.messages][:3] == [None, "end", None]
    assert reached(run) == [(3, 2), (7, 6), (8, 6), (11, 8)]
    assert (run.stop_reason.kind, run.stop_reason.speaker, run.stop_reason.detail) == (
        "steps",
        None,
        "11 steps",
    )
    assert run.transcript().turns is None
    assert ben.requests[1].messages[-1].content == "4711"


def test_the_side_that_opens_says_the_first_step():
    assert said(hold([say("Hi"), reply()], opener_by="b")) == ["Ben: Hi", "Ann: Indeed."]
    assert said(hold([reply(), say("Hi")])) == ["Ann: Indeed.", "Ben: Hi"]


@pytest.mark.parametrize(
    ("values", "ben"),
    [
        ({"stop_on": ("goodbye",), "grace": 0}, "Goodbye!"),
        ({"stop_phrases": "over", "stop_on": ()}, "It is over."),
    ],
)
def test_a_free_part_ends_early_and_the_steps_go_on(values, ben):
    run = hold([talk(turns=4), LAMP, say("Wait."), reply()], ann=("Goodbye!",), ben=(ben,), **values)
    assert said(run)[-2:] in (["Ann: Wait.", f"Ben: {ben}"], ["Ben: Wait.", "Ann: Goodbye!"])
    assert len(run.messages) < 6
    assert run.stop_reason.kind is StopKind.STEPS


def test_a_goodbye_in_a_free_part_does_not_end_the_next_one():
    ann = ("And?", "Thank you, goodbye!", "A new flat.", "Yes.", "Indeed.", "It is.")
    ben = ("Sent.", "Goodbye!", "Where is it?", "Is it nice?", "With a garden?")
    change = say("I also want to change my address to Elm Street 5.")
    run = hold(
        [say("Hello"), talk(turns=4), LAMP, change, talk(turns=2), LAMP],
        ann,
        ben,
        grace=0,
        stop_on=("goodbye",),
    )
    (_, first), (_, second) = reached(run)
    assert first < 9
    assert second == first + 5


def test_outside_of_free_parts_only_the_steps_say_when_it_ends():
    run = hold([say("Over."), reply(), reply(), reply()], ann=("Over.",), ben=("Over.",), stop_phrases="over")
    assert len(run.messages) == 4


@pytest.mark.parametrize(
    ("ben", "values", "kind"),
    [
        ("", {}, StopKind.EMPTY_REPLY),
        (Reply("No.", finish="refused"), {}, StopKind.REFUSAL),
        (Reply("Hm.", usage=Usage(reply_tokens=9)), {"token_budget": 9}, StopKind.BUDGET),
    ],
)
def test_what_ends_a_dialogue_leaves_steps_unreached(ben, values, kind):
    run = hold([say("A lamp."), LAMP, reply(), reply(), LAMP], ben=(ben,), **values)
    assert run.stop_reason.kind is kind
    assert reached(run) == [(2, 1), (5, None)]


def test_a_persona_ends_its_free_part_and_the_dialogue():
    ann = Persona("Ann", goal="a lamp")
    run = hold([talk(turns=3), LAMP, say("Bye!"), reply(), LAMP], ann=("A lamp?", "<<done>>"), a=ann)
    assert (run.stop_reason.kind, reached(run)) == (StopKind.GOAL_REACHED, [(2, 2), (5, None)])
    run = hold([reply(), reply(), reply(), LAMP], ann=("A lamp?", "<<done>>"), a=ann)
    assert reached(run) == [(4, None)]
    run = hold([reply(), say("Here you are."), LAMP, reply()], ann=("A lamp? <<done>>",), a=ann)
    assert said(run) == ["Ann: A lamp?", "Ben: Here you are."]
    assert run.stop_reason.detail == "<<done>> in message 1, answered in message 2"
    assert reached(run) == [(3, 2)]


def test_messages_of_a_history_are_the_first_ones_of_the_steps():
    history = [Message(speaker="Ann", content="Hello"), Message(speaker="Ben", content="Yes?")]
    steps = [say("Hello"), reply(), LAMP, say("4711"), reply(), LAMP]
    run = hold(steps, history=history)
    assert said(run)[2:] == ["Ann: 4711", "Ben: Quite."]
    assert reached(run) == [(3, 2), (6, 4)]
    with pytest.raises(
        ConfigurationError, match="history: 2 messages leave none of the 2 that the steps have"
    ):
        Scenario.build({"a": {"name": "Ann"}, "b": {"name": "Ben"}, "steps": steps[:3], "history": history})


@pytest.mark.parametrize(
    ("calls", "what"), [((ToolCall(name="look_up", arguments="{}"),), "calls but no words"), ((), "no words")]
)
def test_a_history_that_ends_without_words_is_refused(calls, what):
    history = [Message(speaker="Ann", content="Hello"), Message(speaker="Ben", content="", tool_calls=calls)]
    with pytest.raises(
        ConfigurationError, match=f"history: message 2, the last one, has {what} of Ben, so that"
    ):
        Scenario.build({"a": {"name": "Ann"}, "b": {"name": "Ben"}, "history": history})


def test_dialogues_on_disk_do_not_depend_on_checks():
    def identity(*steps: Any) -> str:
        return identity_of(Scenario.build({"steps": list(steps)}))

    assert identity(say("Hello"), reply()) == identity(say("Hello"), LAMP, reply(), LAMP)
    assert identity(say("Hello"), reply()) != identity(say("Hi"), reply())


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([], "steps: there is no step; leave steps out for a free dialogue"),
        ("reply", "steps: must be a list of say(text), reply(), talk(turns=n) and check(property)"),
        ([LAMP, reply()], "steps: step 1 is a check, but nothing has been said"),
        ([say("Hello"), LAMP], "steps: no step asks a model: add reply() or talk(turns=...)"),
        ([reply(), "Hello"], "steps: step 2: 'Hello' is not one of say(text), reply(), talk(turns=n) and"),
        ([reply, reply()], "steps: step 1: <function reply"),
        ([{"say": ""}], "steps: step 1: say() needs a text (got '')"),
        ([{"talk": 0}], "steps: step 1: talk(turns=) needs a whole number from 1 to 10,000 (got 0)"),
        ([{"talk": {"turn": 1}}], "steps: step 1: talk() got an unexpected keyword argument 'turn'"),
        ([{"say": "a", "talk": 1}], "steps: step 1: {'say': 'a', 'talk': 1} is not one of"),
        ([{"check": 3}], "steps: step 1: {'check': 3} is not one of"),
    ],
)  # fmt: skip
def test_wrong_steps_are_refused(steps, problem):
    with pytest.raises(ConfigurationError) as caught:
        Scenario.build({"steps": steps})
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: say(" "), r"say\(\) needs a text \(got ' '\)"),
        (lambda: talk(turns=True), r"talk\(turns=\) needs a whole number"),
        (lambda: check(Mentions), r"check\(\) needs a property, .*; write Mentions\(\.\.\.\)"),
        (lambda: check(3), r"check\(\) needs a property, or a function that takes a transcript \(got 3\)"),
    ],
)
def test_wrong_step_is_refused_where_it_is_made(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


@pytest.mark.parametrize(
    ("values", "steps", "problem"),
    [
        ({"opener": "Hi."}, [reply()], "opener='Hi.' {}: the first step is the first message"),
        ({"turns": 3}, [talk(turns=2)], "turns=3 {}: the steps say how long the dialogue is; talk(turns=...) has its own"),  # noqa: E501
        ({"grace": 1}, [reply()], "grace=1 {}: it ends a talk(), and there is none in the steps"),
        ({"stop_phrases": "bye"}, [reply()], "stop_phrases='bye' {}: it ends a talk(), and there is none in the steps"),
    ],
)  # fmt: skip
def test_values_beside_steps_that_have_no_effect_are_refused(values, steps, problem):
    given = ScenarioValues.of([Source("the marker", {**values, "steps": steps})])
    assert [str(idle) for idle in Settings().idle(given, Scenario.build(given.values))] == [
        problem.format("(the marker) has no effect")
    ]


ROWS = {
    "rows.yaml": "- steps: [{say: Hello}, reply, {check: Mentions('lamp')}, {talk: 2}]\n",
    "rows.toml": "[[scenarios]]\nsteps = [{say = 'Hello'}, 'reply', {check = \"Mentions('lamp')\"}, {talk = 2}]\n",
}


@pytest.mark.parametrize("name", ROWS)
def test_steps_stand_in_files(tmp_path, name):
    (tmp_path / name).write_text(ROWS[name], "utf-8")
    (row,) = read_scenarios(tmp_path / name)
    cast = Settings().cast(Scenario.build(row.values))
    assert cast.steps == (say("Hello"), reply(), check(Mentions("lamp")), talk(turns=2))
    assert repr(cast.steps) == "(say('Hello'), reply(), check(Mentions(phrases='lamp')), talk(turns=2))"


def test_a_wrong_property_in_a_file_is_named():
    with pytest.raises(ConfigurationError, match=r"unknown property 'Mention\(\)'"):
        Settings().cast(Scenario.build({"steps": ["reply", {"check": "Mention()"}]}))
