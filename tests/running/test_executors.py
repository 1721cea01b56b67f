"""What runs in workers is what would have run here: the same files, the same words, every dialogue once."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog import CallsTool, HttpTarget, Script, Speaker, check, reply, say
from pytest_duolog.endpoints.providers import Provider
from pytest_duolog.errors import ConfigurationError, SecretInRecording, UnreadableCassette
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.recording_file import RecordingFile
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.running.executors.driver import MOST_TRIES, Executor
from pytest_duolog.running.executors.job import Answer, Facts, Failure
from pytest_duolog.running.executors.sendable import why_not_sent
from pytest_duolog.running.executors.worker import Worker, after_header
from pytest_duolog.running.session import Session
from pytest_duolog.running.talks import Ended, Holding, Talk, TalkFolder
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.settings import Limit, Settings
from pytest_duolog.settings.executor import ExecutorAddress
from pytest_duolog.storage.checksums import without_checksum
from pytest_duolog.storage.line_file import LineFile
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


def test_another_worker_continues_the_dialogues_of_a_killed_one_and_they_count_once(
    folder: Folder, chat_server: ChatServer
):
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
    assert re.search(
        r"\d dialogues? continued in another worker because theirs died \(what was under way is paid twice\)",
        folder.executor.words,
    )
    assert len(engine.workers) == 3


def test_finished_messages_of_a_killed_worker_are_not_asked_for_again(
    folder: Folder, chat_server: ChatServer
):
    engine = HereEngine()
    usual = chat_server.answer
    path = folder.folder.location("talk 1", scenario(), 1).path
    n_kept = threading.Event()

    def answer(body: dict[str, Any]) -> Any:
        if len(chat_server.requests) == 4 and not n_kept.is_set():
            while path.read_bytes().count(b"\n") < 1 + 3:  # the header, and a line for each finished message
                pass
            n_kept.set()
            for worker in ("worker 1", "worker 2"):
                engine.kill(worker)
        return usual(body)

    chat_server.answer = answer
    ended = folder.hold(scenario(), engine=engine)
    assert ended["talk 1"].transcript is not None
    assert len(ended["talk 1"].transcript) == 7
    # The message that was under way was asked for twice; the dead worker goes on for a while, unheard.
    assert [chat_server.requests.count(body) for body in chat_server.requests[:3]] == [1, 1, 1]
    assert folder.executor is not None
    assert folder.executor.n_again == 1


def test_a_dialogue_is_counted_once_however_many_workers_die(folder: Folder, chat_server: ChatServer):
    engine = HereEngine(dies=True)
    folder.hold(scenario(), engine=engine)
    assert folder.executor is not None
    assert folder.executor.n_again == 1


def test_while_a_worker_records_no_other_run_can(folder: Folder, chat_server: ChatServer):
    usual = chat_server.answer
    other = Folder(folder.folder.path)
    problems: list[str] = []

    def answer(body: dict[str, Any]) -> Any:
        if len(chat_server.requests) == 1:
            problems.extend(one.problem for one in other.hold(scenario()).values())
            problems.extend(one.problem for one in other.hold(scenario(), engine=HereEngine()).values())
        return usual(body)

    chat_server.answer = answer
    ended = folder.hold(scenario(), engine=HereEngine())
    assert ended["talk 1"].transcript is not None
    assert len(problems) == 2
    assert all("another run is recording this cassette right now" in problem for problem in problems)
    assert len(chat_server.requests) == 6


def test_a_dialogue_of_which_nothing_is_recorded_leaves_no_file(folder: Folder, chat_server: ChatServer):
    chat_server.answer = lambda body: (400, b'{"error": {"message": "no"}}')
    ended = folder.hold(scenario(), engine=HereEngine())
    assert "no" in ended["talk 1"].problem
    assert not list(folder.folder.path.iterdir())


def test_what_workers_have_finished_when_the_run_ends_early_is_kept(folder: Folder, chat_server: ChatServer):
    usual = chat_server.answer
    is_over = threading.Event()

    def answer(body: dict[str, Any]) -> Any:
        if len(chat_server.requests) > 4:
            is_over.wait(30)
        return usual(body)

    chat_server.answer = answer
    settings = Settings(record_mode=RecordMode.ONCE, executor=TWO_WORKERS)
    location = folder.folder.location("talk 1", scenario(), 1)
    with closing(Session(settings, root=folder.folder.path)) as session:
        session.executor = Executor(session, HereEngine(), "here")
        session.executor.open([scenario()])
        events = Holding(session, folder.folder, [Talk("talk 1", 1, scenario(), location)]).events()
        next(events)
        while len(chat_server.requests) < 5:
            pass
    # As after Ctrl-C.
    is_over.set()
    assert location.path.read_bytes().count(b"\n") == 1 + 4
    chat_server.answer = usual
    n_asked = len(chat_server.requests)
    ended = folder.hold(scenario(), engine=HereEngine())
    assert ended["talk 1"].transcript is not None
    assert len(chat_server.requests) == n_asked + 2


class Clumsy(HereEngine):
    """Its workers fail in a method, but live."""

    def __init__(self, method: str, **values: Any) -> None:
        super().__init__(**values)
        self.method = method

    async def call(self, worker: str, method: str, arguments: tuple[Any, ...]) -> Answer:
        if method == self.method:
            return Answer(failure=Failure.of(OSError(28, "No space left on device")))
        return await super().call(worker, method, arguments)


def test_an_error_in_a_worker_is_not_its_death(folder: Folder, chat_server: ChatServer):
    engine = Clumsy("perform")
    ended = folder.hold(scenario(), engine=engine)
    assert "in a worker: OSError: [Errno 28] No space left on device" in ended["talk 1"].problem
    assert len(engine.workers) == 2
    assert folder.executor is not None
    assert folder.executor.n_again == 0


def test_a_worker_that_cannot_begin_is_named(folder: Folder, chat_server: ChatServer):
    with pytest.raises(ConfigurationError, match=r"worker worker 1: cannot begin: .*No space left on device"):
        folder.hold(scenario(), engine=Clumsy("greet"))


def test_an_error_of_a_method_is_told_from_one_of_the_engine():
    answer = asyncio.run(Worker("pytest-duolog").answer("news", ()))
    assert answer.failure is not None
    assert str(answer.failure.exception()).startswith("in a worker: AttributeError")


class Slow(HereEngine):
    """Its second worker answers only when the first one is heard."""

    is_heard = cached_property(lambda self: asyncio.Event())

    async def call(self, worker: str, method: str, arguments: tuple[Any, ...]) -> Answer:
        if method == "news":
            self.is_heard.set()
        if (worker, method) == ("worker 2", "greet"):
            async with asyncio.timeout(30):
                await self.is_heard.wait()
        return await super().call(worker, method, arguments)


def test_a_worker_is_heard_while_others_begin(folder: Folder, chat_server: ChatServer):
    assert folder.hold(scenario(), engine=Slow(), concurrency=50)["talk 1"].transcript is not None


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


def test_limits_are_divided_among_the_workers_that_there_are(folder: Folder, chat_server: ChatServer):
    engine = HereEngine(n_free=1)
    folder.hold(scenario(), engine=engine, limits={"openai": Limit(requests_per_minute=6000)})
    assert engine.settings.limits == {"openai": Limit(requests_per_minute=6000)}


def test_the_limit_of_a_provider_that_nobody_asks_bounds_nothing(folder: Folder, chat_server: ChatServer):
    engine = HereEngine()
    folder.hold(scenario(), engine=engine, limits={"anthropic": Limit(concurrency=1)})
    assert len(engine.workers) == 2


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


class Elsewhere(HereEngine):
    """Its workers have another environment."""

    async def call(self, worker: str, method: str, arguments: tuple[Any, ...]) -> Answer:
        answer = await super().call(worker, method, arguments)
        if method == "greet":
            own: Facts = answer.result
            return Answer(Facts("3.10", own.package, own.engine, frozenset(), {"OPENAI_BASE_URL": "another"}))
        return answer


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


class Loud(Script):
    """A class of a test, which a worker has not."""


KEYED = {"house": Provider("https://house.example/v1", headers={"x-api-key": "sk-plain-as-day-0123"})}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, ""),
        ({"a": Speaker("Al", model=Script("Hi."))}, ""),
        ({"a": Speaker("Al", model=HttpTarget("http://127.0.0.1:1/chat"))}, ""),
        ({"a": Speaker("Al", model=bot)}, "Al is a function or object of your tests"),
        ({"a": Speaker("Al", model=HttpTarget("/chat", app=bot))}, "Al is an application in this process"),
        ({"b": Speaker("Bo", model="openai:m", tools=[bot])}, "Bo has tools"),
        ({"steps": [say("x"), reply(), check(lambda transcript: True)], "opener": None}, ""),
        ({"a": Speaker("Al", model=Loud("HI!"))}, "it holds tests.running.test_executors.Loud of your code"),
        ({"a": Speaker("Al", model=HttpTarget("http://h/", headers={"x-api-key": "${BOT_KEY}"}))}, ""),
        ({"a": Speaker("Al", model=HttpTarget("http://h/?page=1", headers={"x-team": "blue"}))}, ""),
        (
            {"a": Speaker("Al", model=HttpTarget("http://h/", headers={"x-api-key": "sk-plain-0123456"}))},
            "the address or a header of Al may hold a key, which is never sent: write ${NAME} in a header",
        ),
        ({"a": Speaker("Al", model=HttpTarget("http://al:swordfish@h/"))}, "the address or a header of Al"),
        (
            {"a": Speaker("Al", model=HttpTarget("http://h/?api_key=swordfish1"))},
            "the address or a header of Al",
        ),
        ({"a": Speaker("Al", model="house:m")}, "[tool.duolog.providers.house] may hold a key"),
    ],
    ids=[
        *("models", "script", "address", "function", "application", "tools", "steps", "class", "variable"),
        *("header", "key", "user", "parameter", "provider"),
    ],
)
def test_what_cannot_be_sent_is_told(values: dict[str, Any], why: str):
    given = Scenario.build(
        {"a": Speaker("Al", model="openai:m"), "b": Speaker("Bo", model="openai:m"), **values}
    )
    told = why_not_sent(given, Settings(providers=KEYED))
    assert told.startswith(why)
    assert bool(told) == bool(why)


def test_a_key_of_a_provider_that_nobody_asks_is_not_sent(folder: Folder, chat_server: ChatServer):
    engine = HereEngine()
    folder.hold(scenario(), engine=engine, providers=KEYED)
    assert not any(b"plain-as-day" in sent for sent in engine.pickled)


def test_functions_of_tests_judge_what_workers_have_said(folder: Folder, chat_server: ChatServer):
    steps = [say("Begin."), reply(), check(lambda transcript: len(transcript) == 2), reply()]
    engine = HereEngine()
    ended = folder.hold(scenario(steps=steps, opener=None, turns=10), engine=engine)
    assert ended["talk 1"].transcript is not None
    assert folder.executor is not None
    assert folder.executor.words == "here: 1 dialogue in 2 workers"
    assert not any(b"test_executors" in sent for sent in engine.pickled)


def recorded(folder: Folder, chat_server: ChatServer, answer: Any = None) -> tuple[CassetteLocation, bytes]:
    """Where a dialogue lies, and what a worker has recorded of it after the header."""
    chat_server.answer = answer or chat_server.answer
    folder.hold(scenario())
    location = folder.folder.location("talk 1", scenario(), 1)
    content = location.path.read_bytes()
    for path in folder.folder.path.iterdir():
        path.unlink()
    return location, after_header(content)


def adopt(location: CassetteLocation, content: bytes) -> None:
    with closing(Session(Settings(record_mode=RecordMode.ONCE))) as session:
        cassette = session.open_recording(scenario(), location, RecordMode.ONCE, before_asking=lambda: None)
        cassette.begin_elsewhere()
        with closing(cassette):
            cassette.adopt(content)


def test_a_recording_that_comes_damaged_is_not_kept(folder: Folder, chat_server: ChatServer):
    location, content = recorded(folder, chat_server)
    with pytest.raises(UnreadableCassette, match="changed on its way here"):
        adopt(location, content.replace(b"hears", b"heard", 1))
    assert not list(folder.folder.path.iterdir())


@given(cuts=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=8))
def test_however_a_recording_comes_in_pieces_the_file_is_the_same(cuts: list[tuple[int, int]]):
    lines = [json.dumps({"end": number}).encode() for number in range(1, 9)]
    with tempfile.TemporaryDirectory() as made:
        whole = LineFile(Path(made) / "whole.jsonl")
        whole.append([b'{"duolog":4}', *lines])
        content = after_header((Path(made) / "whole.jsonl").read_bytes())
        starts = [0, *(at + 1 for at, byte in enumerate(content) if byte == ord("\n"))]
        location = CassetteLocation(Path(made), "test_it", ["m", "n"])
        file = RecordingFile(
            *(location, Redactor({})),
            test="it",
            is_new=True,
            continued=None,
            continued_path=location.path,
            begun=lambda _path: None,
        )
        file.open_copy({"duolog": 4})
        for start, end in cuts:
            file.copy(starts[start], content[starts[start] : starts[end]])
        file.copy(0, content)
        file.close()
        whole.close()
        assert after_header(location.path.read_bytes()) == content


@pytest.mark.parametrize("n_lines", [1, 6], ids=["message", "end"])
def test_a_recording_with_a_secret_that_only_this_process_knows_is_not_kept(
    folder: Folder, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch, n_lines: int
):
    usual = chat_server.answer
    location, content = recorded(folder, chat_server, lambda body: f"{usual(body)} It is so.")
    lines = content.splitlines(keepends=True)
    end = json.loads(lines[-1])["end"]
    assert b"plain-as-day" not in content
    monkeypatch.setenv("HOUSE_API_KEY", "plain-as-day")
    with closing(LineFile(location.path.with_name("made.jsonl"))) as made:
        if n_lines == 1:
            said = [line.replace(b"It is so.", b"plain-as-day.") for line in lines]
        else:
            said = [*lines[:-1], json.dumps({"end": {**end, "last": {"content": "plain-as-day"}}}).encode()]
        made.append([b"{}", *(without_checksum(line.strip()) for line in said)])
        forged = after_header(made.path.read_bytes())
        made.remove()
    with pytest.raises(SecretInRecording):
        adopt(location, forged)
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
        "ray://tls://host:1",
        "dask://host",
        "ray://a:1?x=2",
    ],
)
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(ConfigurationError, match="not the address of an executor"):
        ExecutorAddress.parse(text, option="--executor")


def test_a_missing_engine_names_its_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pytest_duolog.settings.executor.ENGINES", {"ray": "no_such_module"})
    with pytest.raises(ConfigurationError, match=r"pip install 'pytest-duolog\[ray\]'"):
        ExecutorAddress.parse("ray://local", option="--executor")


@given(
    host=st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True),
    port=st.integers(1, 65535),
    workers=st.none() | st.integers(1, 999),
)
def test_an_address_is_read_as_it_is_written(host: str, port: int, workers: int | None):
    from pytest_duolog.settings import executor

    engines, executor.ENGINES = executor.ENGINES, {"dask": "json"}
    try:
        place = f"dask://{host}:{port}" + (f"?workers={workers}" if workers else "")
        address = ExecutorAddress.parse(place, option="--executor")
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
