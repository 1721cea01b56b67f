"""Jobs that run side by side on an event loop of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import anyio
import pytest

from pytest_duolog.running.scheduler import Scheduler


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler(3)
    yield made
    made.close()


def test_no_thread_is_started_before_the_first_job():
    before = threading.active_count()
    Scheduler(3).close()
    assert threading.active_count() == before


def test_jobs_run_side_by_side_up_to_the_limit_and_start_in_order(scheduler: Scheduler):
    started: list[int] = []
    running: list[int] = []

    async def job(number: int) -> None:
        started.append(number)
        running.append(1)
        most.append(len(running))
        await anyio.sleep(0.01)
        running.pop()

    most: list[int] = []
    futures = [scheduler.start(lambda number=number: job(number)) for number in range(10)]  # type: ignore[misc]
    for future in futures:
        future.result(10)
    assert started == list(range(10))
    assert max(most) == 3


def test_an_error_is_raised_to_whoever_waits_and_to_nobody_else(scheduler: Scheduler):
    async def fail() -> None:
        raise ValueError("no")

    async def succeed() -> None:
        await anyio.sleep(0.001)

    failed, fine = scheduler.start(fail), scheduler.start(succeed)
    fine.result(10)
    with pytest.raises(ValueError, match="no"):
        failed.result(10)


def test_closing_cancels_what_runs_and_what_waits():
    scheduler = Scheduler(1)
    ended = threading.Event()

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    futures = [scheduler.start(forever) for _ in range(3)]
    scheduler.start(forever)
    before = threading.active_count()
    scheduler.close()
    assert threading.active_count() < before
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(10)
    assert ended.is_set()


def test_closing_cancels_a_job_for_which_nobody_waits_after_ctrl_c(monkeypatch: pytest.MonkeyPatch):
    scheduler = Scheduler(3)
    ended = []

    async def job() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    def interrupted() -> bool:
        raise KeyboardInterrupt

    async def begin() -> None:
        pass

    scheduler.perform(begin)
    monkeypatch.setattr("pytest_duolog.running.scheduler.in_event_loop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scheduler.perform(job)
    closing = threading.Thread(target=scheduler.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    assert ended == [True]
