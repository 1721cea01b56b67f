"""The event loop on which all models are asked, in its own thread.

A test that changes its own event loop, the clock or sockets does not affect it.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from pytest_duolog.endpoints.threads import waker
from pytest_duolog.running.waiting import in_event_loop, running_loop
from pytest_duolog.transcripts.transcript import build_models

if TYPE_CHECKING:
    import asyncio

    import anyio
    from anyio.from_thread import BlockingPortal

Result = TypeVar("Result")


class Scheduler:
    """Runs jobs on its event loop, which starts with the first job.

    Dialogues run in the order in which they were given, at most `concurrency` at a time. The result of a job does not
    depend on other jobs or on the order in which they finish.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: anyio.Semaphore | None = None

    def start(self, job: Callable[[], Awaitable[None]]) -> Future[None]:
        """Begin `job` as soon as there is a free place; the future has its exception."""
        with self._lock:
            return self._started().start_task_soon(self._run, job)

    def perform(self, job: Callable[[], Awaitable[Result]]) -> Result | Awaitable[Result]:
        """Run `job` on the event loop; returns its result in sync code, and an awaitable in an event loop."""
        if self.is_here():
            return job()
        with self._lock:
            future = self._started().start_task_soon(job)
        if in_event_loop():
            return _awaited(future)
        try:
            return future.result()
        except BaseException:  # for example Ctrl-C
            future.cancel()
            raise

    def is_here(self) -> bool:
        """Whether the caller runs on this event loop."""
        return self._loop is not None and running_loop() is self._loop

    def _started(self) -> BlockingPortal:
        if self._portal is None:
            import asyncio  # noqa: PLC0415  # a replay has no event loop

            import anyio  # noqa: PLC0415
            from anyio.from_thread import start_blocking_portal  # noqa: PLC0415

            from pytest_duolog.running.event_loop import NetworkLoop  # noqa: PLC0415

            build_models()
            self._portal = self._stack.enter_context(
                start_blocking_portal(name="duolog", backend_options={"loop_factory": NetworkLoop})
            )
            self._loop = self._portal.call(asyncio.get_running_loop)
            self._places = self._portal.call(anyio.Semaphore, self.concurrency)
        return self._portal

    async def _run(self, job: Callable[[], Awaitable[None]]) -> None:
        assert self._places is not None, "it is made with the event loop"
        async with self._places:
            await job()

    def close(self) -> None:
        """Cancel unfinished jobs and end the event loop."""
        with self._lock:
            # Also jobs that nobody waits for, because Ctrl-C came just as they began.
            if self._portal is not None:
                self._portal.call(self._portal.stop, True)
            self._stack.close()
            self._portal = self._loop = None


async def _awaited(future: Future[Result]) -> Result:
    import anyio  # noqa: PLC0415  # a replay has no event loop

    is_done = anyio.Event()
    wake = waker(is_done.set)
    future.add_done_callback(lambda _: wake())
    try:
        await is_done.wait()
    except BaseException:  # cancelled
        future.cancel()
        raise
    return future.result()
