"""What a run does with its workers: it sends each dialogue to one of them, and keeps what comes back.

If the worker died, it sends the dialogue to another one. Only this process counts, writes and decides: a try that
nobody waits for any more has no way into the results.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import pickle
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pytest_duolog.display import counted, listed
from pytest_duolog.endpoints import registry
from pytest_duolog.endpoints.scripted import Script
from pytest_duolog.errors import CassetteError, ConfigurationError, DialogueError, EndpointError, told
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.running.budget import RunBudget
from pytest_duolog.running.executors.engine import LONGEST_START_S, Engine, Lost
from pytest_duolog.running.executors.job import Facts, Job, Made, Needs, News
from pytest_duolog.running.executors.worker import facts
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import ModelName, Target
from pytest_duolog.settings import Settings

if TYPE_CHECKING:
    from pytest_duolog.endpoints.network import Surroundings

# So often a dialogue is begun in workers that die.
MOST_TRIES = 5
# A worker carries about so many dialogues at a time before its processor is busy with them alone.
DIALOGUES_A_WORKER = 25


@dataclass
class Executor:
    """The workers of one run.

    `n_here` counts the dialogues that asked models in this process, `n_away` those that did in workers, `n_again` the
    further tries of dialogues whose worker died.
    """

    session: Session
    engine: Engine
    name: str
    n_here: int = 0
    n_away: int = 0
    n_again: int = 0
    _needs: Needs = field(default_factory=lambda: Needs((), (), (), uuid4().hex))
    _own: Facts | None = None
    _load: Counter[str] = field(default_factory=Counter)
    _keys: Iterable[int] = field(default_factory=itertools.count)
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
        self._needs = needs_of(scenarios, self.session.settings)
        self.session.scheduler.perform(self._open)

    async def _open(self) -> None:
        settings = self.session.settings
        wanted = settings.executor.workers if settings.executor else None
        bounds = [wanted, *(limit.concurrency for limit in settings.limits.values())]
        n_workers = min([math.ceil(settings.concurrency / DIALOGUES_A_WORKER), *filter(None, bounds)])
        if wanted:
            n_workers = min(filter(None, bounds))
        shared = replace(
            settings,
            limits={name: limit.share(n_workers) for name, limit in settings.limits.items()},
            budget={},
            executor=None,
        )
        self._own = facts(self._needs, self.engine.distribution)
        workers = await self.engine.open(shared, n_workers=n_workers)
        self._most_workers = len(workers)
        found = await asyncio.gather(*map(self._greeted, workers))
        wrong = [f"worker {name}: {what}" for name, told in zip(workers, found, strict=True) for what in told]
        if wrong:
            raise ConfigurationError(
                f"duolog_executor: workers of {self.name} cannot run these dialogues:\n  "
                + "\n  ".join(wrong[:8])
                + "\nkeys are never sent: set them where the workers are started; install the same versions there"
            )
        for worker in workers:
            self._listen_to(worker)

    async def _greeted(self, worker: str) -> list[str]:
        assert self._own is not None, "it is made first"
        try:
            async with asyncio.timeout(LONGEST_START_S):
                theirs: Facts = await self.engine.call(worker, "facts", self._needs)
        except TimeoutError:
            return [f"does not answer within {LONGEST_START_S:g} s: the cluster may have no free place"]
        except Lost as lost:
            return [f"died: {lost}"]
        return self._own.differences(theirs)

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
            and not _has_secret(run.scenario, cassette)
            and self._may_begin(run, cassette)
        )

    @staticmethod
    def _may_begin(run: DialogueRun, cassette: Cassette) -> bool:
        opening = run.scenario.speaker(run.scenario.opener_by).name
        for observer in run.observers:
            observer.asking(1, opening)
        try:
            cassette.permission()
            cassette.check_place()
        except (EndpointError, CassetteError):
            return False
        return True

    async def perform(self, run: DialogueRun, cassette: Cassette) -> None:
        """Run a dialogue in a worker, and make `run` and `cassette` what they would be if it had run here.

        Raises the error that ended it.
        """
        made = await self._made(run, cassette)
        self._hear("", made.news)
        if made.recorded:
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
        why: Exception | None = None
        for n_tries in range(MOST_TRIES):
            while self._renewals and not self._load:
                await asyncio.wait(self._renewals)
            if not self._load:
                break
            self.n_again += n_tries > 0
            worker = min(self._load, key=self._load.__getitem__)
            job = Job(
                next(iter(self._keys)),
                run.scenario,
                cassette.header,
                cassette.location,
                is_timed=run.timeline is not None,
            )
            self._load[worker] += 1
            try:
                made: Made = await self.engine.call(worker, "perform", job)
            except Lost as lost:
                why = lost
                self._bury(worker)
            except asyncio.CancelledError:
                if self._is_closed:
                    raise
                if _is_cancelled():
                    self._tell(worker, "cancel", job.key)
                    raise
                why = Lost("it ended itself, because it heard nothing")
                self._bury(worker)
            else:
                return made
            finally:
                if worker in self._load:
                    self._load[worker] -= 1
        raise DialogueError(
            f"the workers of {self.name} that ran it died ({why or 'none is left'})",
            message_number=1,
            speaker=run.scenario.speaker(run.next_side).name,
            transcript=run.transcript(),
        )

    def _bury(self, dead: str) -> None:
        """Send nothing more to a dead worker, and look for others; every dialogue of it comes here."""
        if dead in self._load and not self._is_closed:
            del self._load[dead]
            _begin(self._renew(dead), self._renewals)

    async def _renew(self, dead: str) -> None:
        for worker in await self.engine.others(dead):
            if not await self._greeted(worker):
                self._refuse_if_used_up(worker)
                self._listen_to(worker)

    async def _listen(self, worker: str) -> None:
        try:
            while worker in self._load:
                self._hear(worker, await self.engine.call(worker, "news"))
        except Lost:  # nobody hears it any more, and it ends itself: its dialogues begin again elsewhere
            self._bury(worker)

    def _hear(self, worker: str, news: News) -> None:
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
            with suppress(Lost):
                await self.engine.call(worker, method, *arguments)

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
                f"{counted(self.n_again, 'dialogue')} begun again because a worker died (paid twice)"
            )
        return f"{self.name}: {', '.join(parts)}"

    def close(self) -> None:
        """End the workers, and what this run has started."""
        if not self._is_closed:
            self._is_closed = True
            self.session.scheduler.perform(self._close)

    async def _close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                closed = (self.engine.call(worker, "close") for worker in self._load)
                await asyncio.gather(*closed, return_exceptions=True)
        tasks = [*self._tasks, *self._renewals]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.engine.close()


def _begin(job: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    """Begin a task that nobody waits for; it is in `tasks` until it ends."""
    task = asyncio.get_running_loop().create_task(job)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _is_cancelled() -> bool:
    """Whether somebody here has cancelled the task that runs."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def why_not_sent(scenario: Scenario, settings: Settings) -> str:
    """Why a dialogue, with its models, cannot run in a worker; empty if it can."""
    for side in SIDES:
        speaker = scenario.speaker(side)
        model = speaker.model
        if speaker.tools:
            return f"{speaker.name} has tools, which are functions of your tests"
        if isinstance(model, Target):
            if model.is_local:
                return f"{speaker.name} is an application in this process"
        elif not isinstance(model, str | Script):
            return f"{speaker.name} is a function or object of your tests"
        elif isinstance(model, str) and registry.is_published(model, settings.providers):
            return f"{model} has a protocol of another package"
    try:
        pickle.dumps(scenario.steps)
    except Exception as error:  # noqa: BLE001  # whatever the objects of a user raise
        return f"its steps hold what cannot be sent ({told(error)})"
    return ""


