"""A better prompt for personas in a later version leaves every recording as good as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_duolog import Persona, Speaker
from pytest_duolog.errors import UnreadableCassette
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.wordings import as_recorded
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.parts import WORDINGS, Part, Wording

TEST = """
import pytest
from pytest_duolog import Persona, Transcript

ANN = Persona("Ann", goal="a lamp", facts={"order number": "4711"}, model="openai:small")

@pytest.mark.dialogue(a=ANN, b="openai:large", opener=None, turns=2)
def test_NAME(dialogue):
    assert len(dialogue.messages) == 4
    assert dialogue.reaches_goal()
    told = Transcript.from_cassette(dialogue.cassette_path)
    assert told.to_json() == dialogue.transcript.to_json()
"""


def write_2(part: Part) -> str:
    return f"Play {part.name}. You want: {part.goal}"


def read_2(system: str) -> Part | None:
    return Part("Ann", "a lamp") if system == "Play Ann. You want: a lamp" else None


@pytest.fixture
def newer_version():
    """Installs a version with one more wording."""
    released = list(WORDINGS)
    yield lambda: WORDINGS.append(Wording(write_2, read_2))
    WORDINGS[:] = released


@pytest.fixture
def shop(chat_server):
    """A server whose customer ends the dialogue with its third reply, in words that are not said."""
    replies = iter(["A lamp?", "Here you are.", "Thanks!", "Bye!", "<<done>>"] * 2)
    chat_server.answer = lambda _body: next(replies)
    return chat_server


def prompts(shop) -> list[str]:
    return [
        body["messages"][0]["content"] for body in shop.requests if body["messages"][0]["role"] == "system"
    ]


def headers(pytester) -> list[dict]:
    paths = sorted(Path(pytester.path).rglob("*.jsonl"))
    return [json.loads(path.read_text("utf-8").partition("\n")[0]) for path in paths]


def run(pytester, name: str, *options: str):
    pytester.makepyfile(test_it=TEST.replace("NAME", name))
    return pytester.runpytest("-p", "no:cacheprovider", *options)


def test_recordings_keep_their_wording_and_new_ones_get_the_newest(pytester, shop, newer_version):
    run(pytester, "old", "--record-mode=once").assert_outcomes(passed=1)
    (header,) = headers(pytester)
    assert [speaker.get("persona") for speaker in header["speakers"]] == [{"wording": 1}, None]
    newer_version()
    before = {path: path.read_bytes() for path in Path(pytester.path).rglob("*.jsonl")}
    for mode in ("none", "once", "new_episodes"):
        run(pytester, "old", f"--record-mode={mode}").assert_outcomes(passed=1)
    assert {path: path.read_bytes() for path in Path(pytester.path).rglob("*.jsonl")} == before
    assert len(shop.requests) == 5

    # A renamed test takes its recording along, although a new one would have another prompt.
    result = run(pytester, "renamed", "--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*took over the recording of *test_old*"])
    assert len(shop.requests) == 5

    run(pytester, "renamed", "--record-mode=rewrite").assert_outcomes(passed=1)
    (header,) = headers(pytester)
    assert header["speakers"][0]["persona"] == {"wording": 2}
    assert prompts(shop)[-1] == "Play Ann. You want: a lamp"
    run(pytester, "renamed").assert_outcomes(passed=1)


def test_a_dialogue_killed_after_the_last_words_asks_only_for_their_answer(pytester, chat_server):
    pytester.makepyprojecttoml("[tool.duolog.requests]\ntries = 1\n")
    replies = iter(["A lamp?", "Shall I send it?", "Yes, please. <<done>>", (500, b"")])
    chat_server.answer = lambda _body: next(replies)
    run(pytester, "it", "--record-mode=once").assert_outcomes(failed=1)
    chat_server.answer = lambda _body: "It is sent."
    run(pytester, "it", "--record-mode=once").assert_outcomes(passed=1)
    assert len(chat_server.requests) == 5
    assert chat_server.requests[-1]["messages"][-1]["content"] == "Yes, please."
    assert chat_server.requests[-1]["messages"] == chat_server.requests[-2]["messages"]
    run(pytester, "it").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("place", "mode", "wording"),
    [
        ({}, "once", 1),
        ({}, "rewrite", 2),
        ({"sample": 2}, "once", 1),
        ({"sample": 2}, "new_episodes", 1),
        ({"sample": 2}, "rewrite", 2),
        ({"models": ["x", "y"], "is_gated": True}, "once", 1),
        ({"models": ["x", "y"]}, "once", 2),
        ({"test": "test_other", "sample": 2}, "once", 2),
    ],
)
def test_what_is_compared_has_one_wording(tmp_path, newer_version, place, mode, wording):
    first = {"folder": tmp_path / "cassettes" / "test_it", "test": "test_it", "models": ["a", "b"]}
    recorded = CassetteLocation(**first)
    recorded.folder.mkdir(parents=True)
    speakers = [{"name": "Ann", "persona": {"wording": 1}}, {"name": "Bob"}]
    header = {"duolog": 2, "test": recorded.owner, "run": "", "speakers": speakers}
    recorded.path.write_text(json.dumps(header) + "\n", "utf-8")
    newer_version()
    scenario = Scenario.build({"a": Persona("Ann", goal="a lamp"), "b": Speaker("Bob")})
    worded = as_recorded(scenario, CassetteLocation(**{**first, **place}), RecordMode(mode))
    assert worded.a.wording == wording


def test_a_recording_of_a_later_version_names_it(tmp_path):
    location = CassetteLocation(tmp_path / "cassettes" / "test_it", "test_it", ["a", "b"])
    location.folder.mkdir(parents=True)
    header = {"duolog": 2, "plugin": "9.1", "speakers": [{"persona": {"wording": 7}}]}
    location.path.write_text(json.dumps(header) + "\n", "utf-8")
    scenario = Scenario.build({"a": Persona("Ann", goal="a lamp")})
    with pytest.raises(
        UnreadableCassette, match=r"wording 7 of the prompt of personas(.|\n)*pytest-duolog 9\.1"
    ):
        as_recorded(scenario, location, RecordMode.NONE)
