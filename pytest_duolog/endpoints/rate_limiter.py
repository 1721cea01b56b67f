"""Limits the requests to one provider from all dialogues of a run: how many at a time, and how many in a minute.

If a provider asks one dialogue to wait, all dialogues wait.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

from pytest_duolog.dataclass import dataclass
from pytest_duolog.genuine import CLOCK

# Dialogues run on more than one event loop, so a waiting request checks for a free place this often.
LOOK_AGAIN_S = 0.02


@dataclass(frozen=True)
class Limit:
    """The limits of one provider; None is no limit. Set by `[tool.duolog.limits.NAME]` in pyproject.toml."""

    concurrency: int | None = None
    requests_per_minute: float | None = None

    def share(self, n_processes: int) -> Limit:
        """The share of each of `n_processes` processes; at least one request at a time."""
        concurrency, per_minute = self.concurrency, self.requests_per_minute
        return Limit(
            concurrency=concurrency and max(1, concurrency // n_processes),
            requests_per_minute=per_minute and per_minute / n_processes,
        )


async def _sleep(seconds: float) -> None:
    import anyio  # noqa: PLC0415  # a replay waits for nothing

    await anyio.sleep(seconds)


class RateLimiter:
    """Lets requests through when the limits and the provider allow it."""

    def __init__(
        self,
        limit: Limit,
        *,
        clock: Callable[[], float] = CLOCK.seconds,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        told: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """`told` hears how many seconds a provider asks this process to wait."""
        self._told = told
        self._limit = limit
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._n_inside = 0
        self._opens_at = 0.0

    async def __aenter__(self) -> None:
        """Wait for a free place, which is kept inside the block."""
        while (wait_s := self._try_to_enter()) > 0:
            await self._sleep(wait_s)

    async def __aexit__(self, *_: object) -> None:
        with self._lock:
            self._n_inside -= 1

    async def leave_to_ask_again(self) -> float:
        """Wait, while keeping a place, until another request may be sent; returns how many seconds it waited."""
        waited_s = 0.0
        while (wait_s := self._try_to_ask()) > 0:
            waited_s += wait_s
            await self._sleep(wait_s)
        return waited_s

    def close_for(self, seconds: float) -> None:
        """Let no new request through for `seconds`; requests that already have a place keep it."""
        self.wait_too(seconds)
        self._told(seconds)

    def wait_too(self, seconds: float) -> None:
        """The same because another process was asked to wait."""
        with self._lock:
            self._opens_at = max(self._opens_at, self._clock() + seconds)

    def _try_to_enter(self) -> float:
        """Take a place and return 0, or return how many seconds to wait before the next attempt."""
        with self._lock:
            is_full = self._limit.concurrency is not None and self._n_inside >= self._limit.concurrency
            wait_s = LOOK_AGAIN_S if is_full else self._wait_s()
            self._n_inside += wait_s == 0
            return wait_s

    def _try_to_ask(self) -> float:
        with self._lock:
            return self._wait_s()

    def _wait_s(self) -> float:
        """Count a request and return 0 if it may be sent now, or return how many seconds to wait."""
        now = self._clock()
        if now < self._opens_at:
            return self._opens_at - now
        if self._limit.requests_per_minute is not None:
            self._opens_at = now + 60 / self._limit.requests_per_minute
        return 0.0
