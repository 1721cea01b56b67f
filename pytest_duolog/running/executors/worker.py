"""What a worker does: it runs the dialogues that it is given, each once, in a folder of its own.

It knows no engine, no pytest and no test. It asks models with the keys of its own environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pytest_duolog.errors import BudgetExceeded, LocalModelError
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.results.timeline import Timeline
from pytest_duolog.running.executors.engine import Lost, is_cancelled
from pytest_duolog.running.executors.job import (
    Answer,
    Facts,
    Failure,
    Job,
    Made,
    Needs,
    News,
    Written,
    versions,
)
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.session import Session
from pytest_duolog.settings import Settings
from pytest_duolog.storage.line_file import read_lines

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


@dataclass
class _Performing:
    """A dialogue that runs here: where its recording is, and how much of that was told; it is `made` at the end."""

    path: Path
    n_told: int = 0
    future: Future[None] = field(default_factory=Future)
    made: Made | None = None


class Worker:
    """Runs dialogues; every method but the constructor is called on the event loop of the engine."""

    _session: Session
    _folder: Path

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._performing: dict[int, _Performing] = {}
        self._waits: list[tuple[str, float]] = []
        self._watching: asyncio.Task[None] | None = None
        self._refusal: tuple[str, float, float] | None = None
        self._heard_s = 0.0

    async def answer(self, method: str, arguments: tuple[Any, ...]) -> Answer:
        """What another method returns or raises, so that its errors are not taken for those of an engine."""
        try:
            return Answer(await getattr(self, method)(*arguments))
        except Exception as error:  # noqa: BLE001  # the run raises it
            return Answer(failure=Failure.of(error))

    async def greet(self, settings: Settings, needs: Needs) -> Facts:
        """What this worker is and has; the first thing that it is asked.

        `settings` are those of the run, with this worker's share of the limits and no budget.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="duolog-worker-"))
        self._session = Session(settings, root=self._folder)
        self._session.hear_waits(self._wait)
        self._heard_s = CLOCK.seconds()
        self._watching = asyncio.create_task(self._watch())
        return facts(needs, self._engine)

    async def perform(self, job: Job) -> Made:
        """Run a dialogue to its end; the engine must not ask for the same job twice."""
        location = replace(job.location, folder=self._folder / str(job.key))
        performing = _Performing(location.path, len(after_header(job.begun)))
        self._performing[job.key] = performing
        performing.future = self._session.scheduler.start(partial(self._perform, job, location, performing))
        try:
            await asyncio.wrap_future(performing.future)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            raise Lost("it has ended its dialogues") from None
        finally:
            del self._performing[job.key]
        assert performing.made is not None, "it ended without an error"
        return replace(performing.made, news=self._news())

    async def _perform(self, job: Job, location: CassetteLocation, performing: _Performing) -> None:
        if job.begun:
            location.folder.mkdir()
            location.path.write_bytes(job.begun)
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
        recorded = _recorded(location.path)
        shutil.rmtree(location.folder, ignore_errors=True)
        performing.made = Made(recorded, run.state, tuple(cassette.notices), failure)

    def _check_may_ask(self) -> None:
        if self._refusal is not None:
            unit, used, limit = self._refusal
            advice = self._session.settings.on_used_budget
            raise BudgetExceeded(unit, used=used, limit=limit, advice=advice)

    async def news(self) -> News:
        """What has happened since the last news; waits a while if that is nothing."""
        self._heard_s = CLOCK.seconds()
        ends_s = self._heard_s + LONGEST_SILENCE_S
        news = News()
        while news == News() and CLOCK.seconds() < ends_s:
            await asyncio.sleep(NEWS_S)
            news = self._news()
        return news

    async def last_news(self) -> News:
        """What has happened since the last news, at once."""
        return self._news()

    def _news(self) -> News:
        waits, self._waits = self._waits, []
        return News(tuple(waits), self._session.budget.taken(), tuple(self._written()))

    def _written(self) -> Iterator[Written]:
        for key, performing in self._performing.items():
            recorded, start = _recorded(performing.path), performing.n_told
            if len(recorded) > start:
                performing.n_told = len(recorded)
                yield Written(key, start, recorded[start:])

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
        self._refusal = (unit, used, limit)

    async def cancel(self, key: int) -> None:
        """Nobody waits for this dialogue any more."""
        if key in self._performing:
            self._performing[key].future.cancel()

    async def close(self) -> None:
        """Cancel what runs, and leave nothing behind."""
        if self._watching is None:  # it was never greeted
            return
        await asyncio.to_thread(self._session.close)
        shutil.rmtree(self._folder, ignore_errors=True)


def _recorded(path: Path) -> bytes:
    """The whole lines after the header of a recording, which may not exist yet."""
    with suppress(FileNotFoundError):
        content = read_lines(path)
        return after_header(content.content[: content.whole_bytes])
    return b""


def after_header(content: bytes) -> bytes:
    """A recording without its first line."""
    return content.partition(b"\n")[2]
