"""The rounds in which a speaker's model calls tools, until it has its last words."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import field, replace
from typing import Any, TypeVar

from pytest_duolog.dataclass import dataclass
from pytest_duolog.display import counted
from pytest_duolog.endpoints.base import ChatRequest, Endpoint, Reply
from pytest_duolog.endpoints.rounds import calls_to_run, joined_content, joined_reply, not_run, placed
from pytest_duolog.scenarios.speaker import Speaker
from pytest_duolog.transcripts.rounds import numbered_calls, rounds_of
from pytest_duolog.transcripts.transcript import Message, StopKind, ToolCall

Result = TypeVar("Result")
# Waits for what is not available yet: yields an awaitable, receives its result.
Waiting = Generator[Awaitable[Any], Any, Result]

# Runs a call, or plays its recorded result.
CallTool = Callable[[ToolCall], "ToolCall | Awaitable[ToolCall]"]

# The most calls in one reply that are run.
MOST_CALLS = 100


@dataclass
class ToolLoop:
    """The rounds of one message.

    `call` runs a tool, `n_before` is the number of calls of the dialogue so far. `spent_up` says which budget of the
    dialogue is used up by the rounds so far; empty if none is. Afterwards `opaque` has the provider's own form of each
    round, by its number, and `stop` says what ended the message before its last words, if something did.
    """

    speaker: Speaker
    call: CallTool
    n_before: int
    spent_up: Callable[[Reply], str]
    stop: tuple[StopKind, str] | None = None
    opaque: dict[int, str] = field(default_factory=dict)
    _replies: list[Reply] = field(default_factory=list)
    _calls: list[ToolCall] = field(default_factory=list)

    def reply(self, endpoint: Endpoint, request: ChatRequest) -> Waiting[Reply]:
        """The replies to `request` and to its results as one; it has no last words if a limit ended it."""
        while True:
            entries = rounds_of(joined_content(self._replies), self._calls, self.opaque)
            asked = replace(request, entries=(*request.entries, *entries))
            reply = yield from waited(endpoint.reply(asked))
            if not isinstance(reply, Reply):
                return reply  # of another package; the caller says what is wrong with it
            self._replies.append(reply)
            if not calls_to_run(reply):
                break
            yield from self._run(reply)
            if self.stop:
                break
        return joined_reply(self._replies, self._calls)

    @property
    def calls(self) -> Sequence[ToolCall]:
        """The calls so far that have a result."""
        return tuple(self._calls)

    @property
    def unsaid(self) -> Message | None:
        """What the rounds so far took, of a message that has failed; it has no words. None if no reply came."""
        if not self._replies:
            return None
        whole = joined_reply(self._replies, ())
        return Message(
            speaker=self.speaker.name,
            content="",
            finish=whole.finish,
            usage=whole.usage,
            latency_ms=whole.latency_ms,
        )

    def _run(self, reply: Reply) -> Waiting[None]:
        """Run the calls of a reply in their order; if a limit is reached or a budget used up, none of them."""
        n_round = len(self._replies)
        calls = numbered_calls(placed(reply.tool_calls, self._replies), self.n_before + len(self._calls))
        if n_round > self.speaker.tool_rounds:
            self.stop = StopKind.TOOL_LIMIT, counted(self.speaker.tool_rounds, "round")
        elif len(calls) > MOST_CALLS:
            self.stop = StopKind.TOOL_LIMIT, f"{len(calls)} calls at once"
        elif spent := self.spent_up(joined_reply(self._replies, ())):
            self.stop = StopKind.BUDGET, spent
        if self.stop:
            self._calls += not_run(calls)
            return
        if reply.opaque:
            self.opaque[n_round] = reply.opaque
        for call in calls:
            self._calls.append((yield from waited(self.call(call))))


def waited(answer: Result | Awaitable[Result]) -> Waiting[Result]:
    """The answer, now or when it is there."""
    return (yield answer) if inspect.isawaitable(answer) else answer
