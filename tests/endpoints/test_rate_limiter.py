"""How many requests a provider gets at a time, and in a minute, and how all of them wait when it asks one to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from pytest_duolog.endpoints.rate_limiter import Limit, RateLimiter
from tests.chat_server import ChatServer


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def clock() -> Iterator[Clock]:
    return Clock()


def entered(limit: Limit, clock: Clock, n: int, *, closed_for: float = 0) -> list[float]:
    """When each of `n` requests, one after the other, gets a place, in seconds from now."""
    rate_limiter, begin = RateLimiter(limit, clock=clock, sleep=clock.sleep), clock.now
    times: list[float] = []

    async def go() -> None:
        if closed_for:
            rate_limiter.close_for(closed_for)
        for _ in range(n):
            async with rate_limiter:
                times.append(round(clock.now - begin, 6))

    anyio.run(go)
    return times


def test_without_limits_nobody_waits(clock: Clock):
    assert entered(Limit(), clock, 4) == [0, 0, 0, 0]


def test_requests_are_spread_over_the_minute(clock: Clock):
    assert entered(Limit(requests_per_minute=30), clock, 4) == [0, 2, 4, 6]


def test_everybody_waits_when_the_provider_asks_for_it(clock: Clock):
    assert entered(Limit(), clock, 3, closed_for=7) == [7, 7, 7]
    assert entered(Limit(requests_per_minute=60), clock, 3, closed_for=7) == [7, 8, 9]


def test_no_more_than_the_limit_are_inside_at_a_time():
    rate_limiter, inside, most = RateLimiter(Limit(concurrency=3)), [0], [0]

    async def request() -> None:
        async with rate_limiter:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            await anyio.sleep(0.01)
            inside[0] -= 1

    async def go() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(request)

    anyio.run(go)
    assert most == [3]


def test_a_place_is_given_back_after_a_failure():
    rate_limiter = RateLimiter(Limit(concurrency=1))

    async def go() -> None:
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                async with rate_limiter:
                    raise ValueError("no")

    anyio.run(go)


class Meeting:
    """Answers of the server, and how many requests were inside at a time; the first two wait for each other."""

    def __init__(self, server: ChatServer) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._have_met = threading.Event()
        self.most = 0
        server.answer = self._answer

    def _answer(self, body: dict[str, Any]) -> str:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            if self._inside == 2:
                self._have_met.set()
        self._have_met.wait(60)
        time.sleep(0.01)  # a third one would be seen
        with self._lock:
            self._inside -= 1
        return "Well."


MATRIX = """
import pytest

@pytest.mark.dialogue(a="openai:m", b="openai:m", turns=1)
@pytest.mark.parametrize("opener", [f"Opener {n}." for n in range(6)])
def test_it(opener, dialogue):
    assert len(dialogue.messages) == 3
"""


def test_limits_of_the_project_hold_for_all_dialogues(pytester: pytest.Pytester, chat_server: ChatServer):
    meeting = Meeting(chat_server)
    pytester.makepyprojecttoml("[tool.duolog.limits.openai]\nconcurrency = 2\n")
    pytester.makepyfile(MATRIX)
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=6)
    assert meeting.most == 2


@pytest.mark.parametrize(
    ("limit", "n", "share"),
    [
        (Limit(5, 60), 2, Limit(2, 30)),
        (Limit(2), 4, Limit(1)),
        (Limit(None, 10), 4, Limit(None, 2.5)),
        (Limit(), 3, Limit()),
        (Limit(3, 9), 1, Limit(3, 9)),
    ],
)
def test_processes_share_a_limit(limit: Limit, n: int, share: Limit):
    assert limit.share(n) == share


def test_workers_of_xdist_share_the_limits(pytester: pytest.Pytester, chat_server: ChatServer):
    meeting = Meeting(chat_server)
    pytester.makepyprojecttoml("[tool.duolog.limits.openai]\nconcurrency = 2\n")
    pytester.makepyfile(MATRIX)
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once", "-n2").assert_outcomes(passed=6)
    assert meeting.most == 2


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (
            "[tool.duolog.limits.openia]\nconcurrency = 2",
            "*limits.openia*: unknown provider 'openia' (known: *openai*",
        ),
        ("[tool.duolog.limits.openai]\nconcurrency = 0", "*limits.openai.concurrency*"),
        ("[tool.duolog.limits.openai]\nper_hour = 5", "*limits.openai.per_hour*"),
    ],
)
def test_wrong_limits_are_named(pytester: pytest.Pytester, table: str, problem: str):
    pytester.makepyprojecttoml(table)
    pytester.makepyfile(MATRIX)
    result = pytester.runpytest("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([problem])


def test_wait_that_one_dialogue_is_asked_for_holds_for_all(
    pytester: pytest.Pytester, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    """Those who have to ask again as well: they are inside already."""
    asked_at: list[float] = []
    told_at: list[float] = []
    lock, all_have_asked, is_told = threading.Lock(), threading.Barrier(6), threading.Event()
    close_for = RateLimiter.close_for

    def closing(limiter: RateLimiter, wait_s: float) -> None:
        told_at.append(time.monotonic())
        close_for(limiter, wait_s)
        is_told.set()

    def answer(body: dict[str, Any]) -> Any:
        with lock:
            asked_at.append(time.monotonic())
            n = len(asked_at)
        if n <= 6:
            all_have_asked.wait(60)
        if n == 1:
            return 429, b'{"error": {"message": "slow down"}}', {"retry-after": "0.5"}
        if n <= 6:
            is_told.wait(60)
            return 500, b'{"error": {"message": "Oh."}}'
        return "Well."

    monkeypatch.setattr(RateLimiter, "close_for", closing)
    chat_server.answer = answer
    pytester.makepyprojecttoml("[tool.duolog.requests]\nbackoff_s = 0.01\n")
    pytester.makepyfile(MATRIX)
    pytester.runpytest("-p", "no:cacheprovider", "--record-mode=once").assert_outcomes(passed=6)
    assert len(told_at) == 1
    assert len(asked_at) == 6 + 12
    assert min(asked_at[6:]) >= told_at[0] + 0.5


def test_a_repeated_try_counts_as_a_request(clock: Clock):
    rate_limiter, begin = (
        RateLimiter(Limit(requests_per_minute=30), clock=clock, sleep=clock.sleep),
        clock.now,
    )
    times: list[float] = []

    async def go() -> None:
        async with rate_limiter:
            await rate_limiter.leave_to_ask_again()
            times.append(clock.now - begin)
        async with rate_limiter:
            times.append(clock.now - begin)

    anyio.run(go)
    assert times == [2, 4]
