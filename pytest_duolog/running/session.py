"""What all dialogues of one pytest run share, and how each dialogue is run and recorded."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_duolog.endpoints import providers, registry
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.header import make_header
from pytest_duolog.recording.hooks import VcrHooks
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.orphans import Orphans
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.rewrites import Rewrites
from pytest_duolog.recording.vcrpy import ORIGINALS, vcrpy
from pytest_duolog.recording.votes import JUDGE, Votes
from pytest_duolog.recording.wordings import as_recorded, worded_alternatives
from pytest_duolog.running.asking import Asking, models_of, timed, tools_of
from pytest_duolog.running.budget import DialogueBudget, RunBudget
from pytest_duolog.running.lines import Lines
from pytest_duolog.running.redactors import Redactors, run_redactors
from pytest_duolog.running.runner import DialogueRun
from pytest_duolog.running.scheduler import Scheduler
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.scenarios.speaker import Model
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.usage import Usage

if TYPE_CHECKING:
    from pytest_duolog.endpoints.network import Surroundings
    from pytest_duolog.endpoints.patience import Patience
    from pytest_duolog.endpoints.retrying import RetryingTransport
    from pytest_duolog.running.batch_queue import BatchQueue
    from pytest_duolog.running.executors.driver import Executor

Result = TypeVar("Result")
Name = TypeVar("Name", bound=str)

# Record modes that write files and also replay.
ONCE_OR_NEW = (RecordMode.ONCE, RecordMode.NEW_EPISODES)
ADVICE_ON_RERUNS = "to see how often a model passes, set samples= on the test"
# Open files of a dialogue: its recording and a connection to each speaker's provider; and a reserve for the process.
FILES_A_DIALOGUE = 3
FILES_BESIDE = 64


class Session:
    """Owns what several dialogues share: the scheduler, the running local servers and the library patches."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str] = os.environ,
        *,
        root: Path | None = None,
        redactors: Redactors | None = None,
    ) -> None:
        """`root` is the folder with all tests of the project; None for the working directory."""
        self.settings = settings
        self.rewrites = Rewrites(root or Path())
        self._orphans = Orphans(root or Path())
        self._opened: set[Path] = set()
        self._recorded: set[Path] = set()
        self._environ = environ
        known = registry.all_providers(settings.providers)
        self._redactors = redactors or run_redactors(settings, environ)
        self._base_urls = providers.base_urls(known, environ)
        self._lines = Lines(settings, environ)
        ORIGINALS.watch()
        n_files = 1 if settings.executor else FILES_A_DIALOGUE  # a worker has the connections
        self.scheduler = Scheduler(_within_open_files(settings.concurrency, n_files))
        self.executor: Executor | None = None
        self.batch_queue: BatchQueue | None = None
        self.budget = RunBudget(settings.budget, settings.on_used_budget)
        self._asking = Asking(settings, self.scheduler, self._lines, self.budget)

    @property
    def redactor(self) -> Redactor:
        """A redactor with the current secrets of the environment, which tests and fixtures can change."""
        return self._redactors.current

    def expect(self, scenario: Scenario, *, configures_vcr: bool) -> None:
        """Import what is needed for recording a dialogue, before a test sets up mocks."""
        if configures_vcr or any(map(self._asking.is_foreign, models_of(scenario).values())):
            vcrpy()

    def is_all_recorded(self, scenario: Scenario) -> bool:
        """Whether all that the speakers say follows from what is recorded; code, and templates, may have changed."""
        return all(
            isinstance(model, str) and registry.speaks_chat_protocol(model, self.settings.providers)
            for model in models_of(scenario).values()
        )

    def _code(self, scenario: Scenario) -> list[str]:
        """The speakers that are not asked with a chat history which the package makes."""
        return [
            scenario.speaker(side).name
            for side, model in models_of(scenario).items()
            if not (isinstance(model, str) and registry.speaks_chat_protocol(model, self.settings.providers))
        ]

    def with_listed_tools(
        self, scenario: Scenario, location: CassetteLocation, *, test_argument: str, servers: ExitStack
    ) -> Scenario:
        """The scenario with the tools of its MCP servers, as recorded or as they are now; `servers` ends them.

        Raises ConfigurationError or CassetteMismatch, see `recording.listed_tools`.
        """
        if not scenario.has_servers:
            return scenario
        from pytest_duolog.recording.listed_tools import with_listed_tools  # noqa: PLC0415  # most have no servers

        return with_listed_tools(
            scenario,
            location,
            self._mode_of(location),
            redactor=self._redactors.of(scenario),
            test_argument=test_argument,
            servers=servers,
        )

    def open_cassette(
        self,
        scenario: Scenario,
        location: CassetteLocation,
        *,
        vcr_config: Mapping[str, Any],
        test_argument: str,
        is_sample: bool = False,
        is_of_table: bool = False,
    ) -> Cassette:
        """The recording of a scenario whose speakers have their models.

        If a test has no recording, it gets the one of an equal dialogue from a test that no longer exists, if the
        record mode allows writing; with `is_of_table`, also from another row of the table, because adding an axis
        changes the ids of rows. If a failed test is rerun in the same run (and is not a sample), the recording of the
        failed try is not replayed. Raises UnreadableCassette if the recording cannot be read, or something else has its
        path.
        """
        location.check()
        redactor = self._redactors.of(scenario)
        mode, notices = self._mode_of(location), []

        def header_of(worded: Scenario) -> dict[str, Any]:
            header: dict[str, Any] = redactor.json(make_header(worded, location, now=CLOCK.now()))
            return header

        if mode in ONCE_OR_NEW and not location.has_recording:
            for worded in worded_alternatives(scenario):
                if taken := self._orphans.take_over(location, header_of(worded), from_siblings=is_of_table):
                    notices.append(taken)
                    break
        header = header_of(as_recorded(scenario, location, mode))
        if not is_sample and location.path in self._opened:
            if mode in ONCE_OR_NEW and location.path in self._recorded:
                mode = RecordMode.REWRITE
            if mode in (*ONCE_OR_NEW, RecordMode.NONE):
                notices.append(f"the rerun replays the recording of the failed try; {ADVICE_ON_RERUNS}")
            else:
                notices.append(f"the rerun asks its models again; {ADVICE_ON_RERUNS}")
        self._opened.add(location.path)
        return Cassette(
            location,
            mode=mode,
            header=header,
            orphans=self._orphans,
            notices=notices,
            begun=partial(self.rewrites.begun, location),
            redactor=redactor,
            hooks=VcrHooks(vcr_config),
            base_urls=self._base_urls,
            test_argument=test_argument,
            permission=DialogueBudget(self.budget),
            refuses_edited=self.settings.edited_cassettes == "fail",
            code=self._code(scenario),
        )

    def open_recording(
        self,
        scenario: Scenario,
        location: CassetteLocation,
        mode: RecordMode,
        *,
        before_asking: Callable[[], None],
        header: Mapping[str, Any] | None = None,
    ) -> Cassette:
        """The recording of a dialogue without a test; it takes over no other recording.

        `before_asking` is called before a model is asked, and raises if it may not be. `header` is that of the
        recording; None makes one. Raises UnreadableCassette if the recording cannot be read, or something else is in
        its place.
        """
        location.check()
        redactor = self._redactors.of(scenario)
        budget = DialogueBudget(self.budget)

        def permission() -> None:
            before_asking()
            if self.batch_queue is None or not self.batch_queue.is_paid(location.path.name):
                budget()

        return Cassette(
            location,
            mode=mode,
            header=header
            or redactor.json(make_header(as_recorded(scenario, location, mode), location, now=CLOCK.now())),
            redactor=redactor,
            hooks=VcrHooks({}),
            base_urls=self._base_urls,
            test_argument="",
            permission=permission,
            code=self._code(scenario),
        )

    def _mode_of(self, location: CassetteLocation) -> RecordMode:
        """The record mode of the run, or that of an interrupted rewrite that must still replace this recording."""
        mode = self.settings.record_mode
        if mode not in ONCE_OR_NEW or not self.rewrites.is_due(location):
            return mode
        return RecordMode.ONCE if self.rewrites.can_resume(location) else RecordMode.REWRITE

    @contextmanager
    def _followed(self, run: DialogueRun, cassette: Cassette) -> Iterator[None]:
        """Note the result of a dialogue that runs inside the block."""
        started_s = CLOCK.seconds()
        self.rewrites.failed(cassette.location)  # until it has finished
        yield
        if cassette.counts[1]:
            if self.executor is not None:
                self.executor.note(cassette)
            self._recorded.add(cassette.location.path)
            said = [number for number in cassette.fresh_messages if number <= len(run.messages)]
            fresh = (run.messages[number - 1].usage or Usage() for number in said)
            self.budget.end_dialogue(sum(fresh, Usage()), CLOCK.seconds() - started_s)
        if self.settings.record_mode is not RecordMode.NONE:
            self.rewrites.finished(cassette.location)

    def run(self, run: DialogueRun, cassette: Cassette) -> None:
        """Run a dialogue to its end with its cassette, in sync code.

        Raises DialogueError or CassetteError; the messages before it are in `run` and in the cassette.
        """
        limit_s = run.scenario.seconds_budget or math.inf
        with (
            self._followed(run, cassette),
            closing(cassette),
            _local_loop() as wait,
            self._asking.endpoints(models_of(run.scenario), cassette, limit_s=limit_s) as (endpoints, live),
        ):
            try:
                asked, tools = timed(run, cassette, endpoints, tools_of(run.scenario, cassette))
                stop_reason = run.finish(asked, wait, tools)
                cassette.finish(stop_reason, len(run.messages))
            finally:
                live.close()

    async def run_async(
        self, run: DialogueRun, cassette: Cassette, *, around: Surroundings | None = None
    ) -> None:
        """The same in an event loop; sync callables run in threads, so that they do not block it.

        `around` is the environment for asking providers; None for the current one.
        """
        limit_s = run.scenario.seconds_budget or math.inf
        models = models_of(run.scenario)
        with (
            self._followed(run, cassette),
            closing(cassette),
            self._asking.endpoints(
                models,
                cassette,
                in_thread=True,
                limit_s=limit_s,
                around=around,
                queued=self.batch_queue.line(cassette.location.path.name) if self.batch_queue else None,
            ) as (endpoints, live),
        ):
            try:
                asked, tools = timed(run, cassette, endpoints, tools_of(run.scenario, cassette))
                stop_reason = await run.finish_async(asked, tools)
                cassette.finish(stop_reason, len(run.messages))
            finally:
                import anyio  # noqa: PLC0415  # most replays have no event loop

                with anyio.CancelScope(shield=True):
                    await live.aclose()

    async def run_anywhere(
        self, run: DialogueRun, cassette: Cassette, *, around: Surroundings | None = None
    ) -> None:
        """As `run_async`, but in a worker if an executor takes the dialogue; batches are sent from here."""
        if self.batch_queue or self.executor is None or not self.executor.takes(run, cassette, around):
            await self.run_async(run, cassette, around=around)
            return
        with self._followed(run, cassette), closing(cassette):
            await self.executor.perform(run, cassette)

    def hear_waits(self, hears: Callable[[str, float], None]) -> None:
        """Call `hears` with the provider and the seconds if a provider asks to wait."""
        self._lines.on_wait = hears

    def open_line(self, patience: Patience) -> RetryingTransport:
        """A line to the providers, with a patience of its own, which the caller closes; nothing of it is recorded."""
        return self._lines.live(None, patience)

    def wait_too(self, provider: str, seconds: float) -> None:
        """Ask a provider nothing for `seconds`, because it has asked another process to wait."""
        self._lines.wait_too(provider, seconds)

    def ask(self, model: Model, request: ChatRequest, votes: Votes) -> Reply:
        """A judge's reply, replayed from or recorded in the votes of the dialogue.

        Raises ConfigurationError for a model of an unknown provider, EndpointError, or CassetteError.
        """
        if isinstance(model, str):
            registry.check_model(model, self.settings.providers)
        with _local_loop() as wait, self._asking.endpoints({JUDGE: model}, votes) as (endpoints, live):
            try:
                answer = endpoints[JUDGE].reply(request)
                return wait(answer) if inspect.isawaitable(answer) else answer
            finally:
                live.close()

    def close(self) -> None:
        """Stop everything that was started."""
        ORIGINALS.unwatch()
        if self.executor is not None:
            self.executor.close()
        self.scheduler.close()
        self._lines.close()
        self.rewrites.close()


@contextmanager
def _local_loop() -> Iterator[Callable[[Awaitable[Result]], Result]]:
    """How to wait in plain code for what is async; the event loop is imported, and made, when first needed."""
    with ExitStack() as stack:
        loops: list[Any] = []

        def wait(awaited: Awaitable[Result]) -> Result:
            if not loops:
                from pytest_duolog.running.event_loop import LocalLoop  # noqa: PLC0415  # most replays have none

                loops.append(stack.enter_context(closing(LocalLoop())))
            result: Result = loops[0].wait(awaited)
            return result

        yield wait


def _within_open_files(n_dialogues: int, n_files: int) -> int:
    """How many dialogues with `n_files` each may run at a time within the limit of open files (`ulimit -n`)."""
    try:
        import resource  # noqa: PLC0415
    except ImportError:  # Windows has no such limit
        return n_dialogues
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return n_dialogues
    return max(1, min(n_dialogues, (limit - FILES_BESIDE) // n_files))
