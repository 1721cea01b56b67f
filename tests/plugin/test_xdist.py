"""Choosing, spreading, repeating and interrupting tests: dialogues are as they would be alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

MATRIX = """
    import pytest

    @pytest.mark.dialogue(model="openai:small", turns=2)
    @pytest.mark.parametrize("opener", ["One.", "Two.", "Three.", "Four."])
    def test_it(dialogue, opener):
        assert dialogue.messages[0].content == opener
        assert "Tw" not in opener, "this one fails"

    @pytest.mark.dialogue(model="openai:large", turns=1)
    def test_other(dialogue):
        assert len(dialogue.messages) == 3
"""


def cassettes() -> dict[str, list[str]]:
    """The lines of every cassette after its header, without what differs from run to run."""
    return {
        path.name: sorted(line.partition('"latency')[0] for line in path.read_text("utf-8").splitlines()[1:])
        for path in Path().rglob("*.jsonl")
    }


def test_workers_record_what_one_process_replays(pytester, chat_server):
    pytester.makepyfile(test_matrix=MATRIX)
    recorded = pytester.runpytest("-n", "2", "--record-mode=once")
    recorded.assert_outcomes(passed=4, failed=1)
    recorded.stdout.fnmatch_lines(["5 dialogues, 18 replies recorded (*)"])
    names = sorted(cassettes())
    assert len(names) == 5
    assert len(chat_server.requests) == 18

    alone = pytester.runpytest()
    alone.assert_outcomes(passed=4, failed=1)
    alone.stdout.fnmatch_lines(
        ["cassette: *test_it?Two.?*.openai-small.1.jsonl", "5 dialogues, 18 replies replayed"]
    )
    assert len(chat_server.requests) == 18
    assert sorted(cassettes()) == names


@pytest.fixture
def recorded(pytester, chat_server):
    pytester.makepyfile(test_matrix=MATRIX)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=4, failed=1)
    return pytester


@pytest.mark.slow
def test_workers_replay_what_one_process_recorded(recorded, chat_server):
    before, n_asked = cassettes(), len(chat_server.requests)
    spread = recorded.runpytest("-n", "2")
    spread.assert_outcomes(passed=4, failed=1)
    spread.stdout.fnmatch_lines(
        ["cassette: *test_it?Two.?*.openai-small.1.jsonl", "5 dialogues, 18 replies replayed"]
    )
    assert len(chat_server.requests) == n_asked
    assert cassettes() == before


@pytest.mark.parametrize(
    ("arguments", "outcomes", "line"),
    [
        (["-x"], {"passed": 1, "failed": 1}, "2 dialogues, 8 replies replayed"),
        (["--maxfail=1"], {"passed": 1, "failed": 1}, "2 dialogues, 8 replies replayed"),
        (["-k", "Three or other"], {"passed": 2, "deselected": 3}, "2 dialogues, 6 replies replayed"),
        (["--lf"], {"failed": 1}, "1 dialogue, 4 replies replayed"),
        (["--ff"], {"passed": 4, "failed": 1}, "5 dialogues, 18 replies replayed"),
        (["test_matrix.py::test_other"], {"passed": 1}, "1 dialogue, 2 replies replayed"),
        (["-p", "no:randomly", "--stepwise"], {"passed": 1, "failed": 1}, "2 dialogues, 8 replies replayed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_some_of_the_tests_replay_some_of_the_dialogues(recorded, arguments, outcomes, line):
    before = cassettes()
    result = recorded.runpytest(*arguments)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([line])
    assert cassettes() == before


def test_order_of_the_tests_makes_no_difference(recorded):
    recorded.makeconftest("def pytest_collection_modifyitems(items):\n    items.reverse()\n")
    result = recorded.runpytest()
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["5 dialogues, 18 replies replayed"])


def test_test_that_is_run_twice_replays_twice(recorded):
    recorded.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            runtestprotocol(item, nextitem=nextitem, log=False)
        """
    )
    result = recorded.runpytest("-k", "other")
    result.assert_outcomes(passed=1)


HANGING = """
    import pytest
    import threading
    from pathlib import Path

    def model(messages):
        if len(messages) > 3:
            print("\\nnow it hangs")
            threading.Event().wait(60)
        return "Go on."

    @pytest.mark.dialogue(a="openai:small", b=model, turns=10)
    def test_it(dialogue):
        assert dialogue.messages

    def test_after():
        Path("after").touch()
"""


def test_ctrl_c_in_a_dialogue_stops_the_run_and_keeps_what_was_said(pytester, chat_server):
    pytester.makepyfile(test_talk=HANGING)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pytest", "-s", "--record-mode=once"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert any(line == "now it hangs\n" for line in process.stdout)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    assert "INTERNALERROR" not in output
    assert not Path("after").exists()
    (name,) = cassettes()
    text = Path("cassettes", "test_talk", name).read_text("utf-8")
    assert "hears 'Go on.'" in text, "message 5 was finished"
