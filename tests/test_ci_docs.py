"""The examples of docs/ci.md: valid YAML, and commands that this version takes."""

from __future__ import annotations

import re
import shlex
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_duolog.cli import main
from pytest_duolog.results.store import read_record

PAGE = (Path(__file__).parent.parent / "docs" / "ci.md").read_text("utf-8")
GITHUB, GITLAB, GITHUB_SHARDS, GITLAB_SHARDS = EXAMPLES = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]

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


PYTESTS = sorted({line for line in scripts(EXAMPLES) if line.startswith("pytest ")})
VARIABLES = {
    "CANDIDATE": "Model B=scripted:counter",
    "SHARD": "2/3",
    "CI_NODE_INDEX": "2",
    "CI_NODE_TOTAL": "3",
}


def files(pattern: str) -> list[str]:
    """What a pattern stands for in the present folder."""
    return sorted(map(str, Path().glob(pattern)))


def words(line: str, **variables: str) -> list[str]:
    """A command as a shell would start it, with its variables and patterns."""
    for name, value in (VARIABLES | variables).items():
        line = line.replace(f"${name}", value)
    found = [files(word) if "*" in word else [word] for word in shlex.split(line)]
    return [word for part in found for word in part]


def test_page_has_the_jobs_it_speaks_of() -> None:
    assert set(GITHUB["jobs"]) == {"replay", "gate", "nightly"}
    assert set(GITLAB) == {"dialogues", "gate"}
    assert set(GITHUB_SHARDS["jobs"]) == set(GITLAB_SHARDS) == {"shard", "decision"}
    assert len(PYTESTS) == 8


def test_no_expression_of_github_is_pasted_into_a_command() -> None:
    assert not [line for line in scripts(EXAMPLES) if "${{" in line]


@pytest.mark.parametrize("line", PYTESTS)
def test_command_runs(pytester: pytest.Pytester, line: str) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("-p", "no:cacheprovider", *words(line)[1:])
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    assert not result.errlines


@pytest.mark.parametrize(
    ("job", "written"), [("gate", ["quality.json", "junit.xml"]), ("dialogues", ["junit.xml"])]
)
def test_artifacts_are_what_the_command_writes(job: str, written: list[str]) -> None:
    reports = GITLAB[job]["artifacts"]["reports"]
    assert sorted(reports.values()) == sorted(written)
    assert all(any(name in line for line in GITLAB[job]["script"]) for name in written)


def test_records_of_githubs_shards_are_merged(pytester: pytest.Pytester) -> None:
    shard, decision = (GITHUB_SHARDS["jobs"][name]["steps"] for name in ("shard", "decision"))
    kept = next(step["with"] for step in shard if "upload" in step.get("uses", ""))
    fetched = next(step["with"] for step in decision if "download" in step.get("uses", ""))
    assert fnmatch(kept["name"], fetched["pattern"])
    assert fetched["merge-multiple"]
    assert kept["include-hidden-files"]
    pytester.makepyfile(SUITE)
    pytester.mkdir(fetched["path"])
    for number in GITHUB_SHARDS["jobs"]["shard"]["strategy"]["matrix"]["shard"]:
        run_shard(pytester, shard, SHARD=f"{number}/3")
        for path in files(kept["path"]):
            shutil.move(path, fetched["path"])
    check_decision(decision)


def test_records_of_gitlabs_shards_are_merged(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    for number in range(1, GITLAB_SHARDS["shard"]["parallel"] + 1):
        run_shard(pytester, GITLAB_SHARDS["shard"], CI_NODE_INDEX=str(number))
    for path in set(files(".duolog/*")) - set(files(GITLAB_SHARDS["shard"]["artifacts"]["paths"][0])):
        Path(path).unlink()
    assert GITLAB_SHARDS["decision"]["needs"] == ["shard"]
    check_decision(GITLAB_SHARDS["decision"])


def run_shard(pytester: pytest.Pytester, job: Any, **variables: str) -> None:
    (line,) = (line for line in scripts(job) if line.startswith("pytest "))
    result = pytester.runpytest("-p", "no:cacheprovider", *words(line, **variables)[1:])
    assert result.ret == pytest.ExitCode.OK


def check_decision(job: Any) -> None:
    """The decision is about both tests, though a shard has no more than one of them, and the third has none."""
    (line,) = (line for line in scripts(job) if line.startswith("duolog "))
    assert main(words(line)[1:]) == 0
    record = read_record(Path("run.jsonl"))
    assert {sample.scenario for sample in record.samples} == set(record.header.plan.scenarios)
    assert [look.round for look in record.looks][-1] == 20