def needs_of(scenarios: Iterable[Scenario], settings: Settings) -> Needs:
    """What a worker needs for these dialogues, with their models."""
    keys: set[str] = set()
    addresses: set[str] = set()
    weights: set[str] = set()
    for scenario in scenarios:
        for model in (scenario.speaker(side).model for side in SIDES):
            if isinstance(model, Target):
                keys.update(getattr(model, "secret_variables", ()))
            elif isinstance(model, str):
                name, model_id = ModelName.parse(model)
                if name == "local":
                    weights.add(model_id)
                elif name not in (*registry.ADDRESSES, "scripted"):
                    provider = registry.provider_named(name, settings.providers)
                    keys.update(provider.secret_variables)
                    addresses.update(filter(None, [provider.base_url_env]))
    return Needs(tuple(sorted(keys)), tuple(sorted(addresses)), tuple(sorted(weights)), uuid4().hex)


def _has_secret(scenario: Scenario, cassette: Cassette) -> bool:
    """Whether what is asked for holds a key, which must not be sent to a worker."""
    said: Mapping[str, Any] = scenario.model_dump(
        mode="json", exclude={"a": {"model", "tools"}, "b": {"model", "tools"}, "steps": True}
    )
    models = (scenario.speaker(side).model for side in SIDES)
    others = [model.lines if isinstance(model, Script) else model for model in models]
    texts = [repr(one) for one in (*others, scenario.steps)]
    return bool(
        cassette.redactor.json(said) != said or any(cassette.redactor.text(text) != text for text in texts)
    )


def refused(reasons: Mapping[str, str]) -> ConfigurationError:
    """The error for dialogues that cannot be sent, by what they are called."""
    named = listed([f"{name} ({why})" for name, why in reasons.items()])
    return ConfigurationError(
        f"duolog_executor: no worker can run {named}. Run them without an executor in a call of their own (-k, "
        "--deselect)"
    )
