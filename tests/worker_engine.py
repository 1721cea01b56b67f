"""An engine whose workers live in this process, and die when a test says so."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_duolog.running.executors.engine import Lost
from pytest_duolog.running.executors.job import Answer
from pytest_duolog.running.executors.worker import Worker
from pytest_duolog.settings import Settings
from pytest_duolog.settings.executor import ExecutorAddress


def engines_used(monkeypatch: pytest.MonkeyPatch, module: str) -> list[HereEngine]:
    """The engines that runs use from now on, instead of Dask; their workers are here. `module` opens them."""
    used: list[HereEngine] = []

    def engine_at(address: ExecutorAddress) -> HereEngine:
        used.append(HereEngine())
        return used[-1]

    monkeypatch.setattr("pytest_duolog.settings.executor.ENGINES", {"dask": "json"})
    monkeypatch.setattr(f"{module}.engine_at", engine_at)
    return used


class HereEngine:
    """What travels is pickled, as between processes. A dead worker goes on, unheard, as one that lost its network.

    `sent` are the names of the methods that were called with their workers. At most `n_free` workers have a place. With
    `renews`, a new worker takes the place of a dead one. With `dies`, every worker dies at its first dialogue.
    """

    distribution = "pytest-duolog"

    def __init__(self, *, renews: bool = True, dies: bool = False, n_free: int = 1000) -> None:
        self.workers: dict[str, Worker] = {}
        self.sent: list[tuple[str, str]] = []
        self.pickled: list[bytes] = []
        self.settings = Settings()
        self.renews, self.dies, self.n_free = renews, dies, n_free
        self._deaths: dict[str, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, *, n_workers: int) -> Sequence[str]:
        self._loop = asyncio.get_running_loop()
        return [self._new() for _ in range(min(n_workers, self.n_free))]

    def _new(self) -> str:
        name = f"worker {len(self.workers) + 1}"
        self.workers[name] = Worker(self.distribution)
        self._deaths[name] = asyncio.Event()
        return name

    def _copied(self, value: Any) -> Any:
        self.pickled.append(pickle.dumps(value))
        return pickle.loads(self.pickled[-1])

    async def call(self, worker: str, method: str, arguments: tuple[Any, ...]) -> Answer:
        death = self._deaths[worker]
        self.sent.append((worker, method))
        if self.dies and method == "perform":
            death.set()
        if death.is_set():
            raise Lost(worker)
        copied = self._copied(arguments)
        if method == "greet":
            self.settings = copied[0]
        answer = asyncio.ensure_future(self.workers[worker].answer(method, copied))
        dies = asyncio.ensure_future(death.wait())
        try:
            await asyncio.wait([answer, dies], return_when=asyncio.FIRST_COMPLETED)
            if death.is_set():
                raise Lost(worker)
            answered: Answer = self._copied(answer.result())
            return answered
        finally:
            dies.cancel()
            if not death.is_set():
                answer.cancel()

    def kill(self, worker: str) -> None:
        """May be called from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._deaths[worker].set)

    async def others(self, dead: str) -> Sequence[str]:
        return [self._new()] if self.renews else ()

    async def close(self) -> None:
        for worker in self.workers.values():
            await worker.close()
