"""The object behind the `dialogue` fixture: a conversation that runs when it is first looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from pytest_duolog.display import counted
from pytest_duolog.endpoints.base import ChatRequest
from pytest_duolog.errors import CassetteError, ConfigurationError, DialogueError, DuologError
from pytest_duolog.properties import PropertyMethods
from pytest_duolog.properties.base import Check, Property, Verdict
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.votes import Votes
from pytest_duolog.running.event_loop import in_event_loop, run_to_end
from pytest_duolog.running.runner import DialogueRun, Observer
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.scenario import SIDES, ModelName, Scenario
from pytest_duolog.scenarios.values import ScenarioValues
from pytest_duolog.settings import roles_of
from pytest_duolog.transcripts.transcript import Message, StopReason, Transcript

if TYPE_CHECKING:
    from pytest_duolog.properties.judged import Question


@dataclass(frozen=True)
class TestSite:
    """The test that a dialogue is part of: where its recordings go, and what its dialogues start from.

    `test` is the test's id inside its module, `test_argument` how pytest is told to run it so. `observers`
    gives those who watch a dialogue of the test. `sample` is the number of this run of the test, from 1, and
    `is_candidate` whether the models on trial speak in it.
    """

    session: Session
    folder: Path
    test: str
    values: ScenarioValues
    vcr_config: Mapping[str, Any]
    test_argument: str
    observers: Callable[[Scenario], Sequence[Observer]]
    sample: int = 1
    is_candidate: bool = False
    dialogues: list[Dialogue] = field(default_factory=list)


class Dialogue(PropertyMethods):
    """A conversation between two models.

    Nothing happens before its transcript, messages, stop reason or a property is asked for; then it runs, or is
    replayed, once. `name` is empty for the fixture's own dialogue, and tells those made by `run` apart. In an
    `async def` test, `await dialogue` runs it without holding up the event loop.
    """

    def __init__(self, site: TestSite, values: ScenarioValues, *, run: str = "") -> None:
        """Raises ConfigurationError for `values` that are wrong or change nothing; they are the marker's, changed."""
        scenario = Scenario.build(values.values)
        settings = site.session.settings
        if wrong := [str(idle) for idle in settings.idle(values, scenario) if not idle.is_overruled]:
            raise ConfigurationError("\n".join(wrong))
        self.scenario = settings.cast(scenario.for_sample(site.sample), on_trial=site.is_candidate)
        self.site = site
        self.name = run
        self._values = values
        self._cassette: Cassette | None = None
        self._run: DialogueRun | None = None
        self._error: Exception | None = None
        self._lock = anyio.Lock()
        self._transcript: Transcript | None = None
        self._begun: Future[None] | None = None
        self._is_watched = True
        self._votes: Votes | None = None
        self._verdicts: list[Verdict] = []
        site.dialogues.append(self)

    @property
    def transcript(self) -> Transcript:
        """What was said, in order.

        Raises DialogueError if a speaker failed and CassetteError if the recording did not fit.
        """
        __tracebackhide__ = True
        if self._transcript is None:
            self._run_now()
        assert self._transcript is not None
        return self._transcript

    def _checked(self) -> Transcript:
        __tracebackhide__ = True
        return self.transcript

    def satisfies(self, *checks: Check) -> Verdict:
        """Whether all these properties hold, or functions that take a transcript."""
        __tracebackhide__ = True
        verdict = super().satisfies(*checks)
        self._verdicts.append(verdict)
        return verdict

    def _ready(self, check: Check) -> Check:
        return check.asking(self._ask_judge) if isinstance(check, Property) else check

    def _ask_judge(self, question: Question) -> str:
        """A judge's answer, played from or recorded into this dialogue's cassette after the dialogue."""
        transcript = self.transcript
        assert self._cassette is not None
        if self._votes is None:
            self._votes = Votes(self._cassette, len(transcript))
        model = ModelName.parse(question.by).model if isinstance(question.by, str) else ""
        request = ChatRequest(
            model=model,
            messages=question.messages,
            knobs={"max_tokens": question.max_tokens},
            schema=question.schema,
        )
        return run_to_end(partial(self.site.session.ask, question.by, request, self._votes)).content

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages in order; the opener is the first."""
        __tracebackhide__ = True
        return self.transcript.messages

    @property
    def stop_reason(self) -> StopReason:
        """Why the dialogue ended."""
        __tracebackhide__ = True
        stop_reason = self.transcript.stop_reason
        assert stop_reason is not None, "a dialogue that ran has ended for a reason"
        return stop_reason

    @property
    def cassette_path(self) -> Path:
        """The file this dialogue is recorded in, whether it exists yet or not."""
        return self._cassette.path if self._cassette else self._location().path

    def run(self, *, name: str | None = None, **changes: Any) -> Dialogue:
        """A further dialogue of the same test, with some scenario values changed.

        It has a recording of its own, called after `name`, or after its number among the test's dialogues.
        It runs at once; in an `async def` test it runs when awaited (`await dialogue.run(...)`).

        A value for both speakers, like `system` or `model`, takes the place of each one's own; a mapping, as in
        `b={"system": "..."}`, changes one speaker.

        Raises ConfigurationError for a wrong value, or a name that the test has used before.
        """
        __tracebackhide__ = True
        return self._further(self.site.values.changed(changes, "dialogue.run"), name)

    def fork(self, at: int, *, name: str | None = None, **changes: Any) -> Dialogue:
        """A further dialogue that says the first `at` messages again and goes on from there, with some values changed.

        Only what comes after is asked for, and recorded. Values are changed, and it has a name and runs, as with `run`.

        Raises ConfigurationError if there is no message `at`, and what `run` raises.
        """
        __tracebackhide__ = True
        if not 0 < at <= len(self.messages):
            raise ConfigurationError(f"fork: there is no message {at!r} in {len(self.messages)} messages")
        if "history" in changes:
            raise ConfigurationError(
                "fork: its history is what was said here; for another one, use run(history=...)"
            )
        changes = {**changes, "history": self.messages[:at]}
        return self._further(self._values.changed(changes, "dialogue.fork"), name or f"fork{at}")

    def _further(self, values: ScenarioValues, name: str | None) -> Dialogue:
        __tracebackhide__ = True
        names = {dialogue.name for dialogue in self.site.dialogues}
        name = name or f"run{len(names)}"
        if name in names:
            raise ConfigurationError(
                f"this test already has a dialogue named {name!r}; names keep recordings apart, so give another `name=`"
            )
        further = Dialogue(self.site, values, run=name)
        if not in_event_loop():
            further._run_now()
        return further

    def begin(self) -> None:
        """Start it now, beside others; whoever looks at it waits until it is finished."""
        self._is_watched = False
        self._begun = self.site.session.scheduler.start(partial(self._perform, in_thread=True))

    def abandon(self) -> None:
        """Give up what nobody has waited for."""
        if self._begun is not None:
            self._begun.cancel()

    def _wait(self) -> None:
        assert self._begun is not None
        if self._run is not None and not self._is_watched:
            self._run.observers.extend(self.site.observers(self.scenario))
        self._is_watched = True
        self._begun.result()

    def __await__(self) -> Generator[Any, Any, Dialogue]:
        return self._awaited().__await__()

    async def _awaited(self) -> Dialogue:
        __tracebackhide__ = True
        async with self._lock:
            with suppress(DuologError):  # raised below, without the frames of httpx
                if self._begun is not None:
                    await anyio.to_thread.run_sync(self._wait, abandon_on_cancel=True)
                elif not self.has_run:
                    await self._perform(in_thread=True)
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self

    @property
    def has_run(self) -> bool:
        """Whether it ran, to its end or to an error."""
        tried = self._run is not None or self._error is not None
        return tried and (self._begun is None or self._begun.done())

    @property
    def is_first(self) -> bool:
        """Whether this is the dialogue of the fixture itself, not one made by `run`."""
        return not self.name

    @property
    def _is_unfinished(self) -> bool:
        return self._run is not None and self._transcript is None and self._error is None

    def _run_now(self) -> None:
        __tracebackhide__ = True
        if self._is_unfinished and self._begun is None:
            raise ConfigurationError(f"{self!r} is not at its end: await it before it is looked at")
        if self._error is None:
            with suppress(DuologError):  # raised below, without the frames of httpx and the event loop
                if self._begun is not None:
                    self._wait()
                else:
                    run_to_end(partial(self._perform, in_thread=False))
        if self._error is not None:
            raise self._error.with_traceback(None)

    async def _perform(self, *, in_thread: bool) -> None:
        try:
            self._cassette = self.site.session.open_cassette(
                self.scenario,
                self._location(),
                vcr_config=self.site.vcr_config,
                test_argument=self.site.test_argument,
            )
            watching = self.site.observers(self.scenario) if self._is_watched else ()
            self._run = DialogueRun(self.scenario, observers=[self._cassette, *watching])
            await self.site.session.run(self._run, self._cassette, in_thread=in_thread)
        except Exception as error:
            self._error = error
            raise
        except BaseException:  # cancelled, or Ctrl-C: to be raised once, by whoever did it
            self._error = self._interrupted(self._run) if self._run else None
            raise
        self._transcript = self._so_far()

    def _interrupted(self, run: DialogueRun) -> DialogueError:
        return DialogueError(
            "the dialogue was cancelled",
            message_number=len(run.messages) + 1,
            speaker=self.scenario.speaker(run.next_side).name,
            transcript=self._so_far(),
        )

    def _so_far(self) -> Transcript:
        assert self._run is not None
        assert self._cassette is not None
        transcript = self._run.transcript().model_copy(update={"recorded_at": self._cassette.recorded_at})
        said = transcript.model_dump(mode="json")
        safe = self._cassette.redactor.json(said)
        return transcript if safe == said else Transcript.model_validate(safe)

    def _location(self) -> CassetteLocation:
        settings = self.site.session.settings
        return CassetteLocation(
            self.site.folder,
            self.site.test,
            [self.scenario.speaker(side).model_label for side in SIDES],
            run=self.name,
            sample=self.site.sample,
            is_gated=bool(settings.candidates),
            is_recast=not roles_of(self.scenario).isdisjoint(settings.overrides),
        )

    @property
    def title(self) -> str:
        """What a report calls it."""
        return f"dialogue {self.name}" if self.name else "dialogue"

    def report(self) -> dict[str, Any]:
        """What the run knows of this dialogue, as plain JSON data; empty if it did not run."""
        if not self.has_run or self._run is None or self._cassette is None:
            return {}
        counts = [self._cassette.counts, *([self._votes.counts] if self._votes else [])]
        n_left = self._votes.n_left if self._votes else len(self._cassette.votes)
        unused = [f"{n_left} recorded votes of a judge were not asked for"] if n_left else []
        return {
            "transcript": (self._transcript or self._so_far()).model_dump(mode="json"),
            "cassette": str(self._cassette.path) if self._cassette.path.exists() else None,
            "spared": self._run.n_spared,
            "played": sum(played for played, _ in counts),
            "recorded": sum(recorded for _, recorded in counts),
            "fresh": sorted(self._cassette.fresh_messages),
            "notices": [
                *self._cassette.notices,
                *unused,
                *_cut_short(self._run.messages, self._cassette.fresh_messages),
                *self._unsent(),
                *self._limiting_nothing(self._run, self._cassette.fresh_messages),
            ],
            "verdicts": [_plain(verdict) for verdict in self._verdicts],
        }

    def _unsent(self) -> Iterator[str]:
        """What to tell of settings that a speaker's model is not sent.

        A value that was given for both is told of if neither takes it.
        """
        unsent = self.site.session.settings.unsent(self.scenario)
        for side, name in unsent:
            other = "b" if side == "a" else "a"
            if (other, name) in unsent or self._values.is_own(side, name):
                speaker = self.scenario.speaker(side)
                yield f"{name} of {speaker.name} is not sent: {speaker.model_label} takes none"

    def _limiting_nothing(self, run: DialogueRun, fresh: Collection[int]) -> Iterator[str]:
        """What to tell of budgets for what no reply says."""
        asked = [run.messages[number - 1] for number in fresh]
        limits = self.site.session.settings.budget
        said_nothing = "limits nothing: no reply said"
        if self.scenario.token_budget and run.n_asked and not run.spent.tokens_written:
            yield f"token_budget {said_nothing} how many tokens it has"
        if self.scenario.cost_budget and run.n_asked and run.spent.cost is None:
            yield f"cost_budget {said_nothing} what it cost"
        if "tokens" in limits and asked and not any(message.usage for message in asked):
            yield f"--duolog-budget tokens={limits['tokens']:g} {said_nothing} how many tokens it has"
        if "cost" in limits and asked and not any(message.usage and message.usage.cost for message in asked):
            yield f"--duolog-budget cost={limits['cost']:g} {said_nothing} what it cost"

    @property
    def was_prevented(self) -> bool:
        """Whether it failed for a reason that says nothing of the speakers: no answer, or no recording."""
        unanswered = isinstance(self._error, DialogueError) and self._error.__cause__ is None
        return unanswered or isinstance(self._error, CassetteError)

    def __repr__(self) -> str:
        names = " and ".join(self.scenario.speaker(side).name for side in SIDES)
        if self._run is None:
            return f"<Dialogue of {names}, not run yet>"
        state = f"stopped by {self._run.stop_reason or 'an error'}"
        if self._is_unfinished:
            state = "still running"
        return f"<Dialogue of {names}, {counted(len(self._run.messages), 'message')}, {state}>"


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "property": verdict.property,
        "outcome": verdict.outcome.value,
        "explanation": verdict.explanation,
        "messages": [evidence.message for evidence in verdict.evidence],
        "text": repr(verdict),
    }


def _cut_short(messages: Sequence[Message], fresh: Collection[int]) -> list[str]:
    """What to tell of fresh messages that ended at a token limit; nothing if there are none."""
    cut = [number for number, message in enumerate(messages, 1) if message.finish == "truncated"]
    numbers = [str(number) for number in cut if number in fresh]
    if not numbers:
        return []
    names = f"message {numbers[0]} was" if len(numbers) == 1 else f"messages {', '.join(numbers)} were"
    return [f"{names} cut short by a token limit (max_tokens)"]
