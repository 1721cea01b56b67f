"""An SDK with a cache of its own answers without a request, and nobody has told the recording."""

from __future__ import annotations

import pytest

from tests.chat_server import ChatServer

CACHED = """
import json, os
from pathlib import Path
import httpx, pytest

CACHE = Path("sdk-cache.json")

def bot(messages):
    known = json.loads(CACHE.read_text()) if CACHE.exists() else {}
    question = messages[-1]["content"]
    if question not in known:
        body = {"model": "m", "messages": messages}
        answer = httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body).json()
        known[question] = answer["choices"][0]["message"]["content"]
        CACHE.write_text(json.dumps(known))
    return known[question]

@pytest.mark.dialogue(a="scripted:counter", b=bot, turns=2, stop_on=())
def test_it(dialogue):
    assert len(dialogue.messages) == 5
"""


@pytest.fixture
def project(pytester: pytest.Pytester, chat_server: ChatServer) -> pytest.Pytester:
    pytester.makepyfile(CACHED)
    return pytester


def test_a_cache_that_answers_in_the_place_of_a_recording_is_named(project: pytest.Pytester) -> None:
    project.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    result = project.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *the dialogue ended after message 5 (turns: 2 turns), but its recording has more messages: *",
            "E *perhaps: *Model B has 2 messages without a recorded request: a cache of its own, *",
        ]
    )


BESIDE_A_MODEL = """
def asking(messages):
    body = {"model": "m", "messages": messages}
    httpx.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body)
    return f"Question {len(messages)}."

@pytest.mark.dialogue(a=asking, b=bot, turns=1, stop_on=())
def test_both(dialogue):
    assert len(dialogue.messages) == 3
"""


def test_a_cache_that_answered_when_the_dialogue_was_recorded_is_named(project: pytest.Pytester) -> None:
    project.makepyfile(CACHED.partition("@pytest.mark")[0] + BESIDE_A_MODEL)
    cache = project.path / "sdk-cache.json"
    cache.write_text('{"Hello.": "From the cache."}')
    project.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    cache.unlink()
    result = project.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *perhaps: *Model B sent no request when this was recorded: a cache of its own, *may have answered then"
        ]
    )
