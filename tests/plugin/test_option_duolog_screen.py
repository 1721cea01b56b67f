"""`--duolog-screen N`: a candidate's next message at every turn of recorded dialogues, and what to read first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.chat_server import ChatServer

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old", role="agent"), turns=4,
)
@pytest.mark.parametrize("opener", ["Where is the lamp?", "Where is the harbour?"])
def test_it(opener, dialogue):
    assert dialogue.messages
"""


@pytest.fixture
def screen(pytester: pytest.Pytester, chat_server: ChatServer):
    """Screens a candidate that says goodbye to the harbour if its name is `hasty`."""
    pytester.makepyfile(SUITE)

    def answer(body: dict[str, Any]) -> str:
        n = len(chat_server.requests)
        heard = str(body["messages"])
        if body["model"] == "hasty" and "harbour" in heard and "more of number" in heard:
            return "Goodbye!"
        return f"Crate {n} lies beside barrel {n * 7 % 83}; there is more of number {n * 13 % 97}."

    chat_server.answer = answer
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=2)

    def run(*options: str, model: str = "hasty") -> pytest.RunResult:
        candidate = f"--duolog-candidate=agent=openai:{model}"
        return pytester.runpytest("-p", "no:cacheprovider", "--duolog-screen=5", candidate, *options)

    return run


def test_the_dialogue_that_changed_comes_first_with_the_turn_to_read(screen, pytester: pytest.Pytester):
    result = screen()
    result.assert_outcomes(passed=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "SUSPICIOUS: the next messages of agent=openai:hasty differ from the baseline's, beyond its own noise",
            "  this is no PASS: *",
            "  8 turns of 2 dialogues, 5 answers of each side; p = *",
            "  1. *::test_it[[]Where is the harbour?]: excess *, p = 0.0*",
            "     message 4 (excess *): baseline answers 5 of 5, * words; candidate says goodbye 5 of 5, 1 word",
            "     not scored, because the candidate had left the recorded dialogue in message 4: messages 6, 8",
            "  2. *::test_it[[]Where is the lamp?]: excess *",
        ]
    )
    data = json.loads(Path(".duolog", "screen.json").read_text("utf-8"))
    first = data["dialogues"][0]
    assert (data["suspicious"], first["divergence"]) == (True, 4)
    assert [turn["scored"] for turn in first["turns"]] == [True, True, False, False]
    assert (
        first["turns"][1]["candidate"] == [{"act": "end", "tools": [], "words": 1, "stance": "neither"}] * 5
    )


def test_the_report_of_a_screen_shows_both_sides(screen, pytester: pytest.Pytester):
    result = screen("--duolog-report=pages/report.html")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["HTML report: *report.html"])
    text = Path("pages/report.html").read_text("utf-8")
    assert "SUSPICIOUS:" in text
    assert "Goodbye!" in text
    assert "Crate" in text


def test_a_screen_without_a_verdict_has_no_report(screen):
    result = screen("--duolog-report=report.html", "--duolog-budget=dialogues=3")
    result.stdout.fnmatch_lines(
        ["HTML report: *report.html is not written, because the screen has no verdict"]
    )
    assert not Path("report.html").exists()


def test_a_screen_that_sees_nothing_is_no_pass(screen, chat_server: ChatServer):
    result = screen(model="alike")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["NOTHING SEEN: the next messages of agent=openai:alike *", "  this is no PASS: *"]
    )
    assert screen("--duolog-inconclusive=75", model="alike").ret == 75
    assert screen("--duolog-inconclusive=warn", model="alike").ret == 1


def test_every_answer_is_asked_for_once_and_all_are_independent(screen, chat_server: ChatServer):
    n_before = len(chat_server.requests)
    screen()
    asked = chat_server.requests[n_before:]
    assert sorted({body["model"] for body in asked}) == ["hasty", "old"]
    assert len(asked) == 2 * 4 * 5 * 2
    assert sorted({len(body["messages"]) for body in asked}) == [1, 3, 5, 7]
    screen()
    assert len(chat_server.requests) == n_before + len(asked)


def test_a_screen_that_was_stopped_continues(screen, chat_server: ChatServer):
    n_before = len(chat_server.requests)
    result = screen("--duolog-budget=dialogues=10")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["STOPPED: the budget is used up", "every finished answer is kept: *"])
    screen()
    assert len(chat_server.requests) == n_before + 80


def test_missing_answers_are_counted_with_the_first_error(screen, chat_server: ChatServer):
    said, asked = chat_server.answer, []

    def answer(body: dict[str, Any]) -> Any:
        asked.append(body)
        return (400, b'{"error":{"message":"blocked by policy"}}') if len(asked) == 7 else said(body)

    chat_server.answer = answer
    screen(model="alike").stdout.fnmatch_lines(
        [
            "NOTHING SEEN: *",
            "  1 of 80 answers is missing: *blocked by policy*",
            "  8 turns of 2 dialogues, 4 to 5 answers of each side; *",
        ]
    )


