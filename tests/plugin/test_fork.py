"""A dialogue that goes on from the middle of another one."""

from __future__ import annotations

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.transcripts.transcript import Transcript
from tests.chat_server import ChatServer
from tests.dialogues import dialogue

FORKING = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(a=Speaker("Ann", model="openai:old"), b=Speaker("Ben", model="openai:old"), turns=3, stop_on=())
def test_it(dialogue):
    {body}
"""


@pytest.fixture
def forking(pytester: pytest.Pytester, chat_server: ChatServer):
    def run(body: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(FORKING.format(body=body))
        return pytester.runpytest("-p", "no:cacheprovider", *options)

    return run


FORK = """
    other = dialogue.fork(4, model="openai:new")
    assert [m.content for m in other.messages[:4]] == [m.content for m in dialogue.messages[:4]]
    assert [m.speaker for m in other.messages] == ["Ann", "Ben"] * 3 + ["Ann"]
    assert all("new hears" in m.content for m in other.messages[4:])
    assert other.transcript.opener is None
"""


def test_fork_asks_only_for_what_comes_after(forking, chat_server: ChatServer, pytester: pytest.Pytester):
    forking(FORK, "--record-mode=once").assert_outcomes(passed=1)
    assert [request["model"] for request in chat_server.requests] == ["old"] * 6 + ["new"] * 3
    assert len(list(pytester.path.rglob("*.fork4.*.jsonl"))) == 1
    chat_server.close()
    forking(FORK).assert_outcomes(passed=1)


PROMPTED = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:old", system="Be Ann.", label="mine", max_tokens=9),
    b=Speaker("Ben", model="openai:old", system="Be Ben."),
    turns=2,
    stop_on=(),
)
def test_it(dialogue):
    {body}
"""

CHANGES = {
    "a prompt for both": (
        "system='Be brief.'",
        ("Ann", "openai:old", "Be brief."),
        ("Ben", "openai:old", "Be brief."),
    ),
    "a model for both": (
        "model='openai:new'",
        ("Ann", "openai:new", "Be Ann."),
        ("Ben", "openai:new", "Be Ben."),
    ),
    "a prompt for one": (
        "b={'system': 'Be brief.'}",
        ("Ann", "openai:old", "Be Ann."),
        ("Ben", "openai:old", "Be brief."),
    ),
    "a model for one": (
        "a={'model': 'openai:new'}",
        ("Ann", "openai:new", "Be Ann."),
        ("Ben", "openai:old", "Be Ben."),
    ),
    "one and both": (
        "model='openai:new', a={'model': 'openai:newer'}",
        ("Ann", "openai:newer", "Be Ann."),
        ("Ben", "openai:new", "Be Ben."),
    ),
}


