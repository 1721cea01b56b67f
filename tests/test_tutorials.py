"""The tutorials, step by step: their files are written, their commands run, and what they show is printed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.cli import main
from pytest_duolog.local.weights import find_weights
from tests.local.test_server import MODEL, missing_piece, needs_model
from tests.tool_server import Round, ToolServer

ROOT = Path(__file__).parent.parent
# What prepares a machine, and is not run here.
PREPARES = ("python -m venv", ". .venv/", "pip install", "git clone", "cd ", "duolog local pull")

WEIGHTS = "" if missing_piece() else str(find_weights(MODEL))


def steps(page: str) -> Iterator[tuple[str, str]]:
    """The code blocks of a page: (language, text), in order."""
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    yield from re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(console: str) -> Iterator[tuple[list[str], list[str]]]:
    """(a command's words, patterns of what it prints); `...` stands for anything."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        if not command.startswith(PREPARES):
            yield (
                shlex.split(command, comments=True),
                [f"*{line}*".replace("[", "[[]").replace("...", "*") for line in lines if line != "..."],
            )


def follow(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], page: str) -> list[str]:
    """Do what the page says; returns the commands that ran."""
    done = []
    for language, text in steps(page):
        if named := re.match(r"# (\S+\.(?:py|yaml))\n", text):
            Path(named[1]).write_text(text, "utf-8")
        for words, lines in commands(text) if language == "console" else ():
            done.append(" ".join(words))
            if words[0] == "pytest":
                result = pytester.runpytest("-p", "no:cacheprovider", *words[1:])
                result.stdout.fnmatch_lines(lines)
                expected = 1 if any("failed" in line or "BLOCK" in line for line in lines) else 0
                assert result.ret == expected, result.stdout.str()
            else:
                capsys.readouterr()
                assert main(words[1:]) == 0
                pytest.LineMatcher(capsys.readouterr().out.splitlines()).fnmatch_lines(lines)
                assert "-o" not in words or Path(words[words.index("-o") + 1]).exists()
    return done


@pytest.mark.slow
@pytest.mark.local
@needs_model
@pytest.mark.parametrize(("page", "n_commands"), [("first-dialogue", 6), ("support-bot", 5), ("matrix", 4)])
def test_a_tutorial_with_the_small_model_goes_as_it_says(
    pytester: pytest.Pytester,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    page: str,
    n_commands: int,
) -> None:
    monkeypatch.setenv("DUOLOG_LOCAL_GGUF", WEIGHTS)
    assert len(follow(pytester, capsys, page)) == n_commands


@pytest.mark.slow
@pytest.mark.local
@needs_model
def test_the_first_test_of_the_readme_fails_as_it_says(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUOLOG_LOCAL_GGUF", WEIGHTS)
    blocks = list(steps("../README"))
    code = next(text for language, text in blocks if language == "python")
    shown = next(text for language, text in blocks if language == "text")
    pytester.makepyfile(test_talk=code)
    result = pytester.runpytest("--record-mode=once", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(shown.splitlines())


class Agent(ToolServer):
    """Plays the agent of the tutorial: it calls `refund` only if its prompt tells it to."""

    def _answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        entries = self.entries(body)
        heard = " ".join(entry["content"] for entry in entries if entry["role"] == "user")
        called = {call["function"]["name"] for entry in entries for call in entry.get("tool_calls", ())}
        if "4711" not in heard:
            made = Round("What is your order number, please?")
        elif "look_up" not in called:
            made = Round("", [("look_up", {"order_id": "4711"})])
        elif "goodbye" in heard:
            made = Round("Goodbye!")
        elif not heard.endswith("Yes, please."):
            made = Round("It is a lamp for 30 dollars. Shall I refund it?")
        elif "refund" not in called and "Call refund" in body["messages"][0]["content"]:
            made = Round("", [("refund", {"order_id": "4711", "amount": 30})])
        else:
            made = Round("I have refunded 30 dollars.")
        return 200, json.dumps(self.reply(made, len(entries))).encode()


def test_an_agent_is_tested_as_the_tutorial_says(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent()
    monkeypatch.setenv("OPENAI_BASE_URL", agent.url)
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-account")
    try:
        assert len(follow(pytester, capsys, "agent")) == 4
    finally:
        agent.close()


def test_an_upgrade_passes_and_another_does_not(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = pytester.path / "example_project"
    shutil.copytree(ROOT / "example_project", copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    monkeypatch.chdir(copy)
    assert len(follow(pytester, capsys, "upgrade")) == 4
