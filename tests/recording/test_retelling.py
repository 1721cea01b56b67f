"""The dialogue of a cassette, read without the test that holds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog import CassetteError, Transcript, TranscriptError
from pytest_duolog.recording.journal_file import Journal, write_journal
from pytest_duolog.recording.retelling import retold
from tests.chat_server import plain_answer
from tests.gemini_server import KEY, GeminiServer
from tests.recording.builders import HEADER, chat, interaction

# A test passes if its cassette says the same as its dialogue.
SAME = """
import pytest
from pytest_duolog import Script, Speaker, Transcript

def shop(messages):
    return f"We have {len(messages)} lamps."

def is_same(dialogue):
    said = dialogue.transcript
    told = Transcript.from_cassette(dialogue.cassette_path)
    assert told.to_json() == said.to_json()
    assert len(told) > 2

ANN = Speaker("Ann", model="openai:small", system="You are a customer.")
BEN = Speaker("Ben", model="openai:large", system="You sell lamps.", temperature=0.5)
"""

CASES = {
    "two models": "a=ANN, b=BEN",
    "one prompt": 'a="openai:small", b="openai:large", system="Be brief."',
    "a model begins": 'a=ANN, b=BEN, opener=None, stub="Please begin."',
    "the other side begins": 'a=ANN, b=BEN, opener_by="b"',
    "code begins and ends": 'a=Speaker("Shop", model=shop), b=BEN',
    "code answers": 'a=ANN, b=Speaker("Shop", model=shop)',
    "a persona ends": 'a="scripted:echo", b=BEN',
    "words that look like a stub": 'a=ANN, b=BEN, opener="Begin the conversation."',
}


@pytest.mark.parametrize("speakers", CASES.values(), ids=CASES)
def test_a_cassette_tells_the_dialogue_that_it_is_of(pytester, chat_server, speakers: str):
    pytester.makeini("[pytest]\nduolog_stop_on = nothing")
    pytester.makepyfile(
        f"{SAME}\n@pytest.mark.dialogue({speakers}, turns=3)\ndef test_it(dialogue):\n    is_same(dialogue)\n"
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    chat_server.close()
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_fork_and_a_judge_are_told_as_well(pytester, chat_server):
    chat_server.answer = lambda body: (
        '{"because": "It is.", "evidence": [1], "holds": true}'
        if "criterion" in body["messages"][0]["content"]
        else plain_answer(body)
    )
    pytester.makepyfile(
        f"""{SAME}
@pytest.mark.dialogue(a=ANN, b=BEN, turns=3, stop_on=())
def test_it(dialogue):
    assert dialogue.judged("It is polite.", by="openai:referee", votes=1)
    is_same(dialogue)
    fork = dialogue.fork(3, system="Be brief.")
    assert len(fork.messages) == 7
    told = Transcript.from_cassette(fork.cassette_path)
    assert [message.content for message in told.messages] == [message.content for message in fork.messages]
    assert told.messages[3:] == fork.messages[3:]
"""
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    pytester.runpytest().assert_outcomes(passed=1)


def anthropic(body: dict[str, Any]) -> tuple[int, bytes]:
    text = plain_answer(body)
    blocks = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": text}]
    usage = {"input_tokens": 5, "output_tokens": 7}
    answer = {"role": "assistant", "content": blocks, "stop_reason": "end_turn", "usage": usage, "model": "m"}
    return 200, json.dumps(answer).encode()


def ollama(body: dict[str, Any]) -> tuple[int, bytes]:
    message = {"role": "assistant", "content": plain_answer(body)}
    answer = {
        "message": message,
        "done": True,
        "done_reason": "stop",
        "eval_count": 3,
        "prompt_eval_count": 4,
    }
    return 200, json.dumps(answer).encode()


@pytest.mark.parametrize(("protocol", "answer"), [("anthropic", anthropic), ("ollama", ollama)])
def test_every_protocol_is_told(pytester, chat_server, protocol: str, answer: Any):
    chat_server.answer = answer
    table = f'{{ base_url = "{chat_server.url}", protocol = "{protocol}" }}'
    pytester.makepyprojecttoml(f"[tool.duolog.providers]\nlab = {table}\n")
    pytester.makepyfile(
        f"""{SAME}
@pytest.mark.dialogue(a="lab:x", b="lab:y", system="Be brief.", turns=3, max_tokens=90, stop_on=())
def test_it(dialogue):
    is_same(dialogue)
"""
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    pytester.runpytest().assert_outcomes(passed=1)


def test_gemini_is_told(pytester, monkeypatch: pytest.MonkeyPatch):
    server = GeminiServer()
    monkeypatch.setenv("GEMINI_BASE_URL", server.url)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    pytester.makepyfile(
        f"""{SAME}
@pytest.mark.dialogue(a="gemini:flash", b="gemini:flash", system="Be brief.", turns=3, stop_on=())
def test_it(dialogue):
    is_same(dialogue)
"""
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    server.close()


def test_a_chatbot_of_ones_own_is_told_by_what_the_model_was_sent(pytester, chat_server):
    chat_server.answer = lambda body: (
        plain_answer(body)
        if "messages" in body
        else (200, json.dumps({"reply": f"To {body['message']}"}).encode())
    )
    table = f'{{ base_url = "{chat_server.url}/bot", protocol = "http" }}'
    pytester.makepyprojecttoml(f"[tool.duolog.providers]\nbot = {table}\n")
    pytester.makepyfile(
        f"""{SAME}
@pytest.mark.dialogue(a=ANN, b="bot:x", turns=3, stop_on=())
def test_it(dialogue):
    said = [message.content for message in dialogue.messages]
    told = Transcript.from_cassette(dialogue.cassette_path)
    assert [message.content for message in told.messages] == said
