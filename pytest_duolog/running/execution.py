"""The state of a dialogue: not begun, running, finished or failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints.threads import call_in_thread
from pytest_duolog.errors import DialogueError, DuologError
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.votes import Votes
from pytest_duolog.running.guard import unknown_stop
from pytest_duolog.running.runner import DialogueRun, Observer
from pytest_duolog.running.session import Session
from pytest_duolog.running.waiting import outside_event_loop
from pytest_duolog.scenarios.scenario import Scenario
from pytest_duolog.transcripts.transcript import Transcript

if TYPE_CHECKING:
    import anyio

    from pytest_duolog.endpoints.network import Surroundings
    from pytest_duolog.results.timeline import Timeline


@dataclass(frozen=True)
class NotBegun:
    """Nobody has asked for it yet, or it waits for its turn."""


@dataclass(frozen=True)
class Running:
    """The running dialogue and its cassette."""

    run: DialogueRun
    cassette: Cassette

    @property
    def transcript(self) -> Transcript:
        """The transcript so far, without secrets."""
        transcript = self.run.transcript().model_copy(update={"recorded_at": self.cassette.recorded_at})
        return transcript.without_secrets(self.cassette.redactor.json)


@dataclass(frozen=True)
class Finished:
    """It ended normally; judges may vote on it."""

    running: Running
    transcript: Transcript
    votes: Votes


@dataclass(frozen=True)
class Failed:
    """It ended with an error; `running` is None if it could not begin."""

    error: Exception
    running: Running | None


State = NotBegun | Running | Finished | Failed


class Execution:
    """Runs one dialogue once: when its end is first needed, or earlier in parallel with others."""

    def __init__(
        self,
        session: Session,
        scenario: Scenario,
        *,
        open_cassette: Callable[[ExitStack], tuple[Scenario, Cassette]],
        observers: Callable[[], Sequence[Observer]],
    ) -> None:
        """`open_cassette` returns the scenario with tools of MCP servers, which the stack ends, and its recording.

        `observers` returns the observers; it is called only for a dialogue that the test waits for.
        """
        self.state: State = NotBegun()
        self._session = session
        self._scenario = scenario
        self._open_cassette = open_cassette
        self._observers = observers
        self._begun_early: Future[None] | None = None
        self._is_watched = True
        self._is_opening = False

    @cached_property
    def _lock(self) -> anyio.Lock:
        import anyio  # noqa: PLC0415  # most replays have no event loop

        return anyio.Lock()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, normally or with an error, and nothing in the background continues it."""
        is_begun = not isinstance(self.state, NotBegun)
        return is_begun and (self._begun_early is None or self._begun_early.done())

    @property
    def must_be_awaited(self) -> bool:
        """Whether it runs in the test's own event loop, so that waiting for it would block that loop."""
        return self._begun_early is None and (self._is_opening or isinstance(self.state, Running))

    @property
    def running(self) -> Running | None:
        """The dialogue so far; None if it has not begun or could not begin."""
        match self.state:
            case NotBegun():
                return None
            case Running():
                return self.state
            case Finished() | Failed():
                return self.state.running

    def begin(self) -> None:
        """Start it now, in parallel with others."""
        from pytest_duolog.endpoints.network import Surroundings  # noqa: PLC0415  # only live dialogues begin early

        self._is_watched = False
        self._begun_early = self._session.scheduler.start(partial(self._perform_async, Surroundings.kept()))

    def abandon(self) -> None:
        """Cancel it if nobody waits for it."""
        if self._begun_early is not None:
            self._begun_early.cancel()

    def finish(self) -> Finished:
        """Run the dialogue if it has not run yet, and wait for its end.

        Raises DialogueError if a speaker failed, and CassetteError if the recording does not match.
        """
        __tracebackhide__ = True
        if isinstance(self.state, NotBegun | Running):
            with suppress(DuologError):  # raised below, without the frames of httpx and the event loop
                if self._begun_early is not None:
                    self._wait(self._begun_early)
                else:
                    outside_event_loop(self._perform)
        return self._end()

    async def finish_async(self) -> Finished:
        """The same in an event loop, without blocking it."""
        __tracebackhide__ = True
        async with self._lock:
            with suppress(DuologError):  # raised below, without the frames of httpx
                if self._begun_early is not None:
                    import anyio.to_thread  # noqa: PLC0415

                    await anyio.to_thread.run_sync(self._wait, self._begun_early, abandon_on_cancel=True)
                elif isinstance(self.state, NotBegun):
                    await self._perform_async()
        return self._end()

    def _end(self) -> Finished:
        __tracebackhide__ = True
        if isinstance(self.state, Failed):
            raise self.state.error.with_traceback(None)
        assert isinstance(self.state, Finished)
        return self.state

    def _wait(self, begun: Future[None]) -> None:
        if isinstance(self.state, Running) and not self._is_watched:
            self.state.run.observers.extend(self._observers())
        self._is_watched = True
        begun.result()

    def _perform(self) -> None:
        with ExitStack() as servers, self._performed():
            running = self._begun(*self._open_cassette(servers))
            self._session.run(running.run, running.cassette)

    async def _perform_async(self, around: Surroundings | None = None) -> None:
        with ExitStack() as servers, self._performed():
            try:
                running = self._begun(*(await self._opened(servers)))
                if around is None:
                    await self._session.run_async(running.run, running.cassette)
                else:
                    await self._session.run_anywhere(running.run, running.cassette, around=around)
            finally:
                if self._scenario.has_servers:
                    import anyio  # noqa: PLC0415  # most replays have no event loop

                    with anyio.CancelScope(shield=True):
                        await call_in_thread(servers.close)

    async def _opened(self, servers: ExitStack) -> tuple[Scenario, Cassette]:
        """What `open_cassette` returns; an MCP server may run in this event loop, so asking it must not block it."""
        if not self._scenario.has_servers:
            return self._open_cassette(servers)
        self._is_opening = True
        try:
            return await call_in_thread(self._open_cassette, servers)
        finally:
            self._is_opening = False

    def _begun(self, scenario: Scenario, cassette: Cassette) -> Running:
        watching = self._observers() if self._is_watched else ()
        is_recorded = self._session.is_all_recorded(self._scenario)
        run = DialogueRun(
            scenario.worded(cassette.wordings),
            observers=[cassette, *watching],
            known_stop=cassette.known_stop if is_recorded else unknown_stop,
            timeline=self._timeline(),
        )
        self.state = running = Running(run, cassette)
        return running

    @contextmanager
    def _performed(self) -> Iterator[None]:
        """Begin and run the dialogue inside the block; afterwards the state says how it ended."""
        try:
            yield
            running = self.running
            assert running is not None
            transcript = running.transcript
            self.state = Finished(running, transcript, Votes(running.cassette, len(transcript)))
        except Exception as error:
            self.state = Failed(error, self.running)
            raise
        except BaseException:  # cancelled, or Ctrl-C: only the code that caused it may raise it
            if self.running is not None:
                self.state = Failed(self._cancelled(self.running), self.running)
            raise

    def _timeline(self) -> Timeline | None:
        if self._session.settings.otel == "off":
            return None
        from pytest_duolog.results.timeline import Timeline  # noqa: PLC0415  # most runs want no spans

        return Timeline(self._scenario.stub)

    def _cancelled(self, running: Running) -> DialogueError:
        return DialogueError(
            "the dialogue was cancelled",
            message_number=len(running.run.messages) + 1,
            speaker=self._scenario.speaker(running.run.next_side).name,
            transcript=running.transcript,
        )
