"""Answers of a wrong form: an error that says what came, never a foreign exception, never taken for silence."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.http_target import HttpTarget
from pytest_duolog.endpoints.retrying import Patience
from pytest_duolog.errors import EndpointError
from tests.chat_server import ChatServer
from tests.endpoints import test_http_target, test_protocols
from tests.endpoints.asking import Wire, ask

ONCE = Patience(tries=1)

MODELS = ("openai:x", "anthropic:x", "gemini:x", "ollama:x")
# Where the words of a reply stand.
TEXT = {
    "openai:x": ("choices", 0, "message", "content"),
    "anthropic:x": ("content", 0, "text"),
    "gemini:x": ("candidates", 0, "content", "parts", 0, "text"),
    "ollama:x": ("message", "content"),
}
PLAIN = {
    "openai:x": test_protocols.openai(),
    "anthropic:x": test_protocols.anthropic(),
    "gemini:x": test_protocols.gemini(),
    "ollama:x": test_protocols.ollama(),
}
NO_TEXT = [5, 0, 1.5, True, False, {}, {"text": "Fine."}, 10**30]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """The value without the field at a path."""
    copy = value.copy()
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = without(value[path[0]], path[1:])
    return copy


def refusal_of(model: str, body: Any) -> str:
    """What is said of an answer that is no reply."""
    with pytest.raises(EndpointError) as caught:
        ask(model, Wire(body), patience=ONCE)
    return str(caught.value)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("came", NO_TEXT, ids=repr)
def test_words_that_are_no_text_are_shown(model: str, came: Any) -> None:
    said = refusal_of(model, changed(PLAIN[model], TEXT[model], came))
    assert f"is {json.dumps(came)}, not" in said


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("empty", [None, "", " \n"], ids=repr)
def test_null_and_nothing_are_an_empty_reply(model: str, empty: Any) -> None:
    reply = ask(model, Wire(changed(PLAIN[model], TEXT[model], empty)), patience=ONCE)
    assert (reply.content.strip(), reply.finish) == ("", "end")


@pytest.mark.parametrize("model", MODELS)
def test_words_that_are_not_there_are_no_silence(model: str) -> None:
    path = TEXT[model]
    for at in range(1, len(path) + 1):
        if isinstance(path[at - 1], str):
            assert refusal_of(model, without(PLAIN[model], path[:at]))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("came", ["hello", 5, True, [], {}, ["hello"], [5], None], ids=repr)
def test_what_holds_the_words_may_be_nothing_else(model: str, came: Any) -> None:
    path = TEXT[model]
    for at in range(1, len(path)):
        body = changed(PLAIN[model], path[:at], came)
        said = refusal_of(model, body)
        assert "the response has no " in said or "the response cannot be read: " in said


TABLE = {
    "a text for a message": (
        "openai:x",
        {"choices": [{"message": "hello", "finish_reason": "stop"}]},
        'choices[0].message is "hello", not an object',
    ),
    "a text for Ollama's message": ("ollama:x", {"message": "hello"}, 'got:     message = "hello"'),
    "a text for Anthropic's content": ("anthropic:x", {"content": "hello"}, 'got:     content = "hello"'),
    "a choice of an older API": (
        "openai:x",
        {"choices": [{"text": "hello", "finish_reason": "stop"}]},
        "choices[0].message is missing",
    ),
    "a message without content": (
        "openai:x",
        {"choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]},
        "choices[0].message.content is missing",
    ),
    "an empty list of parts": ("openai:x", test_protocols.openai([]), "content is [], not text"),
    "parts without a text": (
        "openai:x",
        test_protocols.openai([{"type": "image_url", "image_url": {"url": "x"}}]),
        '"image_url"',
    ),
    "a part that is a number": ("openai:x", test_protocols.openai([5]), "content[0] is 5, not an object"),
    "a part's text that is an object": (
        "openai:x",
        test_protocols.openai([{"type": "text", "text": {"value": "Hi."}}]),
        'text is {"value": "Hi."}, not text',
    ),
    "a finish reason that is a number": (
        "openai:x",
        {"choices": [{"message": {"content": ""}, "finish_reason": 0}]},
        "finish_reason is 0, not text",
    ),
    "a refusal that is a flag": (
        "openai:x",
        test_protocols.openai("", refusal=True),
        "refusal is true, not text",
    ),
    "reasoning that is an object": (
        "openai:x",
        test_protocols.openai("", reasoning_content={}),
        "reasoning_content is {}, not text",
    ),
    "tool calls that are none": (
        "openai:x",
        test_protocols.openai("", tool_calls="f"),
        'tool_calls is "f", not a list',
    ),
    "a tool without a name": (
        "openai:x",
        test_protocols.openai("", tool_calls=[{"function": {"arguments": "{}"}}]),
        "the name of a tool call is missing",
    ),
    "no blocks": (
        "anthropic:x",
        {"content": [], "stop_reason": "end_turn"},
        "content is [], not a list with a text",
    ),
    "blocks of other kinds": (
        "anthropic:x",
        {"content": [{"type": "server_tool_use"}], "stop_reason": "pause_turn"},
        "not a list with a text block",
    ),
    "a block that is a text": ("anthropic:x", {"content": ["hello"]}, 'content[0] is "hello", not an object'),
    "a text block without a text": (
        "anthropic:x",
        {"content": [{"type": "text"}], "stop_reason": "end_turn"},
        "content[].text is missing",
    ),
    "no parts": (
        "gemini:x",
        {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]},
        "candidates[0].content.parts is missing",
    ),
    "no content": (
        "gemini:x",
        {"candidates": [{"finishReason": "STOP"}]},
        "candidates[0].content is missing",
    ),
    "parts that are a text": (
        "gemini:x",
        {"candidates": [{"content": {"parts": "hello"}}]},
        'candidates[0].content.parts is "hello", not a list',
    ),
}


@pytest.mark.parametrize(("model", "body", "says"), TABLE.values(), ids=TABLE.keys())
def test_what_came_is_said(model: str, body: Any, says: str) -> None:
    assert says in refusal_of(model, body)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_text_either(model: str, constant: str) -> None:
    words = json.dumps(changed(PLAIN[model], TEXT[model], "words")).replace('"words"', constant)
    assert f"is {constant}, not" in refusal_of(model, words.encode())
    assert "JSON but not an object" in refusal_of(model, constant.encode())


@pytest.mark.parametrize("body", [[], [{}], "hello", 5, None, True], ids=repr)
@pytest.mark.parametrize("model", MODELS)
def test_an_answer_that_is_no_object_is_shown(model: str, body: Any) -> None:
    assert "JSON but not an object" in refusal_of(model, body)


def test_a_wrong_form_is_asked_for_again() -> None:
    wire = Wire(test_protocols.openai(5), test_protocols.openai("Fine."))
    assert ask("openai:x", wire).content == "Fine."
    assert len(wire.requests) == 2


# One's own chatbot


def heard(body: Any, *, kind: str = "application/json", reply: str = "reply") -> str:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    wire = Wire((200, {"content-type": kind}, content))
    return test_http_target.talk(HttpTarget("http://bot.example/chat", reply=reply), wire).content


def refused(body: Any, **options: Any) -> str:
    with pytest.raises(EndpointError) as caught:
        heard(body, **options)
    return str(caught.value)


@pytest.mark.parametrize("came", [*NO_TEXT, [], ["Fine."]], ids=repr)
def test_a_chatbots_words_are_text(came: Any) -> None:
    assert f"the response has {json.dumps(came)} at 'reply', not text" in refused({"reply": came})
    assert "not text" in refused({"all": [{"reply": "Fine."}, {"reply": came}]}, reply="all.*.reply")
    assert "at ''" in refused(came, reply="")
    line = json.dumps({"reply": came}).encode()
    for kind, content in (
        ("text/event-stream", b"data: %s\n\n" % line),
        ("application/x-ndjson", line + b"\n"),
    ):
        assert f"the response has {json.dumps(came)} at 'reply'" in refused(content, kind=kind)


def test_a_chatbots_number_that_is_none() -> None:
    assert "the response has NaN at 'reply', not text" in refused(b'{"reply": NaN}')


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"reply": null}', "application/json"),
        (b'{"reply": ""}', "application/json"),
        (b'data: {"reply": null}\n\ndata: [DONE]\n\n', "text/event-stream"),
        (b'data: {"id": 1}\n\ndata: {"reply": ""}\n\n', "text/event-stream"),
    ],
)
def test_a_chatbot_may_say_nothing(content: bytes, kind: str) -> None:
    assert heard(content, kind=kind) == ""


@pytest.mark.parametrize("content", [b"", b": ping\n\n", b"data: [DONE]\n\n"])
def test_a_stream_without_parts_is_no_silence(content: bytes) -> None:
    assert "no text at 'reply'; it has no parts" in refused(content, kind="text/event-stream")


def test_a_part_that_was_cut_is_no_silence() -> None:
    content = b'data: {"reply": "One "}\n\ndata: {"reply": "two'
    assert 'a part of the response is not complete JSON: \'{"reply": "two\'' in refused(
        content, kind="text/event-stream"
    )


@pytest.mark.parametrize("word", ["42", "1.50", "007", "true", "null", "NaN", "{"])
def test_a_word_of_plain_text_may_look_like_a_number(word: str) -> None:
    assert heard(word.encode(), kind="text/plain", reply="") == word
    events = f"data: It is \n\ndata: {word}\n\n".encode()
    assert heard(events, kind="text/event-stream", reply="") == f"It is {word}"


# Anything at all

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["text", "type", "content", "message", "role", "parts", "thinking", "name", "function"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """The places in a JSON value, the value itself first."""
    yield ()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        for path in paths(item):
            yield (name, *path)


def texts_in(value: Any) -> str:
    """All texts in a value."""
    if isinstance(value, str):
        return value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return "".join(map(texts_in, items))


@given(st.data())
def test_any_value_anywhere_is_a_reply_or_an_error_of_ours(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(MODELS))
    whole = test_protocols.WHOLE[model]
    path = data.draw(st.sampled_from(list(paths(whole))))
    body = changed(whole, path, data.draw(VALUES))
    try:
        reply = ask(model, Wire(body), patience=ONCE)
    except EndpointError as error:
        reply = Reply(str(error).replace("\n", ""))
        assert reply.content.isprintable()
    if reply.finish in ("end", "other") and not reply.content.strip():
        at = body
        for name in TEXT[model]:
            at = at[name]
        assert at is None or isinstance(at, str | list), at
        assert not (texts_in(at) if isinstance(at, str) else "").strip() or "<think>" in at


@given(VALUES, st.sampled_from(["application/json", "text/event-stream", "application/x-ndjson", "text/plain"]),
       st.sampled_from(["reply", "", "message.content", "parts.*.text"]))  # fmt: skip
def test_any_value_of_a_chatbot_is_a_reply_or_an_error_of_ours(body: Any, kind: str, reply: str) -> None:
    content = json.dumps(body)
    with contextlib.suppress(EndpointError):
        heard((f"data: {content}\n\n" if "event" in kind else content).encode(), kind=kind, reply=reply)


# What is recorded of it


@pytest.mark.parametrize(
    "answer",
    [
        b'{"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}',
        b'{"choices": [{"message": "hello", "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": NaN}, "finish_reason": "stop"}]}',
        b'{"id": "x"}',
    ],
)
def test_a_wrong_form_fails_the_test_and_is_not_recorded(
    pytester: pytest.Pytester, chat_server: ChatServer, answer: bytes
) -> None:
    chat_server.answer = lambda body: (200, answer)
    pytester.makepyprojecttoml("[tool.duolog.requests]\ntries = 1\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.dialogue(a="scripted:counter", b="openai:m", opener="Hello.", turns=1)
        def test_it(dialogue):
            dialogue.messages
        """
    )
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*DialogueError: no message 2 from Model B: *"])
    assert not list(pytester.path.rglob("*.jsonl"))