"""
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)


FEW_SHOT = """
import httpx

def agent(messages):
    examples = [{"role": role, "content": f"example {n}"} for n in range(9) for role in ("user", "assistant")]
    asked = {"model": "gpt", "messages": [{"role": "system", "content": "Translate."}, *examples, messages[-1]]}
    answer = httpx.post(URL, json=asked).json()["choices"][0]["message"]["content"]
    return f"I say: {answer}"
"""


def test_what_code_asks_for_its_messages_is_not_taken_for_the_dialogue(pytester, chat_server):
    pytester.makepyfile(
        f"""{SAME}
URL = "{chat_server.url}/chat/completions"
{FEW_SHOT}
@pytest.mark.dialogue(a=ANN, b=agent, turns=3, stop_on=())
def test_it(dialogue):
    said = [message.content for message in dialogue.messages]
    told = Transcript.from_cassette(dialogue.cassette_path)
    assert [message.content for message in told.messages] == said
"""
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)


FORGETFUL = """
import httpx

def agent(messages):
    answer = httpx.post(URL, json={"model": "gpt", "messages": messages[-1:]}).json()
    return answer["choices"][0]["message"]["content"] + "!"
"""


@pytest.mark.parametrize(
    "other",
    ['Speaker("A", model="scripted:counter")', 'Speaker("A", model=agent)', "ANN"],
    ids=["rules", "code", "model"],
)
def test_what_code_says_is_told_although_no_request_has_it(pytester, chat_server, other):
    pytester.makepyfile(
        f"""{SAME}
URL = "{chat_server.url}/chat/completions"
{FORGETFUL}
@pytest.mark.dialogue(a={other}, b=Speaker("B", model=agent), opener="Hello.", opener_by="b", turns=3, stop_on=())
def test_it(dialogue):
    said = [message.content for message in dialogue.messages]
    assert dialogue.messages[-1].content.endswith("!")
    told = Transcript.from_cassette(dialogue.cassette_path)
    assert [message.content for message in told.messages] == said
"""
    )
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    pytester.runpytest().assert_outcomes(passed=1)


def test_without_any_chat_history_the_answers_are_told_and_it_is_said(tmp_path: Path):
    answer = {"choices": [{"message": {"content": "We do."}}]}
    found = retold(
        written(tmp_path, Journal(HEADER, [interaction(2, {"question": "Lamps?"}, answer)], {"messages": 2}))
    )
    assert [message.content for message in found.transcript.messages] == ["We do."]
    assert found.notices == ("reconstructed from the responses of models only: no request has the dialogue",)


def written(tmp_path: Path, journal: Journal) -> Path:
    path = tmp_path / "talk.jsonl"
    write_journal(path, journal)
    return path


def test_an_unfinished_recording_says_so_and_has_what_is_there(tmp_path: Path):
    found = retold(written(tmp_path, Journal(HEADER, chat(4))))
    assert len(found.transcript) == 5
    assert found.transcript.stop_reason is None
    assert found.notices == ("the recording is incomplete",)


def test_what_code_said_last_is_missed_in_a_recording_of_old(tmp_path: Path):
    found = retold(written(tmp_path, Journal(HEADER, chat(4), {"messages": 6, "stop": None, "served": []})))
    assert len(found.transcript) == 5
    assert found.notices == (
        "the recording has 5 of 6 messages: the last message, from code, is in no request",
    )


def test_a_damaged_line_costs_that_line(tmp_path: Path):
    path = written(tmp_path, Journal(HEADER, chat(4), {"messages": 5, "stop": None, "served": []}))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], b'{"n": 2, "mess', *lines[3:]]))
    found = retold(path)
    assert [damage.partition(" cannot")[0] for damage in found.damage][:1] == ["line 3"]


@pytest.mark.parametrize(
    ("interactions", "problem"),
    [
        ([], "has no chat history and no readable response"),
        ([interaction(1, {"question": "?"}, {"verdict": 5})], "has no chat history and no readable"),
        ([interaction(1, b"\xff\xfe", b"<html>")], "has no chat history and no readable"),
        ([interaction(1, {"messages": [{"role": 5}, 7]}, [])], "has no chat history and no readable"),
    ],
)
def test_a_recording_of_no_dialogue_is_said(tmp_path: Path, interactions: list[Any], problem: str):
    with pytest.raises(TranscriptError, match=problem):
        Transcript.from_cassette(written(tmp_path, Journal(HEADER, interactions)))


def test_other_files_are_no_cassettes(tmp_path: Path):
    path = tmp_path / "talk.md"
    path.write_text("Ann: Hi.\nBen: Hello.\n", "utf-8")
    with pytest.raises(CassetteError, match="line 1 of the cassette is not a header"):
        Transcript.from_cassette(path)
    with pytest.raises(TranscriptError, match="No such file"):
        Transcript.from_cassette(tmp_path / "no.jsonl")


@pytest.mark.parametrize(
    "header",
    [
        {"speakers": 5, "turns": "x", "recorded": []},
        {"speakers": [5, {"name": 7, "model": []}, {"name": 7}], "recorded": "yesterday"},
        {"turns": True, "opener": {}},
    ],
)
@pytest.mark.parametrize(
    "end", [{}, {"messages": "many", "stop": {"kind": "odd"}, "last": 5}, {"last": {}, "messages": 4}]
)
def test_a_strange_header_or_end_is_survived(tmp_path: Path, header: dict[str, Any], end: dict[str, Any]):
    path = written(tmp_path, Journal({**HEADER, **header}, chat(2), end))
    assert len(Transcript.from_cassette(path)) >= 3
