"""The object behind the `dialogue` fixture: a dialogue that runs when a test first uses it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import counted, did_you_mean
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.errors import CassetteError, ConfigurationError, DialogueError, Misfit
from pytest_duolog.properties import PropertyMethods
from pytest_duolog.properties.base import Check, Property, judge
from pytest_duolog.properties.claims import Claim, calling_line
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.naming import CassetteLocation
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.results.arm import AnyArm, Arm, Pairing
from pytest_duolog.results.dialogue_result import DialogueResult, JudgeUse, PropertyResult, RecordingMisfit
from pytest_duolog.running.execution import Execution, Failed, Finished, Running, State
from pytest_duolog.running.notices import cut_short, limiting_nothing, unsent, unused_votes
from pytest_duolog.running.runner import DialogueRun, Observer
from pytest_duolog.running.session import Session
from pytest_duolog.running.waiting import in_event_loop, outside_event_loop
from pytest_duolog.scenarios.scenario import SIDES, Scenario
from pytest_duolog.scenarios.speaker import ModelName
from pytest_duolog.scenarios.values import ScenarioValues
from pytest_duolog.settings import roles_of
from pytest_duolog.transcripts.transcript import Message, StopReason, Transcript

if TYPE_CHECKING:
    from pytest_duolog.properties.judged import Question
    from pytest_duolog.results.timeline import Timeline


@dataclass(frozen=True)
class TestSite:
    """The test that a dialogue belongs to: the place of its recordings and the settings of its dialogues.

    `test` is the test's id inside its module, `test_argument` the arguments with which pytest runs it in the same way.
    `observers` returns the observers of a dialogue of the test. `sample` is the number of this run of the test, from 1;
    `is_sample` says whether the test runs for a pass rate or a gate, `arm` which models speak.
    """

    session: Session
    folder: Path
    test: str
    values: ScenarioValues
    vcr_config: Mapping[str, Any]
    test_argument: str
    observers: Callable[[Scenario], Sequence[Observer]]
    sample: int = 1
    is_sample: bool = False
    arm: AnyArm = Arm.BASELINE
    root: Path = field(default_factory=Path.cwd)
    dialogues: list[Dialogue] = field(default_factory=list)


class Dialogue(PropertyMethods):
    """A dialogue between two models.

    It runs, or is replayed, once: when the test first asks for its transcript, messages, stop reason or a property.
    `is_looked_at` says whether the test has asked for anything of it; to make it with `run` is not enough. `name` is
    empty for the fixture's own dialogue; each dialogue made by `run` has another one. `notices` are messages for the
    user about it. `made_at` is the line that made it, `is_of_fixture` whether that was before the test's body. In an
    `async def` test, `await dialogue` runs it without blocking the event loop.
    """

    def __init__(self, site: TestSite, values: ScenarioValues, *, run: str = "") -> None:
        """`values` are the marker's, with changes. Raises ConfigurationError if some are wrong or have no effect."""
        scenario = Scenario.build(values.values)
        settings = site.session.settings
        if wrong := [str(idle) for idle in settings.idle(values, scenario) if not idle.is_overruled]:
            raise ConfigurationError("\n".join(wrong))
        self._scenario = settings.cast(scenario.for_sample(site.sample), arm=site.arm)
        self.site = site
        self.name = run
        self._values = values
        self._execution = Execution(
            site.session,
            self._scenario,
            open_cassette=self._open_cassette,
            observers=partial(site.observers, self._scenario),
        )
        self.claims: list[Claim] = []
        self._judges: dict[str, JudgeUse] = {}
        self._has_checked_steps = False
        self.notices: list[str] = []
        self.is_looked_at = False
        self.made_at = calling_line()
        self.is_of_fixture = False
        site.dialogues.append(self)

    def __setattr__(self, name: str, value: Any) -> None:
        """Raises ConfigurationError for what it does not have or cannot change, such as a value of the marker."""
        if "is_of_fixture" in vars(self) and name not in vars(self):  # the last one that `__init__` sets
            __tracebackhide__ = True
            known = Scenario.arguments()
            raise ConfigurationError(
                f"dialogue.{name} cannot be set: write @pytest.mark.dialogue({name}=...), or "
                f"dialogue.run({name}=...) for a further dialogue"
                if name in known
                else f"dialogue.{name} cannot be set: the marker has no such value{did_you_mean(name, known)}"
            )
        super().__setattr__(name, value)

    @property
    def scenario(self) -> Scenario:
        """What its speakers are asked to do, with their models."""
        self.is_looked_at = True
        return self._scenario

    def cast(self, arm: AnyArm) -> Scenario:
        """What its speakers would be asked to do with the models of an arm."""
        scenario = Scenario.build(self._values.values).for_sample(self.site.sample)
        return self.site.session.settings.cast(scenario, arm=arm)

    @property
    def transcript(self) -> Transcript:
        """The transcript of the finished dialogue.

        Raises DialogueError if a speaker failed and CassetteError if the recording does not match.
        """
        __tracebackhide__ = True
        return self._finished().transcript

    def _checked(self) -> Transcript:
        __tracebackhide__ = True
        return self.transcript

    def _claims(self) -> list[Claim]:
        return self.claims

    def _ready(self, check: Check) -> Check:
        return check.asking(self._ask_judge) if isinstance(check, Property) else check

    def _ask_judge(self, question: Question) -> str:
        """A judge's answer, replayed from this dialogue's cassette or recorded into it after the dialogue."""
        model = ModelName.parse(question.by).model if isinstance(question.by, str) else ""
        request = ChatRequest(
            model=model,
            messages=question.messages,
            knobs={"max_tokens": question.max_tokens},
            schema=question.schema,
        )
        votes = self._finished().votes
        _, n_before = votes.counts
        reply = outside_event_loop(partial(self.site.session.ask, question.by, request, votes))
        if votes.counts[1] > n_before or not isinstance(question.by, str):
            self._note_vote(question, reply)
        return reply.content

    def _note_vote(self, question: Question, reply: Reply) -> None:
        """Count a vote that was asked for in this run."""
        by = question.by
        model = by if isinstance(by, str) else getattr(by, "__qualname__", type(by).__qualname__)
        use = self._judges.get(model, JudgeUse(model=model))
        self._judges[model] = use.with_vote(reply.usage, reply.latency_ms)

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
        assert stop_reason is not None, "every dialogue that ran has a stop reason"
        return stop_reason

    @property
    def cassette_path(self) -> Path:
        """The file of this dialogue's recording, which may not exist yet."""
        self.is_looked_at = True
        running = self._execution.running
        return running.cassette.path if running else self._location().path

    def run(self, *, name: str | None = None, **changes: Any) -> Dialogue:
        """A further dialogue of the same test, with some scenario values changed.

        It has its own recording, named after `name`, or after its number among the test's dialogues. It runs at once;
        in an `async def` test it runs when awaited (`await dialogue.run(...)`).

        A value for both speakers, like `system` or `model`, replaces the value of each; a mapping, as in `b={"system":
        "..."}`, changes one speaker.

        Raises ConfigurationError for a wrong value, or a name that the test has used before.
        """
        __tracebackhide__ = True
        return self._further(self.site.values.changed(changes, "dialogue.run"), name)

    def fork(self, at: int, *, name: str | None = None, **changes: Any) -> Dialogue:
        """A further dialogue that continues after the first `at` messages of this one, with some values changed.

        Only the messages after them are asked for and recorded. `name` and `changes` are as in `run`, and it runs like
        that one.

        Raises ConfigurationError if there is no message `at`, and the errors of `run`.
        """
        __tracebackhide__ = True
        if type(at) is not int or not 0 < at <= len(self.messages):
            raise ConfigurationError(f"fork: there is no message {at!r} in {len(self.messages)} messages")
        if "history" in changes:
            raise ConfigurationError(
                "fork: its history is the first messages of this dialogue; for another history, use "
                "run(history=...)"
            )
        changes = {**changes, "history": self.messages[:at]}
        return self._further(
            self._values.changed(changes, "dialogue.fork"), f"fork{at}" if name is None else name
        )

    def _further(self, values: ScenarioValues, name: str | None) -> Dialogue:
        __tracebackhide__ = True
        names = {dialogue.name for dialogue in self.site.dialogues}
        if name is None:
            name = f"run{len(names)}"
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(
                f"the name of a dialogue is a text that is not empty (got {name!r:.120})"
            )
        if name in names:
            raise ConfigurationError(
                f"this test already has a dialogue named {name!r}; set another `name=`, because each "
                "recording needs its own"
            )
        further = Dialogue(self.site, values, run=name)
        if not in_event_loop():
            further._finished()
            further.is_looked_at = False  # the test has not seen anything of it yet
        return further

    def begin(self) -> None:
        """Start it now, in parallel with others; its results are available when it is finished."""
        self._execution.begin()

    def abandon(self) -> None:
        """Cancel it if nobody waits for it."""
        self._execution.abandon()

    def __await__(self) -> Generator[Any, Any, Dialogue]:
        return self._awaited().__await__()

    async def _awaited(self) -> Dialogue:
        __tracebackhide__ = True
        was_looked_at, self.is_looked_at = self.is_looked_at, True  # an error is looked at
        self._check_steps(await self._execution.finish_async())
        self.is_looked_at = was_looked_at or self.is_first  # further ones have to be awaited to be made
        return self

    def _finished(self) -> Finished:
        __tracebackhide__ = True
        self.is_looked_at = True
        if self._execution.must_be_awaited:
            raise ConfigurationError(f"{self!r} has not ended: await it before you use its results")
        return self._check_steps(self._execution.finish())

    def _check_steps(self, finished: Finished) -> Finished:
        """Judge the checks among the steps, once; those that do not hold fail the test."""
        if not self._has_checked_steps:
            self._has_checked_steps = True  # a check may ask a judge, who looks at this dialogue
            try:
                judged = [
                    judge(self._ready(check), finished.transcript)
                    for check in _step_checks(finished.running.run)
                ]
            except BaseException:
                self._has_checked_steps = False  # nothing was judged, so the next access must not pass
                raise
            for verdict in judged:
                verdict.claimed(self.claims)
        return finished

    @property
    def has_run(self) -> bool:
        """Whether it has ended, normally or with an error."""
        return self._execution.is_over

    @property
    def is_first(self) -> bool:
        """Whether this is the dialogue of the fixture itself, not one made by `run`."""
        return not self.name

    @property
    def was_prevented(self) -> bool:
        """Whether it failed for a reason that says nothing about the speakers: no response, or no recording."""
        state = self._execution.state
        if not isinstance(state, Failed):
            return False
        error = state.error
        unanswered = isinstance(error, DialogueError) and error.__cause__ is None and not error.is_outcome
        return unanswered or isinstance(error, CassetteError)

    @property
    def result(self) -> DialogueResult | None:
        """Its result without secrets; None if it did not run."""
        state, running = self._execution.state, self._execution.running
        if running is None or not self.has_run:
            return None
        run, cassette = running.run, running.cassette
        finished = state if isinstance(state, Finished) else None
        transcript = finished.transcript if finished else running.transcript
        counts = [cassette.counts, *([finished.votes.counts] if finished else [])]
        verdicts = [
            PropertyResult.of(claim.verdict, transcript, asked_at=claim.place(self.site.root))
            for claim in self.claims
        ]
        notices = [
            *cassette.notices,
            *self.notices,
            *(unused_votes(finished.votes) if finished else ()),
            *cut_short(run.messages, cassette.fresh_messages),
            *unsent(self._values, self._scenario, self.site.session.settings),
            *limiting_nothing(run, cassette.fresh_messages, self.site.session.settings.budget),
        ]
        return DialogueResult(
            name=cassette.redactor.text(self.name),
            transcript=transcript,
            cassette=str(cassette.path) if cassette.path.exists() else None,
            played=sum(played for played, _ in counts),
            recorded=sum(recorded for _, recorded in counts),
            spared=run.n_spared,
            fresh=tuple(sorted(cassette.fresh_messages)),
            draws=cassette.draws,
            notices=tuple(notices),
            unsaid=run.unsaid,
            misfit=_misfit(state),
            verdicts=tuple(_without_keys(result, cassette.redactor) for result in verdicts),
            judges=tuple(self._judges.values()),
        )

    @property
    def timeline(self) -> Timeline | None:
        """When its models were asked; None if no spans are wanted, or it did not run."""
        running = self._execution.running
        return running.run.timeline if running else None

    def _open_cassette(self, servers: ExitStack) -> tuple[Scenario, Cassette]:
        location = self._location()
        scenario = self.site.session.with_listed_tools(
            self._scenario, location, test_argument=self.site.test_argument, servers=servers
        )
        cassette = self.site.session.open_cassette(
            scenario,
            location,
            vcr_config=self.site.vcr_config,
            test_argument=self.site.test_argument,
            is_sample=self.site.is_sample,
            is_of_table=any(source.is_change for source in self.site.values.sources),
        )
        return scenario, cassette

    def _location(self) -> CassetteLocation:
        settings = self.site.session.settings
        redacted = self.site.session.redactor.text  # all of it is part of a file name
        return CassetteLocation(
            self.site.folder,
            redacted(self.site.test),
            [redacted(self._scenario.speaker(side).model_label) for side in SIDES],
            run=redacted(self.name),
            sample=self.site.sample,
            is_gated=bool(settings.candidates or settings.blame),
            is_recast=isinstance(self.site.arm, Pairing)
            or not roles_of(self._scenario).isdisjoint(settings.overrides),
        )

    def __repr__(self) -> str:
        names = " and ".join(self._scenario.speaker(side).name for side in SIDES)
        running = self._execution.running
        if running is None:
            return f"<Dialogue of {names}, not run yet>"
        state = f"stopped by {running.run.stop_reason or 'an error'}"
        if isinstance(self._execution.state, Running):
            state = "still running"
        return f"<Dialogue of {names}, {counted(len(running.run.messages), 'message')}, {state}>"


def _misfit(state: State) -> RecordingMisfit | None:
    error = state.error if isinstance(state, Failed) else None
    if not (isinstance(error, Misfit) and error.remedy):
        return None
    return RecordingMisfit(changes=error.changes, remedy=error.remedy)


def _without_keys(result: PropertyResult, redactor: Redactor) -> PropertyResult:
    """A result without secrets; a function's error or a judge's answer can contain a key."""
    return PropertyResult.model_validate(redactor.json(result.model_dump(mode="json")))


def _step_checks(run: DialogueRun) -> Iterator[Property]:
    """What the steps of a dialogue check; most dialogues have no steps."""
    for step, part, after in run.checks():
        from pytest_duolog.properties.steps import StepCheck  # noqa: PLC0415

        yield StepCheck(step, part, after)
