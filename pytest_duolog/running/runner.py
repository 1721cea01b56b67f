"""The turn loop: asks the speakers in turn until there is a reason to stop."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, cast

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import counted
from pytest_duolog.endpoints.base import ChatRequest, Endpoint
from pytest_duolog.errors import (
    CassetteError,
    ConfigurationError,
    DialogueError,
    EndpointError,
    ToolStopped,
    ends_test,
    sole_cause,
    told,
)
from pytest_duolog.running.goals import Goals
from pytest_duolog.running.guard import KnownStop, LateGuard, Stop, unknown_stop
from pytest_duolog.running.replies import had_called, message_of
from pytest_duolog.running.run_state import RunState
from pytest_duolog.running.spending import Spending
from pytest_duolog.running.tool_loop import CallTool, ToolLoop, Waiting, waited
from pytest_duolog.scenarios.scenario import SIDES, Scenario, Side
from pytest_duolog.scenarios.speaker import ModelName
from pytest_duolog.transcripts.perspective import ChatMessage, Perspective
from pytest_duolog.transcripts.rounds import numbered_calls
from pytest_duolog.transcripts.transcript import (
    WITHHELD,
    Message,
    StopKind,
    StopReason,
    Transcript,
    TranscriptSpeaker,
)
from pytest_duolog.transcripts.usage import Usage

if TYPE_CHECKING:
    from pytest_duolog.results.timeline import Timeline
    from pytest_duolog.running.steps import Progress

NO_TOOLS: Mapping[Side, CallTool] = {}


class Observer(Protocol):
    """An observer of a running dialogue, such as the recording and the progress line."""

    def asking(self, message_number: int, speaker: str) -> None:
        """Called before message `message_number` is asked for."""

    def said(self, message_number: int, message: Message) -> None:
        """Called after each message, the opener included."""


@dataclass
class DialogueRun:
    """One running dialogue; `messages` grows, and is kept if the dialogue fails.

    `n_asked` is the number of replies, `spent` their costs. `unsaid` is what a message took that failed after some
    replies. `known_stop` says where a recorded dialogue ended.
    `timeline` is told what is asked for and when, if spans are wanted.
    """

    scenario: Scenario
    observers: list[Observer] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    stop_reason: StopReason | None = None
    known_stop: KnownStop = unknown_stop
    timeline: Timeline | None = None

    def __post_init__(self) -> None:
        self._perspectives = {
            side: Perspective(
                speaker.name, system=speaker.system, stub=self.scenario.stub, has_tools=bool(speaker.tools)
            )
            for side in SIDES
            for speaker in [self.scenario.speaker(side)]
        }
        self._stop_pattern = _stop_pattern(self.scenario.stop_phrases)
        self._steps = _progress(self.scenario)
        self._guard = self._new_guard()
        self._guarded: Stop | None = None
        self._goals = Goals(self.scenario)
        self._n_calls = 0
        self._loop: ToolLoop | None = None
        self.unsaid: Message | None = None
        self.n_asked = 0
        self._spending = Spending(self.scenario)

    def _new_guard(self) -> LateGuard:
        # A recording does not tell where a talk() ended.
        known_stop = unknown_stop if self._steps else self.known_stop
        return LateGuard(self.scenario.stop_on or (), self.scenario.grace, known_stop)

    @property
    def spent(self) -> Usage:
        """The costs of the replies."""
        return self._spending.usage

    @property
    def n_spared(self) -> int:
        """The number of messages that were saved because the dialogue stopped at a goodbye or in a loop."""
        stopped = self.stop_reason is not None and self.stop_reason.kind in (StopKind.GOODBYE, StopKind.LOOP)
        return self.scenario.max_messages - len(self.messages) if stopped else 0

    @property
    def next_side(self) -> Side:
        """The side whose message is next."""
        if not self.messages:
            return self.scenario.opener_by
        return "b" if self.messages[-1].speaker == self.scenario.a.name else "a"

    @property
    def state(self) -> RunState:
        """What it has come to."""
        return RunState(
            messages=tuple(self.messages),
            stop_reason=self.stop_reason,
            n_asked=self.n_asked,
            spent=self.spent,
            reached=self._steps.reached if self._steps else {},
            timed=tuple(self.timeline.steps) if self.timeline else (),
        )

    def adopt(self, state: RunState) -> None:
        """Become what another process has made of this dialogue, which has not begun here."""
        self.messages.extend(state.messages)
        self.stop_reason, self.n_asked = state.stop_reason, state.n_asked
        self._spending.usage = state.spent
        if self._steps:
            self._steps.has_reached(state.reached)
        if self.timeline:
            self.timeline.steps.extend(state.timed)

    def finish(
        self,
        endpoints: Mapping[Side, Endpoint],
        wait: Callable[[Awaitable[Any]], Any],
        tools: Mapping[Side, CallTool] = NO_TOOLS,
    ) -> StopReason:
        """Run to the end in sync code and return the stop reason; `wait` waits for replies that are not available yet.

        `tools` runs the tools of the speakers that have any. Raises DialogueError if a speaker fails, and the
        CassetteError of the recording.
        """
        conversation = self._conversation(endpoints, tools)
        try:
            awaited = next(conversation)
            while True:
                try:
                    reply = wait(awaited)
                except Exception as error:  # noqa: BLE001  # the conversation knows what to make of it
                    awaited = conversation.throw(error)
                else:
                    awaited = conversation.send(reply)
        except StopIteration as end:
            return _end_of(end)

    async def finish_async(
        self, endpoints: Mapping[Side, Endpoint], tools: Mapping[Side, CallTool] = NO_TOOLS
    ) -> StopReason:
        """The same in an event loop."""
        conversation = self._conversation(endpoints, tools)
        try:
            awaited = next(conversation)
            while True:
                try:
                    reply = await awaited
                except Exception as error:  # noqa: BLE001  # the conversation knows what to make of it
                    awaited = conversation.throw(error)
                else:
                    awaited = conversation.send(reply)
        except StopIteration as end:
            return _end_of(end)

    def _conversation(
        self, endpoints: Mapping[Side, Endpoint], tools: Mapping[Side, CallTool]
    ) -> Waiting[StopReason]:
        """Ask the sides in turn; yields awaitables and receives their results."""
        self._begin()
        while self.stop_reason is None:
            side = self.next_side
            if self._steps and (text := self._steps.fixed_text) is not None:
                self._say(side, text)
                continue
            message, raw_finish = yield from self._ask(side, endpoints[side], tools.get(side))
            self._take(message, raw_finish)
        return self.stop_reason

    def _begin(self) -> None:
        """Add the messages that no model is asked for: the history, or else the opener."""
        scenario = self.scenario
        for message in scenario.said_before():
            self._add(message)
        if not scenario.history and scenario.opener is not None:
            opening = scenario.speaker(scenario.opener_by).name
            self._add(Message(speaker=opening, content=scenario.opener))
        if self._steps and self._steps.is_over:
            self.stop_reason = self._all_steps()

    def _say(self, side: Side, text: str) -> None:
        """Add a message whose words are fixed."""
        message = Message(speaker=self.scenario.speaker(side).name, content=text)
        self._add(message)
        if self._goals.decides(message):
            self.stop_reason = self._goals.stop_after(message, len(self.messages), ())
        elif self._steps and self._steps.is_over:
            self.stop_reason = self._all_steps()

    def _all_steps(self) -> StopReason:
        return StopReason(kind=StopKind.STEPS, detail=counted(len(self.scenario.steps or ()), "step"))

    def checks(self) -> Iterator[tuple[int, Any, int | None]]:
        """The checks among the steps, see `Progress.checks`."""
        return self._steps.checks() if self._steps else iter(())

    def _ask(
        self, side: Side, endpoint: Endpoint, call_tool: CallTool | None
    ) -> Waiting[tuple[Message, str]]:
        """The next message, and the provider's own finish reason."""
        speaker = self.scenario.speaker(side)
        number = len(self.messages) + 1
        if self.timeline:
            self.timeline.asking(number, speaker.name)
        for observer in self.observers:
            observer.asking(number, speaker.name)
        history = self._perspectives[side].history()
        request = ChatRequest(
            model=ModelName.parse(speaker.model).model if isinstance(speaker.model, str) else "",
            messages=tuple(entry for entry in history if isinstance(entry, ChatMessage))
            if speaker.tools  # otherwise there is nothing else
            else cast("tuple[ChatMessage, ...]", history),
            entries=history if speaker.tools else (),
            knobs=speaker.set_knobs(),
            extra=speaker.extra,
            tools=tuple(tool.definition for tool in speaker.known_tools),
        )
        self._loop = (
            ToolLoop(speaker, call_tool, self._n_calls, self._spending.used_up) if call_tool else None
        )
        try:
            reply = yield from (
                self._loop.reply(endpoint, request) if self._loop else waited(endpoint.reply(request))
            )
            return message_of(speaker, reply), reply.raw_finish
        except Exception as raised:  # noqa: BLE001  # whatever a speaker raises
            error = sole_cause(raised)
            if isinstance(error, CassetteError):
                raise error from None
            if ends_test(error):
                raise error from None
            if isinstance(error, EndpointError):
                raise self._failed(number, speaker.name, str(error), is_outcome=error.is_outcome) from None
            if isinstance(error, ToolStopped):
                raise self._failed(number, speaker.name, str(error), is_outcome=True) from error.__cause__
            if isinstance(error, ConfigurationError):  # of a tool
                raise self._failed(number, speaker.name, str(error)) from None
            raise self._failed(number, speaker.name, f"{speaker.model_label} raised {told(error)}") from error

    def _failed(self, number: int, speaker: str, problem: str, *, is_outcome: bool = False) -> DialogueError:
        first_line = problem.partition("\n")[0]
        if self._loop:
            self.unsaid = self._loop.unsaid
            if self.unsaid:
                self._spending.add(self.unsaid)
            problem = "\n".join([problem, *had_called(self._loop.calls)])
        self.stop_reason = StopReason(kind=StopKind.ERROR, speaker=speaker, detail=first_line)
        return DialogueError(
            problem,
            message_number=number,
            speaker=speaker,
            transcript=self.transcript(),
            is_outcome=is_outcome,
        )

    def _take(self, reply: Message, raw_finish: str) -> None:
        message = self._goals.heard(reply, self.messages)
        if message.content or message.tool_calls:
            self._add(message, self._loop.opaque if self._loop else None)
        self.n_asked += 1
        self._spending.add(message)
        self.stop_reason = self._reason_to_stop(message, raw_finish)

    def _add(self, message: Message, opaque: Mapping[int, str] | None = None) -> None:
        calls = numbered_calls(message.tool_calls, self._n_calls)
        self._n_calls += len(calls)
        self.messages.append(message)
        if self._steps and self._steps.begins_talk:
            self._guard = self._new_guard()  # what was said before a talk() does not end it
        self._guarded = self._guard.read(message.speaker, message.content)
        for perspective in self._perspectives.values():
            perspective.add(message.speaker, message.content, calls, opaque)
        for observer in self.observers:
            observer.said(len(self.messages), message)
        if self._steps:
            ends_talk = bool(self._guarded or self._stop_phrase(message))
            self._steps.said(len(self.messages), ends_talk=ends_talk)

    def _reason_to_stop(self, message: Message, raw_finish: str) -> StopReason | None:
        if message.finish in WITHHELD:
            kind, detail = StopKind.REFUSAL, f"finish reason {raw_finish or message.finish!r}"
        elif self._goals.decides(message):
            return self._end_of_goal(message)
        elif self._loop and self._loop.stop:
            kind, detail = self._loop.stop
        elif not message.content:
            kind, detail = StopKind.EMPTY_REPLY, f"finish reason {raw_finish or message.finish!r}"
        elif not self._steps and (phrase := self._stop_phrase(message)):
            kind, detail = StopKind.STOP_PHRASE, phrase
        elif spent := self._spending.used_up():
            kind, detail = StopKind.BUDGET, spent
        else:
            return self._end_of_talk(message)
        return StopReason(kind=kind, speaker=message.speaker, detail=detail)

    def _end_of_goal(self, message: Message) -> StopReason | None:
        """Why the dialogue ends where a persona decides about it."""
        ended = self._goals.stop_after(message, len(self.messages), self._limits(message))
        if ended and self._steps:
            self._steps.end(len(self.messages))
        return ended

    def _end_of_talk(self, message: Message) -> StopReason | None:
        """Why the dialogue ends because all is said; None if it goes on."""
        if self._steps:
            return self._all_steps() if self._steps.is_over else None
        if self._guarded:
            kind, detail = self._guarded
            return StopReason(kind=kind, speaker=message.speaker, detail=detail)
        if len(self.messages) >= self.scenario.max_messages:
            return StopReason(kind=StopKind.TURNS, detail=counted(self.scenario.turns, "turn"))
        return None

    def _limits(self, message: Message) -> tuple[str, ...]:
        """Each limit that allows no message after this one; an empty text for each of the others."""
        if self._steps:
            steps = counted(len(self.scenario.steps or ()), "step") if self._steps.is_over else ""
            return (self._spending.used_up(), steps)
        is_last = len(self.messages) >= self.scenario.max_messages
        turns = counted(self.scenario.turns, "turn") if is_last else ""
        return (self._stop_phrase(message), self._spending.used_up(), turns)

    def _stop_phrase(self, message: Message) -> str:
        """The stop phrase in a message, quoted; empty if there is none."""
        found = self._stop_pattern.search(message.content) if self._stop_pattern else None
        return repr(found[0]) if found else ""

    def transcript(self) -> Transcript:
        """The transcript so far."""
        scenario = self.scenario
        return Transcript(
            speakers=tuple(
                TranscriptSpeaker(
                    name=speaker.name,
                    model=speaker.model_label,
                    system=speaker.system,
                    tools=tuple(tool.definition for tool in speaker.known_tools),
                )
                for speaker in (scenario.a, scenario.b)
            ),
            messages=tuple(self.messages),
            stop_reason=self.stop_reason,
            turns=None if scenario.steps else scenario.turns,
            opener=None if scenario.history else scenario.opener,
            topic=scenario.topic,
        )


def _progress(scenario: Scenario) -> Progress | None:
    """Where a dialogue in steps is; None without steps."""
    if not scenario.steps:
        return None
    from pytest_duolog.running.steps import Progress as Begun  # noqa: PLC0415  # most dialogues have no steps

    return Begun(scenario.steps)


def _stop_pattern(phrases: Sequence[str]) -> re.Pattern[str] | None:
    if not phrases:
        return None
    from pytest_duolog.detectors.text import phrase_pattern  # noqa: PLC0415  # a replay may need no detector

    return phrase_pattern(phrases)


def _end_of(end: StopIteration) -> StopReason:
    """The return value of a generator."""
    stop_reason: StopReason = end.value
    return stop_reason
