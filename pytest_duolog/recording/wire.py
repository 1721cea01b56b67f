"""Reads the tool calls of a function from its recorded requests and responses.

A framework behind a function runs its tools itself. Its model asks for them in a response, and the history of a later
request has their results. Both are in the recording, in the form of the provider: chat completions, Responses,
Messages, generateContent, Ollama; as JSON or as a stream of events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_duolog.endpoints.base import ChatRequest, Endpoint, Reply, then
from pytest_duolog.errors import TranscriptError
from pytest_duolog.recording.interaction import Interaction
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.recording.wire_streams import merged_events
from pytest_duolog.storage.json_text import parsed
from pytest_duolog.transcripts.chat_entries import Call, Entry, entry_of, text_of
from pytest_duolog.transcripts.transcript import ToolCall

HISTORIES = ("messages", "input", "contents")
INSTRUCTIONS = ("system", "instructions", "systemInstruction", "system_instruction")
# Frameworks make models give their last words as a call of these tools, which nobody runs.
LAST_WORDS = frozenset({"final_answer", "final_result"})
# smolagents tells the result of a tool as a user's message that begins with this.
OBSERVATION = "Observation:"
MAX_AGENT = 40


class WithCallsOnWire:
    """The endpoint of a function: its replies have the tool calls that its requests and responses show.

    A reply that names tool calls itself keeps those.
    """

    def __init__(self, endpoint: Endpoint, recorder: Recorder) -> None:
        self._endpoint = endpoint
        self._recorder = recorder
        self._own_prompt: str | None = None

    def reply(self, request: ChatRequest) -> Reply | Awaitable[Reply]:
        """The function's reply, with its tool calls."""
        n_used = self._recorder.n_used

        def with_calls(reply: Reply) -> Reply:
            used = self._recorder.used_since(n_used)
            if not used or not isinstance(reply, Reply) or reply.tool_calls:
                return reply
            wire = _Wire(self._own_prompt)
            for interaction in used:
                wire.read(interaction)
            self._own_prompt = wire.own_prompt
            return replace(reply, tool_calls=wire.calls())

        return then(self._endpoint.reply(request), with_calls)


def calls_by_message(interactions: Iterable[Interaction]) -> dict[int, tuple[ToolCall, ...]]:
    """The tool calls that the interactions of functions show, by the number of their message, in order."""
    own_prompts: dict[str, str | None] = {}
    wires: dict[int, _Wire] = {}
    for interaction in interactions:
        number, speaker = interaction.message_number, interaction.speaker
        wire = wires.setdefault(number, _Wire(own_prompts.get(speaker)))
        wire.read(interaction)
        own_prompts[speaker] = wire.own_prompt
    return {number: calls for number, wire in wires.items() if (calls := wire.calls())}


@dataclass
class _Wire:
    """The calls so far. `own_prompt` are the instructions of the function's own agent; others are of its helpers."""

    own_prompt: str | None
    _asked: list[Call] = field(default_factory=list)
    _round: int = 0

    def read(self, interaction: Interaction) -> None:
        """Take the results in a request, and the calls in its response."""
        body = _body(interaction)
        if body is None or interaction.response.status >= 300:
            return
        entries, prompt = _history(body)
        self._take_results(entries)
        if self.own_prompt is None:
            self.own_prompt = prompt
        agent = None if prompt == self.own_prompt else _agent(prompt)
        calls = [call for entry in _answered(interaction.response.content) for call in entry.calls]
        self._round += bool(calls)
        for call in calls:
            call.round, call.agent, call.at = self._round, agent, 0
            self._asked.append(call)

    def _take_results(self, entries: Sequence[Entry]) -> None:
        """Give the results of a history to their calls; those of calls before this message find none."""
        told: dict[str, list[Call]] = {}
        nameless: list[Call] = []
        last_call = max((at for at, entry in enumerate(entries) if entry.calls), default=-1)
        for at, entry in enumerate(entries):
            for result in entry.results:
                id_ = result.id or result.entry_id
                if id_ and any(id_ in (call.entry_id, call.id) for call in self._asked):
                    told.setdefault(id_, []).append(result)
                elif at > last_call:
                    nameless.append(result)
        for id_, results in told.items():
            # Some servers give an id to several calls of a dialogue: the last ones are those of this message.
            calls = [call for call in self._asked if id_ in (call.entry_id, call.id)]
            for call, result in zip(reversed(calls), reversed(results), strict=False):
                _give(call, result)
        for result in nameless:
            _give(self._first_open(result.name), result)
        observed = entries[-1].content if entries else ""
        waiting = [call for call in self._asked if call.result is None]
        if observed.startswith(OBSERVATION) and len(waiting) == 1:
            waiting[0].result = observed.removeprefix(OBSERVATION).strip()

    def _first_open(self, name: str) -> Call | None:
        """The first call without a result that has this name; any one if the result has no name."""
        waiting = [call for call in self._asked if call.result is None]
        return next((call for call in waiting if call.name == name or not name), None)

    def calls(self) -> tuple[ToolCall, ...]:
        """The calls without those that only are the last words."""
        made = [call for call in self._asked if call.result is not None or call.name not in LAST_WORDS]
        rounds = {number: at for at, number in enumerate(dict.fromkeys(call.round for call in made), start=1)}
        # Ids are random, so that they would make two recordings of the same differ.
        return tuple(call.made(rounds[call.round]).model_copy(update={"id": ""}) for call in made)


def _give(call: Call | None, result: Call) -> None:
    if call is not None and call.result is None:
        call.result, call.is_error = result.result, result.is_error


def _body(interaction: Interaction) -> Mapping[str, Any] | None:
    value = interaction.request.body.value()
    return value if isinstance(value, dict) and any(name in value for name in HISTORIES) else None


def _history(body: Mapping[str, Any]) -> tuple[list[Entry], str]:
    """The entries of a request's history, and its instructions."""
    prompts = [text_of(body.get(name)) for name in INSTRUCTIONS]
    items: list[Any] = next((body[name] for name in HISTORIES if isinstance(body.get(name), list)), [])
    return list(_entries(items, "user", prompts)), "\n".join(filter(None, prompts))


def _entries(items: Sequence[Any], role: str, prompts: list[str]) -> Iterator[Entry]:
    for number, item in enumerate(items, start=1):
        if isinstance(item, dict):
            named = item if "role" in item or "type" in item else {"role": role, **item}
            with suppress(TranscriptError):
                yield entry_of(number, named, prompts)


def _answered(content: bytes) -> Iterator[Entry]:
    """The entries of a response: what a model said and asked for."""
    try:
        value = parsed(content)
    except ValueError:
        value = merged_events(content)
    items = _said_in(value) if isinstance(value, dict) else []
    yield from _entries(items, "assistant", [])


def _said_in(answer: Mapping[str, Any]) -> list[Any]:
    """The messages or items of a response, in any provider's form."""
    for name, inner in (("choices", "message"), ("candidates", "content")):
        listed = answer.get(name)
        if isinstance(listed, list) and listed and isinstance(listed[0], dict):
            return [listed[0].get(inner)]
    if isinstance(answer.get("output"), list):
        return list(answer["output"])
    if isinstance(answer.get("message"), dict):
        return [answer["message"]]
    return (
        [{"role": "assistant", "content": answer["content"]}]
        if isinstance(answer.get("content"), list)
        else []
    )


def _agent(prompt: str) -> str:
    """What tells one agent from another: the beginning of its instructions."""
    line = " ".join(prompt.split())
    return (line if len(line) <= MAX_AGENT else f"{line[:MAX_AGENT]}…") or "another agent"
