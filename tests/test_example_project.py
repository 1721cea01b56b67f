"""The example project, as a newcomer finds it: offline, from its committed recordings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "example_project"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example in the working directory, and an environment that knows no key and no model."""
    copy = pytester.path / "example_project"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    monkeypatch.chdir(copy)
    for name in os.environ:
        if name.endswith(("_API_KEY", "_BASE_URL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DUOLOG_CACHE_DIR", str(copy / "no-weights-here"))
    return copy


@pytest.fixture
def run_pytest(project: Path, pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest("-p", "no:asyncio", "-p", "no:randomly", *arguments)

    return run


def files_of(project: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in (project / "tests").rglob("*")
        if path.suffix in (".jsonl", ".md")
    }


@pytest.mark.parametrize(
    "workers", [[], pytest.param(["-n", "2"], marks=pytest.mark.slow)], ids=["plain", "xdist"]
)
def test_it_passes_offline_and_changes_no_file(project: Path, run_pytest, workers: list[str]) -> None:
    before = files_of(project)
    result = run_pytest(*workers)
    assert result.ret == 0, result.stdout.str()
    assert result.parseoutcomes().keys().isdisjoint({"failed", "skipped", "errors", "xfailed"})
    result.stdout.fnmatch_lines(["* dialogues, * replies replayed*"])
    assert files_of(project) == before


def test_a_changed_prompt_is_a_miss_that_the_readme_describes(project: Path, run_pytest) -> None:
    prompts = project / "bakery" / "prompts.py"
    prompts.write_text(
        prompts.read_text("utf-8").replace("in one short, friendly sentence", "in two sentences"), "utf-8"
    )
    before = files_of(project)
    result = run_pytest()
    assert result.ret == 1
    assert "system prompt of Clerk: edited" in result.stdout.str()
    assert "message 2 (Clerk) has no recorded reply." in result.stdout.str()
    assert "record again: pytest --record-mode=rewrite" in result.stdout.str()
    assert "FAILED tests/test_pickup.py" not in result.stdout.str(), "its clerk has no prompt"
    assert result.parseoutcomes()["passed"] >= 5, "nor have the till and the two that talk alone"
    assert files_of(project) == before


def test_recording_without_weights_names_the_command(project: Path, run_pytest) -> None:
    shutil.rmtree(project / "tests" / "cassettes")
    result = run_pytest("--record-mode=once", "-x")
    assert result.ret == 1
    assert (
        "duolog local pull" in result.stdout.str()
        or "pip install 'pytest-duolog[local]'" in result.stdout.str()
    )
    assert not (project / "tests" / "cassettes").exists()


@pytest.mark.parametrize(
    ("candidate", "verdict", "status"),
    [("steady", "PASS", 0), ("thrifty", "BLOCK", 1)],
)
def test_gates_of_the_readme_decide_as_it_says(
    project: Path, run_pytest, candidate: str, verdict: str, status: int
) -> None:
    before = files_of(project)
    arguments = ["tests/test_upgrade.py", "--duolog-candidate", f"clerk=variant:{candidate}"]
    result = run_pytest(*arguments)
    assert result.ret == status, result.stdout.str()
    assert f"\n{verdict}: " in result.stdout.str()
    assert files_of(project) == before
    readme = (project / "README.md").read_text("utf-8")
    promised = readme.partition(f"$ pytest {' '.join(arguments)}\n")[2].partition("$ echo")[0]
    missing = [
        line
        for line in promised.splitlines()
        if "..." not in line and line.strip() and line not in result.stdout.str()
    ]
    assert promised
    assert not missing
