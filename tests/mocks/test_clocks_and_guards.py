"""Frozen clocks and blocked sockets in a dialogue's own test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_duolog.recording.journal_file import read_journal
from tests.chat_server import ChatServer

FROZEN = {
    "freezegun": """
import datetime, time
import pytest
from freezegun import freeze_time

def check(dialogue):
    assert datetime.date.today().year == 1999
    assert len(dialogue.messages) == 5

@freeze_time("1999-12-31 23:59:59")
@pytest.mark.dialogue(model="openai:m", turns=2)
def test_decorated(dialogue):
    check(dialogue)

@pytest.mark.dialogue(model="openai:m", turns=2)
def test_with(dialogue):
    with freeze_time("1999-12-31 23:59:59"):
        check(dialogue)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.dialogue(model="openai:m", turns=2)
async def test_async(dialogue, anyio_backend):
    with freeze_time("1999-12-31 23:59:59"):
        await dialogue
        check(dialogue)

def bot(messages):
    return datetime.date.today().isoformat()

@freeze_time("1999-12-31 23:59:59")
@pytest.mark.dialogue(a="scripted:counter", b=bot, turns=1)
def test_function(dialogue):
    assert dialogue.messages[1].content == "1999-12-31"
""",
    "time-machine": """
import datetime, time
import pytest, time_machine

@time_machine.travel(datetime.datetime(1999, 12, 31, tzinfo=datetime.timezone.utc), tick=False)
@pytest.mark.dialogue(model="openai:m", turns=2)
def test_decorated(dialogue):
    assert datetime.date.today().year == 1999
    assert len(dialogue.messages) == 5

def bot(messages):
    return datetime.date.today().isoformat()

@time_machine.travel(datetime.datetime(1999, 12, 31, tzinfo=datetime.timezone.utc), tick=False)
@pytest.mark.dialogue(a="scripted:counter", b=bot, turns=1)
def test_function(dialogue):
    assert dialogue.messages[1].content == "1999-12-31"
""",
}


@pytest.mark.parametrize(("library", "n_tests"), [("freezegun", 5), ("time-machine", 2)])
def test_a_recording_under_a_frozen_clock_has_the_real_date(
    library: str, n_tests: int, pytester: pytest.Pytester, chat_server: ChatServer
) -> None:
    busy = iter([(429, b'{"error": "busy"}', {"retry-after": "0.01"})])
    usual = chat_server.answer
    chat_server.answer = lambda body: next(busy, None) or usual(body)
    pytester.makepyfile(FROZEN[library])
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=n_tests)
    for path in pytester.path.rglob("*.jsonl"):
        journal = read_journal(path)
        recorded = datetime.fromisoformat(str(journal.header["recorded"]))
        assert abs(datetime.now(UTC) - recorded) < timedelta(minutes=10)
        assert all(0 <= (one.latency_ms or 0) < 60_000 for one in journal.interactions)
    chat_server.close()
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=n_tests)


TALK = """
import asyncio
import pytest

@pytest.mark.dialogue(model="openai:m", turns=2)
def test_plain(dialogue):
    assert len(dialogue.messages) == 5

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.dialogue(model="openai:m", turns=2)
async def test_async(dialogue, anyio_backend):
    assert len((await dialogue).messages) == 5

async def bot(messages):
    await asyncio.sleep(0)
    return "Yes."

@pytest.mark.dialogue(a="openai:m", b=bot, turns=1)
def test_function(dialogue):
    assert len(dialogue.messages) == 3
"""


def test_dialogues_replay_and_are_recorded_where_pytest_socket_blocks_sockets(
    pytester: pytest.Pytester, chat_server: ChatServer
) -> None:
    """The event loops of async tests need sockets of their own, so those are allowed there."""
    pytester.makepyfile(TALK)
    blocked = ("-p", "no:cacheprovider", "--disable-socket", "--allow-unix-socket")
    pytester.runpytest_subprocess(*blocked, "--record-mode=once").assert_outcomes(passed=4)
    assert len(chat_server.requests) == 13
    chat_server.close()
    pytester.runpytest(*blocked).assert_outcomes(passed=4)
    pytester.runpytest(*blocked[:-1], "-k", "plain or function").assert_outcomes(passed=2, deselected=2)
