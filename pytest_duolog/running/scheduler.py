"""Many jobs at once, on one event loop that has a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import ExitStack

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal


class Scheduler:
    """Runs what it is given in the order it was given, at most `concurrency` jobs at a time.

    The event loop starts with the first job. A job's outcome does not depend on others, and nobody learns which
    one was finished first.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._places: anyio.Semaphore | None = None
        self._futures: set[Future[None]] = set()

    def start(self, job: Callable[[], Awaitable[None]]) -> Future[None]:
        """Begin `job` as soon as there is a place; what it raises is raised by the future."""
        with self._lock:
            if self._portal is None:
                self._portal = self._stack.enter_context(start_blocking_portal(name="duolog"))
                self._places = self._portal.call(anyio.Semaphore, self.concurrency)
            future = self._portal.start_task_soon(self._run, job)
            self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    async def _run(self, job: Callable[[], Awaitable[None]]) -> None:
        assert self._places is not None, "made with the event loop"
        async with self._places:
            await job()

    def close(self) -> None:
        """Cancel what is not finished, and end the event loop."""
        for future in list(self._futures):
            future.cancel()
        with self._lock:
            self._stack.close()
            self._portal = None
