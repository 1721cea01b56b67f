"""`--duolog-executor`: dialogues run in workers; the run decides, records and reports as if they had run here."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.results.store import read_record
from tests.chat_server import ChatServer, completion
from tests.worker_engine import HereEngine, engines_used

SUITE = """
import pytest
from pytest_duolog import Speaker

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old", role="agent"), turns=2, seed=3,
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
    return engines_used(monkeypatch, "pytest_duolog.plugin.workers")


def answer(body: dict[str, Any]) -> tuple[int, bytes]:
    """Wrong for one opener, by what was asked alone; samples differ by their seeds, so that none is a copy."""
    last = body["messages"][-1]["content"]
    said = "wrong" if last == "Opener 1." else f"right after {len(body['messages'])}: {last[:20]}"
    said = f"{said} ({body.get('seed')})"
    return 200, completion(body, said)


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


def test_a_rewrite_in_workers_replaces_what_was_recorded(
    pytester: pytest.Pytester, chat_server: ChatServer, engines: list[HereEngine]
):
    chat_server.answer = answer
    pytester.makepyfile(SUITE.replace("samples=6, min_pass_rate=0.5,", "").replace('"wrong" not in', "'' in"))
    pytester.runpytest("--record-mode=once")
    before = {path: path.read_bytes() for path in pytester.path.rglob("cassettes/**/*.jsonl")}
    chat_server.answer = lambda body: f"Anew {len(body['messages'])}."
    result = pytester.runpytest("--record-mode=rewrite", AWAY)
    result.stdout.fnmatch_lines(["dask://local: 3 dialogues in 2 workers"])
    after = {path: path.read_bytes() for path in pytester.path.rglob("cassettes/**/*.jsonl")}
    assert after.keys() == before.keys()
    assert all(b"Anew 1." in content for content in after.values())
    pytester.runpytest("--record-mode=none").assert_outcomes(passed=3)


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
        (
            ("--duolog-screen=3", "--duolog-screen-batch=5", "--duolog-candidate=agent=openai:new"),
            SUITE,
            "*no effect on --duolog-screen-batch, whose batches are sent from this process*",
        ),
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
    ids=["record mode none", "batches", "one at a time", "function", "mock", "hooks"],
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


STEPS = """
import pytest
from pytest_duolog import Speaker, check, reply, say

def is_short(transcript):
    return len(transcript) {compared}

@pytest.mark.dialogue(
    a=Speaker("Ann", model="openai:asker"), b=Speaker("Ben", model="openai:old"),
    steps=[say("Begin."), reply(), check(is_short), reply()],
)
def test_it(dialogue):
    assert dialogue.messages
"""


@pytest.mark.parametrize(("compared", "outcomes"), [("== 2", {"passed": 1}), ("== 9", {"failed": 1})])
def test_a_function_of_a_test_module_judges_what_workers_have_said(
    pytester: pytest.Pytester,
    chat_server: ChatServer,
    engines: list[HereEngine],
    compared: str,
    outcomes: dict[str, int],
):
    pytester.makepyfile(STEPS.format(compared=compared))
    result = pytester.runpytest("--record-mode=once", AWAY)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines(["dask://local: 1 dialogue in 2 workers"])


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            "pytest_duolog.HttpTarget('http://127.0.0.1:1/', headers={'x-api-key': 'sk-plain-0123456'})",
            "*of Bo*",
        ),
        ("'house:m'", "*tool.duolog.providers.house*"),
    ],
    ids=["target", "provider"],
)
def test_a_key_that_is_written_out_is_refused_before_anything_runs(
    pytester: pytest.Pytester, chat_server: ChatServer, engines: list[HereEngine], model: str, told: str
):
    pytester.makepyprojecttoml(
        """
        [tool.duolog.providers.house]
        base_url = "http://127.0.0.1:1/v1"
        headers = {x-api-key = "sk-plain-0123456"}
        """
    )
    suite = FUNCTION.replace("from unittest import mock", "import pytest_duolog")
    pytester.makepyfile(suite.format(model=model, more=""))
    result = pytester.runpytest(AWAY, "--record-mode=once")
    result.stdout.fnmatch_lines([f"{told}may hold a key, which is never sent: write ${{NAME}}*"])
    assert "sk-plain" not in result.stdout.str()
    assert not chat_server.requests
    assert not engines


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def _is_worker(pid: int, engine: str) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"spawn_main" in command if engine == "dask" else command.startswith(b"ray::Worker")


on_linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in /proc")
clusters = pytest.mark.parametrize(("engine", "module"), [("dask", "distributed"), ("ray", "ray")])


