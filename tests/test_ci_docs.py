"""The examples of docs/ci.md: valid YAML, and commands that this version takes."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_duolog.cli import main
from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer

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


RECORDED = SUITE.replace("a=speaks, b=speaks, turns=1", 'a="openai:m", b=speaks, turns=1')

# What must outlive a job: without it a second run would pay again.
KEPT = ("tests/cassettes/test_it/test_it.jsonl", "tests/__snapshots__/test_it/test_it.md")
REWRITES = ".duolog/rewrite-0123.jsonl"


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


# A second run pays for the rest


def kept(patterns: Iterable[str]) -> list[Path]:
    """The files that a cache or an artifact with these paths holds; a folder stands for all that is in it."""
    found = [path for pattern in patterns for path in Path().glob(pattern)]
    inside = [path for folder in found if folder.is_dir() for path in folder.rglob("*")]
    return sorted({path for path in [*found, *inside] if path.is_file()})


def lines_of(paths: str | list[str]) -> list[str]:
    return paths.splitlines() if isinstance(paths, str) else paths


def cache_steps(steps: list[Any]) -> tuple[Any, Any]:
    """The steps of a job on GitHub that restore and save a cache, around the one that asks models."""
    uses = [str(step.get("uses", "")).partition("@")[0] for step in steps]
    restore, save = uses.index("actions/cache/restore"), uses.index("actions/cache/save")
    asking = [at for at, step in enumerate(steps) if "--duolog-budget" in str(step.get("run"))]
    assert restore < asking[0] < save
    return steps[restore], steps[save]


GITHUB_JOBS = {
    "gate": GITHUB["jobs"]["gate"],
    "nightly": GITHUB["jobs"]["nightly"],
    "shard": GITHUB_SHARDS["jobs"]["shard"],
}
GITLAB_JOBS = {"gate": GITLAB["gate"], "shard": GITLAB_SHARDS["shard"]}
CACHED = {
    f"GitHub, {name}": cache_steps(job["steps"])[1]["with"]["path"] for name, job in GITHUB_JOBS.items()
}
CACHED |= {f"GitLab, {name}": job["cache"]["paths"] for name, job in GITLAB_JOBS.items()}


@pytest.mark.parametrize("name", GITHUB_JOBS)
def test_githubs_jobs_restore_what_they_have_saved_however_they_ended(name: str) -> None:
    restore, save = cache_steps(GITHUB_JOBS[name]["steps"])
    assert save["if"] == "always()"
    assert restore["with"]["path"] == save["with"]["path"], "another list of paths is another cache"
    assert restore["with"]["key"] == save["with"]["key"]
    assert save["with"]["key"].endswith("${{ github.run_id }}-${{ github.run_attempt }}"), (
        "a key is saved once"
    )
    assert save["with"]["key"].startswith(restore["with"]["restore-keys"])
    assert ("matrix.shard" in save["with"]["key"]) is (name == "shard")


@pytest.mark.parametrize("name", GITLAB_JOBS)
def test_gitlabs_jobs_restore_what_they_have_saved_however_they_ended(name: str) -> None:
    cache = GITLAB_JOBS[name]["cache"]
    assert cache["when"] == "always"
    assert "$CI_COMMIT_SHA" in cache["key"]
    assert ("$CI_NODE_INDEX" in cache["key"]) is (name == "shard")


@pytest.mark.parametrize("paths", CACHED.values(), ids=CACHED.keys())
def test_caches_hold_cassettes_snapshots_and_rewrites(
    pytester: pytest.Pytester, paths: str | list[str]
) -> None:
    for name in (*KEPT, REWRITES, ".duolog/record-1-of-3.jsonl", "tests/test_it.py"):
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert {path.as_posix() for path in kept(lines_of(paths))} == {*KEPT, REWRITES}


@pytest.mark.parametrize("name", [*GITHUB_JOBS, *(f"GitLab {name}" for name in GITLAB_JOBS)])
def test_artifacts_hold_cassettes_and_snapshots(pytester: pytest.Pytester, name: str) -> None:
    for kept_name in KEPT:
        path = pytester.path / kept_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if name in GITHUB_JOBS:
        uploads = [step for step in GITHUB_JOBS[name]["steps"] if "upload-artifact" in step.get("uses", "")]
        paths = [line for step in uploads for line in lines_of(step["with"]["path"])]
    else:
        paths = GITLAB_JOBS[name.removeprefix("GitLab ")]["artifacts"]["paths"]
    assert {path.as_posix() for path in kept(paths)} == {*KEPT}


class Machines:
    """Machines on which a job runs: each begins with what is in the repository, and with what the cache has."""

    def __init__(self, pytester: pytest.Pytester, server: ChatServer) -> None:
        self._pytester = pytester
        self.repository: dict[Path, bytes] = {}
        self.cache: dict[Path, bytes] = {}
        self.server = server
        self.answer("")

    def answer(self, age: str) -> None:
        numbers = itertools.count(1)
        self.server.answer = lambda _: f"This is {age} answer number {next(numbers)}."
        self.server.requests.clear()

    def run(
        self, line: str, paths: str | list[str], *options: str, budget: int = 400, **variables: str
    ) -> int:
        """Run a job's command on a new machine, and save its cache; the number of requests to the model."""
        n_before = len(self.server.requests)
        for found in Path().iterdir():
            shutil.rmtree(found) if found.is_dir() else found.unlink()
        self._pytester.makepyfile(test_it=RECORDED)
        for path, content in {**self.repository, **self.cache}.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        line = line.replace("dialogues=400", f"dialogues={budget}").replace(
            "--duolog-samples 20", "--duolog-samples 3"
        )
        self._pytester.runpytest("-p", "no:cacheprovider", *words(line, **variables)[1:], *options)
        self.cache |= {path: path.read_bytes() for path in kept(lines_of(paths))}
        return len(self.server.requests) - n_before


