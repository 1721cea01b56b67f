"""Passes a dialogue's requests to the event loop on which models are asked."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.running.scheduler import Scheduler

if TYPE_CHECKING:
    from pytest_duolog.endpoints.retrying import RetryingTransport


class LiveLine:
    """Sends one dialogue's requests on the scheduler's event loop, over connections that it reuses."""

    def __init__(self, scheduler: Scheduler, open_line: Callable[[], RetryingTransport]) -> None:
        self._scheduler = scheduler
        self._open_line = open_line
        self._line: RetryingTransport | None = None

    def post(self, question: HttpQuestion) -> HttpAnswer | Awaitable[HttpAnswer]:
        """The response: an awaitable in an event loop; sync code waits here.

        Raises EndpointError if there is none.
        """
        if self._line is None:
            self._line = self._open_line()
        return self._scheduler.perform(partial(self._line.post, question))

    def close(self) -> None:
        """Close the connections."""
        if self._line is not None:
            self._scheduler.perform(self._line.aclose)

    async def aclose(self) -> None:
        """The same in an event loop."""
        closed = self._scheduler.perform(self._line.aclose) if self._line is not None else None
        if inspect.isawaitable(closed):
            await closed