def _needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def _begin(pytester: pytest.Pytester, *options: str) -> subprocess.Popen[bytes]:
    """A run of four tests with a dialogue of 20 replies each, in a group of processes of its own."""
    suite = SUITE.replace("turns=2", "turns=10, stop_on=()").replace("range(3)", "range(4)")
    pytester.makepyfile(suite.replace("samples=6, min_pass_rate=0.5,", "").replace('"wrong" not in', "'' in"))
    command = (sys.executable, "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider")
    return pytester.popen(
        [*command, "--record-mode=once", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _answer_in(seconds: float) -> Any:
    def slow_answer(body: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(seconds)
        return answer(body)

    return slow_answer


def _wait_for(is_so: Any, run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not is_so() and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.poll() is None, run.communicate()[0]


def _n_recorded(pytester: pytest.Pytester) -> int:
    """The messages in all recordings."""
    files = pytester.path.rglob("cassettes/**/*.jsonl")
    return sum(line.startswith(b'{"n":') for path in files for line in path.read_bytes().splitlines())


@pytest.mark.slow
@on_linux
@clusters
def test_a_real_cluster_loses_nothing_when_its_workers_are_killed(
    pytester: pytest.Pytester, chat_server: ChatServer, engine: str, module: str
):
    _needs(module)
    chat_server.answer = _answer_in(0.05)
    run = _begin(
        *(pytester, "--duolog-collect=4", "--duolog-concurrency=8"),
        f"--duolog-executor={engine}://local?workers=2",
    )
    _wait_for(lambda: len(chat_server.requests) >= 40, run)
    workers = [pid for pid in _children(run.pid) if _is_worker(pid, engine)]
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    output = run.communicate(timeout=240)[0].decode()
    assert run.returncode == 0, output
    assert re.search(rf"{engine}://local: 16 dialogues in 2 workers, \d+ dialogues? continued", output)
    assert len(samples(pytester.path / ".duolog" / "record.jsonl")) == 16
    assert len(list(pytester.path.rglob("cassettes/**/*.jsonl"))) == 16
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
@on_linux
@clusters
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_real_workers_have_finished_survives_the_run(
    pytester: pytest.Pytester, chat_server: ChatServer, engine: str, module: str, number: signal.Signals
):
    _needs(module)
    chat_server.answer = _answer_in(0.2)
    run = _begin(pytester, "--duolog-concurrency=4", f"--duolog-executor={engine}://local?workers=2")
    _wait_for(lambda: _n_recorded(pytester) >= 16, run)
    workers = [pid for pid in _children(run.pid) if _is_worker(pid, engine)]
    if number == signal.SIGINT:  # the terminal tells all processes of the run
        os.killpg(run.pid, number)
    else:
        os.kill(run.pid, number)
    output = run.communicate(timeout=120)[0].decode()
    assert run.returncode not in (0, 1), output
    deadline = time.monotonic() + 90  # nobody asks any more
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    n_kept, n_asked = _n_recorded(pytester), len(chat_server.requests)
    assert n_kept >= 16
    result = pytester.runpytest("--record-mode=once")
    assert len(chat_server.requests) - n_asked == 4 * 20 - n_kept
    result.stdout.fnmatch_lines(["*was incomplete: resumed after message*"])


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
    return port


@pytest.mark.slow
@on_linux
def test_a_worker_of_dask_that_begins_again_at_its_own_address_is_used(
    pytester: pytest.Pytester, chat_server: ChatServer
):
    _needs("distributed")
    chat_server.answer = _answer_in(0.05)
    place, own = f"127.0.0.1:{_free_port()}", _free_port()
    host = ("--host", "127.0.0.1", "--no-dashboard")
    commands = [
        ("distributed.cli.dask_scheduler", *host, "--port", place.partition(":")[2]),
        (
            "distributed.cli.dask_worker",
            f"tcp://{place}",
            *host,
            "--worker-port",
            str(own),
            "--nthreads",
            "1",
        ),
    ]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for command in commands
    ]
    try:
        is_ready = f"from distributed import Client; Client('tcp://{place}').wait_for_workers(1, timeout=60)"
        assert pytester.run(sys.executable, "-c", is_ready).ret == 0
        run = _begin(pytester, "--duolog-concurrency=8", f"--duolog-executor=dask://{place}")
        _wait_for(lambda: len(chat_server.requests) >= 20, run)
        (worker,) = [pid for pid in _children(started[1].pid) if _is_worker(pid, "dask")]
        os.kill(worker, signal.SIGKILL)
        output = run.communicate(timeout=240)[0].decode()
    finally:
        for one in reversed(started):
            one.terminate()
            one.wait(60)
    assert re.search(rf"dask://{place}: 4 dialogues in 1 worker, \d dialogues? continued", output), output
    assert _n_recorded(pytester) == 4 * 20


JOINED = """
import asyncio, sys
import ray
from pytest_duolog.running.executors.ray_engine import RayEngine
from pytest_duolog.errors import ConfigurationError
from pytest_duolog.settings.executor import ExecutorAddress

def tried(place):
    try:
        asyncio.run(RayEngine(ExecutorAddress("ray", place)).open(n_workers=1))
    except ConfigurationError as error:
        return str(error)
    return "used"

print("nothing:", tried("127.0.0.1:1"))
ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
joined = ray.get_runtime_context().gcs_address
for place in ("local", "127.0.0.1:1", "auto", joined):
    print(f"{place}: {tried(place)}".replace(joined, "JOINED"))
"""


@pytest.mark.slow
def test_a_process_that_has_joined_a_cluster_of_ray_uses_no_other(pytester: pytest.Pytester):
    _needs("ray")
    result = pytester.run(sys.executable, "-c", JOINED, timeout=240)
    told = "executor: this process has joined the Ray cluster at JOINED already, not ray://"
    result.stdout.fnmatch_lines(
        [
            "nothing: executor: nothing listens at ray://127.0.0.1:1: *",
            f"local: {told}local: use ray://JOINED, or do not call ray.init()",
            f"127.0.0.1:1: {told}127.0.0.1:1: *",
            "auto: used",
            "JOINED: used",
        ]
    )


@pytest.mark.slow
def test_dask_without_its_tls_files_is_refused(pytester: pytest.Pytester):
    _needs("distributed")
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("--record-mode=once", "--duolog-executor=dask://tls://127.0.0.1:1")
    result.stdout.fnmatch_lines(
        [
            "*executor: Dask cannot connect to dask://tls://127.0.0.1:1: *",
            "*Dask reads its files from its own configuration*",
        ]
    )
