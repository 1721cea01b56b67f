"""One edit makes many dialogues stale: the run says once what changed, and a command that works as it stands."""

from __future__ import annotations

import shlex

import pytest

from tests.chat_server import ChatServer

PROJECT = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.parametrize("opener", ["Hello.", "Hi."])
@pytest.mark.dialogue(
    a=Speaker("Alice", model="openai:m", system="You are Alice."),
    b=Speaker("Bob", model="openai:m", system="You are Bob."),
    turns=2, stop_on=(),
)
def test_it(dialogue, opener):
    assert dialogue.messages

def test_other():
    assert {other}
"""


class Project:
    """Two recorded dialogues and a test without one."""

    def __init__(self, pytester: pytest.Pytester, server: ChatServer) -> None:
        self._pytester, self._server = pytester, server
        server.answer = lambda _: f"Lamp {len(server.requests)}, and again lamp {len(server.requests) * 7}."

    def write(self, *edits: tuple[str, str], other: str = "True") -> None:
        text = PROJECT.replace("{other}", other)
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        self._pytester.makepyfile(test_x=text)

    def run(self, *options: str) -> tuple[pytest.RunResult, int]:
        """What the run said, and how many requests it sent."""
        before = len(self._server.requests)
        return self._pytester.runpytest(*options), len(self._server.requests) - before


@pytest.fixture
def project(pytester: pytest.Pytester, chat_server: ChatServer) -> Project:
    made = Project(pytester, chat_server)
    made.write()
    made.run("--record-mode=once")[0].assert_outcomes(passed=3)
    return made


EDITS = {
    "prompt of the one who answers first": ("You are Bob.", "You are Bob!", "system prompt of Bob", 8),
    "prompt of the other": ("You are Alice.", "You are Alice!", "system prompt of Alice", 6),
    "longer": ("turns=2", "turns=3", "turns", 4),
    "shorter": ("turns=2", "turns=1", "turns", 0),
    "model": ('"Bob", model="openai:m"', '"Bob", model="openai:n"', "model of Bob", 8),
    "setting": ('"Bob",', '"Bob", temperature=0.5,', "settings of Bob", 8),
}


@pytest.mark.parametrize(("old", "new", "changed", "n_asked"), EDITS.values(), ids=EDITS.keys())
def test_advice_records_again_what_is_stale_and_no_more(project, old, new, changed, n_asked):
    project.write((old, new), other="False")
    result, _ = project.run()
    result.assert_outcomes(failed=3)
    says = f"2 dialogues are stale: {changed} changed in test_x.py; record again: "
    [line] = [line for line in result.outlines if line.startswith("2 dialogues are stale")]
    assert line.startswith(says)
    pytest_, *options = shlex.split(line.removeprefix(says))
    assert (pytest_, options[1:]) == ("pytest", ["--lf"])
    assert project.run(*options)[1] == n_asked
    result, n_asked_in_replay = project.run()
    result.assert_outcomes(passed=2, failed=1)
    assert n_asked_in_replay == 0
    result.stdout.no_fnmatch_line("*dialogues are stale*")


def test_options_and_files_of_the_run_are_in_the_advice(project):
    project.write(("You are Bob.", "You are Bob!"))
    result, _ = project.run("--duolog-model=Bob=openai:z", "-ox=y", "test_x.py", "-k", "test_it")
    result.stdout.fnmatch_lines(
        [
            "2 dialogues in test_x.py have no complete recording; * --lf -o x=y --duolog-model=Bob=openai:z test_x.py"
        ]
    )


def test_shortened_recording_keeps_its_date(project, pytester: pytest.Pytester):
    def dates() -> list[str]:
        headers = [path.read_text("utf-8").partition("\n")[0] for path in pytester.path.rglob("*.jsonl")]
        return sorted(header.partition('"recorded":')[2][:30] for header in headers if '"recorded"' in header)

    before = dates()
    project.write(("turns=2", "turns=1"))
    project.run("--record-mode=new_episodes")[0].assert_outcomes(passed=3)
    assert dates() == before
