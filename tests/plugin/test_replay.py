"""A replay does no work whose outcome is recorded, and does it wherever anything differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_duolog.running import guard
from pytest_duolog.storage.checksums import with_checksum, without_checksum

PROJECT = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:m", system="You sell lamps."),
    b=Speaker("Ben", model="openai:m"),
    opener="My lamp does not work.",
    turns=8,
)
def test_lamp(dialogue):
    print(dialogue.stop_reason)
    assert dialogue.messages
"""

# Farewells from the third message on: the guard ends the dialogue.
SAID = (
    "Is it plugged in?",
    "No, it was not. Thank you, goodbye!",
    "You are welcome. Goodbye!",
    "Bye.",
    "Bye!",
)

LIST_MODULES = """
import json, sys
from pathlib import Path

def pytest_unconfigure():
    Path("modules.json").write_text(json.dumps(sorted(sys.modules)))
"""

# What a replay of providers' dialogues needs of other packages, besides pytest and the standard library.
NEEDED = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
HEAVY = {"asyncio", "http", "httpx", "anyio", "ssl", "statistics", "syrupy", "vcr", "yaml", "jinja2"}

# What it needs of this one: a folder stands for all in it.
OURS = {
    "pytest_duolog",
    "pytest_duolog.dataclass",
    "pytest_duolog.detectors",
    "pytest_duolog.detectors.stale",
    "pytest_duolog.display",
    "pytest_duolog.errors",
    "pytest_duolog.gate",
    "pytest_duolog.gate.decision",
    "pytest_duolog.genuine",
    "pytest_duolog.properties",
    "pytest_duolog.properties.base",
    "pytest_duolog.properties.checked",
    "pytest_duolog.properties.claims",
    "pytest_duolog.properties.value_text",
    "pytest_duolog.properties.verdict",
    "pytest_duolog.reports",
    "pytest_duolog.reports.terminal",
    "pytest_duolog.results",
    "pytest_duolog.results.arm",
    "pytest_duolog.results.dialogue_result",
    "pytest_duolog.results.plan",
    "pytest_duolog.results.reading",
    "pytest_duolog.results.shard",
    "pytest_duolog.settings",
    "pytest_duolog.settings.options",
    "pytest_duolog.settings.pyproject",
    "pytest_duolog.transcripts",
    "pytest_duolog.transcripts.perspective",
    "pytest_duolog.transcripts.rounds",
    "pytest_duolog.transcripts.stored",
    "pytest_duolog.transcripts.text_file",
    "pytest_duolog.transcripts.transcript",
    "pytest_duolog.transcripts.usage",
}
FOLDERS = ("endpoints", "plugin", "recording", "running", "scenarios", "storage")
NOT_OF_FOLDERS = {
    "endpoints.anthropic_messages",
    "endpoints.customer",
    "endpoints.gemini",
    "endpoints.http_target",
    "endpoints.live",
    "endpoints.network",
    "endpoints.ollama",
    "endpoints.retrying",
    "endpoints.template",
    "plugin.outputs",
    "plugin.rewrites",
    "plugin.sampling",
    "plugin.snapshot",
    "plugin.record_keeper",
    "recording.complaints",
    "recording.patching",
    "recording.vcr_yaml",
    "running.event_loop",
    "running.steps",
    "scenarios.files",
    "scenarios.personas",
    "scenarios.steps",
    "scenarios.written",
}


@pytest.fixture
def project(pytester, chat_server):
    said = iter(SAID)
    chat_server.answer = lambda body: next(said, "And then?")
    pytester.makeini("[pytest]\naddopts = -p no:asyncio -p no:cacheprovider")
    pytester.makepyfile(test_project=PROJECT)
    pytester.runpytest("--record-mode=once").assert_outcomes(passed=1)
    return pytester


@pytest.fixture
def readers(monkeypatch):
    """Each time that a replay reads a dialogue to find its end."""
    made = []
    usual = guard.Guard

    def counted(*args):
        made.append(args)
        return usual(*args)

    monkeypatch.setattr(guard, "Guard", counted)
    return made


def cassette(project) -> Path:
    [path] = project.path.glob("cassettes/**/*.jsonl")
    return path


