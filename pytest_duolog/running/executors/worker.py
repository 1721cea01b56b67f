"""What a worker does: it runs the dialogues that it is given, each once, in a folder of its own.

It knows no engine, no pytest and no test. It asks models with the keys of its own environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from pytest_duolog.errors import BudgetExceeded, LocalModelError
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.results.timeline import Timeline
from pytest_duolog.running.executors.job import Facts, Failure, Job, Made, Needs, News, versions
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.session import Session
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.transcript import Usage

# News are told this often, and nothing longer than this is waited for.
NEWS_S = 0.25
LONGEST_SILENCE_S = 5.0
# If the run has asked for no news for so long, it is gone: no model is asked for it any more.
GONE_S = 60.0


def facts(needs: Needs, engine: str, environ: Mapping[str, str] = os.environ) -> Facts:
    """What this process is and has; the value of a key is looked at by nobody."""
    return Facts(
        *versions(engine),
        keys=frozenset(name for name in needs.keys if environ.get(name)),
        addresses={
            name: hashlib.sha256(f"{needs.salt}{environ[name]}".encode()).hexdigest()
            for name in needs.addresses
            if environ.get(name)
        },
        missing=tuple(why for model in needs.local_models if (why := _why_missing(model))),
    )


def _why_missing(model: str) -> str:
    from pytest_duolog.local.weights import find_weights  # noqa: PLC0415  # only where the embedded model is asked

    try:
        find_weights(model)
    except LocalModelError as error:
        return f"local:{model}: {error.problem}"
    return ""


class Worker:
    """Runs dialogues; every method but the constructor is called on the event loop of the engine."""

    def __init__(self, settings: Settings, engine: str) -> None:
        """`settings` are those of the run, with this worker's share of the limits and no budget."""
        self._folder = Path(tempfile.mkdtemp(prefix="duolog-worker-"))
        self._engine = engine
        self._session = Session(settings, root=self._folder)
        self._session.hear_waits(self._wait)
        self._running: dict[int, Future[None]] = {}
        self._made: dict[int, Made] = {}
        self._waits: list[tuple[str, float]] = []
        self._watching: asyncio.Task[None] | None = None
        self._refusal: BudgetExceeded | None = None
        self._heard_s = CLOCK.seconds()

    async def facts(self, needs: Needs) -> Facts:
        """What this worker is and has; the first thing that it is asked."""
        self._watching = asyncio.create_task(self._watch())
        return facts(needs, self._engine)

    async def perform(self, job: Job) -> Made:
        """Run a dialogue to its end; the engine must not ask for the same job twice."""
        future = self._session.scheduler.start(partial(self._perform, job))
        self._running[job.key] = future
        try:
            await asyncio.wrap_future(future)
            return self._made.pop(job.key)
        finally:
            del self._running[job.key]

    async def _perform(self, job: Job) -> None:
        folder = self._folder / str(job.key)
        location = replace(job.location, folder=folder)
        cassette = self._session.open_recording(
            job.scenario,
            location,
            RecordMode.ONCE,
            before_asking=self._check_may_ask,
            header=job.header,
        )
        timeline = Timeline(job.scenario.stub) if job.is_timed else None
        run = DialogueRun(job.scenario, observers=[cassette], timeline=timeline)
        failure: Failure | None = None
        try:
            await self._session.run_async(run, cassette)
        except Exception as error:  # noqa: BLE001  # the run raises it
            failure = Failure.of(error)
        recorded = _content(cassette)
        shutil.rmtree(folder, ignore_errors=True)
        self._made[job.key] = Made(
            job.key, recorded, run.state, tuple(cassette.notices), failure, self._news()
        )

    def _check_may_ask(self) -> None:
        if self._refusal is not None:
            raise BudgetExceeded(self._refusal.unit, used=self._refusal.used, limit=self._refusal.limit)

    async def news(self) -> News:
        """What has happened since the last news; waits a while if that is nothing."""
        self._heard_s = CLOCK.seconds()
        ends_s = self._heard_s + LONGEST_SILENCE_S
        while CLOCK.seconds() < ends_s:
            await asyncio.sleep(NEWS_S)
            if self._waits or self._session.budget.usage != Usage():
                break
        return self._news()

    def _news(self) -> News:
        waits, self._waits = self._waits, []
        return News(tuple(waits), self._session.budget.taken())

    async def _watch(self) -> None:
        """Cancel everything if the run is gone."""
        while (left_s := self._heard_s + GONE_S - CLOCK.seconds()) > 0:  # noqa: ASYNC110  # no event: it is about time
            await asyncio.sleep(left_s)
        await self.close()

    def _wait(self, provider: str, seconds: float) -> None:
        self._waits.append((provider, seconds))

    async def wait_too(self, provider: str, seconds: float) -> None:
        """A provider has asked another worker to wait."""
        self._session.wait_too(provider, seconds)

    async def refuse(self, unit: str, used: float, limit: float) -> None:
        """The budget of the run is used up: ask no model any more."""
        self._refusal = BudgetExceeded(unit, used=used, limit=limit)

    async def cancel(self, key: int) -> None:
        """Nobody waits for this dialogue any more."""
        if key in self._running:
            self._running[key].cancel()

    async def close(self) -> None:
        """Cancel what runs, and leave nothing behind."""
        await asyncio.to_thread(self._session.close)
        shutil.rmtree(self._folder, ignore_errors=True)


def _content(cassette: Cassette) -> bytes:
    location = cassette.location
    for path in (location.path, location.partial_path):
        with suppress(FileNotFoundError):
            return path.read_bytes()
    return b""
