"""Properties of tool calls: what fits, what differs, what could not be measured."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest

from pytest_duolog import (
    CallsAreValid,
    CallsInOrder,
    CallsTool,
    ConfigurationError,
    NoLoops,
    NoRepeatedCalls,
    Outcome,
    Transcript,
    judge,
)
from pytest_duolog.properties.by_name import parse_property
from pytest_duolog.properties.schemas import Unknown, misfits
from pytest_duolog.results.dialogue_result import PropertyResult
from pytest_duolog.transcripts.transcript import Message, ToolCall, ToolDefinition, TranscriptSpeaker

REFUND = ToolDefinition(
    name="refund",
    parameters={
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "amount": {"type": "number", "maximum": 50}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
)
LOOK_UP = ToolDefinition(
    name="look_up", parameters={"type": "object", "properties": {"order_id": {"type": "string"}}}
)


def call(name: str, result: str | None = None, **fields: object) -> ToolCall:
    known = {key: fields.pop(key) for key in ("is_error", "round", "at", "id", "agent") if key in fields}
    return ToolCall(name=name, arguments=json.dumps(fields), result=result, **known)


def shop(
    *said: tuple[str, list[ToolCall]], tools: tuple[ToolDefinition, ...] = (LOOK_UP, REFUND)
) -> Transcript:
    """A dialogue between Ann, who asks, and Bob, who calls tools for each of these answers."""
    messages = []
    for content, calls in said:
        messages += [
            Message(speaker="Ann", content="My lamp is broken."),
            Message(speaker="Bob", content=content, tool_calls=tuple(calls)),
        ]
    speakers = (TranscriptSpeaker(name="Ann"), TranscriptSpeaker(name="Bob", tools=tools))
    return Transcript(speakers=speakers, messages=tuple(messages))


SOLD = shop(
    ("I found it. Shall I refund it?", [call("look_up", '{"price": 30}', order_id="4711", round=1)]),
    ("It is paid back.", [call("refund", '{"ok": true}', order_id="4711", amount=30, round=1)]),
    ("Goodbye!", []),
)


@pytest.mark.parametrize(
    ("tool", "wanted", "mistake"),
    [
        ("refnd", {}, "no speaker has a tool 'refnd'; did you mean 'refund'?"),
        ("refund", {"orderid": "4711"}, "refund has no argument 'orderid'; did you mean 'order_id'?"),
    ],
)
def test_a_misspelt_call_that_never_came_says_nothing(tool: str, wanted: dict[str, object], mistake: str):
    never = SOLD.never_calls(tool, wanted)
    assert (never.outcome, never.explanation) == (Outcome.UNMEASURED, mistake)
    negated = ~SOLD.calls_tool(tool, wanted)
    assert negated.outcome is Outcome.UNMEASURED
    assert negated.explanation.startswith(mistake)
    assert SOLD.calls_tool(tool, wanted).outcome is Outcome.FAILS


@pytest.mark.parametrize(
    ("tool", "wanted"), [("delete_account", {}), ("refund_all", {}), ("refund", {"reason": "broken"})]
)
def test_a_call_like_no_known_one_may_be_meant(tool: str, wanted: dict[str, object]):
    """A model may make up a call."""
    assert SOLD.never_calls(tool, wanted)


def test_what_a_transcript_without_definitions_never_calls_is_taken_as_it_is():
    assert shop(("Done.", [call("refund")]), tools=()).never_calls("refnd")


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"order_id": "4711"},
        {"amount": 30.0},
        {"amount": lambda amount: amount <= 50},
        {"order_id": re.compile(r"^\d{4}$")},
        {"order_id": ...},
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", str(value)),
)
def test_a_call_with_these_arguments_fits(wanted):
    assert SOLD.calls_tool("refund", arguments=wanted)
    assert SOLD.calls_tool("refund", **wanted, times=1)
    assert not SOLD.never_calls("refund", wanted)


def broken(amount: float) -> bool:
    raise KeyError(amount)


@pytest.mark.parametrize(
    ("wanted", "differs"),
    [
        ({"order_id": 4711}, "order_id is the text '4711', not the number 4711"),
        ({"amount": True}, "amount is the number 30, not the truth value true"),
        ({"amount": 31}, "amount is 30, not 31"),
        ({"amount": None}, "amount is the number 30, not null"),
        ({"reason": "broken"}, "reason is missing"),
        ({"amount": re.compile("3")}, "amount is the number 30, not text"),
        ({"order_id": re.compile("x")}, "order_id is '4711', in which 'x' is not found"),
        ({"amount": broken}, "amount is 30, for which broken raised KeyError"),
        ({"amount": str.isdigit}, "amount is 30, for which isdigit raised TypeError"),
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", str(value)),
)
def test_a_call_that_does_not_fit_says_what_differs(wanted, differs):
    verdict = SOLD.calls_tool("refund", arguments=wanted)
    assert verdict.outcome is Outcome.FAILS
    shown = str(verdict.evidence[0])
    assert shown.startswith(
        'message 4 (Bob), call: refund {"order_id": "4711", "amount": 30} gave {"ok": true}: '
    )
    assert differs in shown
    assert verdict.explanation.startswith("refund was called 1 time, but never as refund(")
    assert SOLD.never_calls("refund", arguments=wanted)


def test_objects_and_lists_are_equal_as_a_whole():
    order = shop(("Done.", [call("order", address={"zip": "10115", "city": "Berlin"}, items=["lamp", 2])]))
    assert order.calls_tool("order", address={"zip": re.compile("1"), "city": ...}, items=["lamp", 2.0])
    (evidence,) = order.calls_tool("order", address={"zip": "10115"}, items=["lamp", "2"]).evidence
    assert "address.city is not wanted; items[1] is the number 2, not the text '2'" in str(evidence)
    assert "items is ['lamp', 2]" not in str(evidence)
    (evidence,) = order.calls_tool("order", items=["lamp"]).evidence
    assert 'items is ["lamp", 2], not ["lamp"]' in str(evidence)


def test_calls_are_counted_and_the_nearest_is_shown_first():
    twice = shop(("Done.", [call("refund", order_id="1", amount=5), call("refund", order_id="2", amount=7)]))
    verdict = twice.calls_tool("refund", order_id="2", amount=5, reason=...)
    assert [str(evidence)[:33] for evidence in verdict.evidence] == [
        "message 2 (Bob), call 1 of 2: ref",
        "message 2 (Bob), call 2 of 2: ref",
    ]
    assert twice.calls_tool("refund", order_id="2", amount=8).evidence[0].call == "call 2 of 2"
    verdict = twice.calls_tool("refund", times=1)
    assert verdict.explanation == "refund was called 2 times (exactly 1)"
    assert verdict.outcome is Outcome.FAILS


def test_a_tool_that_was_never_called_shows_the_claim_or_else_all_calls():
    lied = shop(("I have refunded your lamp. Goodbye!", [call("look_up", order_id="4711")]))
    verdict = lied.calls_tool("refund")
    assert verdict.explanation == ("refund was never called; called were look_up 1 time; a message claims it")
    assert [str(evidence) for evidence in verdict.evidence] == [
        "message 2 (Bob): 'I have refunded your lamp.'"
    ]
    verdict = SOLD.calls_tool("refnd")
    assert verdict.explanation.endswith("look_up 1 time, refund 1 time; did you mean 'refund'?")
    assert len(verdict.evidence) == 2
    assert shop(("Hm.", [])).calls_tool("refund").explanation == "refund was never called; no tool was called"


@pytest.mark.parametrize(
    ("places", "outcome"),
    [
        ({"before": 5}, Outcome.HOLDS),
        ({"after": 2}, Outcome.HOLDS),
        ({"before": 4}, Outcome.FAILS),
        ({"after": "shall I refund"}, Outcome.HOLDS),
        ({"before": "shall I refund"}, Outcome.FAILS),
        ({"before": "paid back"}, Outcome.HOLDS),
        ({"after": "look_up", "before": "goodbye"}, Outcome.HOLDS),
        ({"before": "look_up"}, Outcome.FAILS),
        ({"after": re.compile("found")}, Outcome.HOLDS),
        ({"after": 99}, Outcome.UNMEASURED),
        ({"after": "no such words"}, Outcome.UNMEASURED),
    ],
    ids=str,
)
def test_calls_before_and_after_a_place(places, outcome):
    assert SOLD.calls_tool("refund", **places).outcome is outcome


def test_a_tool_that_exists_and_was_not_called_is_no_place():
    verdict = shop(("Done.", [call("refund")])).calls_tool("refund", after="look_up")
    assert (verdict.outcome, verdict.explanation) == (Outcome.UNMEASURED, "look_up was never called")


def test_a_call_in_the_middle_of_a_message_is_after_its_first_words():
    message = ("Let me look.\n\nI found it.", [call("look_up", at=12)])
    assert shop(message).calls_tool("look_up", after="let me look", before="I found it")


def test_a_call_that_cannot_be_read_may_be_the_one_that_is_never_to_be_made():
    cut = ToolCall(name="refund", arguments='{"amount": 30')
    verdict = shop(("Done.", [cut])).never_calls("refund", amount=30)
    assert verdict.outcome is Outcome.UNMEASURED
    assert verdict.explanation == "the arguments of 1 call of refund are not a JSON object"
    assert str(verdict.evidence[0]) == 'message 2 (Bob), call: refund {"amount": 30'
    assert shop(("Done.", [cut])).never_calls("look_up", amount=30)
    assert shop(("Done.", [cut])).never_calls("refund").outcome is Outcome.FAILS


def test_a_call_that_cannot_be_read_is_not_known_to_be_another_call():
    cut = ToolCall(name="refund", arguments='{"amount": 30')
    told = shop(("Done.", [cut]))
    assert not told.calls_tool("refund", amount=30)
    for verdict in (
        ~told.calls_tool("refund", amount=30),
        (~CallsTool("refund", {"amount": 30})).check(told),
    ):
        assert verdict.outcome is Outcome.UNMEASURED
        assert verdict.explanation.startswith("the arguments of 1 call of refund are not a JSON object; ")
    assert ~told.calls_tool("look_up")
    assert ~shop(("Done.", [call("refund", amount=20)])).calls_tool("refund", amount=30)
    assert (
        shop(("Done.", [cut, call("refund", amount=30)])).never_calls("refund", amount=30).outcome
        is Outcome.FAILS
    )


@pytest.mark.parametrize(
    ("calls", "outcome", "said"),
    [
        ([call("look_up", round=1), call("refund", round=2)], Outcome.HOLDS, "called in this order"),
        ([call("look_up"), call("think"), call("refund")], Outcome.HOLDS, "called in this order"),
        (
            [call("look_up", round=1), call("refund", round=1)],
            Outcome.FAILS,
            "was asked for together with look_up",
        ),
        ([call("refund", round=1), call("look_up", round=2)], Outcome.FAILS, "never after look_up"),
        ([call("look_up")], Outcome.FAILS, "refund was never called"),
        ([], Outcome.FAILS, "look_up was never called"),
    ],
)
def test_order_of_calls(calls, outcome, said):
    verdict = shop(("Done.", calls)).calls_in_order("look_up", "refund")
    assert verdict.outcome is outcome
    assert said in verdict.explanation


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (call("refund", order_id=4711), "order_id is the number 4711, not text"),
        (call("refund", amount=3), "order_id is missing"),
        (call("refund", order_id="1", amount=80), "amount is 80, not at most 50"),
        (call("refund", order_id="1", note="x"), "note is no parameter"),
        (call("delete"), "Bob has no tool 'delete' (tools: look_up, refund)"),
        (ToolCall(name="refund", arguments='{"order_id": '), "its arguments are not a JSON object"),
        (ToolCall(name="refund", arguments="[1]"), "its arguments are not a JSON object"),
    ],
)
def test_an_invalid_call_says_what_does_not_fit(made, problem):
    verdict = shop(("Done.", [call("look_up", order_id="1"), made])).calls_are_valid()
    assert (verdict.outcome, verdict.explanation) == (Outcome.FAILS, "1 of 2 calls not valid (at most 0)")
    assert str(verdict.evidence[0]).endswith(problem)


def test_validity_that_could_not_be_measured():
    assert SOLD.calls_are_valid()
    assert (
        shop(("Done.", [call("refund")]), tools=()).calls_are_valid().explanation
        == "the tools of Bob are not known"
    )
    assert shop(("Done.", [])).calls_are_valid().explanation == "no tool was called"
    odd = ToolDefinition(name="refund", parameters={"if": {}})
    verdict = shop(("Done.", [call("refund")]), tools=(odd,)).calls_are_valid()
    assert verdict.outcome is Outcome.UNMEASURED
    assert verdict.explanation == "the schema of refund cannot be checked: it has 'if'"


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (1.0, {"type": "integer"}, []),
        (True, {"type": "integer"}, ["it is the truth value true, not whole number"]),
        ("A", {"type": "STRING", "nullable": True}, []),
        (None, {"type": "STRING", "nullable": True}, []),
        ("x", {"enum": ["a", "b"]}, ["it is 'x', not one of [\"a\", \"b\"]"]),
        (1, {"enum": [1.0]}, []),
        ({"a": [1, "2"]}, {"properties": {"a": {"items": {"type": "number"}}}}, ["a[1] is the text '2', not number"]),
        ({"a": {}}, {"properties": {"a": {"required": ["b"]}}}, ["a.b is missing"]),
        ({"a": 1}, {"$defs": {"t": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/t"}}},
         ["a is the number 1, not text"]),
        ("abc", {"pattern": "^b"}, ["it is 'abc', in which '^b' is not found"]),
        ([1, 1], {"uniqueItems": True}, ["it is [1, 1], with equal items"]),
        ("", {"minLength": 1}, ["it is '', not of a length of at least 1"]),
        (None, {"anyOf": [{"type": "string"}, {"type": "null"}]}, []),
        (1, {"anyOf": [{"type": "string"}, {"type": "null"}]}, ["it is the number 1, which fits no alternative"]),
        (1, {"oneOf": [{"type": "number"}, {"minimum": 0}]},
         ["it is the number 1, which fits 2 of 2 alternatives, not 1"]),
        (1, {"not": {"type": "number"}}, ["it is 1, which is excluded"]),
        (1, False, ["it is not accepted"]),
        (0.3, {"multipleOf": 0.1}, []),
        (19.99, {"multipleOf": 0.01}, []),
        (1e300, {"multipleOf": 0.01}, []),
        (10**30 + 1, {"multipleOf": 10}, [f"it is {10**30 + 1}, not a multiple of 10"]),
        (0.35, {"multipleOf": 0.1}, ["it is 0.35, not a multiple of 0.1"]),
        (2**53 + 1, {"maximum": 2**53}, [f"it is {2**53 + 1}, not at most {2**53}"]),
        ({"a": [1.0]}, {"enum": [{"a": [1]}]}, []),
        ({"a": {"b": 1}}, {"const": {"a": {"b": 1.0}}}, []),
        ({"a": True}, {"const": {"a": 1}}, ['it is {"a": true}, not {"a": 1}']),
        ([{"a": 1}, {"a": 1.0}], {"uniqueItems": True}, ['it is [{"a": 1}, {"a": 1.0}], with equal items']),
    ],
)  # fmt: skip
def test_values_and_schemas(value, schema, expected):
    assert [problem.strip() for problem in misfits(value, schema)] == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/$defs/missing"},
        {"type": "colour"},
        {"type": 3},
        {"properties": {"a": {"pattern": "(?=x)"}}},
        {"minimum": "low"},
        {"anyOf": 5},
        "text",
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"properties": [], "type": "object"},
        {"properties": {"n": {"multipleOf": 0}}},
        {"properties": {"n": {"multipleOf": 0.0}}},
        {"properties": {"big": {"multipleOf": 3}}},
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_read_decides_nothing(schema):
    with pytest.raises(Unknown):
        misfits({"a": "x", "n": 3, "big": float("inf")}, schema)


def test_a_pattern_that_was_made_to_be_slow_takes_no_time():
    assert misfits("a" * 40 + "b", {"pattern": "^(a+)+$"})


def test_equal_calls_are_counted_in_the_whole_dialogue():
    polls = shop(*[("Wait.", [call("status", "open", id_=1), call("touch")]) for _ in range(3)])
    verdict = polls.has_no_repeated_calls()
    assert (verdict.outcome, verdict.explanation) == (Outcome.FAILS, "equal calls: 3 (at most 2), of 6 calls")
    assert polls.has_no_repeated_calls(3)
    same = [ToolCall(name="a", arguments='{"x": 1, "y": 2}'), ToolCall(name="a", arguments='{"y":2.0,"x":1}')]
    assert not shop(("Done.", same)).has_no_repeated_calls(1)
    assert shop(("Done.", [])).has_no_repeated_calls()


def test_equal_calls_in_a_row_with_equal_results_are_a_loop():
    polls = [call("status", "open"), call("status", "open"), call("status", "open")]
    verdict = shop(("Wait.", polls)).has_no_loops()
    assert verdict.outcome is Outcome.FAILS
    assert verdict.explanation == (
        "Bob makes the same call again and again in message 2, with the same result (calls)"
    )
    assert shop(("Wait.", polls)).has_no_loops(allow=("calls",))
    assert shop(("Wait.", [*polls[:2], call("status", "sent")])).has_no_loops()
    assert shop(("Wait.", [*polls[:2], call("touch"), polls[2]])).has_no_loops()
    assert shop(("Wait.", [call("status")] * 4)).has_no_loops()  # what came back is not known
    written = ('{"x": 1, "y": 2}', '{"y":2.0,"x":1}', '{"y": 2, "x": 1}')
    same = [ToolCall(name="a", arguments=one, result="open") for one in written]
    assert not shop(("Wait.", same)).has_no_loops()
    assert judge(NoLoops(), shop(("Wait.", polls[:1]), ("Yes.", polls[1:]))).explanation.startswith(
        "Bob makes the same call again and again in messages 2 to 4"
    )


def test_errors_of_tools():
    failed = shop(("Sorry.", [call("refund", "no such order", is_error=True), call("refund")]))
    verdict = failed.has_no_tool_errors()
    assert (verdict.outcome, verdict.explanation) == (Outcome.FAILS, "1 of 2 calls failed (at most 0)")
    assert str(verdict.evidence[0]) == "message 2 (Bob), call 1 of 2: refund {} failed: no such order"
    assert SOLD.has_no_tool_errors()


def test_properties_of_calls_combine_and_come_from_the_command_line():
    both = CallsTool("refund", {"order_id": "4711"}) & ~CallsTool("delete") & NoRepeatedCalls()
    assert judge(both, SOLD)
    written = "CallsTool('refund', {'amount': 30}, times=1)"
    assert judge(parse_property(written), SOLD)
    assert str(parse_property(written)) == "CallsTool(name='refund', arguments={'amount': 30}, times=1)"
    assert (
        str(CallsTool("a", {"x": str.isdigit, "y": ...}))
        == "CallsTool(name='a', arguments={'x': str.isdigit, 'y': ...})"
    )


class Accepts:
    def __call__(self, value: object) -> bool:
        return True


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([str.isdigit, ...], "[str.isdigit, ...]"),
        ({"b": [{"c": len}]}, "{'b': [{'c': len}]}"),
        (partial(max, 1, key=len), "partial(max, 1, key=len)"),
        ([Accepts()], "[<tests.properties.test_calls.Accepts object>]"),
        ((len,), "(len,)"),
    ],
    ids=["list", "inside", "partial", "object", "tuple"],
)
def test_a_name_has_no_address_of_memory(value, shown):
    name = str(CallsTool("x", {"a": value}))
    assert name.replace(Accepts.__module__, "tests.properties.test_calls") == (
        f"CallsTool(name='x', arguments={{'a': {shown}}})"
    )
    assert "0x" not in judge(partial(len, Accepts()), SOLD).property


def test_wrong_values_are_refused():
    with pytest.raises(ConfigurationError, match="order_id is given twice, by name and in arguments"):
        SOLD.calls_tool("refund", arguments={"order_id": 1}, order_id=1)
    with pytest.raises(ConfigurationError, match=r"<object object .* is neither JSON nor a function"):
        SOLD.calls_tool("refund", order_id=object())
    with pytest.raises(ConfigurationError, match="names of two tools or more"):
        SOLD.calls_in_order("refund")
    assert SOLD.calls_tool("look_up", name="x").outcome is Outcome.FAILS


def test_evidence_of_a_call_survives_the_record_and_shows_no_line_breaks():
    odd = shop(("Done.", [ToolCall(name="re\nfund", arguments="::error::\n" * 99, result="\x1b[31m" * 99)]))
    verdict = judge(CallsTool("re\nfund", {"x": 1}), odd)
    assert PropertyResult.of(verdict, odd).verdict(odd) == verdict
    assert len(str(verdict.evidence[0]).splitlines()) == 1
    assert "\x1b" not in repr(verdict)


def test_other_speakers_do_not_count():
    assert not judge(CallsTool("refund", speaker="Ann"), SOLD)
    assert judge(CallsInOrder(("look_up", "refund"), speaker="Bob"), SOLD)
    assert judge(CallsAreValid(speaker="Ann"), SOLD).outcome is Outcome.UNMEASURED
