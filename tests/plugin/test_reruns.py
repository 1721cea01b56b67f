"""A test that is run again because it failed: it is not answered by what its failed try has recorded."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.chat_server import ChatServer
from tests.workers import alone_or_in_workers

SUITE = """
import pytest

@pytest.mark.dialogue(model="openai:m", turns=1)
def test_flaky(dialogue):
    {body}
"""
FIRST_IS_WRONG = 'assert "number 1," not in dialogue.messages[1].content'
REPLAYS = (
    "*test_flaky: the rerun replays the recording of the failed try; to see how often a model passes, set*"
)
ASKS = (
    "*test_flaky: the rerun asks its models again; to see how often a model passes, set samples= on the test"
)

# Another plugin's way: it runs the test again inside the report of its call.
RETRYING = """
import pytest

@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    report = yield
    for _ in range(3):
        if not (report.when == "call" and report.failed):
            break
        item.ihook.pytest_runtest_teardown(item=item, nextitem=item.parent)
        item._initrequest()
        item.ihook.pytest_runtest_setup(item=item)
        again = pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_call(item=item), when="call")
        report.outcome = "failed" if again.excinfo else "passed"
        report.longrepr = report.longrepr if again.excinfo else None
    return report
"""


@pytest.fixture
def flaky(pytester: pytest.Pytester, chat_server: ChatServer):
    """Run a test whose model says something else each time; `retries` as another plugin than rerunfailures does."""
    numbers = itertools.count(1)

    def answer(body: dict[str, Any]) -> str:
        return f"This is number {next(numbers)}, and so on."

    chat_server.answer = answer

    def run(*options: str, body: str = FIRST_IS_WRONG, retries: bool = False) -> pytest.RunResult:
        pytester.makepyfile(test_flaky=SUITE.format(body=body))
        if retries:
            pytester.makeconftest(RETRYING)
        return pytester.runpytest("-p", "no:cacheprovider", *([] if retries else ["--reruns=3"]), *options)

    return run


@pytest.mark.parametrize("mode", ["once", "new_episodes", "rewrite", "all"])
def test_rerun_asks_anew(flaky, chat_server: ChatServer, mode: str) -> None:
    result = flaky(f"--record-mode={mode}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*1 rerun*"])
    result.stdout.fnmatch_lines([ASKS])
    assert len(chat_server.requests) == 4
    chat_server.close()
    flaky().assert_outcomes(passed=1)


def test_rerun_of_another_plugin_asks_anew(flaky, chat_server: ChatServer) -> None:
    flaky("--record-mode=once", retries=True).assert_outcomes(passed=1)
    assert len(chat_server.requests) == 4


def test_rerun_in_a_worker_of_xdist_asks_anew(flaky, chat_server: ChatServer) -> None:
    flaky("--record-mode=once", "-n1").assert_outcomes(passed=1)
    assert len(chat_server.requests) == 4


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes"])
def test_rerun_of_what_was_recorded_before_says_that_it_replays(
    flaky, chat_server: ChatServer, mode: str
) -> None:
    flaky("--record-mode=once", body="dialogue.messages").assert_outcomes(passed=1)
    result = flaky(f"--record-mode={mode}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([REPLAYS])
    assert len(chat_server.requests) == 2


def test_rerun_asks_anew_for_further_dialogues_as_well(flaky, chat_server: ChatServer) -> None:
    body = """
    other = dialogue.run(opener="Hi!")
    assert "number 3," not in other.messages[1].content
"""
    flaky("--record-mode=once", body=body.replace("other = ", "dialogue.messages; other = ")).assert_outcomes(
        passed=1
    )
    assert len(chat_server.requests) == 8


def test_rerun_goes_on_with_what_its_failed_try_left_unfinished(flaky, chat_server: ChatServer) -> None:
    numbers = itertools.count(1)
    chat_server.answer = lambda _: (404, b"{}") if (number := next(numbers)) == 2 else f"Number {number}."
    flaky("--record-mode=once").assert_outcomes(passed=1)
    assert len(chat_server.requests) == 3


def test_test_that_passes_at_once_needs_no_word(flaky) -> None:
    result = flaky("--record-mode=once", body="dialogue.messages; dialogue.messages")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*the rerun*")


SAMPLED = SUITE.replace("turns=1", "turns=1, samples=5, min_pass_rate=0.6")


@alone_or_in_workers(1)
def test_sample_that_another_plugin_runs_again_ends_the_run(
    flaky, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setitem(globals(), "SUITE", SAMPLED)
    result = flaky("--record-mode=rewrite", *options, retries=True)
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*another plugin*reruns a failed sample*"])
    result.stdout.no_fnmatch_line("*PASS:*")
