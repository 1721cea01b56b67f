"""The example project, as a newcomer finds it: offline, from its committed recordings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "example_project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "example_project"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return copy


def run_pytest(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in the example, with an environment that knows no key and no model."""
    environ = {
        name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))
    }
    environ["DUOLOG_CACHE_DIR"] = str(project / "no-weights-here")
    command = [sys.executable, "-m", "pytest", "-p", "no:asyncio", "-p", "no:randomly", *arguments]
    return subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, check=False)


def files_of(project: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in (project / "tests").rglob("*")
        if path.suffix in (".jsonl", ".md")
    }


@pytest.mark.parametrize(
    "workers", [[], pytest.param(["-n", "2"], marks=pytest.mark.slow)], ids=["plain", "xdist"]
)
def test_it_passes_offline_and_changes_no_file(project: Path, workers: list[str]) -> None:
    before = files_of(project)
    result = run_pytest(project, *workers)
    assert result.returncode == 0, result.stdout
    assert "14 passed" in result.stdout
    assert "15 dialogues, 49 replies replayed" in result.stdout
    assert files_of(project) == before


def test_a_changed_prompt_is_a_miss_that_the_readme_describes(project: Path) -> None:
    prompts = project / "bakery" / "prompts.py"
    prompts.write_text(
        prompts.read_text("utf-8").replace("in one short, friendly sentence", "in two sentences"), "utf-8"
    )
    before = files_of(project)
    result = run_pytest(project)
    assert result.returncode == 1
    assert "system prompt of Clerk: another text" in result.stdout
    assert "message 2 (Clerk) has no recorded reply." in result.stdout
    assert "record again: pytest --record-mode=rewrite" in result.stdout
    assert "1 passed" in result.stdout, "the test with the till has no clerk"
    assert files_of(project) == before


def test_recording_without_weights_names_the_command(project: Path) -> None:
    shutil.rmtree(project / "tests" / "cassettes")
    result = run_pytest(project, "--record-mode=once", "-x")
    assert result.returncode == 1
    assert "duolog local pull" in result.stdout or "pip install 'pytest-duolog[local]'" in result.stdout
    assert not (project / "tests" / "cassettes").exists()


@pytest.mark.parametrize(
    ("candidate", "verdict", "status"),
    [("steady", "PASS", 0), ("thrifty", "BLOCK", 1)],
)
def test_gates_of_the_readme_decide_as_it_says(
    project: Path, candidate: str, verdict: str, status: int
) -> None:
    before = files_of(project)
    arguments = ["tests/test_upgrade.py", "--duolog-candidate", f"clerk=variant:{candidate}"]
    result = run_pytest(project, *arguments)
    assert result.returncode == status, result.stdout
    assert f"\n{verdict}: " in result.stdout
    assert files_of(project) == before
    readme = (project / "README.md").read_text("utf-8")
    promised = readme.partition(f"$ pytest {' '.join(arguments)}\n")[2].partition("$ echo")[0]
    missing = [
        line
        for line in promised.splitlines()
        if "..." not in line and line.strip() and line not in result.stdout
    ]
    assert promised
    assert not missing