def test_a_screen_without_all_turns_has_no_verdict(screen, chat_server: ChatServer):
    said = chat_server.answer

    def answer(body: dict[str, Any]) -> Any:
        is_blocked = body["model"] == "alike" and len(body["messages"]) == 7
        return (400, b'{"error":{"message":"blocked by policy"}}') if is_blocked else said(body)

    chat_server.answer = answer
    result = screen("--duolog-inconclusive=75", model="alike")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["STOPPED: * of 80 answers are missing: *blocked by policy*"])
    assert not Path(".duolog/screen.json").exists()


def test_an_interrupted_screen_says_so(screen, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_duolog.plugin.screening.screened_turns", interrupt)
    result = screen("--duolog-inconclusive=75")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["STOPPED: interrupted"])


def test_dialogues_with_an_equal_beginning_share_the_answers(
    pytester: pytest.Pytester, chat_server: ChatServer
):
    marker = SUITE.partition("@")[2].partition("@")[0].replace("turns=4", 'turns=2, opener="Where?"')
    tests = [f"@{marker}def test_{name}(dialogue):\n    assert dialogue.messages\n" for name in "ab"]
    pytester.makepyfile("import pytest\nfrom pytest_duolog import Speaker\n" + "".join(tests))
    chat_server.answer = lambda body: f"Crate {len(chat_server.requests)}."
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=2)
    n_before = len(chat_server.requests)
    result = pytester.runpytest(
        "-p", "no:cacheprovider", "--duolog-screen=3", "--duolog-candidate=agent=openai:new"
    )
    result.stdout.fnmatch_lines(["  3 turns of 2 dialogues, 3 answers of each side; *"])
    assert len(chat_server.requests) == n_before + 3 * 2 * 3
    assert "missing" not in result.stdout.str()


def test_calls_of_tools_are_compared_and_none_runs(pytester: pytest.Pytester, chat_server: ChatServer):
    pytester.makepyfile(
        """
        import pytest
        from pytest_duolog import Speaker
        def refund(order: int) -> str:
            "Pay back an order."
            open("ran.txt", "a").write("x")
            return "paid"
        @pytest.mark.dialogue(
            a=Speaker("Ann", model="openai:asker"),
            b=Speaker("Ben", model="openai:old", role="agent", tools=[refund]), turns=3, opener="My lamp is broken.",
        )
        def test_it(dialogue):
            assert dialogue.messages
        """
    )
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=1)
    call = {"id": "1", "type": "function", "function": {"name": "refund", "arguments": '{"order": 4}'}}

    def answer(body: dict[str, Any]) -> Any:
        if body["model"] != "new" or body["messages"][-1]["role"] == "tool":
            return f"Well, {len(chat_server.requests)}."
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        content = {"model": "new", "choices": [{"message": message, "finish_reason": "tool_calls"}]}
        return 200, json.dumps(content).encode()

    chat_server.answer = answer
    result = pytester.runpytest(
        "-p", "no:cacheprovider", "--duolog-screen=3", "--duolog-candidate=agent=openai:new"
    )
    result.stdout.fnmatch_lines(["*candidate calls a tool 3 of 3, calls refund 3 times, *"])
    assert not Path("ran.txt").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--duolog-screen=3",), "--duolog-screen: it has no effect without --duolog-candidate"),
        (
            ("--duolog-screen=1", "--duolog-candidate=agent=openai:new"),
            "'1' is not a number of answers from 2 to 20",
        ),
        (
            ("--duolog-screen=3", "--duolog-candidate=agent=openai:new", "--duolog-samples=4"),
            "--duolog-samples: it has no effect with --duolog-screen, which asks for single messages",
        ),
    ],
    ids=["no candidate", "one answer", "samples"],
)
def test_wrong_options_are_refused_before_anything_runs(
    pytester: pytest.Pytester, chat_server, options, complaint
):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("-p", "no:cacheprovider", *options)
    assert result.ret != 0
    assert complaint in "\n".join([*result.outlines, *result.errlines])
    assert chat_server.requests == []


def test_without_recordings_there_is_nothing_to_screen(pytester: pytest.Pytester, chat_server):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest(
        "-p", "no:cacheprovider", "--duolog-screen=3", "--duolog-candidate=agent=openai:new"
    )
    assert result.ret == 4
    result.stdout.fnmatch_lines(["the screen could not be made: no recorded dialogue has a message of *"])
