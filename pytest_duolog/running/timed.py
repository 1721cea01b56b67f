"""Notes when the endpoints and the tools of a dialogue were used; only for dialogues whose spans are wanted."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial

from pytest_duolog.endpoints.base import ChatRequest, Endpoint, Reply
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.results.timeline import TimedCall, TimedRequest, Timeline
from pytest_duolog.running.tool_loop import CallTool
from pytest_duolog.transcripts.transcript import ToolCall


@dataclass(frozen=True)
class TimedEndpoint:
    """An endpoint whose requests are noted in the timeline."""

    endpoint: Endpoint
    recorder: Recorder
    timeline: Timeline

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The endpoint's reply."""
        note = partial(self._note, request, CLOCK.epoch_ns(), self.recorder.counts)
        try:
            answer = self.endpoint.reply(request)
        except BaseException as error:
            note(error)
            raise
        if inspect.isawaitable(answer):
            return self._awaited(answer, note)
        note(answer)
        return answer

    async def _awaited(self, answer: Awaitable[Reply], note: partial[None]) -> Reply:
        try:
            reply = await answer
        except BaseException as error:
            note(error)
            raise
        note(reply)
        return reply

    def _note(
        self, request: ChatRequest, began_ns: int, before: tuple[int, int], end: Reply | BaseException
    ) -> None:
        n_played, n_recorded = (now - then for now, then in zip(self.recorder.counts, before, strict=True))
        reply = end if isinstance(end, Reply) else Reply("", raw_finish="", finish="other")
        self.timeline.steps.append(
            TimedRequest(
                self.timeline.message,
                self.timeline.speaker,
                began_ns,
                CLOCK.epoch_ns(),
                is_replayed=bool(n_played and not n_recorded),
                error=type(end).__name__ if isinstance(end, BaseException) else "",
                knobs=request.knobs,
                model=reply.model or "",
                finish=reply.raw_finish or (reply.finish if reply is end else ""),
                usage=reply.usage,
                latency_ms=reply.latency_ms,
            )
        )


def timed_tool(call_tool: CallTool, timeline: Timeline) -> CallTool:
    """Notes each call in the timeline."""

    def note(call: ToolCall, began_ns: int, *, is_replayed: bool, error: BaseException | None = None) -> None:
        timeline.steps.append(
            TimedCall(
                timeline.message,
                timeline.speaker,
                began_ns,
                CLOCK.epoch_ns(),
                is_replayed=is_replayed,
                error=type(error).__name__ if error else "",
                name=call.name,
                id=call.id,
            )
        )

    async def awaited(call: ToolCall, answer: Awaitable[ToolCall], began_ns: int) -> ToolCall:
        try:
            done = await answer
        except BaseException as error:
            note(call, began_ns, is_replayed=False, error=error)
            raise
        note(done, began_ns, is_replayed=False)
        return done

    def timed(call: ToolCall) -> ToolCall | Awaitable[ToolCall]:
        began_ns = CLOCK.epoch_ns()
        try:
            answer = call_tool(call)
        except BaseException as error:
            note(call, began_ns, is_replayed=True, error=error)
            raise
        if inspect.isawaitable(answer):
            return awaited(call, answer, began_ns)
        note(answer, began_ns, is_replayed=True)
        return answer

    return timed
