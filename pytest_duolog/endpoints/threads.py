"""Blocking calls beside an event loop, in threads that nobody has to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

Result = TypeVar("Result")


async def call_in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """What `function` gives, or raises, called in a thread of its own with the caller's context variables.

    The event loop's own worker threads would hold up a cancellation, and the end of the process, until the call
    returns; this one is left to itself.
    """
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
    """What any thread may call, without waiting, to have `function` called in the event loop that runs here now."""
    token: Any = anyio.lowlevel.current_token().native_token
    soon = getattr(token, "call_soon_threadsafe", None) or token.run_sync_soon  # asyncio's, or trio's

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            soon(function)

    return wake


def context_without_loop() -> Context:
    """The caller's context variables for another thread, which has no event loop yet."""
    context = copy_context()
    for variable in context:
        # By this variable of sniffio's anyio would take the new thread for this one's event loop.
        if variable.name == "current_async_library_cvar":
            context.run(variable.set, None)
    return context
