"""`--duolog-ahead SCREEN`: a gate runs the most suspicious tests of a screen first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old", role="agent"), turns=1,
)
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(6)])
def test_it(opener, dialogue):
    assert "wrong" not in dialogue.messages[1].content
"""
CANDIDATE = "--duolog-candidate=agent=openai:new"
NAME = "test_gate.py::test_it[Opener 4.]"


@pytest.fixture
def gate(pytester: pytest.Pytester, chat_server: ChatServer):
    """A gate of six tests, of which the candidate breaks one."""
    pytester.makepyfile(test_gate=SUITE)

    def answer(body: dict[str, Any]) -> str:
        is_wrong = body["model"] == "new" and "Opener 4." in str(body["messages"])
        return f"{'wrong' if is_wrong else 'right'} {len(chat_server.requests)}"

    chat_server.answer = answer

    def run(*options: str) -> pytest.RunResult:
        return pytester.runpytest(
            *("-p", "no:cacheprovider", "--record-mode=once", "--duolog-concurrency=1", CANDIDATE), *options
        )

    return run


def screened(name: str = NAME, candidate: str = "agent=openai:new", p: float = 0.01) -> str:
    dialogues = [{"name": name, "p": p}, {"name": "test_gate.py::test_it[Opener 1.]", "p": 0.8}]
    Path("screen.json").write_text(
        json.dumps({"format": 1, "candidate": candidate, "dialogues": dialogues}), "utf-8"
    )
    return "--duolog-ahead=screen.json"


def test_a_bad_test_that_runs_ahead_blocks_before_the_others_run(gate):
    result = gate(screened(), "--duolog-report=report.html")
    assert result.ret == 1
    result.assert_outcomes(failed=1, skipped=5)
    result.stdout.fnmatch_lines(
        [f"ahead of the others, by a screen: {NAME.replace('[', '[[]')}", "BLOCK: *Opener 4.*"]
    )
    record = read_record(Path(".duolog/record.jsonl"))
    assert {sample.scenario for sample in record.samples} == {NAME}
    assert record.header.plan.ahead == (NAME,)
    assert "May I merge?" in Path("report.html").read_text("utf-8")


def test_tests_that_a_budget_kept_from_running_are_inconclusive(gate):
    result = gate(screened("test_gate.py::test_it[Opener 2.]"), "--duolog-budget=dialogues=3", "-rs")
    assert result.ret == 1
    counts = result.parseoutcomes()
    assert counts["inconclusive"] >= 5
    assert "skipped" not in counts
    assert "the gate was decided" not in result.stdout.str()


def test_without_it_the_others_run_as_well(gate):
    assert gate().ret == 1
    assert len({sample.scenario for sample in read_record(Path(".duolog/record.jsonl")).samples}) == 6


def test_a_good_test_that_runs_ahead_is_used_in_the_rounds(gate):
    result = gate(screened("test_gate.py::test_it[Opener 2.], dialogue x"), "-k", "not 4.")
    record = read_record(Path(".duolog/record.jsonl"))
    assert record.header.plan.ahead == ("test_gate.py::test_it[Opener 2.]",)
    assert result.parseoutcomes().get("failed", 0) == 0
    numbers = {sample.number for sample in record.samples if sample.scenario == record.header.plan.ahead[0]}
    others = {sample.number for sample in record.samples if sample.scenario != record.header.plan.ahead[0]}
    assert numbers >= {1, 2, 3}
    assert others


def test_what_a_screen_does_not_find_suspicious_does_not_run_ahead(gate):
    gate(screened(p=0.5))
    assert read_record(Path(".duolog/record.jsonl")).header.plan.ahead == ()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: "--duolog-ahead=nothing.json", "nothing.json cannot be read: No such file or directory"),
        (
            lambda: screened(candidate="agent=openai:other"),
            "is about agent=openai:other, and this gate about agent=",
        ),
        (lambda: Path("bad.json").write_text("{}") and "--duolog-ahead=bad.json", "is no answer of a screen"),
    ],
    ids=["missing", "other candidate", "other file"],
)
def test_an_answer_that_does_not_fit_is_refused_before_anything_runs(gate, chat_server, make, complaint):
    result = gate(make())
    assert result.ret != 0
    assert complaint in result.stdout.str()
    assert chat_server.requests == []


def test_without_a_gate_it_is_refused(pytester: pytest.Pytester, chat_server):
    pytester.makepyfile(test_gate=SUITE)
    result = pytester.runpytest("-p", "no:cacheprovider", "--duolog-ahead=screen.json")
    assert result.ret != 0
    result.stdout.fnmatch_lines(
        ["*--duolog-ahead: it is for a gate, but there is no gate without --duolog-candidate*"]
    )
