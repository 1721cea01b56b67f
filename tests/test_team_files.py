"""What other repositories take from this one: the action, the component of GitLab, the hook of pre-commit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_duolog.cli import main
from tests.test_ci_docs import SUITE

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
_, COMPONENT = yaml.safe_load_all((ROOT / "templates" / "gate.yml").read_text("utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


def steps_that_run() -> list[dict[str, Any]]:
    return [step for step in ACTION["runs"]["steps"] if "run" in step]


def test_action_pastes_no_input_into_a_command() -> None:
    assert [step["run"] for step in steps_that_run() if "${{" in step["run"]] == []


def test_action_names_its_actions_by_commit() -> None:
    used = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)] == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="the action runs in bash")
def test_action_runs_the_gate_and_passes_its_exit_status_on(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    outputs = pytester.path / "outputs"
    gate = next(step for step in steps_that_run() if step.get("id") == "gate")
    environment = {
        **os.environ,
        "CANDIDATE": "Model B=scripted:counter",
        "BUDGET": "dialogues=400",
        "ARGUMENTS": "-p no:cacheprovider",
        "GITHUB_OUTPUT": str(outputs),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    subprocess.run(["bash", "-e", "-c", gate["run"]], env=environment, check=True)
    assert outputs.read_text("utf-8") == "status=0\n"
    assert Path("duolog-report.html").exists()
    assert "PASS" in Path("duolog-comment.md").read_text("utf-8")


def test_component_runs_a_command_that_this_version_takes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    job = COMPONENT["duolog-gate"]
    line = next(line for line in job["script"] if line.startswith("pytest "))
    line = line.replace("$DUOLOG_TRIAL", "Model B=scripted:counter").replace("$DUOLOG_SPEND", "dialogues=400")
    assert pytester.runpytest("-p", "no:cacheprovider", *shlex.split(line)[1:]).ret == 0
    written = [*job["artifacts"]["reports"].values(), "duolog-report.html"]
    assert [name for name in written if not Path(name).exists()] == []


def test_hook_looks_at_what_is_staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    command = shlex.split(HOOK["entry"])
    assert command[0] == "duolog"
    assert main(command[1:]) == 0
    cassettes = tmp_path / "cassettes"
    cassettes.mkdir()
    (cassettes / "test_x.jsonl").write_text('{"duolog": 2, "test": "test_x"\n', "utf-8")
    subprocess.run(["git", "add", "."], check=True)
    assert main(command[1:]) == 1
