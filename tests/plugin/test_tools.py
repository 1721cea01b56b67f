"""Tools in tests: what the page about them shows, and that samples, look-ahead and replays run no tool too often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_duolog.plugin.prefetch import is_settled
from tests.chat_server import asked
from tests.test_docs import ROOT, blocks
from tests.tool_server import Round, ToolServer

PAGE = (ROOT / "docs" / "tools.md").read_text("utf-8")
ROUNDS = (
    Round("Let me look.", [("look_up", {"order_id": "4711"})]),
    Round("", [("refund", {"order_id": "4711", "amount": 30})]),
    Round("Done."),
)


@pytest.fixture
def server(monkeypatch):
    with asked(ToolServer(*ROUNDS), monkeypatch) as server:
        yield server


def run(pytester, *arguments):
    return pytester.runpytest("-p", "no:cacheprovider", "-p", "no:asyncio", *arguments)


@pytest.mark.parametrize("number", [0, 2])
def test_examples_of_the_page_record_and_replay(pytester, server, number):
    pytester.makepyfile(test_shop=blocks(PAGE, "python")[number])
    run(pytester, "--record-mode=once").assert_outcomes(passed=1)
    assert server.tool_requests
    server.close()
    result = run(pytester)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 dialogue, * replies replayed"])


COUNTING = """
from pathlib import Path

import pytest
from pytest_duolog import Speaker


class Shop:
    def __init__(self):
        self.paid = []

    def look_up(self, order_id: str) -> dict:
        "Find an order."
        return {"price": 30}

    def refund(self, order_id: str, amount: float) -> list:
        "Give money back."
        self.paid.append(amount)
        with Path("paid.txt").open("a") as file:
            file.write("x\\n")
        return self.paid


@pytest.fixture
def duolog_scenario():
    shop = Shop()
    return {"b": Speaker("Bob", model="openai:m", tools=[shop.look_up, shop.refund])}


@pytest.mark.dialogue(a="openai:m", b=Speaker("Bob", model="openai:m"), turns=1, samples=3)
def test_shop(dialogue):
    [call] = [call for call in dialogue.messages[1].tool_calls if call.name == "refund"]
    assert call.result == "[30.0]"


@pytest.mark.dialogue(a="openai:m", turns=1)
def test_other(dialogue):
    assert dialogue.messages
