"""`duolog shrink`: the shortest beginning of a failing dialogue, written as a test that fails for the same reason."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from tests.chat_server import ChatServer

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker", system="You ask."), b=Speaker("Ben", model="openai:agent"), turns=3,
    opener="Good morning. The parrot is blue. It rains.",
)
def test_it(dialogue):
    assert dialogue.never_says("sorry")

def test_plain():
    assert 1 == 2
"""


@pytest.fixture
def shop(pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch):
    """A project whose agent says sorry from its second reply on, if it has heard of the parrot."""
    pytester.makepyfile(test_shop=SUITE)
    monkeypatch.chdir(pytester.path)
    drawn = random.Random(5)

    def answer(body: dict[str, Any]) -> str:
        heard = str(body["messages"])
        is_sorry = "parrot" in heard and (
            len(body["messages"]) > 2 or "Sorry" in heard or drawn.random() < 0.9
        )
        is_agent = body["model"] == "agent"
        said = f"Line {len(chat_server.requests)}. And more of it."
        return f"Sorry. {said}" if is_agent and is_sorry and len(chat_server.requests) > 4 else said

    chat_server.answer = answer
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", "-k", "test_it").assert_outcomes(
        failed=1, deselected=1
    )
    return pytester


def shrink(pytester: pytest.Pytester, *arguments: str, rate: str = "0.2") -> pytest.RunResult:
    """What `duolog shrink` runs, in this process."""
    plugin = (
        "-p",
        "no:cacheprovider",
        "-p",
        "pytest_duolog.plugin.shrinking",
        f"--duolog-shrink-rate={rate}",
    )
    return pytester.runpytest("-q", "--tb=no", *plugin, *arguments)


def test_the_answer_is_a_test_that_fails_for_the_same_reason(shop, chat_server: ChatServer):
    result = shrink(shop, "test_shop.py::test_it")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "test_shop.py::test_it: NeverSays(*) fails in 7 messages, from message * on",
            "the first * continuations fail: kept",
            "without sentences 1 to * continuations fail: kept",
            "confirmation (1 message, 4 words): * of * continuations fail: kept",
            "FOUND: 1 of 7 messages is enough; stated rate 20 %",
            "    1 Ann: The parrot is blue.",
        ]
    )
    made = Path("test_it_shrunk.py")
    assert "The parrot is blue." in made.read_text("utf-8")
    n_asked = len(chat_server.requests)
    again = shop.runpytest("-p", "no:cacheprovider", str(made))
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*NeverSays(*) fails: 'sorry' is in*"])
    assert len(chat_server.requests) == n_asked  # it replays
    assert shrink(shop, "test_shop.py::test_it").ret == 0
    assert len(chat_server.requests) == n_asked  # so does the search


@pytest.mark.slow
def test_a_property_without_values_is_asserted_in_the_new_test_as_well(shop, chat_server: ChatServer):
    path = Path("test_shop.py")
    code = (
        path.read_text("utf-8").replace('never_says("sorry")', "has_no_loops()").replace("turns=3", "turns=8")
    )
    path.write_text(code, "utf-8")
    chat_server.answer = lambda body: "I see, I see."
    shop.runpytest("-p", "no:cacheprovider", "--record-mode=rewrite", "-k", "test_it").assert_outcomes(
        failed=1, deselected=1
    )
    assert shrink(shop, "test_shop.py::test_it").ret == 0
    again = shop.runpytest("-p", "no:cacheprovider", "test_it_shrunk.py")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*NoLoops fails: *"])


def test_the_property_that_the_test_asserts_is_what_has_to_follow(shop):
    path = Path("test_shop.py")
    other = 'assert not dialogue.never_says("parrot")\n    assert dialogue.never_says("sorry")'
    path.write_text(path.read_text("utf-8").replace('assert dialogue.never_says("sorry")', other), "utf-8")
    result = shrink(shop, "test_shop.py::test_it", rate="0.2")
    result.stdout.fnmatch_lines(["test_shop.py::test_it: NeverSays(phrases=*sorry*) fails in 7 messages, *"])


