"""The lines of a cassette: whatever was said comes back, and each text is stored once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.recording import journal
from pytest_duolog.recording.interaction import Body, Interaction, Response, SentRequest
from pytest_duolog.recording.journal import JournalCodec, line_text
from pytest_duolog.storage.json_text import canonical
from tests.recording.builders import chat, facts, interaction

# Names and texts that mean something in the file, so that data which looks like them is tried often.
NAMES = st.sampled_from(["$", "$$", "like", "keep", "then", "messages", "contents", "input", "json", "texts"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LONG_TEXTS = st.sampled_from(
    ["a text that is long enough to be stored once " * 2, "ü" * 40, "\0\n\x1b[31m" * 12]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | LONG_TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | TEXTS, inner, max_size=4),
    max_leaves=12,
)
HEADERS = st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2), max_size=2)


@st.composite
def interactions(draw):
    content = draw(st.binary() | VALUES.map(canonical) | TEXTS.map(str.encode))
    return Interaction(
        SentRequest(
            draw(TEXTS), draw(TEXTS), draw(HEADERS), Body.parse(draw(st.binary() | VALUES.map(canonical)))
        ),
        Response(draw(st.integers(100, 599)), draw(TEXTS), draw(HEADERS), kept(content)),
        message_number=draw(st.integers(0, 99)),
        speaker=draw(TEXTS),
        latency_ms=draw(st.none() | st.floats(0, 1e9)),
    )


def kept(content: bytes) -> bytes:
    """JSON in the spelling in which a response is kept."""
    try:
        return canonical(json.loads(content))
    except ValueError:
        return content


def written(made: list[Interaction]) -> list[str]:
    codec = JournalCodec()
    return [line_text(codec.encode(one)) for one in made]


def read(lines: list[str]) -> list[Interaction]:
    codec = JournalCodec()
    return [codec.decode(json.loads(line)) for line in lines]


@given(st.lists(interactions(), max_size=5))
def test_any_interactions_come_back(made):
    lines = written(made)
    assert not any("\n" in line for line in lines)
    again = read(lines)
    assert facts(again) == facts(made)
    assert all(one.request.same_as(other.request) for one, other in zip(made, again, strict=True))


@given(st.lists(VALUES.map(lambda value: {"role": "user", "content": value}), max_size=8), st.data())
def test_histories_that_grow_and_fork_come_back(messages, data):
    starts = data.draw(st.lists(st.integers(0, len(messages)), max_size=12))
    made = [interaction(2, {"model": "m", "messages": [*messages[:start], start]}) for start in starts]
    assert facts(read(written(made))) == facts(made)


def test_chat_may_follow_a_request_without_a_history():
    made = [interaction(2, b""), interaction(2, {"messages": ["x"]}), interaction(3, {"messages": []})]
    assert facts(read(written(made))) == facts(made)


def test_each_text_is_stored_once():
    made = chat(20)
    lines = "".join(written(made))
    for number in range(1, 22):
        assert lines.count(f"Message {number}, ") == 1


def test_size_grows_with_the_words_not_with_their_square():
    short, long = ("".join(written(chat(n))) for n in (50, 200))
    assert len(long) < 4.2 * len(short)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": {"like": 1}},
        {"messages": {"like": 1, "keep": 1, "then": []}},
        {"messages": [], "contents": [1], "$": "1.0"},
        {"$": "1.0"},
        {"$$": {"$": "1.0"}},
        {"input": "a text that is long enough to be stored once"},
        ["$", {"$": 1}],
        "$",
        b'{"a": 1',
        b"\xff\xfe",
        "\N{ZERO WIDTH NO-BREAK SPACE}x".encode(),
    ],
    ids=repr,
)
def test_bodies_that_look_like_the_format_come_back(body):
    made = [interaction(2, {"messages": ["x"]}), interaction(3, body)]
    assert facts(read(written(made))) == facts(made)


def test_half_a_character_stays_what_it_was_in_both():
    made = interaction(2, b'{"messages": ["\\ud83d"], "stop": "\\ud83d"}')
    [again] = read(written([made]))
    assert again.request.same_as(made.request)
    assert again.request.body.content() == b'{"messages":["\\ud83d"],"stop":"\\ud83d"}'
    for other in (b'{"messages": ["?"], "stop": "?"}', b'{"messages": ["\\udc00"], "stop": "\\ud83d"}'):
        assert not again.request.same_as(interaction(2, other).request)


def test_small_file_cannot_unfold_to_any_size(monkeypatch):
    monkeypatch.setattr(journal, "MOST_UNFOLDED_BYTES", 1000)
    codec = JournalCodec()
    line = json.loads(written([interaction(2, {"messages": []}, ["x" * 400] * 2)])[0])
    codec.decode(line)
    with pytest.raises(ValueError, match="expands to more than 1000 bytes"):
        codec.decode(line | {"n": 2})


# Lines as format 1 wrote them: nothing names the field of the history, nor the model that served.
FORMAT_1 = """\
{"n":1,"message":2,"speaker":"Ben","request":{"method":"POST","uri":"u","headers":{},"json":{"model":"m","tools":[{"a":1},{"b":2}],"messages":[{"role":"user","content":"Hello."}]}},"response":{"status":200,"reason":"OK","headers":{},"json":{"model":"m-2","choices":[]}}}
{"n":2,"message":3,"speaker":"Ann","request":{"method":"POST","uri":"u","headers":{},"json":{"model":"m","tools":[{"a":1},{"b":2}],"messages":{"like":1,"keep":1,"then":[{"role":"assistant","content":"Hi."}]}}},"response":{"status":200,"reason":"OK","headers":{},"json":{}}}
{"n":3,"message":4,"speaker":"Ben","request":{"method":"POST","uri":"u","headers":{},"json":{"contents":[{"x":1}]}},"response":{"status":200,"reason":"OK","headers":{},"json":{}}}
{"n":4,"message":5,"speaker":"Ben","request":{"method":"POST","uri":"u","headers":{},"json":{"contents":{"like":3,"keep":1,"then":[{"x":2}]}}},"response":{"status":200,"reason":"OK","headers":{},"json":{}}}
"""


def test_lines_of_format_1_come_back():
    hello, hi = {"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}
    sent = [
        ("messages", {"model": "m", "tools": [{"a": 1}, {"b": 2}], "messages": [hello]}),
        ("messages", {"model": "m", "tools": [{"a": 1}, {"b": 2}], "messages": [hello, hi]}),
        ("contents", {"contents": [{"x": 1}]}),
        ("contents", {"contents": [{"x": 1}, {"x": 2}]}),
    ]
    again = read(FORMAT_1.splitlines())
    for one, (history_name, body) in zip(again, sent, strict=True):
        assert one.request.body.value() == body
        assert one.request.body.same_as(Body.of_json(body, history_name))
        assert one.request.body.same_as(Body.of_json(body))
        assert not one.request.body.same_as(Body.of_json({**body, "n": 1}, history_name))


@given(st.lists(VALUES, max_size=6), NAMES)
def test_a_history_of_any_name_and_form_comes_back(entries, name):
    made = [
        Interaction(
            SentRequest(
                "POST", "u", {}, Body({"model": "m"}, name, [canonical(entry) for entry in entries[:n]])
            ),
            Response(200, "OK", {}, b"{}"),
            served="m-2",
        )
        for n in range(len(entries) + 1)
    ]
    again = read(written(made))
    assert facts(again) == facts(made)
    assert [(one.request.body.history_name, one.served) for one in again] == [(name, "m-2")] * len(made)


def test_a_strangers_history_is_its_longest_list_of_objects():
    said = [{"role": "user"}] * 3
    body = {"stop": ["a"] * 9, "tools": [{}], "turns": said, "numbers": [1] * 9, "empty": []}
    assert Body.of_json(body).history_name == "turns"
    assert Body.of_json({"stop": ["a"], "empty": []}).history_name is None
    lines = written([interaction(n, {**body, "turns": said * n}) for n in range(2, 5)])
    assert len(lines[2]) < len(lines[1]) + 200