@pytest.mark.parametrize(("changes", "ann", "ben"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("call", ["fork(2, {})", "run({})"])
def test_what_is_changed_beats_what_speakers_have(
    pytester: pytest.Pytester, chat_server: ChatServer, changes: str, ann: tuple, ben: tuple, call: str
):
    pytester.makepyfile(
        PROMPTED.format(
            body=f"""
    scenario = dialogue.{call.format(changes)}.scenario
    speakers = [scenario.a, scenario.b]
    assert [(it.name, it.model, it.system) for it in speakers] == [{ann}, {ben}]
    assert [it.label for it in speakers] == [None if speakers[0].model != "openai:old" else "mine", None]
    assert speakers[0].max_tokens == 9
"""
        )
    )
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    models = [request["model"] for request in chat_server.requests]
    assert ("new" in models) is (ben[1] == "openai:new" or ann[1] == "openai:new")


def test_fork_of_a_further_dialogue_keeps_its_changes(forking, chat_server: ChatServer):
    body = """
    other = dialogue.run(b={"system": "Be brief."}, name="brief")
    fork = other.fork(2, turns=2, name="on")
    assert (fork.scenario.b.system, fork.scenario.turns) == ("Be brief.", 2)
"""
    forking(body, "--record-mode=once").assert_outcomes(passed=1)


def test_fork_takes_no_history(forking):
    result = forking("dialogue.fork(2, history=())", "--record-mode=once")
    result.stdout.fnmatch_lines(
        ["*ConfigurationError: fork: its history is the first messages of this dialogue*"]
    )


def test_changed_history_is_a_miss_and_said_to_be_stale(forking):
    body = "dialogue.run(name='on', history=dialogue.messages[:{}]).transcript"
    forking(body.format(3), "--record-mode=once").assert_outcomes(passed=1)
    result = forking(body.format(2))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*CassetteMismatch: message 3 (Ann)*", "*history: edited*"])


def test_imported_transcript_is_gone_on_from(forking, chat_server: ChatServer, pytester: pytest.Pytester):
    imported = dialogue("Hello.", "Good day.", "Rain?", "Snow.", speakers=("Model A", "Model B"))
    pytester.path.joinpath("talk.md").write_text(imported.to_markdown(), "utf-8")
    body = """
    from pytest_duolog import Transcript
    talk = dialogue.run(history=Transcript.from_markdown("talk.md"))
    assert [m.content for m in talk.messages[:4]] == ["Hello.", "Good day.", "Rain?", "Snow."]
    assert [m.speaker for m in talk.messages] == ["Ann", "Ben"] * 3 + ["Ann"]
"""
    forking(body, "--record-mode=once").assert_outcomes(passed=1)
    assert len(chat_server.requests) == 3


@pytest.mark.parametrize("at", [0, -1, 8])
def test_message_that_is_not_there_is_refused(forking, at: int):
    result = forking(f"dialogue.fork({at})", "--record-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*ConfigurationError: fork: there is no message {at} in 7 messages"])


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("dialogue.fork(True)", "fork: there is no message True in 7 messages"),
        ("dialogue.fork(1.0)", "fork: there is no message 1.0 in 7 messages"),
        ("dialogue.fork('2')", "fork: there is no message '2' in 7 messages"),
        ("dialogue.fork(2, name='')", "the name of a dialogue is a text that is not empty (got '')"),
        ("dialogue.run(name=' ')", "the name of a dialogue is a text that is not empty (got ' ')"),
        ("dialogue.run(name=5)", "the name of a dialogue is a text that is not empty (got 5)"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(forking, call: str, problem: str):
    result = forking(call, "--record-mode=once")
    result.assert_outcomes(failed=1)
    assert any(f"ConfigurationError: {problem}" in line for line in result.outlines)


ASYNC = """
import pytest

@pytest.mark.asyncio
@pytest.mark.dialogue(model="openai:m", turns=3, stop_on=())
async def test_it(dialogue):
    await dialogue
    fork = await dialogue.fork(2)
    assert len(fork.messages) == 7
"""


def test_fork_works_in_async_tests(pytester: pytest.Pytester, chat_server: ChatServer):
    pytester.makepyfile(ASYNC)
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    assert len(chat_server.requests) == 6 + 5


def talk(*speakers: str) -> Transcript:
    return dialogue("One.", "Two.", speakers=speakers)


@pytest.mark.parametrize(
    ("speakers", "opener_by", "today"),
    [
        (("Ann", "Ben"), "a", ["Ann", "Ben"]),
        (("Ben", "Ann"), "a", ["Ben", "Ann"]),
        (("Model A", "Model B"), "a", ["Ann", "Ben"]),
        (("Model A", "Model B"), "b", ["Ben", "Ann"]),
        (("Ann", "Charlie"), "b", ["Ben", "Ann"]),
    ],
)
def test_speakers_are_known_by_name_or_else_by_their_order(speakers, opener_by, today):
    scenario = Scenario(a=Speaker("Ann"), b=Speaker("Ben"), opener_by=opener_by, history=talk(*speakers))
    said = [(message.speaker, message.content) for message in scenario.said_before()]
    assert said == list(zip(today, ("One.", "Two."), strict=True))


def test_history_that_does_not_fit_is_refused():
    with pytest.raises(ConfigurationError, match="history has more than two speakers: Ann, Ben, Cid"):
        Scenario.build({"history": dialogue("1", "2", "3", speakers=("Ann", "Ben", "Cid"))})
    with pytest.raises(
        ConfigurationError, match="history: 3 messages leave none of the 3 that turns=1 allows"
    ):
        Scenario.build({"history": dialogue("1", "2", "3"), "turns": 1})
