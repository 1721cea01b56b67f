"""What runs in workers is what would have run here: the same files, the same words, every dialogue once."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog import CallsTool, HttpTarget, Script, Speaker, check, reply, say
from pytest_duolog.errors import ConfigurationError, SecretInRecording, UnreadableCassette
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.running.executors.driver import MOST_TRIES, Executor, why_not_sent
from pytest_duolog.running.executors.job import Facts
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import Ended, Holding, Talk, TalkFolder
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.settings import Limit, Settings
from pytest_duolog.settings.executor import ExecutorAddress
from tests.chat_server import ChatServer
from tests.worker_engine import HereEngine

TWO_WORKERS = ExecutorAddress("dask", "local", 2)
# What tells two recordings of the same dialogue apart: when it was, how long it took, what the provider numbers.
MOMENTS = re.compile(r'"(?:recorded|latency_ms|draw|id|sum)":(?:"[^"]*"|[\d.]+)')


def scenario(number: int = 1, **values: Any) -> Scenario:
    return Scenario.build(
        {
            "a": Speaker("Al", model="openai:m"),
            "b": Speaker("Bo", model="openai:n"),
            "opener": f"Hello, this is number {number}.",
            "turns": 3,
            "stop_on": (),
            **values,
        }
    )


class Folder:
    """Holds dialogues in a folder, in workers if there is an engine."""

    def __init__(self, path: Path) -> None:
        self.folder = TalkFolder(path)
        path.mkdir(parents=True, exist_ok=True)
        self.executor: Executor | None = None
        self.budget: Any = None

    def hold(
        self, *scenarios: Scenario, engine: HereEngine | None = None, **settings: Any
    ) -> dict[str, Ended]:
        held = Settings(
            record_mode=RecordMode.ONCE,
            concurrency=settings.pop("concurrency", 8),
            executor=TWO_WORKERS if engine else None,
            **settings,
        )
        with closing(Session(held, root=self.folder.path)) as session:
            if engine is not None:
                self.executor = session.executor = Executor(session, engine, "here")
                session.executor.open(scenarios)
            talks = [
                Talk(f"talk {number}", 1, one, self.folder.location(f"talk {number}", one, 1))
                for number, one in enumerate(scenarios, start=1)
            ]
            ended = [e for e in Holding(session, self.folder, talks).events() if isinstance(e, Ended)]
            self.budget = session.budget
        assert len({one.talk.cell for one in ended}) == len(ended) == len(talks)
        return {one.talk.cell: one for one in ended}

    def files(self) -> dict[str, str]:
        """The recordings and transcripts, without what differs from run to run."""
        return {
            path.name: MOMENTS.sub("", path.read_text("utf-8"))
            for path in self.folder.path.glob("*.jsonl")
            if not path.name.startswith(".")
        }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "talks")


def test_workers_leave_the_files_and_the_words_of_one_process(tmp_path: Path, chat_server: ChatServer):
    here, away = Folder(tmp_path / "here" / "talks"), Folder(tmp_path / "away" / "talks")
    steps = [say("Begin."), reply(), check(~CallsTool("refund")), reply()]
    scenarios = [*map(scenario, range(6)), scenario(steps=steps, opener=None, turns=10)]
    in_process, in_workers = here.hold(*scenarios), away.hold(*scenarios, engine=HereEngine())
    assert away.files() == here.files()
    assert len(away.files()) == 7
    for name, ended in in_process.items():
        other = in_workers[name].transcript
        assert ended.transcript is not None
        assert other is not None
        assert other.to_markdown().splitlines()[3:] == ended.transcript.to_markdown().splitlines()[3:]
    assert away.executor is not None
    assert away.executor.words == "here: 7 dialogues in 2 workers"
    assert away.budget.usage == here.budget.usage
    assert away.budget.n_dialogues == 7


def test_what_is_recorded_is_played_here(folder: Folder, chat_server: ChatServer):
    folder.hold(scenario())
    n_asked = len(chat_server.requests)
    for path in folder.folder.path.glob("*.json"):
        path.unlink()
    engine = HereEngine()
    ended = folder.hold(scenario(), engine=engine)
    assert ended["talk 1"].transcript is not None
    assert len(chat_server.requests) == n_asked
    assert "perform" not in [method for _, method in engine.sent]


def test_dialogues_of_a_killed_worker_begin_again_and_count_once(folder: Folder, chat_server: ChatServer):
    engine = HereEngine()
    usual, gate = chat_server.answer, threading.Event()

    def answer(body: dict[str, Any]) -> Any:
        if len(chat_server.requests) == 9 and not gate.is_set():
            gate.set()
            engine.kill("worker 1")
        return usual(body)

    chat_server.answer = answer
    scenarios = [*map(scenario, range(8))]
    ended = folder.hold(*scenarios, engine=engine)
    assert all(one.transcript is not None and len(one.transcript) == 7 for one in ended.values())
    assert len(folder.files()) == 8
    assert folder.executor is not None
    assert (folder.executor.n_away, folder.executor.n_here) == (8, 0)
    assert 1 <= folder.executor.n_again <= 8
    assert re.search(r"\d dialogues? begun again because a worker died \(paid twice\)", folder.executor.words)
    assert len(engine.workers) == 3
    assert len(chat_server.requests) > 8 * 6


def test_a_dialogue_whose_workers_all_die_is_an_error(folder: Folder, chat_server: ChatServer):
    engine = HereEngine(dies=True)
    ended = folder.hold(scenario(), engine=engine)
    assert "the workers of here that ran it died" in ended["talk 1"].problem
    assert [method for _, method in engine.sent].count("perform") == MOST_TRIES
    assert not folder.files()


def test_without_another_worker_the_dialogue_is_an_error(folder: Folder, chat_server: ChatServer):
    ended = folder.hold(*map(scenario, range(3)), engine=HereEngine(dies=True, renews=False))
    assert all("died" in one.problem for one in ended.values())


def test_a_failure_in_a_worker_has_the_words_and_leaves_the_file_of_one_here(
    tmp_path: Path, chat_server: ChatServer
):
    usual = chat_server.answer

    def answer(body: dict[str, Any]) -> Any:
        return usual(body) if len(body["messages"]) < 3 else (400, b'{"error": {"message": "no more"}}')

    chat_server.answer = answer
    here, away = Folder(tmp_path / "here" / "talks"), Folder(tmp_path / "away" / "talks")
    in_process = here.hold(scenario())["talk 1"]
    in_worker = away.hold(scenario(), engine=HereEngine())["talk 1"]
    assert "no more" in in_process.problem
    assert in_worker.problem == in_process.problem
    assert away.files() == here.files() != {}


def test_the_budget_of_the_run_stops_the_workers(folder: Folder, chat_server: ChatServer):
    # Slower than news travel.
    usual = chat_server.answer
    pause = threading.Event()

    def answer(body: dict[str, Any]) -> Any:
        pause.wait(0.1)
        return usual(body)

    chat_server.answer = answer
    scenarios = [scenario(number, turns=20) for number in range(4)]
    ended = folder.hold(*scenarios, engine=HereEngine(), budget={"tokens": 800.0})
    assert any("the budget of this run is used up" in one.problem for one in ended.values())
    assert folder.budget.has_refused
    assert len(chat_server.requests) < 4 * 40


def test_one_dialogue_too_many_is_refused_here(folder: Folder, chat_server: ChatServer):
    ended = folder.hold(*map(scenario, range(3)), engine=HereEngine(), budget={"dialogues": 2.0})
    problems = [one.problem for one in ended.values() if one.problem]
    assert len(problems) == 1
    assert "2 of 2 dialogues" in problems[0] or "the budget is used up" in problems[0]


def test_a_wait_that_a_provider_asks_of_one_worker_reaches_the_others(
    folder: Folder, chat_server: ChatServer
):
    engine = HereEngine()
    usual = chat_server.answer

    def answer(body: dict[str, Any]) -> Any:
        if len(chat_server.requests) == 1:
            return 429, b'{"error": {"message": "slow down"}}', {"retry-after": "1"}
        return usual(body)

    chat_server.answer = answer
    folder.hold(*map(scenario, range(4)), engine=engine)
    told = {worker for worker, method in engine.sent if method == "wait_too"}
    assert len(told) == 1


def test_each_worker_has_its_share_of_the_limits(folder: Folder, chat_server: ChatServer):
    engine = HereEngine()
    folder.hold(scenario(), engine=engine, limits={"openai": Limit(requests_per_minute=6000)})
    assert engine.settings.limits == {"openai": Limit(requests_per_minute=3000)}
    lone = HereEngine()
    folder.hold(scenario(2), engine=lone, limits={"openai": Limit(concurrency=1)})
    assert len(lone.workers) == 1


def test_no_key_is_sent(folder: Folder, chat_server: ChatServer):
    engine = HereEngine()
    folder.hold(
        scenario(), scenario(a=Speaker("Al", model="openai:m", system="a-key-of-no-account")), engine=engine
    )
    assert not any(b"a-key-of-no-account" in sent for sent in engine.pickled)
    assert folder.executor is not None
    assert folder.executor.words == "here: 1 dialogue in 2 workers, 1 in this process"


@pytest.mark.parametrize(
    "values",
    [
        {"steps": [reply(), say("It is a-key-of-no-account.")], "opener": None},
        {"b": Speaker("Bo", model=Script("It is a-key-of-no-account."))},
    ],
    ids=["step", "script"],
)
def test_no_key_is_sent_with_what_others_say(folder: Folder, chat_server: ChatServer, values: dict[str, Any]):
    engine = HereEngine()
    folder.hold(scenario(**values), engine=engine)
    assert not any(b"a-key-of-no-account" in sent for sent in engine.pickled)
    assert folder.executor is not None
    assert folder.executor.words.endswith("1 in this process")
    assert not any("a-key-of-no-account" in text for text in folder.files().values())


def test_another_run_that_has_recorded_the_dialogue_meanwhile_is_not_overwritten(
    folder: Folder, chat_server: ChatServer
):
    usual = chat_server.answer
    path = folder.folder.location("talk 1", scenario(), 1).path

    def answer(body: dict[str, Any]) -> Any:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("recorded by another run", "utf-8")
        return usual(body)

    chat_server.answer = answer
    ended = folder.hold(scenario(), engine=HereEngine())
    assert "another run has recorded this cassette in the meantime" in ended["talk 1"].problem
    assert path.read_text("utf-8") == "recorded by another run"


class Elsewhere(HereEngine):
    """Its workers have another environment."""

    async def call(self, worker: str, method: str, *arguments: Any) -> Any:
        if method == "facts":
            own: Facts = await super().call(worker, method, *arguments)
            return Facts("3.10", own.package, own.engine, frozenset(), {"OPENAI_BASE_URL": "another"})
        return await super().call(worker, method, *arguments)


def test_a_worker_that_lacks_something_is_named_before_anything_runs(folder: Folder, chat_server: ChatServer):
    with pytest.raises(ConfigurationError) as raised:
        folder.hold(scenario(), engine=Elsewhere())
    told = str(raised.value)
    assert "worker worker 1: Python 3.10, here 3." in told
    assert "OPENAI_API_KEY is not set there" in told
    assert "OPENAI_BASE_URL has another value there" in told
    assert "a-key-of-no-account" not in told
    assert not chat_server.requests


def bot(messages: list[dict[str, str]]) -> str:
    return "Hello."


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, ""),
        ({"a": Speaker("Al", model=Script("Hi."))}, ""),
        ({"a": Speaker("Al", model=HttpTarget("http://127.0.0.1:1/chat"))}, ""),
        ({"a": Speaker("Al", model=bot)}, "Al is a function or object of your tests"),
        ({"a": Speaker("Al", model=HttpTarget("/chat", app=bot))}, "Al is an application in this process"),
        ({"b": Speaker("Bo", model="openai:m", tools=[bot])}, "Bo has tools"),
        (
            {"steps": [say("x"), reply(), check(lambda transcript: True)], "opener": None},
            "its steps hold what cannot",
        ),
    ],
    ids=["models", "script", "address", "function", "application", "tools", "steps"],
)
def test_what_cannot_be_sent_is_told(values: dict[str, Any], why: str):
    given = Scenario.build(
        {"a": Speaker("Al", model="openai:m"), "b": Speaker("Bo", model="openai:m"), **values}
    )
    told = why_not_sent(given, Settings())
    assert told.startswith(why)
    assert bool(told) == bool(why)


def recorded(folder: Folder) -> tuple[Session, Any, bytes]:
    """A session, a new cassette of a dialogue, and what a worker has recorded of it."""
    folder.hold(scenario())
    location = folder.folder.location("talk 1", scenario(), 1)
    content = location.path.read_bytes()
    for path in folder.folder.path.iterdir():
        path.unlink()
    session = Session(Settings(record_mode=RecordMode.ONCE))
    cassette = session.open_recording(scenario(), location, RecordMode.ONCE, before_asking=lambda: None)
    return session, cassette, content


def test_a_recording_that_comes_damaged_is_not_kept(folder: Folder, chat_server: ChatServer):
    session, cassette, content = recorded(folder)
    with closing(session), pytest.raises(UnreadableCassette, match="came damaged"):
        cassette.adopt(content.replace(b"hears", b"heard", 1))
    assert not list(folder.folder.path.iterdir())


def test_a_recording_with_a_secret_that_only_this_process_knows_is_not_kept(
    folder: Folder, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOUSE_API_KEY", "plain-as-day")
    usual = chat_server.answer
    chat_server.answer = lambda body: f"{usual(body)} plain-as-day."
    monkeypatch.delenv("HOUSE_API_KEY")
    session, cassette, content = recorded(folder)
    session.close()
    monkeypatch.setenv("HOUSE_API_KEY", "plain-as-day")
    assert b"plain-as-day" in content
    with closing(Session(Settings(record_mode=RecordMode.ONCE))) as knowing:
        location = cassette.location
        own = knowing.open_recording(scenario(), location, RecordMode.ONCE, before_asking=lambda: None)
        with pytest.raises(SecretInRecording):
            own.adopt(content)
    assert not list(folder.folder.path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ray",
        "ray://",
        "spark://local",
        "ray://local?workers=0",
        "dask://auto",
        "dask://host",
        "ray://a:1?x=2",
    ],
)
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(ConfigurationError, match="not the address of an executor"):
        ExecutorAddress.parse(text)


def test_a_missing_engine_names_its_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pytest_duolog.settings.executor.ENGINES", {"ray": "no_such_module"})
    with pytest.raises(ConfigurationError, match=r"pip install 'pytest-duolog\[ray\]'"):
        ExecutorAddress.parse("ray://local")


@given(
    host=st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True),
    port=st.integers(1, 65535),
    workers=st.none() | st.integers(1, 999),
)
def test_an_address_is_read_as_it_is_written(host: str, port: int, workers: int | None):
    from pytest_duolog.settings import executor

    engines, executor.ENGINES = executor.ENGINES, {"dask": "json"}
    try:
        address = ExecutorAddress.parse(f"dask://{host}:{port}" + (f"?workers={workers}" if workers else ""))
    finally:
        executor.ENGINES = engines
    assert address == ExecutorAddress("dask", f"{host}:{port}", workers)
    assert str(address) == f"dask://{host}:{port}"


def test_a_worker_loads_no_pytest_and_no_engine():
    code = (
        "import sys, json, pytest_duolog.running.executors.worker;"
        "print(json.dumps([n for n in ('pytest', 'syrupy', 'ray', 'distributed', 'vcr') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_however_workers_die_no_dialogue_is_lost_or_counted_twice(
    folder: Folder, chat_server: ChatServer, seed: int
):
    draw = random.Random(seed)
    engine = HereEngine()
    usual, kills = chat_server.answer, sorted(draw.sample(range(1, 60), 3))

    def answer(body: dict[str, Any]) -> Any:
        while kills and len(chat_server.requests) >= kills[0]:
            kills.pop(0)
            engine.kill(draw.choice(sorted(engine.workers)))
        return usual(body)

    chat_server.answer = answer
    ended = folder.hold(*(scenario(number, turns=4) for number in range(8)), engine=engine)
    assert [len(one.transcript) for one in ended.values() if one.transcript] == [9] * 8
    assert len(folder.files()) == 8
    assert folder.executor is not None
    assert folder.executor.n_away == 8
