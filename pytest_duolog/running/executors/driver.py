"""What a run does with its workers: it sends each dialogue to one of them, and keeps what comes back.

While a worker runs a dialogue, its file is locked here, and each finished message is written to it as it comes. If the
worker died, another one continues after those messages. Only this process counts, writes and decides: a try that nobody
waits for any more has no way into the results.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Collection, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pytest_duolog.display import counted
from pytest_duolog.errors import CassetteError, ConfigurationError, DialogueError, EndpointError
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.recording_file import RecordingFile
from pytest_duolog.running.budget import RunBudget
from pytest_duolog.running.executors.engine import LONGEST_START_S, Engine, Lost, is_cancelled
from pytest_duolog.running.executors.job import Facts, Job, Made, Needs, News
from pytest_duolog.running.executors.sendable import (
    has_secret,
    holds_key,
    models_of,
    needs_of,
    why_not_sent,
    without_checks,
)
from pytest_duolog.running.executors.worker import facts
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import ModelName
from pytest_duolog.settings import Settings

if TYPE_CHECKING:
    from pytest_duolog.endpoints.network import Surroundings

# So long the end of a run waits for its workers.
LONGEST_CLOSE_S = 5.0
# So often a dialogue is begun in workers that die.
MOST_TRIES = 5
# A worker carries about so many dialogues at a time before its processor is busy with them alone.
DIALOGUES_A_WORKER = 25


@dataclass
class Executor:
    """The workers of one run.

    `n_here` counts the dialogues that asked models in this process, `n_away` those that did in workers, `n_again` those
    whose worker died, so that another one continued them.
    """

    session: Session
    engine: Engine
    name: str
    n_here: int = 0
    n_away: int = 0
    n_again: int = 0
    _needs: Needs = field(default_factory=lambda: Needs((), (), (), uuid4().hex))
    _own: Facts | None = None
    _shared: Settings = field(default_factory=Settings)
    _load: Counter[str] = field(default_factory=Counter)
    _away: dict[int, _Away] = field(default_factory=dict)
    _keys: Iterator[int] = field(default_factory=itertools.count)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _most_workers: int = 0
    _renewals: set[asyncio.Task[None]] = field(default_factory=set)
    _has_refused: bool = False
    _is_closed: bool = False

    # Before anything runs

    def open(self, scenarios: Iterable[Scenario]) -> None:
        """Reach the workers and ask whether they can run these dialogues.

        Raises ConfigurationError that says what a worker lacks.
        """
        models = [model for scenario in scenarios for model in models_of(scenario)]
        self._needs = needs_of(models, self.session.settings)
        self._own = facts(self._needs, self.engine.distribution)
        used = {ModelName.parse(model).provider for model in models if isinstance(model, str)}
        self.session.scheduler.perform(partial(self._open, used))

    async def _open(self, providers: Collection[str]) -> None:
        settings = self.session.settings
        workers = await self.engine.open(n_workers=_n_wanted(settings, providers))
        self._most_workers = len(workers)
        self._shared = replace(
            settings,
            limits={name: limit.share(len(workers)) for name, limit in settings.limits.items()},
            providers={
                name: provider for name, provider in settings.providers.items() if not holds_key(provider)
            },
            budget={},
            executor=None,
        )
        found = await asyncio.gather(*map(self._greeted, workers))
        wrong = [f"worker {name}: {what}" for name, told in zip(workers, found, strict=True) for what in told]
        if wrong:
            raise ConfigurationError(
                f"executor: workers of {self.name} cannot run these dialogues:\n  "
                + "\n  ".join(wrong[:8])
                + "\nkeys are never sent: set them where the workers are started; install the same versions there"
            )

    async def _greeted(self, worker: str) -> list[str]:
        """What a worker lacks; if that is nothing, it gets dialogues from now on."""
        assert self._own is not None, "it is made first"
        try:
            async with asyncio.timeout(LONGEST_START_S):
                theirs: Facts = await self._call(worker, "greet", self._shared, self._needs)
        except TimeoutError:
            return [f"does not answer within {LONGEST_START_S:g} s: the cluster may have no free place"]
        except Lost as lost:
            return [f"died: {lost}"]
        except Exception as error:  # noqa: BLE001  # what went wrong there
            return [f"cannot begin: {error}"]
        wrong = self._own.differences(theirs)
        if not wrong:
            self._listen_to(worker)
        return wrong

    async def _call(self, worker: str, method: str, *arguments: Any) -> Any:
        """The result of a method of a worker. Raises Lost, and what the method raises."""
        try:
            answer = await self.engine.call(worker, method, arguments)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            raise Lost("it ended itself") from None
        if answer.failure is not None:
            raise answer.failure.exception()
        return answer.result

    def _listen_to(self, worker: str) -> None:
        self._load[worker] = 0
        _begin(self._listen(worker), self._tasks)

    # While dialogues run

    def takes(self, run: DialogueRun, cassette: Cassette, around: Surroundings | None) -> bool:
        """Whether a worker can run this dialogue; what is recorded is played here.

        A dialogue that the budget forbids is refused here, in the usual words.
        """
        environ = around.environ if around else None
        return (
            cassette.is_all_new
            and not why_not_sent(run.scenario, self.session.settings)
            and (environ is None or facts(self._needs, self.engine.distribution, environ) == self._own)
            and not has_secret(run.scenario, cassette)
            and self._may_begin(run, cassette)
        )

    @staticmethod
    def _may_begin(run: DialogueRun, cassette: Cassette) -> bool:
        opening = run.scenario.speaker(run.scenario.opener_by).name
        for observer in run.observers:
            observer.asking(1, opening)
        try:
            cassette.permission()
            cassette.file.check_place()
        except (EndpointError, CassetteError):
            return False
        return True

    async def perform(self, run: DialogueRun, cassette: Cassette) -> None:
        """Run a dialogue in a worker, and make `run` and `cassette` what they would be if it had run here.

        Raises the error that ended it.
        """
        cassette.begin_elsewhere()
        made = await self._made(run, cassette)
        self._hear("", made.news)
        cassette.adopt(made.recorded)
        cassette.notices += (notice for notice in made.notices if notice not in cassette.notices)
        run.adopt(made.state)
        for number, message in enumerate(run.messages, start=1):
            for observer in run.observers:
                if observer is not cassette:
                    observer.asking(number, message.speaker)
                    observer.said(number, message)
        if made.failure is not None:
            self.session.budget.has_refused |= self._has_refused
            raise made.failure.exception(cassette.location)

    async def _made(self, run: DialogueRun, cassette: Cassette) -> Made:
        lost: Lost | None = None
        for n_tries in range(MOST_TRIES):
            while self._renewals and not self._load:
                await asyncio.wait(self._renewals)
            if not self._load:
                break
            self.n_again += n_tries == 1
            worker = min(self._load, key=self._load.__getitem__)
            try:
                return await self._made_by(worker, run, cassette)
            except Lost as error:
                lost = error
                self._bury(worker)
        raise DialogueError(
            f"the workers of {self.name} that ran it died ({lost or 'none is left'})",
            message_number=1,
            speaker=run.scenario.speaker(run.next_side).name,
            transcript=run.transcript(),
        )

    async def _made_by(self, worker: str, run: DialogueRun, cassette: Cassette) -> Made:
        """What a worker makes of a dialogue, after the messages that are here already. Raises Lost."""
        job = Job(
            next(self._keys),
            without_checks(run.scenario),
            cassette.header,
            cassette.location,
            cassette.file.begun_elsewhere(),
            is_timed=run.timeline is not None,
        )
        away = self._away[job.key] = _Away(cassette.file)
        self._load[worker] += 1
        try:
            made: Made = await self._call(worker, "perform", job)
        except asyncio.CancelledError:
            if not self._is_closed:
                self._tell(worker, "cancel", job.key)
            raise
        except Lost as lost:
            if self._is_closed:
                raise asyncio.CancelledError from lost
            if away.error is None:
                raise
        finally:
            del self._away[job.key]
            if worker in self._load:
                self._load[worker] -= 1
        if away.error is not None:
            raise away.error
        return made

    def _bury(self, dead: str) -> None:
        """Send nothing more to a dead worker, and look for others; every dialogue of it comes here."""
        if dead in self._load and not self._is_closed:
            del self._load[dead]
            _begin(self._renew(dead), self._renewals)

    async def _renew(self, dead: str) -> None:
        for worker in await self.engine.others(dead):
            if not await self._greeted(worker):
                self._refuse_if_used_up(worker)

    async def _listen(self, worker: str) -> None:
        try:
            while worker in self._load:
                self._hear(worker, await self._call(worker, "news"))
        except Exception:  # noqa: BLE001  # nobody hears it any more, and it ends itself: others continue its dialogues
            self._bury(worker)

    def _hear(self, worker: str, news: News) -> None:
        for part in news.written:
            if (away := self._away.get(part.key)) and away.error is None:
                try:
                    away.file.copy(part.start, part.content)
                except CassetteError as error:
                    away.error = error
                    self._tell(worker, "cancel", part.key)
        budget: RunBudget = self.session.budget
        budget.spend(news.usage)
        for provider, seconds in news.waits:
            self.session.wait_too(provider, seconds)
            for other in self._load:
                if other != worker:
                    self._tell(other, "wait_too", provider, seconds)
        if budget.used_up() and not self._has_refused:
            self._has_refused = True
            for each in self._load:
                self._refuse_if_used_up(each)

    def _refuse_if_used_up(self, worker: str) -> None:
        """Tell a worker to ask for nothing more if the budget is used up."""
        budget: RunBudget = self.session.budget
        if over := budget.used_up():
            self._tell(worker, "refuse", *over, budget.limits[over[0]])

    def _tell(self, worker: str, method: str, *arguments: Any) -> None:
        """Call a method of a worker and wait for nothing."""

        async def told() -> None:
            with suppress(Exception):  # if it is dead, whoever waits for it hears of that
                await self._call(worker, method, *arguments)

        _begin(told(), self._tasks)

    # Afterwards

    def note(self, cassette: Cassette) -> None:
        """Count a finished dialogue that has asked models."""
        self.n_away += cassette.is_adopted
        self.n_here += not cassette.is_adopted

    @property
    def words(self) -> str:
        """What ran where, as one line."""
        parts = [f"{counted(self.n_away, 'dialogue')} in {counted(self._most_workers, 'worker')}"]
        if self.n_here:
            parts.append(f"{self.n_here} in this process")
        if self.n_again:
            parts.append(
                f"{counted(self.n_again, 'dialogue')} continued in another worker because theirs died (what was "
                "under way is paid twice)"
            )
        return f"{self.name}: {', '.join(parts)}"

    def close(self) -> None:
        """End the workers, and what this run has started."""
        if not self._is_closed:
            self._is_closed = True
            self.session.scheduler.perform(self._close)

    async def _close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_CLOSE_S):
                await asyncio.gather(*map(self._close_worker, self._load), return_exceptions=True)
        tasks = [*self._tasks, *self._renewals]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.engine.close()

    async def _close_worker(self, worker: str) -> None:
        """End a worker; after Ctrl-C, what it has finished by now is kept."""
        self._hear(worker, await self._call(worker, "last_news"))
        await self._call(worker, "close")


@dataclass
class _Away:
    """A dialogue that a worker runs, and the error of keeping what it records."""

    file: RecordingFile
    error: CassetteError | None = None


def _begin(job: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    """Begin a task that nobody waits for; it is in `tasks` until it ends."""
    task = asyncio.get_running_loop().create_task(job)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _n_wanted(settings: Settings, providers: Collection[str]) -> int:
    """How many workers are of use: each must be allowed at least one request at a time to each of the providers."""
    given = settings.executor.workers if settings.executor else None
    wanted = given or math.ceil(settings.concurrency / DIALOGUES_A_WORKER)
    allowed = (limit.concurrency for name, limit in settings.limits.items() if name in providers)
    return min([wanted, *filter(None, allowed)])
