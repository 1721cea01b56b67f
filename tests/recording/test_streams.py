"""Keys that a model sends in pieces are in none of them afterwards; the rest of a stream stays as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.errors import SecretInRecording
from pytest_duolog.recording.interaction import Response
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.stored_response import kept_response
from pytest_duolog.recording.stream_redaction import without_secrets_in_stream
from tests.planted import Maker, planted

KEY = "sk-pr" + "oj-" + Maker(4).word(40)
VALUE = "pl4nted-value-71"
REDACTOR = Redactor({"LAB_TOKEN": VALUE})


def openai(piece: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}


def anthropic(piece: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}


def gemini(piece: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": piece}], "role": "model"}}]}


def ollama(piece: str) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": piece}, "done": False}


def responses(piece: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "item_id": "msg_1", "delta": piece}


def tool_call(piece: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}}]}


PROTOCOLS: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    "OpenAI": (openai, lambda event: event["choices"][0]["delta"]["content"]),
    "Anthropic": (anthropic, lambda event: event["delta"]["text"]),
    "Gemini": (gemini, lambda event: event["candidates"][0]["content"]["parts"][0]["text"]),
    "Ollama": (ollama, lambda event: event["message"]["content"]),
    "Responses": (responses, lambda event: event["delta"]),
    "tool call": (
        tool_call,
        lambda event: event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"],
    ),
    "a string": (str, str),
}


def events(pieces: list[str], make: Callable[[str], Any], end: str = "\n\n") -> str:
    return (
        "".join(f"event: delta{end[:1]}data: {json.dumps(make(piece))}{end}" for piece in pieces)
        + "data: [DONE]"
        + end
    )


def lines(pieces: list[str], make: Callable[[str], Any]) -> str:
    return "".join(json.dumps(make(piece), separators=(",", ":")) + "\n" for piece in pieces)


def values_of(stream: str) -> Iterator[Any]:
    for line in stream.splitlines():
        content = line.removeprefix("data: ")
        if content.startswith(("{", '"')):
            yield json.loads(content)


def cut(text: str, n: int) -> list[str]:
    return [text[at : at + n] for at in range(0, len(text), n)]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("write", [events, lines, lambda pieces, make: events(pieces, make, "\r\n\r\n")])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_key_in_pieces_is_found(protocol: str, write: Callable[..., str], size: int) -> None:
    make, read = PROTOCOLS[protocol]
    stream = write(cut(f"The keys: {KEY}, {VALUE}. Fine?", size), make)
    shown = without_secrets_in_stream(stream, REDACTOR)
    assert "".join(map(read, values_of(shown))) == "The keys: [redacted key], [redacted LAB_TOKEN]. Fine?"
    assert without_secrets_in_stream(shown, REDACTOR) == shown


def test_every_kind_of_secret_is_found_in_pieces() -> None:
    left = []
    for kind, (text, cores) in planted(5).items():
        shown = without_secrets_in_stream(events(cut(f"So: {text} \n", 5), openai), REDACTOR)
        joined = "".join(map(PROTOCOLS["OpenAI"][1], values_of(shown)))
        left += [kind for core in cores if core in joined]
    assert left == []


@pytest.mark.parametrize("is_numbered", [False, True], ids=["index of the answer", "index of the event"])
def test_pieces_of_several_answers_are_told_apart(is_numbered: bool) -> None:
    """A request with n=2 has two answers in one stream; elsewhere an index numbers the events of one."""
    pieces = cut(f"Key: {KEY}.", 3)
    sent = [
        {"choices": [{"index": at if is_numbered else answer, "delta": {"content": piece}}]}
        for at, piece in enumerate(pieces)
        for answer in ((0,) if is_numbered else (0, 1))
    ]
    shown = list(values_of(without_secrets_in_stream(events(sent, lambda event: event), REDACTOR)))  # type: ignore[arg-type]
    for answer in (0, 1):
        of_answer = [event for event in shown if is_numbered or event["choices"][0]["index"] == answer]
        assert "".join(map(PROTOCOLS["OpenAI"][1], of_answer)) == "Key: [redacted key]."


def test_one_list_of_events_is_a_stream_as_well() -> None:
    content = json.dumps([gemini(piece) for piece in cut(f"So: {KEY}.", 6)]).encode()
    kept = kept_response(Response(200, "OK", {}, content), REDACTOR)
    joined = "".join(map(PROTOCOLS["Gemini"][1], json.loads(kept.content)))
    assert joined == "So: [redacted key]."


def test_words_without_json_are_found_too() -> None:
    stream = "".join(f"data: {piece}\n\n" for piece in cut(VALUE, 4))
    assert VALUE not in without_secrets_in_stream(stream, REDACTOR).replace("\n\ndata: ", "")


PIECES = st.lists(
    st.text(max_size=8) | st.sampled_from(["data: ", "sk-", "[DONE]", '{"a":', "\\u0041", "é"]), max_size=8
)


@given(PIECES, st.sampled_from(["\n\n", "\r\n\r\n", "\n"]))
def test_streams_without_secrets_stay_to_the_byte(pieces: list[str], end: str) -> None:
    for stream in (events(pieces, openai, end), lines(pieces, ollama), end.join(pieces)):
        assert without_secrets_in_stream(stream, REDACTOR) == stream


@given(st.integers(1, 60), st.integers(0, 5), PIECES)
def test_only_the_secret_is_taken_out(size: int, at: int, pieces: list[str]) -> None:
    said = [*pieces[:at], *cut(f" {KEY} ", size), *pieces[at:]]
    whole = "".join(said)
    shown = without_secrets_in_stream(events(said, openai), REDACTOR)
    assert "".join(map(PROTOCOLS["OpenAI"][1], values_of(shown))) == REDACTOR.text(whole)


# What redaction has left, or a hook has added, is not written

HOOKED = """
import json
import httpx
import pytest

ADDED = {added!r}

def add(request, response):
    response["body"]["string"] = ADDED
    return request, response

@pytest.fixture(scope="module")
def duolog_vcr_config():
    return {{"before_save_interaction": add}}

@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=1)
def test_it(dialogue):
    dialogue.messages
"""


@pytest.mark.parametrize(
    "added",
    [
        json.dumps({"a": KEY}).encode(),
        json.dumps({"password": "a-l0ng-passw0rd-that-is-stored-apart-0000"}).encode(),
        json.dumps({"a": json.dumps({"api_key": "c0ffee-c0ffee"})}).encode(),
        events(cut(KEY, 5), openai).encode(),
        f"<a href='https:\\/\\/h?x={VALUE}'>".encode(),
    ],
    ids=["shape", "name", "JSON in JSON", "pieces", "value"],
)
def test_what_a_hook_adds_is_not_written(pytester, chat_server, monkeypatch, added: bytes) -> None:
    monkeypatch.setenv("LAB_TOKEN", VALUE)
    pytester.makepyfile(HOOKED.format(added=added))
    result = pytester.runpytest("--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{SecretInRecording.__name__}: message 2*was not written*"])
    written = [path.read_text() for path in pytester.path.rglob("*.jsonl")]
    assert not any(
        KEY[:20] in text or VALUE in text or "c0ffee" in text or "l0ng" in text for text in written
    )
