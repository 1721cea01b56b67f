"""The tools of a speaker in a recorded dialogue: a call that is recorded is not run again.

A call is an interaction of the cassette like a request to a model. A recorded result is used only for the same tool,
with the same definition, and equal arguments, and each result at most once: equal calls get theirs in the recorded
order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from urllib.parse import quote

from pytest_duolog.endpoints.tool_entries import read_arguments
from pytest_duolog.endpoints.tool_runs import Outcome, message_of, run_tool, unusable
from pytest_duolog.errors import ConfigurationError, SecretInRecording, ToolStopped
from pytest_duolog.genuine import CLOCK
from pytest_duolog.recording.cassette import Cassette
from pytest_duolog.recording.interaction import (
    CALL,
    TOOL_SCHEME,
    Body,
    Interaction,
    Response,
    SentRequest,
)
from pytest_duolog.recording.stored_calls import (
    OF_ERRORS,
    OF_RESULTS,
    OF_STOPS,
    OF_UNUSABLE,
    completed,
    recorded_result,
    response_of,
)
from pytest_duolog.scenarios.tools import Tool, definition_hash
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
        if its result is not the recorded one. Raises ToolStopped or ConfigurationError for a call that ends the
        dialogue, recorded or not, ConfigurationError if the user's hooks leave out calls, and what `run_tool` raises.
        """
        tool = self._tools.get(call.name)
        sent = self._sent(call, tool)
        if sent is None:
            return self._run_unrecorded(call, tool)
        recorded = self._cassette.play(sent)
        if recorded is None:
            return self._run(call, tool, sent)
        self._refuse_ended(call, recorded)
        played = completed(call, recorded, self._cassette.last_latency_ms())
        return self._compared(played, tool) if tool and tool.live else played

    def _sent(self, call: ToolCall, tool: Tool | None) -> SentRequest | None:
        """The call as an interaction; None if it is not recorded, because the model that called is not, either."""
        if self._cassette.is_mocked(self._speaker):
            return None
        redactor = self._cassette.redactor
        fields = {
            "arguments": redactor.json(read_arguments(call)),
            "tool": definition_hash(tool.definition if tool else None),
        }
        place = f"{quote(self._speaker, safe='')}/{quote(redactor.text(call.name), safe='')}"
        sent = SentRequest(CALL, TOOL_SCHEME + place, {}, Body(fields))
        hooks = self._cassette.hooks
        stored = hooks.request(sent)
        untold = response_of("", OF_ERRORS)
        if (
            stored is None
            or hooks.response(untold) is None
            or hooks.saved(Interaction(stored, untold)) is None
        ):
            raise ConfigurationError(
                "tool calls cannot be left out of a recording: the tool would run again in every replay; let "
                f"duolog_vcr_config keep {CALL} {sent.uri} (return it, and ignore no host of this name)"
            )
        return stored

    def _refuse_ended(self, call: ToolCall, recorded: Response) -> None:
        """Raise the error of a recorded call that has ended the dialogue; its tool is not run again."""
        if recorded.reason not in (OF_STOPS, OF_UNUSABLE):
            return
        problem = (
            f"{message_of(recorded_result(recorded)[0])}\n"
            "the tool has run and is not run again: this is recorded (to run it again: --record-mode=rewrite)"
        )
        raise ToolStopped(call.name, problem) if recorded.reason == OF_STOPS else ConfigurationError(problem)

    async def _run(self, call: ToolCall, tool: Tool | None, sent: SentRequest) -> ToolCall:
        self._cassette.keep()  # the reply that calls the tool, so that this call can be found again
        started_s = CLOCK.seconds()
        outcome = await run_tool(call, tool)
        latency_ms = CLOCK.ms_since(started_s)
        stored = self._cassette.record(sent, _response(outcome), latency_ms)
        try:
            self._cassette.keep()
        except SecretInRecording:
            secret = unusable(f"the tool {call.name} returned something that looks like a key")
            self._cassette.keep_without_result(_response(secret))
            raise
        _refuse(outcome)
        return completed(call, stored, latency_ms)

    async def _run_unrecorded(self, call: ToolCall, tool: Tool | None) -> ToolCall:
        started_s = CLOCK.seconds()
        outcome = await run_tool(call, tool)
        _refuse(outcome)
        changes = {
            "result": outcome.text,
            "is_error": outcome.is_error,
            "latency_ms": CLOCK.ms_since(started_s),
        }
        return call.model_copy(update=changes)

    async def _compared(self, played: ToolCall, tool: Tool) -> ToolCall:
        outcome = await run_tool(played, tool)
        _refuse(outcome)
        today = self._cassette.redactor.text(outcome.text)
        if (today, outcome.is_error) != (played.result, played.is_error):
            raise self._cassette.other_result(played, today)
        return played


def _response(outcome: Outcome) -> Response:
    """The response that stores an outcome."""
    reason = OF_ERRORS if outcome.is_error else OF_RESULTS
    if outcome.ends:
        reason = OF_STOPS if isinstance(outcome.ends, ToolStopped) else OF_UNUSABLE
    return response_of(outcome.text, reason)


def _refuse(outcome: Outcome) -> None:
    """Raises the error of an outcome that ends the dialogue."""
    if outcome.ends:
        raise outcome.ends
