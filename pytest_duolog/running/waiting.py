"""Whether an event loop runs here, and how to stay away from it. Nothing is imported for it that nobody else has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pytest_duolog.endpoints.threads import context_without_loop

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio that runs in this thread, if one does."""
    if "asyncio" not in sys.modules:
        return None
    import asyncio  # noqa: PLC0415  # somebody else has imported it

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def in_event_loop() -> bool:
    """Whether an event loop, of asyncio or trio, runs in this thread."""
    if running_loop() is not None:
        return True
    if "trio" not in sys.modules:
        return False
    import anyio.lowlevel  # noqa: PLC0415

    try:
        anyio.lowlevel.current_token()
    except RuntimeError:
        return False
    return True


def outside_event_loop(function: Callable[[], Result]) -> Result:
    """Call `function` where no event loop runs: in this thread or, if it has one, in another thread.

    This lets a user's function run its own event loop.
    """
    if not in_event_loop():
        return function()
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context_without_loop().run, function).result()
