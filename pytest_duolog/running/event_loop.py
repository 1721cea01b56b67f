"""Async code run to its end from anywhere: from a plain test, from one inside an event loop, and until Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import TypeVar

import anyio
import anyio.lowlevel

from pytest_duolog.endpoints.threads import context_without_loop

Result = TypeVar("Result")


def in_event_loop() -> bool:
    """Whether an event loop, of asyncio or trio, runs in this thread."""
    try:
        anyio.lowlevel.current_token()
    except RuntimeError:
        return False
    return True


def run_to_end(function: Callable[[], Awaitable[Result]]) -> Result:
    """What `function` gives; it runs here, or, where an event loop already runs in this thread, in another thread."""
    if not in_event_loop():
        with _prompt_ctrl_c():
            return anyio.run(function)

    def in_new_loop() -> Result:
        return anyio.run(function)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context_without_loop().run, in_new_loop).result()


@contextmanager
def _prompt_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends a model that is a plain function, too; asyncio's own handler would wait until it returns.

    asyncio sets its handler only in place of Python's own, so another one that does the same keeps it away.
    """
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
