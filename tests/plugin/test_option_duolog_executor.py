"""`--duolog-executor`: dialogues run in workers; the run decides, records and reports as if they had run here."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer, completion
from tests.worker_engine import HereEngine

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old", role="agent"), turns=2,
    samples=6, min_pass_rate=0.5,
)
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(3)])
def test_it(opener, dialogue):
    assert "wrong" not in dialogue.messages[1].content
"""
AWAY = "--duolog-executor=dask://local?workers=2"


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[HereEngine]:
    """The engines that runs have used; their workers are here."""
    used: list[HereEngine] = []

    def engine_at(address: Any) -> HereEngine:
        used.append(HereEngine())
        return used[-1]

    monkeypatch.setattr("pytest_duolog.settings.executor.ENGINES", {"dask": "json"})
    monkeypatch.setattr("pytest_duolog.plugin.workers.engine_at", engine_at)
    return used


def answer(body: dict[str, Any]) -> tuple[int, bytes]:
    """Wrong for one opener, by what was asked alone; every answer has an id of its own."""
    last = body["messages"][-1]["content"]
    said = "wrong" if last == "Opener 1." else f"right after {len(body['messages'])}: {last[:20]}"
    return 200, json.dumps({**json.loads(completion(body, said)), "id": uuid4().hex}).encode()


def samples(record: Path) -> list[tuple[Any, ...]]:
    return sorted(
        (sample.scenario, sample.number, sample.arm, sample.outcome, dialogue.transcript.messages[1].content)
        for sample in read_record(record).samples
        for dialogue in sample.dialogues
    )


@pytest.mark.parametrize("options", [(), ("--duolog-candidate=agent=openai:new",), ("--duolog-collect=3",)])
def test_verdict_and_record_are_those_of_one_process(
    pytester: pytest.Pytester, chat_server: ChatServer, engines: list[HereEngine], options: tuple[str, ...]
):
    chat_server.answer = answer
    pytester.makepyfile(SUITE)
    common = ("-p", "no:cacheprovider", "--record-mode=rewrite", "--duolog-rounds=4", *options)
    if "candidate" not in "".join(options):
        common = tuple(option for option in common if "rounds" not in option)
    runs = {}
    for name, more in (("here", ()), ("away", (AWAY, "--duolog-concurrency=6"))):
        result = pytester.runpytest(*common, f"--duolog-record={name}.jsonl", *more)
        runs[name] = (result.ret, result.parseoutcomes(), samples(pytester.path / f"{name}.jsonl"))
    assert runs["away"] == runs["here"]
    result.stdout.fnmatch_lines(["dask://local: * dialogues in 2 workers"])
    assert not re.search("in this process", result.stdout.str())
    assert [method for _, method in engines[0].sent].count("close") == 2


def test_recordings_made_by_workers_are_replayed_without_them(
    pytester: pytest.Pytester, chat_server: ChatServer, engines: list[HereEngine]
):
    chat_server.answer = answer
    pytester.makepyfile(SUITE)
    pytester.runpytest("--record-mode=once", AWAY)
    n_asked = len(chat_server.requests)
    # The key in the ini file is for all runs; a replay needs no worker.
    result = pytester.runpytest("-o", "duolog_executor=dask://local")
    assert "replies recorded" not in result.stdout.str()
    assert (len(chat_server.requests), len(engines)) == (n_asked, 1)


FUNCTION = """
import pytest
from unittest import mock
from pytest_duolog import Speaker

def bot(messages):
    return "Hello."

@pytest.mark.dialogue(a=Speaker("Al", model="openai:m"), b=Speaker("Bo", model={model}), turns=1)
def test_it(dialogue):
    assert dialogue.messages
    {more}
"""
HOOKS = """
@pytest.fixture(scope="module")
def duolog_vcr_config():
    return {"filter_headers": ["x"]}
"""


