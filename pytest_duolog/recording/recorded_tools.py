"""The tools of a speaker in a recorded dialogue: a call that is recorded is not run again.

A call is an interaction of the cassette like a request to a model. A recorded result is used only for the same tool,
with the same definition, and equal arguments, and each result at most once: equal calls get theirs in the recorded
order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from urllib.parse import quote

from pytest_duolog.endpoints.tool_runs import Outcome, run_tool
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.interaction import CALL, TOOL_SCHEME, Body, Response, SentRequest
from pytest_duolog.recording.stored_calls import recorded_result, response_of
from pytest_duolog.scenarios.tools import BadArguments, Tool, definition_hash, parsed_arguments
from pytest_duolog.transcripts.transcript import ToolCall


class RecordedTools:
    """Plays the results of recorded calls of one speaker, and runs and records all others."""

    def __init__(self, cassette: Cassette, speaker: str, tools: Sequence[Tool]) -> None:
        self._cassette = cassette
        self._speaker = speaker
        self._tools = {tool.definition.name: tool for tool in tools}

    def call(self, call: ToolCall) -> ToolCall | Awaitable[ToolCall]:
        """The call with its result, or an awaitable if the tool must run.

        Raises CassetteMismatch if the call is not recorded and the record mode forbids new ones, or, for a `live` tool,
        if its result is not the recorded one; and the errors of `run_tool`.
        """
        tool = self._tools.get(call.name)
        sent = self._sent(call, tool)
        if sent is None:
            return self._run_unrecorded(call, tool)
        recorded = self._cassette.play(sent)
        if recorded is None:
            return self._run(call, tool, sent)
        played = _completed(call, recorded, self._cassette.last_latency_ms())
        return self._compared(played, tool) if tool and tool.live else played

    def _sent(self, call: ToolCall, tool: Tool | None) -> SentRequest | None:
        """The call as an interaction; None if it is not recorded, because the model that called is not, either."""
        if self._cassette.is_mocked(self._speaker):
            return None
        redactor = self._cassette.redactor
        try:
            arguments = parsed_arguments(call.arguments)
        except BadArguments:
            arguments = call.arguments
        fields = {
            "arguments": redactor.json(arguments),
            "tool": definition_hash(tool.definition if tool else None),
        }
        place = f"{quote(self._speaker, safe='')}/{quote(redactor.text(call.name), safe='')}"
        return self._cassette.hooks.request(SentRequest(CALL, TOOL_SCHEME + place, {}, Body(fields)))

    async def _run(self, call: ToolCall, tool: Tool | None, sent: SentRequest) -> ToolCall:
        self._cassette.keep()  # the reply that calls the tool, so that this call can be found again
        started_s = CLOCK.seconds()
        outcome = await run_tool(call, tool)
        latency_ms = CLOCK.ms_since(started_s)
        response = response_of(outcome.text, is_error=outcome.is_error)
        stored = self._cassette.record(sent, response, latency_ms)
        self._cassette.keep()
        return _completed(call, stored, latency_ms)

    async def _run_unrecorded(self, call: ToolCall, tool: Tool | None) -> ToolCall:
        started_s = CLOCK.seconds()
        outcome = await run_tool(call, tool)
        return _with(call, outcome, CLOCK.ms_since(started_s))

    async def _compared(self, played: ToolCall, tool: Tool) -> ToolCall:
        outcome = await run_tool(played, tool)
        today = Outcome(self._cassette.redactor.text(outcome.text), outcome.is_error)
        if today != (played.result, played.is_error):
            raise self._cassette.other_result(played, today.text)
        return played


def _completed(call: ToolCall, response: Response, latency_ms: float | None) -> ToolCall:
    return _with(call, Outcome(*recorded_result(response)), latency_ms)


def _with(call: ToolCall, outcome: Outcome, latency_ms: float | None) -> ToolCall:
    changes = {"result": outcome.text, "is_error": outcome.is_error, "latency_ms": latency_ms}
    return call.model_copy(update=changes)