def test_a_replay_ends_where_the_recording_says(project, readers):
    result = project.runpytest("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*goodbye (Ben): message 3 *"])
    assert readers == []


@pytest.mark.parametrize(
    "change",
    [("turns=8", "turns=9"), ("turns=8", "turns=8, stop_on=('loop', 'goodbye')"), ("lamps.", "shades.")],
    ids=["turns", "order of reasons", "prompt"],
)
def test_another_dialogue_is_read(project, readers, change):
    project.makepyfile(test_project=PROJECT.replace(*change))
    project.runpytest()
    assert len(readers) == 1


@pytest.mark.parametrize("value", ["grace=0", "grace=3", "stop_on=()", "stop_on='loop'"])
def test_another_way_to_end_takes_effect(project, value):
    """The end that is recorded is that of another way to end, and is not taken for this one's."""
    project.makepyfile(test_project=PROJECT.replace("turns=8", f"turns=8, {value}"))
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{value.partition('=')[0].replace('_', ' ')}: recorded*now*"])


def edited(line: bytes, place: int) -> bytes:
    return line.replace(b"goodbye", b"hello", 1)


def resealed_by_another_version(line: bytes, place: int) -> bytes:
    if place > 1:
        return line
    return with_checksum(without_checksum(line).replace(b'"plugin":"', b'"plugin":"0.0.'), place)


def without_seal(line: bytes, place: int) -> bytes:
    return without_checksum(line)


@pytest.mark.parametrize("change", [edited, resealed_by_another_version, without_seal])
def test_a_recording_that_may_not_be_as_it_was_made_is_read(project, readers, change):
    path = cassette(project)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"".join(change(line, place) + b"\n" for place, line in enumerate(lines, start=1)))
    project.runpytest("-o", "duolog_edited_cassettes=warn")
    assert len(readers) == 1


def test_an_end_that_was_cut_off_is_found_again(project, readers):
    path = cassette(project)
    *lines, _end = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines))
    result = project.runpytest("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*goodbye (Ben): message 3 *"])
    assert len(readers) == 1


def test_what_code_says_is_read(project, readers):
    """The recording knows what a model said, and not what a function says today."""
    project.makepyfile(
        test_project=PROJECT.replace('"openai:m", system="You sell lamps."', "lambda messages: 'Goodbye!'")
    )
    project.runpytest("--record-mode=rewrite").assert_outcomes(passed=1)
    readers.clear()
    project.runpytest().assert_outcomes(passed=1)
    assert len(readers) == 1


def imported(*options):
    """The modules that a run of the project imports, without plugins of other packages."""
    Path("conftest.py").write_text(LIST_MODULES, "utf-8")
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "pytest_duolog.plugin", "-o", "addopts=", *options]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    return set(json.loads(Path("modules.json").read_text()))


def test_collecting_imports_nothing_that_runs_dialogues(project):
    modules = imported("--collect-only")
    assert "pytest_duolog.plugin.collection" in modules
    runs = (
        "endpoints.live",
        "recording.cassette",
        "results.dialogue_result",
        "running.session",
        "running.dialogue",
    )
    assert modules & {f"pytest_duolog.{name}" for name in runs} == set()


def test_a_replay_imports_what_it_needs(project):
    """So that it starts as quickly as it does: add to the lists only what a replay cannot do without."""
    modules = imported()
    tops = {name.partition(".")[0] for name in modules}
    assert tops & HEAVY == set()
    ours = {name for name in modules if name.partition(".")[0] == "pytest_duolog"}
    of_folders = tuple(f"pytest_duolog.{folder}" for folder in FOLDERS)
    assert {name for name in ours - OURS if not name.startswith(of_folders)} == set()
    assert ours & {f"pytest_duolog.{name}" for name in NOT_OF_FOLDERS} == set()
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, pytest; pytest.main(['--version', '-q']); print(*sys.modules)"],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    others = tops - {name.partition(".")[0] for name in bare} - set(sys.stdlib_module_names)
    assert {name for name in others if not name.startswith("_")} <= NEEDED | {
        "pytest_duolog",
        "conftest",
        "test_project",
    }
