"""Runs blocking calls next to an event loop, in threads that need not finish."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, TypeVar

Result = TypeVar("Result")


async def call_in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call `function` in a new thread with the caller's context variables; returns its result or raises its exception.

    Unlike the event loop's own worker threads, this thread delays neither a cancellation nor the end of the process.
    """
    import anyio  # noqa: PLC0415  # most replays have no event loop

    is_done = anyio.Event()
    wake = waker(is_done.set)
    outcome: Future[Result] = Future()
    context = context_without_loop()

    def call() -> None:
        try:
            outcome.set_result(context.run(function, *arguments))
        except BaseException as error:  # noqa: BLE001  # the caller's, whatever it is
            outcome.set_exception(error)
        wake()

    threading.Thread(target=call, name="duolog speaker", daemon=True).start()
    await is_done.wait()
    return outcome.result()


def waker(function: Callable[[], None]) -> Callable[[], None]:
    """A function that any thread may call, without waiting, to run `function` in the event loop of this thread."""
    import anyio.lowlevel  # noqa: PLC0415

    token: Any = anyio.lowlevel.current_token().native_token
    soon = getattr(token, "call_soon_threadsafe", None) or token.run_sync_soon  # asyncio's, or trio's

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended
            soon(function)

    return wake


def context_without_loop() -> Context:
    """A copy of the caller's context variables for another thread, without the event loop."""
    context = copy_context()
    for variable in context:
        # With this variable of sniffio, anyio would believe that the new thread runs this event loop.
        if variable.name == "current_async_library_cvar":
            context.run(variable.set, None)
    return context
