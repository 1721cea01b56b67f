"""What an error of Ray means: the death of a worker, or an answer that cannot be sent; Ray itself is replaced here."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_duolog.running.executors import ray_engine
from pytest_duolog.running.executors.engine import Lost
from pytest_duolog.running.executors.ray_engine import RayEngine
from pytest_duolog.settings.executor import ExecutorAddress


class RayError(Exception):
    """The base of all errors of Ray."""


class ObjectLostError(RayError):
    """The node with an answer is gone."""


class ActorDiedError(RayError):
    """The process of a worker is gone."""


class RayTaskError(RayError):
    """What a worker itself raises."""

    cause = OSError(28, "No space left on device")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> RayEngine:
    ray = SimpleNamespace(exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError))
    monkeypatch.setattr(ray_engine, "import_module", lambda name: ray)
    return RayEngine(ExecutorAddress("ray", "auto"))


def raising(error: Exception) -> Any:
    async def remote(*_: Any) -> None:
        raise error

    return SimpleNamespace(answer=SimpleNamespace(remote=remote))


@pytest.mark.parametrize("error", [ObjectLostError("node x\nmore"), ActorDiedError("node x\nmore")])
def test_what_ray_has_lost_is_lost(engine: RayEngine, error: Exception):
    engine._actors["actor 1"] = raising(error)
    with pytest.raises(Lost, match=r"^actor 1: node x$"):
        asyncio.run(engine.call("actor 1", "news", ()))


def test_an_answer_that_cannot_be_sent_is_no_death(engine: RayEngine):
    engine._actors["actor 1"] = raising(RayTaskError())
    failure = asyncio.run(engine.call("actor 1", "news", ())).failure
    assert failure is not None
    assert "No space left on device" in str(failure.exception())


def test_a_worker_that_was_replaced_is_lost(engine: RayEngine):
    with pytest.raises(Lost):
        asyncio.run(engine.call("actor 9", "news", ()))
