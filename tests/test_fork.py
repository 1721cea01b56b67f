"""A dialogue that goes on from the middle of another one."""

from __future__ import annotations

import pytest

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.scenario import Scenario, Speaker
from pytest_duolog.transcript import Transcript
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
    body = FORK.replace(
        'model="openai:new"', 'a=Speaker("Ann", model="openai:new"), b=Speaker("Ben", model="openai:new")'
    )
    forking(body, "--record-mode=once").assert_outcomes(passed=1)
    assert [request["model"] for request in chat_server.requests] == ["old"] * 6 + ["new"] * 3
    assert len(list(pytester.path.rglob("*.fork4.*.jsonl"))) == 1
    chat_server.close()
    forking(body).assert_outcomes(passed=1)


def test_changed_history_is_a_miss_and_said_to_be_stale(forking):
    body = "dialogue.run(name='on', history=dialogue.messages[:{}])"
    forking(body.format(3), "--record-mode=once").assert_outcomes(passed=1)
    result = forking(body.format(2))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*CassetteMismatch: message 3 (Ann)*", "*history: another text*"])


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
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
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
    with pytest.raises(ConfigurationError, match="history: more than two speakers: Ann, Ben, Cid"):
        Scenario.build({"history": dialogue("1", "2", "3", speakers=("Ann", "Ben", "Cid"))})
    with pytest.raises(
        ConfigurationError, match="history: 3 messages leave none of the 3 that turns=1 allows"
    ):
        Scenario.build({"history": dialogue("1", "2", "3"), "turns": 1})
