"""Which workers of Dask take the place of dead ones; the scheduler is a list here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from pytest_duolog.running.executors import dask_engine
from pytest_duolog.running.executors.dask_engine import DaskEngine, in_worker
from pytest_duolog.running.executors.engine import Lost
from pytest_duolog.running.executors.job import Answer
from pytest_duolog.settings.executor import ExecutorAddress


class Client:
    """A scheduler that lists `known` workers, of which only the `living` ones answer, each a process of its own."""

    def __init__(self, *known: str) -> None:
        self.known = [*known]
        self.living: dict[str, Any] = {name: Process() for name in known}
        self.scheduler = self

    async def identity(self, **_: Any) -> dict[str, Any]:
        return {"workers": {name: {"status": "running"} for name in self.known}}

    async def run(self, function: Callable[..., Any], *arguments: Any, workers: list[str], **_: Any) -> Any:
        (name,) = workers
        await asyncio.sleep(0)
        if name not in self.living:
            raise OSError("Timed out trying to connect")
        if function is os.getpid:
            return {name: 1}
        return {name: await function(*arguments, dask_worker=self.living[name])}


class Process:
    """A worker of Dask."""


def engine_of(client: Client) -> tuple[DaskEngine, list[str]]:
    engine = DaskEngine(ExecutorAddress("dask", "h:1"))
    engine._client = client
    return engine, [engine._named(name) for name in client.known]


async def greeted(engine: DaskEngine, worker: str) -> Answer:
    """The answer to a greeting without arguments: an error of the method, not of the engine."""
    return await engine.call(worker, "greet", ())


def test_two_that_die_at_once_get_two_others():
    client = Client("tcp://a", "tcp://b")
    engine, names = engine_of(client)
    client.known += ["tcp://c", "tcp://d"]
    client.living = {"tcp://c": Process(), "tcp://d": Process()}

    async def both() -> list[Any]:
        return await asyncio.gather(*map(engine.others, names))

    assert sorted(asyncio.run(both())) == [["tcp://c"], ["tcp://d"]]


def test_a_worker_that_lives_again_at_its_address_has_a_new_name():
    client = Client("tcp://a")
    engine, (name,) = engine_of(client)
    assert asyncio.run(greeted(engine, name)).failure is not None
    client.living["tcp://a"] = Process()

    async def again() -> tuple[Any, Answer]:
        with pytest.raises(Lost):  # another process is no continuation of the dead one
            raise (await engine.call(name, "news", ())).failure.exception()
        (other,) = await engine.others(name)
        return other, await greeted(engine, other)

    other, answer = asyncio.run(again())
    assert other == "tcp://a (2)"
    assert answer.failure is not None


def test_the_scheduler_may_still_list_the_dead(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dask_engine, "RENEWAL_S", 0.1)
    client = Client("tcp://a")
    engine, (name,) = engine_of(client)
    client.living.clear()
    assert asyncio.run(engine.others(name)) == ()


@pytest.mark.parametrize("kind", [OSError, ValueError, KeyError])
def test_an_error_of_a_method_is_not_the_death_of_its_worker(kind: type[Exception]):
    client = Client("tcp://a")
    engine, (name,) = engine_of(client)

    async def called() -> Answer:
        await greeted(engine, name)
        (key,) = client.living["tcp://a"].duolog_workers
        worker = client.living["tcp://a"].duolog_workers[key]
        worker.perform = lambda *_: failing(kind)
        return await engine.call(name, "perform", (1,))

    failure = asyncio.run(called()).failure
    assert failure is not None
    assert str(failure.exception()).startswith(f"in a worker: {kind.__name__}: ")


async def failing(kind: type[Exception]) -> None:
    raise kind("no")


def test_what_is_called_in_a_process_that_does_not_know_the_run_is_lost():
    answer = asyncio.run(in_worker("run", "news", (), Process()))
    assert answer.failure is not None
    assert isinstance(answer.failure.exception(), Lost)
