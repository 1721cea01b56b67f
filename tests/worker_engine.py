"""An engine whose workers live in this process, and die when a test says so."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from typing import Any

from pytest_duolog.running.executors.engine import Lost
from pytest_duolog.running.executors.worker import Worker
from pytest_duolog.settings import Settings


class HereEngine:
    """What travels is pickled, as between processes. A dead worker goes on, unheard, as one that lost its network.

    `sent` are the names of the methods that were called with their workers. With `renews`, a new worker takes the place
    of a dead one. With `dies`, every worker dies at its first dialogue.
    """

    distribution = "pytest-duolog"

    def __init__(self, *, renews: bool = True, dies: bool = False) -> None:
        self.workers: dict[str, Worker] = {}
        self.sent: list[tuple[str, str]] = []
        self.pickled: list[bytes] = []
        self.renews, self.dies = renews, dies
        self._deaths: dict[str, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, settings: Settings, *, n_workers: int | None) -> Sequence[str]:
        self._loop = asyncio.get_running_loop()
        self.settings: Settings = self._copied(settings)
        return [self._new() for _ in range(n_workers or 1)]

    def _new(self) -> str:
        name = f"worker {len(self.workers) + 1}"
        self.workers[name] = Worker(self.settings, self.distribution)
        self._deaths[name] = asyncio.Event()
        return name

    def _copied(self, value: Any) -> Any:
        self.pickled.append(pickle.dumps(value))
        return pickle.loads(self.pickled[-1])

    async def call(self, worker: str, method: str, *arguments: Any) -> Any:
        death = self._deaths[worker]
        self.sent.append((worker, method))
        if self.dies and method == "perform":
            death.set()
        if death.is_set():
            raise Lost(worker)
        answer = asyncio.ensure_future(getattr(self.workers[worker], method)(*self._copied(arguments)))
        dies = asyncio.ensure_future(death.wait())
        try:
            await asyncio.wait([answer, dies], return_when=asyncio.FIRST_COMPLETED)
            if death.is_set():
                raise Lost(worker)
            return self._copied(answer.result())
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
