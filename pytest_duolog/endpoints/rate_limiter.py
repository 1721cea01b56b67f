"""The way to one provider, which all dialogues of a run go through: so many at a time, so many a minute.

A provider that asks one dialogue to wait is left alone by all of them.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from pytest_duolog.genuine import CLOCK

# Dialogues run on more than one event loop, so whoever finds no place looks again this often.
LOOK_AGAIN_S = 0.02


@dataclass(frozen=True)
class Limit:
    """What one provider is asked at most; None is no limit. `[tool.duolog.limits.NAME]` in pyproject.toml sets it."""

    concurrency: int | None = None
    requests_per_minute: float | None = None

    def share(self, n_processes: int) -> Limit:
        """What each of so many processes may ask; at least one request at a time, without which nothing would end."""
        concurrency, per_minute = self.concurrency, self.requests_per_minute
        return Limit(
            concurrency=concurrency and max(1, concurrency // n_processes),
            requests_per_minute=per_minute and per_minute / n_processes,
        )


class RateLimiter:
    """Lets requests through as the limit, and the provider, allow."""

    def __init__(
        self,
        limit: Limit,
        *,
        clock: Callable[[], float] = CLOCK.seconds,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._n_inside = 0
        self._opens_at = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        while (wait_s := self._try_to_enter()) > 0:
            await self._sleep(wait_s)
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1

    async def leave_to_ask_again(self) -> float:
        """Wait, with a place held, until the provider may be asked once more; how many seconds that took."""
        waited_s = 0.0
        while (wait_s := self._try_to_ask()) > 0:
            waited_s += wait_s
            await self._sleep(wait_s)
        return waited_s

    def close_for(self, seconds: float) -> None:
        """Let nobody in for so long; those who are inside stay."""
        with self._lock:
            self._opens_at = max(self._opens_at, self._clock() + seconds)

    def _try_to_enter(self) -> float:
        """0 with a place taken, or how long to wait before trying again."""
        with self._lock:
            is_full = self._limit.concurrency is not None and self._n_inside >= self._limit.concurrency
            wait_s = LOOK_AGAIN_S if is_full else self._wait_s()
            self._n_inside += wait_s == 0
            return wait_s

    def _try_to_ask(self) -> float:
        with self._lock:
            return self._wait_s()

    def _wait_s(self) -> float:
        """0 if a request may be sent now, which then counts; or how long to wait before trying again."""
        now = self._clock()
        if now < self._opens_at:
            return self._opens_at - now
        if self._limit.requests_per_minute is not None:
            self._opens_at = now + 60 / self._limit.requests_per_minute
        return 0.0