@pytest.fixture
def machines(pytester: pytest.Pytester, chat_server: ChatServer) -> Machines:
    return Machines(pytester, chat_server)


def asking_line(job: Any) -> str:
    (line,) = (line for line in scripts(job) if line.startswith("pytest ") and "--duolog-plan" not in line)
    return line


GATES = {
    "GitHub, gate": ({"CANDIDATE": "Model B=scripted:counter"}, ()),
    "GitLab, gate": ({"CANDIDATE": "Model B=scripted:counter"}, ("--duolog-budget=dialogues=400",)),
    "GitHub, shard": ({"SHARD": "1/2"}, ()),
    "GitLab, shard": ({"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "2"}, ("--duolog-budget=dialogues=400",)),
}


@pytest.mark.parametrize("name", GATES)
def test_second_run_of_a_gate_pays_for_the_rest(machines: Machines, name: str) -> None:
    variables, more = GATES[name]
    job = (GITHUB_JOBS if "GitHub" in name else GITLAB_JOBS)[name.partition(", ")[2]]
    line = " ".join([asking_line(job), *more])
    rounds = "--duolog-rounds=3"
    n_whole = machines.run(line, CACHED[name], rounds, **variables)
    machines.cache.clear()
    n_first = machines.run(line, CACHED[name], rounds, budget=3, **variables)
    n_second = machines.run(line, CACHED[name], rounds, **variables)
    assert 0 < n_first < n_whole
    assert n_first + n_second == n_whole
    assert machines.run(line, CACHED[name], rounds, **variables) == 0


def test_second_run_of_a_night_goes_on_with_the_first(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = GITHUB_JOBS["nightly"]
    assert (
        job["env"]["PYTEST_ADDOPTS"] == "--record-mode=${{ github.run_attempt == 1 && 'rewrite' || 'once' }}"
    )
    line, paths = asking_line(job), CACHED["GitHub, nightly"]

    def attempt(mode: str, *, budget: int = 400) -> int:
        usual = "-o asyncio_default_fixture_loop_scope=function"
        monkeypatch.setenv("PYTEST_ADDOPTS", f"{usual} --record-mode={mode}")
        return machines.run(line, paths, budget=budget)

    machines.answer("old")
    n_whole = attempt("once")
    machines.repository = {path: path.read_bytes() for path in kept(["**/cassettes"])}
    machines.cache.clear()
    machines.answer("new")
    n_first = attempt("rewrite", budget=3)
    n_second = attempt("once")
    assert 0 < n_first < n_whole
    assert n_first + n_second == n_whole
    recorded = [path.read_text("utf-8") for path in kept(["**/cassettes"])]
    assert len(recorded) == 6
    assert not any("old" in text for text in recorded)
