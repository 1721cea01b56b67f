"""Workers of a Dask cluster.

A dialogue is no task of Dask: it runs beside the tasks, on the event loop of a worker. So it needs no thread of the
worker, Dask never runs it again by itself, and it holds no result.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import uuid4

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.running.executors.engine import LONGEST_START_S, Lost
from pytest_duolog.running.executors.worker import Worker
from pytest_duolog.settings import Settings
from pytest_duolog.settings.executor import ExecutorAddress

CONNECT_S = 20.0
# After a worker died, others are looked for this long; a local one is started again by then.
RENEWAL_S = 30.0


async def in_worker(
    run: str, settings: Settings | None, method: str, arguments: Any, dask_worker: Any
) -> Any:
    """Call a method of this run's `Worker` in a worker of Dask; with `settings`, make it first."""
    workers: dict[str, Worker] = vars(dask_worker).setdefault("duolog_workers", {})
    if settings is not None:
        workers[run] = Worker(settings, "distributed")
    if run not in workers:
        raise KeyError(run)
    found = workers[run] if method != "close" else workers.pop(run)
    return await getattr(found, method)(*arguments)


class DaskEngine:
    """See `Engine`."""

    distribution = "distributed"

    def __init__(self, address: ExecutorAddress) -> None:
        self._address = address
        self._run = uuid4().hex
        self._settings: Settings | None = None
        self._made: set[str] = set()
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def open(self, settings: Settings, *, n_workers: int | None) -> Sequence[str]:
        """See `Engine`."""
        from distributed import Client, LocalCluster  # noqa: PLC0415  # large, and an extra

        self._settings = settings
        # A killed worker is told in our own words.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        target: Any = self._address.place if "://" in self._address.place else f"tcp://{self._address.place}"
        if self._address.is_local:
            target = await self._stack.enter_async_context(
                LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                    asynchronous=True,
                )
            )
        try:
            self._client = await self._stack.enter_async_context(
                Client(target, asynchronous=True, timeout=CONNECT_S, set_as_default=False)
            )
        except (OSError, TimeoutError) as error:
            raise ConfigurationError(
                f"duolog_executor: no Dask scheduler answers at {self._address}: {error}"
            ) from None
        found = await self._workers()
        if not found:
            raise ConfigurationError(f"duolog_executor: the Dask cluster at {self._address} has no worker")
        return found[:n_workers]

    async def _workers(self) -> list[str]:
        identity = await self._client.scheduler.identity(n_workers=-1)
        told: dict[str, dict[str, Any]] = identity["workers"]
        return sorted(name for name, worker in told.items() if worker.get("status", "running") == "running")

    async def call(self, worker: str, method: str, *arguments: Any) -> Any:
        """See `Engine`."""
        settings = None if worker in self._made else self._settings
        self._made.add(worker)
        try:
            results = await self._client.run(
                in_worker, self._run, settings, method, arguments, workers=[worker], on_error="raise"
            )
        except (OSError, ValueError, KeyError) as error:
            if isinstance(error, KeyError):  # a new process has the address of one that died
                self._made.discard(worker)
            raise Lost(f"{worker}: {error}") from error
        if worker not in results:
            raise Lost(worker)
        return results[worker]

    async def others(self, dead: str) -> Sequence[str]:
        """See `Engine`."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(RENEWAL_S):
                while True:
                    new = [name for name in await self._workers() if name not in self._made]
                    if new:
                        return new[:1]
                    await asyncio.sleep(0.2)
        return ()

    async def close(self) -> None:
        """See `Engine`."""
        with suppress(Exception):
            async with asyncio.timeout(LONGEST_START_S):
                await self._stack.aclose()