@pytest.mark.parametrize(
    ("options", "suite", "told"),
    [
        (("--record-mode=none",), SUITE, "*no effect in record mode none*--record-mode=once*"),
        (("--record-mode=once", "--duolog-concurrency=1"), SUITE, "*one dialogue runs after the other*"),
        (
            ("--record-mode=once",),
            FUNCTION.format(model="bot", more=""),
            "*no worker can run*test_it (Bo is a function or object of your tests)*--deselect*",
        ),
        (
            ("--record-mode=once",),
            FUNCTION.format(model="'openai:m'", more="mock.Mock()"),
            "*(it may mock requests, which a worker would send to the network)*",
        ),
        (
            ("--record-mode=once",),
            FUNCTION.replace("from unittest import mock", "").format(model="'openai:m'", more="") + HOOKS,
            "*(duolog_vcr_config has hooks, which are code of your tests)*",
        ),
    ],
    ids=["record mode none", "one at a time", "function", "mock", "hooks"],
)
def test_what_would_have_no_effect_or_cannot_be_sent_is_refused(
    pytester: pytest.Pytester,
    chat_server: ChatServer,
    engines: list[HereEngine],
    options: tuple[str, ...],
    suite: str,
    told: str,
):
    pytester.makepyfile(suite)
    result = pytester.runpytest(AWAY, *options)
    assert result.ret != 0
    result.stdout.fnmatch_lines([told])
    assert not chat_server.requests
    assert not any(method == "perform" for engine in engines for _, method in engine.sent)


def test_a_wrong_address_is_refused(pytester: pytest.Pytester):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("--record-mode=once", "--duolog-executor=spark://local")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*duolog_executor: 'spark://local' is not the address of an executor*"])


def test_a_plan_and_a_collection_reach_for_no_worker(
    pytester: pytest.Pytester, chat_server: ChatServer, engines: list[HereEngine]
):
    pytester.makepyfile(SUITE)
    for option in ("--collect-only", "--duolog-plan"):
        assert pytester.runpytest("--record-mode=once", AWAY, option).ret == 0
    assert not engines


def test_a_screen_asks_in_workers(
    pytester: pytest.Pytester, chat_server: ChatServer, engines: list[HereEngine]
):
    pytester.makepyfile(SUITE.replace("samples=6, min_pass_rate=0.5,", "").replace("'wrong' not in", "1 or"))
    chat_server.answer = answer
    pytester.runpytest("--record-mode=once")
    result = pytester.runpytest("--duolog-screen=3", "--duolog-candidate=agent=openai:new", AWAY)
    result.stdout.fnmatch_lines(["dask://local: 36 dialogues in 2 workers"])
    assert [method for _, method in engines[0].sent].count("perform") == 36


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def _is_worker(pid: int, engine: str) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"spawn_main" in command if engine == "dask" else command.startswith(b"ray::Worker")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in /proc")
@pytest.mark.parametrize(("engine", "module"), [("dask", "distributed"), ("ray", "ray")])
def test_a_real_cluster_loses_nothing_when_a_worker_is_killed(
    pytester: pytest.Pytester, chat_server: ChatServer, engine: str, module: str
):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")

    def slow_answer(body: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(0.05)
        return answer(body)

    chat_server.answer = slow_answer
    pytester.makepyfile(SUITE.replace("turns=2", "turns=10, stop_on=()").replace("range(3)", "range(4)"))
    run = pytester.popen(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-W",
                "ignore",
                "-p",
                "no:cacheprovider",
                "--record-mode=once",
            ),
            *(
                "--duolog-collect=4",
                "--duolog-concurrency=8",
                f"--duolog-executor={engine}://local?workers=2",
            ),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    deadline = time.monotonic() + 120
    while len(chat_server.requests) < 40 and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.poll() is None, run.communicate()[0]
    workers = [pid for pid in _children(run.pid) if _is_worker(pid, engine)]
    os.kill(workers[-1], signal.SIGKILL)
    output = run.communicate(timeout=240)[0].decode()
    assert run.returncode == 0, output
    assert re.search(rf"{engine}://local: 16 dialogues in 2 workers, \d+ dialogues? begun again", output)
    assert len(samples(pytester.path / ".duolog" / "record.jsonl")) == 16
    assert len(list(pytester.path.rglob("cassettes/**/*.jsonl"))) == 16
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
