"""Workers of a Dask cluster.

A dialogue is no task of Dask: it runs beside the tasks, on the event loop of a worker. So it needs no thread of the
worker, Dask never runs it again by itself, and it holds no result.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import uuid4

from pytest_duolog.errors import ConfigurationError
from pytest_duolog.running.executors.engine import LONGEST_START_S, Lost
from pytest_duolog.running.executors.job import Answer, Failure
from pytest_duolog.running.executors.worker import Worker
from pytest_duolog.settings.executor import ExecutorAddress

CONNECT_S = 20.0
# After a worker died, others are looked for this long; a local one is started again by then.
RENEWAL_S = 30.0
# A worker that does not answer within this time is not one of those others.
LONGEST_LOOK_S = 5.0


async def in_worker(key: str, method: str, arguments: tuple[Any, ...], dask_worker: Any) -> Answer:
    """Call a method of the `Worker` named `key` in a worker of Dask; `greet` makes it."""
    workers: dict[str, Worker] = vars(dask_worker).setdefault("duolog_workers", {})
    if method == "greet":
        workers[key] = Worker(DaskEngine.distribution)
    if key not in workers:
        return Answer(failure=Failure.of(Lost("another process has its address now")))
    found = workers[key] if method != "close" else workers.pop(key)
    return await found.answer(method, arguments)


class DaskEngine:
    """See `Engine`.

    A worker of ours is named after the address of the one of Dask that it runs in. If another process, or the same one
    after it was lost, has that address later, it gets a worker of ours with a new name.
    """

    distribution = "distributed"

    def __init__(self, address: ExecutorAddress) -> None:
        self._address = address
        self._run = uuid4().hex
        self._addresses: dict[str, str] = {}
        self._n_named: Counter[str] = Counter()
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def open(self, *, n_workers: int) -> Sequence[str]:
        """See `Engine`."""
        from distributed import Client, LocalCluster  # noqa: PLC0415  # large, and an extra

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
                f"executor: no Dask scheduler answers at {self._address}: {error}"
            ) from None
        except (TypeError, ValueError, RuntimeError) as error:  # of wrong TLS files, or of a wrong address
            raise ConfigurationError(
                f"executor: Dask cannot connect to {self._address}: {error}\n"
                "with TLS, Dask reads its files from its own configuration (distributed.comm.tls)"
            ) from None
        found = await self._workers()
        if not found:
            raise ConfigurationError(f"executor: the Dask cluster at {self._address} has no worker")
        return [self._named(address) for address in found[:n_workers]]

    def _named(self, address: str) -> str:
        """A new name for a worker at an address."""
        self._n_named[address] += 1
        n = self._n_named[address]
        name = f"{address} ({n})" if n > 1 else address
        self._addresses[name] = address
        return name

    async def _workers(self) -> list[str]:
        """The addresses of the workers that the scheduler knows; one that has just died may still be among them."""
        identity = await self._client.scheduler.identity(n_workers=-1)
        told: dict[str, dict[str, Any]] = identity["workers"]
        return sorted(name for name, worker in told.items() if worker.get("status", "running") == "running")

    async def call(self, worker: str, method: str, arguments: tuple[Any, ...]) -> Answer:
        """See `Engine`."""
        if worker not in self._addresses:
            raise Lost(worker)
        answer: Answer = await self._run_at(
            self._addresses[worker], in_worker, f"{self._run} {worker}", method, arguments
        )
        return answer

    async def _run_at(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of no errors of its own returns in a worker of Dask. Raises Lost."""
        try:
            results = await self._client.run(function, *arguments, workers=[address], on_error="raise")
        except Exception as error:  # a dozen kinds of them
            raise Lost(f"{address}: {error}") from error
        if address not in results:
            raise Lost(address)
        return results[address]

    async def others(self, dead: str) -> Sequence[str]:
        """See `Engine`."""
        self._addresses.pop(dead, None)
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(RENEWAL_S):
                while True:
                    for address in await self._workers():
                        if address in self._addresses.values():
                            continue
                        name = self._named(address)  # nobody else takes it from now on
                        if await self._answers(address):
                            return [name]
                        del self._addresses[name]
                    await asyncio.sleep(0.2)
        return ()

    async def _answers(self, address: str) -> bool:
        with suppress(TimeoutError, Lost):
            async with asyncio.timeout(LONGEST_LOOK_S):
                return bool(await self._run_at(address, os.getpid))
        return False

    async def close(self) -> None:
        """See `Engine`."""
        with suppress(Exception):
            async with asyncio.timeout(LONGEST_START_S):
                await self._stack.aclose()