@pytest.mark.slow
def test_the_command_runs_the_test_and_writes_where_it_is_told(shop, capfd: pytest.CaptureFixture[str]):
    assert (
        main(["shrink", "test_shop.py::test_it", "-o", "test_short.py", "--", "-p", "no:cacheprovider"]) == 0
    )
    assert "FOUND: 1 of 7 messages is enough" in capfd.readouterr().out
    assert Path("test_short.py").exists()
    assert main(["shrink", "test_shop.py::test_nothing"]) == 2


def test_a_search_that_was_cut_short_continues_from_its_recordings(shop, chat_server: ChatServer):
    result = shrink(shop, "test_shop.py::test_it", "--duolog-budget=dialogues=5")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["STOPPED: the budget is used up", "every finished continuation is kept: *"])
    n_before = len(chat_server.requests)
    held = sorted(path.name for path in Path(".duolog", "shrink").rglob("*.json"))
    assert len(held) == 5
    assert shrink(shop, "test_shop.py::test_it").ret == 0
    asked = [str(body) for body in chat_server.requests]
    assert len(asked) > n_before
    assert held == [name for name in held if list(Path(".duolog", "shrink").rglob(name))]


def test_an_error_is_no_answer_and_does_not_stop_the_search(shop, chat_server: ChatServer):
    said = chat_server.answer

    def answer(body: dict[str, Any]) -> Any:
        is_blocked = "parrot" not in str(body["messages"])
        return (400, b'{"error":{"message":"blocked by policy"}}') if is_blocked else said(body)

    chat_server.answer = answer
    result = shrink(shop, "test_shop.py::test_it")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["FOUND: 1 of 7 messages is enough; *", "    1 Ann: The parrot is blue."])


def test_a_search_that_nobody_answers_stops(shop, chat_server: ChatServer):
    chat_server.answer = lambda body: (400, b'{"error":{"message":"blocked by policy"}}')
    result = shrink(shop, "test_shop.py::test_it")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["STOPPED: *blocked by policy*"])


def test_a_plain_assertion_does_not_say_what_has_to_follow(shop):
    result = shrink(shop, "test_shop.py::test_plain")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["duolog shrink: the test fails, but not by a property of a dialogue*"])


def test_a_test_that_passes_has_nothing_to_shorten(shop):
    path = Path("test_shop.py")
    path.write_text(path.read_text("utf-8").replace('"sorry"', '"forty-two"'), "utf-8")
    result = shrink(shop, "test_shop.py::test_it")
    assert result.ret == 2
    assert "the test passes in its recording" in result.stdout.str()


def test_a_failure_that_does_not_follow_is_said(shop, chat_server: ChatServer):
    chat_server.answer = lambda body: f"All is well, {len(chat_server.requests)}."
    result = shrink(shop, "test_shop.py::test_it", rate="0.8")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "NOT FOUND: the failure does not follow at the stated rate, not even from the longest beginning",
            "  stated rate 80 %; last tried: 0 of * continuations fail (95 % interval 0 % to *",
        ]
    )
    assert not Path("test_it_shrunk.py").exists()


def test_a_file_of_the_users_is_not_replaced(shop, capsys: pytest.CaptureFixture[str]):
    Path("test_mine.py").write_text("# mine\n", "utf-8")
    assert main(["shrink", "test_shop.py::test_it", "-o", "test_mine.py"]) == 2
    assert "-o test_mine.py: there is a file already" in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["0", "1", "x", "0.9"])
def test_a_rate_that_cannot_be_shown_is_refused(rate, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as raised:
        main(["shrink", "test_shop.py", "--rate", rate])
    assert raised.value.code == 2
    assert "is not a rate from 0.05 to 0.85" in capsys.readouterr().err
