"""The recipes and the model of docs/scale.md."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "scale.md").read_text("utf-8")
(JOB,) = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
(ARRAY,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
SUITE = """
import pytest

@pytest.mark.dialogue(model="scripted:counter", turns=1)
@pytest.mark.parametrize("opener", [f"Hello {n}." for n in range(12)])
def test_it(dialogue, opener):
    assert dialogue.messages
"""


def test_every_index_of_the_job_has_a_shard_of_its_own():
    spec = JOB["spec"]
    command = spec["template"]["spec"]["containers"][0]["args"][0]
    assert spec["completionMode"] == "Indexed"
    assert f"/{spec['completions']}" in command
    (last,) = re.findall(r"--array=1-(\d+)$", ARRAY, re.MULTILINE)
    assert ARRAY.rstrip().endswith(f'/{last}"')


@pytest.mark.skipif(shutil.which("bash") is None, reason="the recipes are for bash")
@pytest.mark.parametrize(
    ("script", "variable", "shard"),
    [
        (JOB["spec"]["template"]["spec"]["containers"][0]["args"][0], "JOB_COMPLETION_INDEX=3", "4/10"),
        (ARRAY, "SLURM_ARRAY_TASK_ID=4", "4/10"),
    ],
    ids=["kubernetes", "slurm"],
)
def test_the_recipe_runs_a_shard(pytester: pytest.Pytester, script: str, variable: str, shard: str):
    # bash makes the words of the command; pytest gets them here.
    spoken = script.replace("pytest --", "printf '%s\\n' --")
    told = subprocess.run(
        ["bash", "-c", f"export {variable}\n{spoken}"], capture_output=True, text=True, check=True
    )
    arguments = told.stdout.split()
    assert f"--duolog-shard={shard}" in arguments
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("-p", "no:cacheprovider", *arguments)
    result.stdout.fnmatch_lines(["1 of 12 tests belong to this shard"])
    assert list(pytester.path.glob(".duolog/record-4-of-10.jsonl"))


def test_commands_of_the_page_name_options_that_exist(pytester: pytest.Pytester):
    known = pytester.runpytest("--help").stdout.str()
    for line in re.findall(r"^ *(?:- )?pytest (.*)$", PAGE, re.MULTILINE):
        for word in shlex.split(line):
            if word.startswith("--"):
                assert word.partition("=")[0] in known, word


def test_the_model_agrees_with_its_simulation(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location("scale", ROOT / "benchmarks" / "scale.py")
    assert spec is not None
    assert spec.loader is not None
    scale = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "scale", scale)
    spec.loader.exec_module(scale)
    for load in (
        scale.Load(0.004, 1, 100, 3.0),
        scale.Load(0.004, 1, 1200, 3.0),
        scale.Load(0.1, 4, 50, 0.5),
    ):
        n_dialogues = 20 * load.in_flight
        ratio = load.simulated_s(n_dialogues) / load.modelled_s(n_dialogues)
        assert 1 <= ratio < 1.15
        hours = load.modelled_s(1_000_000) / 3600
        if load.replies * load.reply_s == 30 and load.in_flight > 50:
            assert f"| {load.in_flight:,} | 3 s | {hours:.1f} h |" in PAGE
