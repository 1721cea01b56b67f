"""Many recordings at once, and the process is killed: nothing that was finished is lost."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from pytest_duolog.recording.journal_file import read_journal
from tests.chat_server import ChatServer

N = 50
MATRIX = f"""
import pytest

@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=2, stop_on=())
@pytest.mark.parametrize("opener", [f"Opener {{n}}." for n in range({N})])
def test_it(opener, dialogue):
    assert len(dialogue.messages) == 5
"""


def test_all_finished_messages_survive_and_the_rest_is_asked_for(
    pytester: pytest.Pytester, chat_server: ChatServer
):
    """The first reply of every dialogue is given, then the server holds back, and pytest is killed."""
    held, numbers = threading.Event(), itertools.count()

    def answer(body: dict[str, Any]) -> str:
        if len(body["messages"]) > 2:
            held.wait(60)
        return f"Reply {next(numbers)}."

    chat_server.answer = answer
    pytester.makepyfile(MATRIX)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--record-mode=once",
        "--duolog-concurrency=50",
    ]
    process = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.DEVNULL)
    deadline = threading.Event()
    for _ in range(6000):
        if sum(len(request["messages"]) > 2 for request in chat_server.requests) >= N:
            break
        deadline.wait(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    cassettes = sorted(pytester.path.rglob("*.jsonl"))
    journals = [read_journal(path) for path in cassettes]
    assert len(journals) == N
    assert not any(journal.is_finished for journal in journals)
    finished = sum(len(journal.interactions) for journal in journals)
    n_asked = len(chat_server.requests)
    held.set()
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=N)
    assert finished == N
    assert len(chat_server.requests) - n_asked == 4 * N - finished
