"""A gate on an agent: a candidate that forgets one call in ten is blocked, and the missing call is shown."""

from __future__ import annotations

import html
import json
from pathlib import Path
from random import Random

import pytest

from tests.chat_server import asked
from tests.tool_server import Round, ToolServer

pytestmark = pytest.mark.slow

FORGETS = 0.1
SHOP = """
from pathlib import Path

import pytest
from pytest_duolog import Persona, Speaker

def refund(order_id: str) -> dict:
    "Give money back."
    with Path("runs.txt").open("a") as file:
        print(order_id, file=file)
    return {"ok": True}

@pytest.mark.parametrize("order", range(20))
@pytest.mark.dialogue(
    a=Speaker("Ann", model="scripted:echo"), b=Speaker("Bob", model="openai:old", tools=[refund], seed=1), turns=1
)
def test_refund(dialogue, order):
    assert dialogue.calls_tool("refund", order_id=str(order), times=1)

@pytest.fixture
def duolog_scenario(order):
    return {"opener": f"I want the money for order {order} back."}
"""


class Forgetful(ToolServer):
    """Says each time that it has paid. `new` forgets to do so with a probability, drawn anew for each seed and order.

    So what it answers depends on the request alone, and does not know of rounds, pairs or other dialogues.
    """

    def _answer(self, body):
        order = "".join(filter(str.isdigit, body["messages"][0]["content"]))
        drawn = Random(f"{body['model']} {body['seed']} {order}")
        forgets = body["model"] == "new" and drawn.random() < self.probability
        paid = Round(f"I have refunded order {order}, receipt {drawn.randrange(10**9)}.")
        self.rounds = (paid,) if forgets else (Round("", [("refund", {"order_id": order})]), paid)
        status, content = super()._answer(body)
        return status, json.dumps({**json.loads(content), "id": f"chatcmpl-{len(self.requests)}"}).encode()


def gated(pytester, monkeypatch, probability):
    pytester.makepyfile(test_shop=SHOP)
    server = Forgetful()
    server.probability = probability
    arguments = ("--record-mode=once", "--duolog-concurrency=4", "--duolog-report=report.html")
    with asked(server, monkeypatch):
        return pytester.runpytest(
            "-p", "no:cacheprovider", "-p", "no:asyncio", "--duolog-candidate=Bob=openai:new", *arguments
        )


def recorded_calls(model):
    """The recordings of a model that have a call, and those that have none."""
    files = list(Path("cassettes").rglob(f"*openai-{model}.*.jsonl"))
    n_calls = [path.read_text("utf-8").count('"method":"CALL"') for path in files]
    assert set(n_calls) <= {0, 1}
    return n_calls.count(1), n_calls.count(0)


def test_a_candidate_that_forgets_one_call_in_ten_is_blocked_and_the_missing_call_is_shown(
    pytester, monkeypatch
):
    result = gated(pytester, monkeypatch, FORGETS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    paid, forgotten = recorded_calls("new")
    assert forgotten > 0
    result.stdout.fnmatch_lines(
        [
            "*verdict:  CallsTool(name='refund', *fails: refund was never called; *; a message claims it",
            "*message 2 (Bob): 'I have refunded order *, receipt *'",
            "BLOCK: the candidate passes less often than the baseline, *",
            f"baseline * of * passed (100 %), candidate {paid} of {paid + forgotten} *",
        ]
    )
    page = html.unescape(Path("report.html").read_text("utf-8"))
    assert "refund was never called; no tool was called; a message claims it" in page
    assert "BLOCK" in page
    # Each sample ran its tool as often as it is recorded.
    n_runs = len(Path("runs.txt").read_text("utf-8").splitlines())
    assert n_runs == paid + recorded_calls("old")[0]


def test_a_candidate_that_forgets_nothing_passes(pytester, monkeypatch):
    result = gated(pytester, monkeypatch, 0)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["PASS: *"])
    assert recorded_calls("new")[1] == 0
