"""The examples of docs/ci.md: valid YAML, and commands that this version takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = (Path(__file__).parent.parent / "docs" / "ci.md").read_text("utf-8")
GITHUB, GITLAB = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))

SUITE = """
import itertools
import pytest

numbers = itertools.count(1)

def speaks(messages):
    return f"I am number {next(numbers)}."

@pytest.mark.dialogue(a=speaks, b=speaks, turns=1)
@pytest.mark.parametrize("opener", ["Hello.", "Hi."])
def test_it(dialogue, opener):
    assert dialogue.messages
"""


def scripts(found: Any) -> list[str]:
    """Every command in an example."""
    if isinstance(found, dict):
        own = [found["run"]] if isinstance(found.get("run"), str) else list(found.get("script", ()))
        return own + [line for value in found.values() for line in scripts(value)]
    if isinstance(found, list):
        return [line for value in found for line in scripts(value)]
    return []


PYTESTS = sorted({line for line in scripts(GITHUB) + scripts(GITLAB) if line.startswith("pytest ")})


def test_page_has_the_jobs_it_speaks_of() -> None:
    assert set(GITHUB["jobs"]) == {"replay", "gate", "nightly"}
    assert set(GITLAB) == {"dialogues", "gate"}
    assert len(PYTESTS) == 6


def test_no_expression_of_github_is_pasted_into_a_command() -> None:
    assert not [line for line in scripts(GITHUB) if "${{" in line]


@pytest.mark.parametrize("line", PYTESTS)
def test_command_runs(pytester: pytest.Pytester, line: str) -> None:
    pytester.makepyfile(SUITE)
    words = shlex.split(line.replace("$CANDIDATE", "Model B=scripted:counter"))
    result = pytester.runpytest("-p", "no:cacheprovider", *words[1:])
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    assert not result.errlines


@pytest.mark.parametrize(
    ("job", "written"), [("gate", ["quality.json", "junit.xml"]), ("dialogues", ["junit.xml"])]
)
def test_artifacts_are_what_the_command_writes(job: str, written: list[str]) -> None:
    reports = GITLAB[job]["artifacts"]["reports"]
    assert sorted(reports.values()) == sorted(written)
    assert all(any(name in line for line in GITLAB[job]["script"]) for name in written)
