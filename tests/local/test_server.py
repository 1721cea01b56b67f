"""The server process: real ones with the real model, and stand-ins for faults."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pytest_duolog.errors import DialogueError, LocalModelError
from pytest_duolog.local import server
from pytest_duolog.local.server import LocalServer, LocalServers
from pytest_duolog.local.weights import find_weights
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.running.dialogue import Dialogue
from pytest_duolog.running.dialogue import TestSite as Site
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.values import ScenarioValues, Source
from pytest_duolog.settings import Settings

MODEL = "smollm2-135m-instruct"


def missing_piece() -> str:
    """Why the real model cannot run here; empty if it can."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed"
    try:
        find_weights(MODEL)
    except LocalModelError as error:
        return str(error)
    return ""


needs_model = pytest.mark.skipif(bool(missing_piece()), reason=missing_piece() or "-")


@pytest.fixture(scope="module")
def running() -> Iterator[LocalServer]:
    servers = LocalServers()
    yield servers.get(MODEL)
    servers.stop_all()


def ask(running: LocalServer, key: str) -> httpx.Response:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 4}
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(
        f"{running.base_url}/chat/completions", json=body, headers=headers, timeout=60, trust_env=False
    )


@needs_model
@pytest.mark.local
def test_a_real_model_answers_and_shows_no_path(running: LocalServer) -> None:
    answer = ask(running, running.api_key)
    assert answer.status_code == 200
    assert answer.json()["model"] == f"local/{MODEL}"
    assert str(find_weights(MODEL).parent) not in answer.text


@needs_model
@pytest.mark.local
def test_a_wrong_key_is_refused(running: LocalServer) -> None:
    assert ask(running, "wrong").status_code == 401


@needs_model
@pytest.mark.local
def test_one_server_serves_a_whole_session(running: LocalServer) -> None:
    servers = LocalServers()
    try:
        first = servers.get(MODEL)
        assert servers.get(MODEL) is first
        assert first.base_url != running.base_url
    finally:
        servers.stop_all()


@needs_model
@pytest.mark.local
def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pytest_duolog.local.server import LocalServers\n"
        f"print(LocalServers().get({MODEL!r})._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(1200):  # of a minute
        if not is_running(child):
            break
        time.sleep(0.05)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@needs_model
@pytest.mark.local
def test_a_corrupt_file_gives_the_reason_of_llama_cpp(tmp_path: Path) -> None:
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"GGUF" + b"x" * 1000)
    with pytest.raises(LocalModelError, match=r"did not start: [\s\S]*failed to load model"):
        LocalServer(MODEL, junk)


def test_missing_xllamacpp_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LocalModelError, match=r"pip install 'pytest-duolog\[local\]'"):
        LocalServers().get(MODEL)


READY = "sys.stdout.write('READY ' + json.dumps({'url': 'http://127.0.0.1:9'}) + '\\n'); sys.stdout.flush()"
CHILDREN = {
    "fails": ('sys.stdout.write(\'FAILED {"reason": "no room"}\\n\')', "did not start: no room"),
    "dies at once": (
        "sys.stderr.write('GGML_ASSERT: bad\\n'); sys.exit(3)",
        r"ended with status 3\nGGML_ASSERT: bad",
    ),
}


def child_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Let a few lines of Python stand in for the server process."""
    (tmp_path / "child.py").write_text(f"import json, sys\nsys.stdin.readline()\n{code}\n", encoding="utf-8")
    monkeypatch.setattr(server, "__file__", str(tmp_path / "server.py"))


@pytest.mark.parametrize(("code", "said"), CHILDREN.values(), ids=CHILDREN.keys())
def test_a_server_that_does_not_start_says_why(
    code: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child_that(monkeypatch, tmp_path, code)
    with pytest.raises(LocalModelError, match=said):
        LocalServer(MODEL, tmp_path / "model.gguf")


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child_that(monkeypatch, tmp_path, "sys.stdin.read()")
    monkeypatch.setattr(server, "START_TIMEOUT_S", 0.1)
    with pytest.raises(LocalModelError, match="did not answer within"):
        LocalServer(MODEL, tmp_path / "model.gguf")


def test_noise_before_the_answer_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child_that(monkeypatch, tmp_path, f"print('loading...')\n{READY}\nsys.stdin.read()")
    started = LocalServer(MODEL, tmp_path / "model.gguf")
    started.stop()
    started.stop()
    assert started.base_url == "http://127.0.0.1:9/v1"


def test_a_server_that_dies_later_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child_that(monkeypatch, tmp_path, f"sys.stderr.write('out of memory\\n'); {READY}; sys.exit(9)")
    died = LocalServer(MODEL, tmp_path / "model.gguf")
    died._process.wait()
    with pytest.raises(LocalModelError) as caught:
        died.check_alive()
    assert str(caught.value) == (
        f"the server of local:{MODEL} stopped: its process ended with status 9\n"
        "out of memory\n"
        "  to fix:  run again: what is recorded is kept"
    )


@needs_model
@pytest.mark.local
def test_a_server_that_is_killed_in_a_dialogue_is_named(tmp_path: Path) -> None:
    session = Session(Settings(record_mode=RecordMode.ONCE))

    def kill(messages: list[dict[str, str]]) -> str:
        if len(messages) > 2:
            session._lines._local_servers.get(MODEL)._process.kill()
        return "Go on."

    given = {"a": kill, "b": f"local:{MODEL}", "max_tokens": 4, "turns": 3, "stop_on": ()}
    values = ScenarioValues.of([Source("the test", given)])
    site = Site(session, tmp_path, "test_it", values, {}, "test_it.py", lambda _: ())
    dialogue = Dialogue(site, values)
    try:
        with pytest.raises(DialogueError) as caught:
            dialogue.messages  # noqa: B018
    finally:
        session.close()
    assert str(caught.value).startswith(
        f"no message 4 from Model B: the server of local:{MODEL} stopped: its process ended by SIGKILL"
    )
    assert str(caught.value).endswith(
        "  to fix:  run again: what is recorded is kept; "
        "the system kills processes with SIGKILL if memory runs out"
    )
    assert len(caught.value.transcript) == 3
    assert len(read_journal(dialogue.cassette_path).interactions) == 1


def test_a_stubborn_server_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child_that(monkeypatch, tmp_path, f"import time; {READY}; time.sleep(60)")
    monkeypatch.setattr(server, "STOP_TIMEOUT_S", 0.2)
    stubborn = LocalServer(MODEL, tmp_path / "model.gguf")
    stubborn.stop()
    assert not is_running(stubborn._process.pid)


def test_the_configuration_is_that_of_a_guest(tmp_path: Path) -> None:
    config = server._config(MODEL, tmp_path / "x.gguf", "key", "")
    assert config["n_threads"] == 1
    assert config["params"]["hostnames"] == ["127.0.0.1"]
    assert json.dumps(config)
