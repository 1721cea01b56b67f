"""Beside pytest-recording and cassetter, which define `--record-mode` as well, in every order of loading.

The two cannot be installed together, so `make` puts them into a folder of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NEIGHBOURS = Path(sys.prefix) / "neighbours"

pytestmark = pytest.mark.skipif(not NEIGHBOURS.is_dir(), reason="make puts the neighbours there")

PROJECT = """
import os
import httpx
import pytest

ADDRESS = os.environ["OPENAI_BASE_URL"] + "/chat/completions"

def send(messages):
    answer = httpx.post(ADDRESS, json={"model": "m", "messages": messages}).json()
    return answer["choices"][0]["message"]["content"]

@pytest.mark.dialogue(a="scripted:counter", b=send, turns=2)
def test_dialogue(dialogue):
    assert len(dialogue.messages) == 5

@pytest.mark.dialogue(a="openai:small", b="scripted:counter", turns=2)
def test_provider(dialogue):
    assert len(dialogue.messages) == 5

@pytest.mark.vcr
def test_neighbour():
    assert "m hears 'Hello.'" in send([{"role": "user", "content": "Hello."}])
"""
OURS = {
    "test_dialogue.scripted-counter+callable-send.1.jsonl",
    "test_provider.openai-small+scripted-counter.1.jsonl",
}


@pytest.fixture
def run(tmp_path, chat_server, monkeypatch):
    """Runs pytest in an interpreter that finds the neighbours; plugins load by themselves, or in the given order."""
    (tmp_path / "test_project.py").write_text(PROJECT)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    monkeypatch.setenv("PYTHONPATH", str(NEIGHBOURS))

    def run(*arguments, plugins=()):
        environ = dict(os.environ)
        if plugins:
            environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        order = [word for plugin in plugins for word in ("-p", plugin)]
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *order, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    return run


def cassettes(tmp_path):
    return {path.name for path in (tmp_path / "cassettes").rglob("*") if path.is_file()}


DUOLOG, RECORDING, CASSETTER = "pytest_duolog.plugin", "pytest_recording.plugin", "cassetter.pytest_plugin"


@pytest.mark.parametrize(
    "plugins",
    [
        (DUOLOG, RECORDING),
        pytest.param((RECORDING, DUOLOG), marks=pytest.mark.slow),
        pytest.param((DUOLOG, CASSETTER), marks=pytest.mark.slow),
        (CASSETTER, DUOLOG),
    ],
    ids=["before recording", "after recording", "before cassetter", "after cassetter"],
)
def test_one_option_records_for_both_in_every_order(run, tmp_path, plugins):
    result = run("--record-mode=once", plugins=plugins)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout
    assert cassettes(tmp_path) == {*OURS, "test_neighbour.yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("absent", ["cassetter", "recording"])
def test_both_replay_as_installed_under_xdist(run, tmp_path, chat_server, absent):
    assert run("--record-mode=once", "-p", f"no:{absent}").returncode == 0
    before = cassettes(tmp_path)
    assert before == {*OURS, "test_neighbour.yaml"}
    chat_server.close()
    result = run("-p", f"no:{absent}", "-n", "1")
    assert "3 passed" in result.stdout, result.stdout + result.stderr
    assert "2 dialogues, 4 replies replayed" in result.stdout
    assert cassettes(tmp_path) == before


def test_blocked_neighbours_leave_the_option_to_us(run, tmp_path):
    result = run("-p", "no:recording", "-p", "no:cassetter", "--record-mode=rewrite", "-m", "dialogue")
    assert "2 passed" in result.stdout, result.stdout + result.stderr
    assert cassettes(tmp_path) == OURS


def test_wrong_mode_is_refused_with_the_known_ones(run):
    result = run("--record-mode=sometimes", plugins=(DUOLOG, RECORDING))
    assert "argument --record-mode: invalid choice: 'sometimes' (choose from" in result.stderr


def test_mode_that_only_a_neighbour_knows_stops_dialogues_and_no_other_test(run, tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_plain(): pass")
    result = run("--record-mode=verify", "test_plain.py", plugins=(DUOLOG, CASSETTER))
    assert "1 passed" in result.stdout, result.stdout + result.stderr
    result = run("--record-mode=verify", plugins=(DUOLOG, CASSETTER))
    assert "--record-mode or duolog_record_mode: unknown value 'verify' (accepted: none, " in result.stdout


@pytest.mark.parametrize("neighbour", [RECORDING, pytest.param(CASSETTER, marks=pytest.mark.slow)])
def test_dialogue_in_a_test_that_a_neighbour_records_too(run, tmp_path, chat_server, neighbour):
    both = PROJECT.replace(
        "    assert len(dialogue.messages) == 5\n", "    send(BESIDES)\n    assert dialogue.messages\n"
    )
    both = both.replace("@pytest.mark.dialogue", "@pytest.mark.vcr\n@pytest.mark.dialogue")
    both += "\nBESIDES = [{'role': 'user', 'content': 'Besides.'}]\n"
    (tmp_path / "test_project.py").write_text(both)
    result = run("--record-mode=once", plugins=(DUOLOG, neighbour))
    assert "3 passed" in result.stdout, result.stdout + result.stderr
    assert cassettes(tmp_path) == {*OURS, "test_neighbour.yaml", "test_dialogue.yaml", "test_provider.yaml"}
    for name in OURS:
        assert "Besides" not in (tmp_path / "cassettes" / "test_project" / name).read_text()
    assert (
        "This is message 1"
        not in (tmp_path / "cassettes" / "test_project" / "test_provider.yaml").read_text()
    )
    chat_server.close()
    result = run(plugins=(DUOLOG, neighbour))
    assert "3 passed" in result.stdout, result.stdout + result.stderr