"""


def test_each_sample_has_fresh_tools_and_runs_each_once(pytester, server):
    def answer(body):  # samples that are all the same say little
        server.rounds = (*ROUNDS[:2], Round(f"Done, {len(server.requests)}."))
        return server._answer(body)

    server.answer = answer
    pytester.makepyfile(test_shop=COUNTING)
    result = run(pytester, "--record-mode=once", "--duolog-concurrency=4")
    result.stdout.fnmatch_lines(["4 dialogues, 16 replies recorded*"])
    paid = Path("paid.txt")
    assert paid.read_text().count("x") == 4
    run(pytester).stdout.fnmatch_lines(["4 dialogues, 16 replies replayed*"])
    assert paid.read_text().count("x") == 4
    # The candidate calls tools of its own.
    result = run(pytester, "--duolog-candidate=Bob=openai:new", "--record-mode=once", "--duolog-rounds=1")
    assert Counter(body["model"] for body in server.tool_requests)["new"] > 0
    n_candidate = len(list(Path("cassettes", "test_shop").glob("*new*.jsonl")))
    assert paid.read_text().count("x") == 4 + n_candidate


def n_recorded_calls():
    files = Path("cassettes").rglob("*.jsonl*")
    return sum(path.read_text("utf-8").count("duolog-tool://Bob/refund") for path in files)


@pytest.mark.parametrize("n_errors", [1, 3, 4], ids=["a retry", "a second try of the sample", "both"])
def test_errors_of_a_server_in_a_loop_run_no_tool_again(pytester, server, n_errors):
    left = [n_errors]

    def answer(body):
        has_paid = sum(message["role"] == "tool" for message in body["messages"]) == 2
        if has_paid and left[0]:
            left[0] -= 1
            return 503, b"{}", {"retry-after": "0"}
        return server._answer(body)

    server.answer = answer
    pytester.makepyprojecttoml("[tool.duolog.requests]\ntries = 3\nbackoff_s = 0.001")
    pytester.makepyfile(test_shop=COUNTING)
    run(pytester, "--record-mode=once", "-k", "test_shop and not other", "--duolog-collect=2")
    assert left == [0]
    assert len(list(Path("cassettes", "test_shop").glob("*.jsonl"))) == 2
    assert Path("paid.txt").read_text().count("x") == n_recorded_calls() == 2


def test_a_run_that_failed_in_a_loop_is_continued_by_the_next_one(pytester, server):
    is_down = [True]

    def answer(body):
        has_paid = sum(message["role"] == "tool" for message in body["messages"]) == 2
        return (503, b"{}", {"retry-after": "0"}) if has_paid and is_down[0] else server._answer(body)

    server.answer = answer
    pytester.makepyprojecttoml("[tool.duolog.requests]\ntries = 2\nbackoff_s = 0.001")
    pytester.makepyfile(test_shop=COUNTING)
    arguments = ("--record-mode=once", "-k", "test_shop and not other", "--duolog-samples=1")
    run(pytester, *arguments).assert_outcomes(failed=1)
    assert Path("paid.txt").read_text().count("x") == 1
    is_down[0] = False
    run(pytester, *arguments).assert_outcomes(passed=1)
    assert Path("paid.txt").read_text().count("x") == n_recorded_calls() == 1


@pytest.mark.slow
def test_workers_run_each_tool_once(pytester, server):
    pytester.makepyfile(test_shop=COUNTING, test_more=COUNTING)
    pytester.runpytest_subprocess(
        "--record-mode=once", "-n2", "--duolog-concurrency=2", "-p", "no:cacheprovider"
    )
    assert Path("paid.txt").read_text().count("x") == n_recorded_calls() == 8
    pytester.runpytest_subprocess("-n2", "-p", "no:cacheprovider")
    assert Path("paid.txt").read_text().count("x") == 8


def test_dialogue_with_tools_does_not_begin_early(monkeypatch):
    def look_up(order_id: str) -> str:
        """Find an order."""
        return ""

    from pytest_duolog import Scenario, Speaker
    from pytest_duolog.plugin import prefetch

    item = SimpleNamespace(get_closest_marker=lambda _name: None)
    for tools, is_early in (([], True), ([look_up], False)):
        scenario = Scenario(b=Speaker("Bob", model="openai:m", tools=tools))
        monkeypatch.setattr(prefetch, "scenario_of", lambda _item, scenario=scenario: scenario)
        assert is_settled(item) is is_early


def test_wrong_tools_of_a_fixture_are_named(pytester):
    pytester.makepyfile(
        """
        import pytest

        def look_up(order_id):
            "Find an order."

        @pytest.fixture
        def duolog_scenario():
            return {"b": {"name": "Bob", "tools": [look_up]}}

        @pytest.mark.dialogue(turns=1)
        def test_shop(dialogue):
            assert dialogue.messages
        """
    )
    result = run(pytester)
    result.stdout.fnmatch_lines(
        ["E *b.tools: tool look_up: parameter 'order_id' has no type: write order_id: str*"]
    )


def test_model_without_tools_is_reported_before_any_test_runs(pytester):
    pytester.makepyfile(
        """
        import pytest
        from pytest_duolog import Speaker

        def look_up(order_id: str):
            "Find an order."

        @pytest.mark.dialogue(b=Speaker("Bob", model="openai:m", tools=[look_up]))
        def test_shop(dialogue):
            assert dialogue.messages
        """
    )
    result = run(pytester, "--duolog-model", "Bob=scripted:echo")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Bob has tools, but scripted:echo takes none: use a model of*"])


def test_tools_and_checks_in_the_marker_may_have_samples(pytester, server):
    pytester.makepyfile(
        test_shop="""
        import pytest
        from pytest_duolog import CallsTool, Speaker, check, reply, say

        def look_up(order_id: str) -> dict:
            "Find an order."
            return {"price": 30}

        def refund(order_id: str, amount: float) -> str:
            "Give money back."
            return "ok"

        @pytest.mark.dialogue(
            a="openai:m",
            b=Speaker("Bob", model="openai:m", tools=[look_up, refund]),
            steps=[say("My lamp."), reply(), check(CallsTool("refund", {"amount": lambda amount: amount < 50}))],
        )
        def test_shop(dialogue):
            assert dialogue.messages
        """
    )
    result = run(pytester, "--record-mode=once", "--duolog-collect=2")
    result.stdout.fnmatch_lines(["COLLECTED: 2 samples of each of 1 test*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_the_replies_of_a_failed_message_are_among_the_costs(pytester, server):
    pytester.makepyfile(
        test_shop=COUNTING.replace('"Find an order."', '"Find an order."\n        assert False, "no"')
    )
    result = run(pytester, "--record-mode=once", "-k", "test_shop and not other", "--duolog-samples=1")
    # Nobody has said anything but the opener, and the model was asked once.
    result.stdout.fnmatch_lines(["1 dialogue, 1 reply recorded (*; 10 tokens read; 3 written; *"])
