"""`--duolog-collect N`: exactly N samples of every test, and no verdict."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_duolog.cli import main
from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old", role="agent"), turns=1
)
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(3)])
def test_it(opener, dialogue):
    assert "wrong" not in dialogue.messages[1].content

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old"), turns=1, opener="Well?",
    samples=20, min_pass_rate=0.9,
)
def test_bar(dialogue):
    assert "wrong" in dialogue.messages[1].content

def test_other():
    pass
"""


@pytest.fixture
def collect(pytester: pytest.Pytester, chat_server: ChatServer):
    pytester.makepyfile(SUITE)
    asked = {"n": 0}

    def answer(body: dict[str, Any]) -> str:
        asked["n"] += 1
        return f"{'wrong' if asked['n'] % 2 else 'right'} answer {asked['n']}"

    chat_server.answer = answer

    def run(*options: str) -> pytest.RunResult:
        return pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", *options)

    return run


@pytest.mark.parametrize(
    "options",
    [
        ("--duolog-collect=4",),
        ("-o", "duolog_collect=4", "-o", "duolog_candidate=agent=openai:new"),
        ("--duolog-collect=4", "-x"),
        pytest.param(("--duolog-collect=4", "-n2"), marks=pytest.mark.slow),
    ],
    ids=["option", "ini", "exit first", "xdist"],
)
def test_exactly_so_many_samples_of_every_test_are_taken(collect, pytester: pytest.Pytester, options):
    result = collect("--junitxml=junit.xml", *options)
    assert (result.ret, result.parseoutcomes()) == (0, {"passed": 1, "collected": 4})
    result.stdout.fnmatch_lines(
        ["COLLECTED: 4 samples of each of 4 tests, none judged", "*: * of 4 passed *"]
    )
    record = read_record(pytester.path / ".duolog" / "record.jsonl")
    for name in record.header.plan.scenarios:
        assert sorted(record.measured(name)) == [1, 2, 3, 4]
    skipped = [found.get("message", "") for found in ET.parse("junit.xml").getroot().iter("skipped")]
    assert [message.startswith("4 of 4 samples taken, none judged") for message in skipped] == [True] * 4


def test_more_samples_of_the_same_tests_ask_only_for_what_is_new(collect, chat_server: ChatServer):
    collect("--duolog-collect=2")
    n_asked = len(chat_server.requests)
    collect("--duolog-collect=3", "--duolog-concurrency=1")
    assert len(chat_server.requests) == n_asked + 4 * 2


def test_samples_that_cannot_be_had_fail_their_tests(collect, chat_server: ChatServer):
    chat_server.answer = lambda body: (404, b"{}")
    result = collect("--duolog-collect=4", "-k", "test_it")
    result.assert_outcomes(failed=3, deselected=2)
    result.stdout.fnmatch_lines(["*0 of 4 samples taken, none judged*", "*HTTP 404*"])


def test_collection_has_nothing_to_decide(collect, pytester: pytest.Pytester, capsys):
    collect("--duolog-collect=1")
    path = str(pytester.path / ".duolog" / "record.jsonl")
    capsys.readouterr()
    assert main(["gate", path]) == 2
    assert "these samples were collected (--duolog-collect), and none is judged" in capsys.readouterr().err
    assert main(["merge", path, "-o", str(pytester.path / "merged.jsonl")]) == 0
    assert "COLLECTED: 1 sample of each of 4 tests, none judged" in capsys.readouterr().out


def test_plan_of_a_collection_is_exact(collect, chat_server: ChatServer):
    collect("--duolog-collect=5", "--duolog-plan").stdout.fnmatch_lines(
        ["20 dialogues: 5 samples of each, none judged"]
    )
    assert chat_server.requests == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ("--duolog-candidate=agent=openai:new",),
            "*--duolog-candidate: it has no effect with --duolog-collect*",
        ),
        (("--duolog-samples=3",), "*--duolog-samples: it has no effect with --duolog-collect*"),
        (("--duolog-collect=0",), "*duolog_collect: '0' is not a whole number above 0*"),
        (("--duolog-collect=1001",), "*duolog_collect: 1001 are too many (at most 1000)*"),
    ],
    ids=["candidate", "samples", "none", "too many"],
)
def test_what_makes_no_sense_is_refused(
    collect, chat_server: ChatServer, options: tuple[str, ...], problem: str
):
    result = collect("--duolog-collect=4", *options)
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    pytest.LineMatcher(result.outlines + result.errlines).fnmatch_lines_random([problem])
    assert chat_server.requests == []


def test_page_of_a_collection_gives_no_verdict(collect, pytester: pytest.Pytester):
    collect("--duolog-collect=2", "--duolog-report=report.html")
    page = (pytester.path / "report.html").read_text("utf-8")
    assert "none is judged" in page
    assert "Do all scenarios reach" not in page
