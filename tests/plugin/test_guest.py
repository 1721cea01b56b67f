"""A plugin is a guest: a run without dialogues imports, writes, sends and prints nothing for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_duolog.plugin import CI_VARIABLES, REPORTS
from pytest_duolog.plugin.outputs import GITHUB
from pytest_duolog.reports.run_reports import RUN_REPORTS

HEAVY = (
    "anyio",
    "httpx",
    "jinja2",
    "openai",
    "platformdirs",
    "portalocker",
    "pydantic",
    "pytest_duolog.running.dialogue",
    "pytest_duolog.scenarios.scenario",
    "pytest_duolog.scenarios.speaker",
    "pytest_duolog.settings",
    "pytest_duolog.plugin.snapshot",
    "pytest_duolog.transcripts.transcript",
    "vcr",
    "xllamacpp",
    "yaml",
)

PLAIN = """
    def test_it(tmp_path):
        pass

    class TestClass:
        def test_method(self):
            pass
"""

# Other plugins import what they like; only ours is loaded here.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run_child(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        env=os.environ | ALONE | environ,
        capture_output=True,
        text=True,
        check=False,
    )


LIST_MODULES = """
    import json
    import sys
    from pathlib import Path

    def pytest_unconfigure():
        Path(__file__).with_name("modules.json").write_text(json.dumps(sorted(sys.modules)))
"""


# Every run of pytest imports these, so that each more of them is paid for by everybody.
OURS = ["pytest_duolog", "pytest_duolog.genuine", "pytest_duolog.plugin"]


@pytest.mark.parametrize(
    "arguments", [[], ["-v"], ["--collect-only"], ["--markers"], ["--fixtures"], ["--help"]]
)
def test_run_without_dialogues_imports_next_to_nothing(pytester, arguments):
    pytester.makeconftest(LIST_MODULES)
    pytester.makepyfile(PLAIN)
    assert run_child("-p", "pytest_duolog.plugin", *arguments).returncode == 0
    modules = json.loads(Path("modules.json").read_text())
    assert "pytest_duolog.plugin" in modules
    assert [name for name in HEAVY if name in modules] == []
    assert [name for name in modules if name.partition(".")[0] == "pytest_duolog"] == OURS


def test_options_of_reports_are_those_of_the_reports():
    with_option = [report.option for report in RUN_REPORTS if not report.variable]
    assert with_option == [f"--duolog-{name}" for name in REPORTS]
    assert {GITHUB, *(report.variable for report in RUN_REPORTS if report.variable)} == set(CI_VARIABLES)


def test_run_without_dialogues_prints_and_writes_what_it_would_without_the_plugin(pytester):
    pytester.makepyfile(test_plain=PLAIN)
    before = sorted(Path().rglob("*"))
    with_plugin = run_child("-p", "pytest_duolog.plugin", PYTHONDONTWRITEBYTECODE="1")
    without = run_child(PYTHONDONTWRITEBYTECODE="1")
    assert with_plugin.returncode == without.returncode == 0
    assert with_plugin.stdout.splitlines()[2:-1] == without.stdout.splitlines()[2:-1]
    assert with_plugin.stderr == without.stderr == ""
    assert sorted(Path().rglob("*")) == before


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, pytest_duolog; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "pytest_duolog" in modules
    assert [name for name in (*HEAVY, "pytest", "syrupy") if name in modules] == []


TALK = """
    import pytest
    from pathlib import Path

    Path("imported").touch()

    def model(messages):
        Path("asked").touch()
        return "Hello."

    @pytest.mark.dialogue(model=model, turns=1)
    def test_it(dialogue):
        assert len(dialogue.messages) == 3
"""


def test_collecting_only_asks_nobody_and_writes_nothing(pytester):
    pytester.makepyfile(TALK)
    result = pytester.runpytest("--collect-only", "-q", "--record-mode=rewrite", "-p", "no:cacheprovider")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*::test_it"])
    assert Path("imported").exists()
    assert not Path("asked").exists()
    assert not Path("cassettes").exists()


def test_plugin_can_be_turned_off(pytester):
    pytester.makepyfile(PLAIN)
    pytester.runpytest("-p", "no:duolog").assert_outcomes(passed=2)
    pytester.makepyfile(TALK)
    result = pytester.runpytest("-p", "no:duolog")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *fixture 'dialogue' not found"])


@pytest.mark.parametrize(
    "arguments", [["-p", "duolog"], ["-p", "duolog", "-p", "duolog"]], ids=["once", "twice"]
)
def test_plugin_may_be_named_although_it_is_loaded_anyway(pytester, arguments):
    pytester.makepyfile(TALK)
    pytester.runpytest(*arguments).assert_outcomes(passed=1)


def test_conftest_may_name_the_plugin(pytester):
    pytester.makeconftest("pytest_plugins = ['duolog']")
    pytester.makepyfile(TALK)
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize("others", [[], ["-p", "syrupy"]], ids=["alone", "with syrupy"])
def test_plugin_works_without_autoloading(pytester, others):
    pytester.makepyfile(TALK)
    result = run_child("-p", "pytest_duolog.plugin", *others)
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


def test_without_syrupy_only_the_snapshot_is_missing(pytester):
    pytester.makepyfile(
        TALK
        + "\n    def test_snapshot(dialogue, duolog_snapshot):\n        assert dialogue == duolog_snapshot\n"
    )
    result = pytester.runpytest("-p", "no:syrupy")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E *fixture 'snapshot' not found"])


def test_dialogue_of_a_test_package_with_importlib_mode(pytester):
    pytester.mkpydir("package").joinpath("test_talk.py").write_text(
        "import pytest\n\n@pytest.mark.dialogue(model='scripted:counter', turns=1)\n"
        "def test_it(dialogue):\n    assert len(dialogue.messages) == 3\n",
        "utf-8",
    )
    pytester.runpytest("--import-mode=importlib").assert_outcomes(passed=1)
