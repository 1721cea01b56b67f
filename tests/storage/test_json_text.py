"""Canonical JSON, and a history that is encoded once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.endpoints.history import HistoryEncoder, canonical_object
from pytest_duolog.storage.json_text import DEEPEST, NestedTooDeep, canonical, parsed
from pytest_duolog.transcripts.perspective import ChatMessage

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.lists(
    st.builds(ChatMessage, st.sampled_from(["system", "user", "assistant"]), WORDS), max_size=5
)


def whole(fields: dict, messages: list[ChatMessage]) -> bytes:
    """The body as it would be encoded in one go."""
    return canonical({**fields, "messages": [message._asdict() for message in messages]})


@given(VALUES)
def test_canonical_json_holds_the_value(value):
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_order_of_keys_makes_no_difference(fields):
    assert canonical(fields) == canonical(dict(reversed(fields.items())))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [1, 2]}, '{"a":[1,2],"b":1}'),
        ("Zoë 李", '"Zoë 李"'),
        ("\ud800", '"\\ud800"'),
        ("\n", '"\\n"'),
    ],
)
def test_spelling(value, text):
    assert canonical(value) == text.encode()


@given(
    fields=st.dictionaries(WORDS.filter(lambda name: name != "messages"), VALUES, max_size=4),
    messages=MESSAGES,
)
def test_joined_body_is_the_body_encoded_in_one_go(fields, messages):
    encoder = HistoryEncoder("messages")
    for n_messages in range(len(messages) + 1):
        assert encoder.encode(fields, messages[:n_messages]) == whole(fields, messages[:n_messages])


@pytest.mark.parametrize("name", ["a", "m", "z"], ids=["first", "between", "last"])
def test_history_stands_where_its_name_belongs(name):
    assert json.loads(canonical_object({"b": 1, "y": 2}, name, [b"1", b"2"])) == {
        "b": 1,
        "y": 2,
        name: [1, 2],
    }
    assert canonical_object({"b": 1, "y": 2}, name, [b"1"]) == canonical({"b": 1, "y": 2, name: [1]})


def test_object_may_hold_the_history_alone_and_that_may_be_empty():
    assert canonical_object({}, "messages", []) == b'{"messages":[]}'


def test_each_message_is_shaped_and_encoded_once():
    shaped = []

    def shape(message: ChatMessage) -> dict:
        shaped.append(message.content)
        return {"role": message.role, "content": message.content.upper()}

    encoder = HistoryEncoder("messages", shape)
    first, second = ChatMessage("user", "one"), ChatMessage("assistant", "two")
    encoder.encode({}, [first])
    body = encoder.encode({}, [first, second, first])
    assert [message["content"] for message in json.loads(body)["messages"]] == ["ONE", "TWO", "ONE"]
    assert shaped == ["one", "two"]


@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_json_is_read_to_a_depth_and_no_deeper(opening, closing, as_bytes):
    per_part = opening.count("[") + opening.count("{")
    for n_levels in (DEEPEST, DEEPEST + per_part, 100_000 * per_part):
        n = n_levels // per_part
        text = opening * n + "1" + closing * n
        text = text.encode() if as_bytes else text
        if n_levels <= DEEPEST:
            assert parsed(text) == json.loads(text)
        else:
            with pytest.raises(NestedTooDeep, match="nested too deeply: more than 100 levels"):
                parsed(text)


def test_json_with_many_brackets_need_not_be_deep():
    assert parsed("[" + "[]," * 1000 + "[[]]]")[-1] == [[]]


def test_number_with_too_many_digits_is_told_in_plain_words():
    with pytest.raises(ValueError, match=r"^a number has more than \d+ digits$"):
        parsed(f"[{'9' * 5000}]")


@pytest.mark.parametrize("text", ["", "{", "[1,]", b"\xff", "nul"])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError) as raised:
        parsed(text)
    assert not isinstance(raised.value, NestedTooDeep)
