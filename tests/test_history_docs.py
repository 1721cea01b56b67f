"""The jobs of docs/history.md: valid YAML, commands that this version takes, and a branch that keeps the folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from pytest_duolog import cli
from pytest_duolog.history.folder import read_folder
from tests.histories import line, write

PAGE = (Path(__file__).parent.parent / "docs" / "history.md").read_text("utf-8")
GITHUB, GITLAB = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
STEPS = GITHUB["jobs"]["history"]["steps"]
LINES = [
    shlex.split(command.partition("||")[0])
    for command in [*(step["run"] for step in STEPS if "run" in step), *GITLAB["history"]["script"]]
    if command.startswith(("pytest ", "duolog "))
]


def test_both_systems_run_the_tests_and_look_at_the_history():
    assert [words[0] for words in LINES] == ["pytest", "duolog"] * 2


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_commands_are_those_of_this_version(pytester: pytest.Pytester, words: list[str]):
    if words[0] == "duolog":
        assert cli._parser(words[1:]).parse_args(words[1:]).folder == Path("history")
    else:
        pytester.makepyfile(
            """
            import pytest

            @pytest.mark.dialogue(model="scripted:counter", turns=1)
            def test_it(dialogue):
                assert dialogue.messages
            """
        )
        assert pytester.runpytest(*words[1:], "-p", "no:cacheprovider").ret == pytest.ExitCode.OK


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def test_branch_of_github_keeps_the_files_of_every_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for variable in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(variable, os.devnull)
    (step,) = (step["run"] for step in STEPS if step.get("working-directory") == "history")
    first, origin = tmp_path / "first", tmp_path / "origin"
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    git(tmp_path, "clone", "--quiet", str(origin), str(first))
    git(first, "switch", "--orphan", "duolog-history")
    git(
        first, "-c", "user.name=a", "-c", "user.email=a", "commit", "--allow-empty", "-m", "History of builds"
    )
    git(first, "push", "origin", "duolog-history")
    for night in range(3):
        history = tmp_path / f"night{night}" / "history"
        git(tmp_path, "clone", "--quiet", "--branch", "duolog-history", str(origin), str(history))
        if night < 2:  # the last one adds nothing
            write(history, [line(night)])
        subprocess.run(
            ["bash", "-e", "-c", step],
            cwd=history,
            check=True,
            capture_output=True,
            env={**os.environ, "GITHUB_SHA": "c0ffee"},
        )
    assert [one.build for one in read_folder(history).lines] == ["build-0", "build-1"]
