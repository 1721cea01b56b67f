"""A dialogue as spans of OpenTelemetry, after its GenAI conventions (status: Development).

`planned` makes the spans as plain values; `write_spans` gives them to the tracer provider that the user's code has set.

    duolog.dialogue                   the dialogue: where it ended, and an event for each verdict
      invoke_agent NAME               a message of a speaker with tools
        chat MODEL                    one request; also of a speaker without tools, below the dialogue
        execute_tool TOOL             one call

Source: semantic-conventions-genai 0.1.0 and opentelemetry-semantic-conventions 0.66b2. No span of the conventions fits
a dialogue of two agents, so that one has a name of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from pytest_duolog.genuine import CLOCK, uuid4
from pytest_duolog.reports.span_messages import (
    definitions_json,
    instructions_json,
    messages_json,
    rounds_as_entries,
)
from pytest_duolog.results.dialogue_result import DialogueResult, short_name
from pytest_duolog.results.timeline import TimedCall, TimedRequest, Timeline
from pytest_duolog.transcripts.perspective import Perspective
from pytest_duolog.transcripts.rounds import numbered_calls
from pytest_duolog.transcripts.traces import OWN_TRANSCRIPT
from pytest_duolog.transcripts.transcript import StopKind, Transcript, TranscriptSpeaker
from pytest_duolog.transcripts.usage import Usage

# Providers whose name in the conventions is another one than ours.
PROVIDERS = {"gemini": "gcp.gemini", "mistral": "mistral_ai", "azure": "azure.ai.openai"}
# What stands for a provider if a speaker is code of the user.
FUNCTION = "callable"
# Models in this process: spans of requests to them are internal.
INSIDE = (FUNCTION, "scripted")


@dataclass(frozen=True)
class Span:
    """A span: `parent` is the place of the span around it in the list, None for the first; times as in `Timed`."""

    name: str
    parent: int | None
    began_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    is_client: bool = False
    error: str = ""
    events: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class SpansOf:
    """A dialogue whose spans are wanted.

    `labels` are attributes of the dialogue, such as its test. `knobs` of the requests are in the timeline. With
    `has_content` the spans say what was said.
    """

    result: DialogueResult
    timeline: Timeline
    labels: Mapping[str, Any] = field(default_factory=dict)
    has_content: bool = False

    def planned(self) -> list[Span]:
        """The spans, each after the one around it."""
        conversation = {"gen_ai.conversation.id": uuid4().hex}
        steps = self.timeline.steps
        began = steps[0].began_ns if steps else CLOCK.epoch_ns()
        spans = [self._whole(conversation, began, max([began, *(step.ended_ns for step in steps)]))]
        words = _Words(self.result.transcript, self.timeline.stub) if self.has_content else None
        for number, group in groupby(steps, key=lambda step: step.message):
            spans += self._of_message(number, list(group), conversation, len(spans), words)
        return spans

    def _whole(self, conversation: dict[str, Any], began_ns: int, ended_ns: int) -> Span:
        transcript, stop = self.result.transcript, self.result.transcript.stop_reason
        steps = self.timeline.steps
        attributes = {
            **conversation,
            **self.labels,
            "duolog.dialogue.name": self.result.name,
            "duolog.messages": len(transcript),
            "duolog.stop_reason": stop.kind.value if stop else "",
            "duolog.replayed": bool(steps) and all(step.is_replayed for step in steps),
            OWN_TRANSCRIPT: transcript.to_json() if self.has_content else "",
        }
        failed = stop is None or stop.kind is StopKind.ERROR
        error = next((step.error for step in reversed(steps) if step.error), "error") if failed else ""
        events = tuple(self._verdicts())
        return Span("duolog.dialogue", None, began_ns, ended_ns, attributes, error=error, events=events)

    def _verdicts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for verdict in self.result.verdicts:
            attributes = {
                "gen_ai.evaluation.name": verdict.property if self.has_content else short_name(verdict),
                "gen_ai.evaluation.score.label": verdict.outcome.value,
                "gen_ai.evaluation.explanation": verdict.explanation if self.has_content else "",
            }
            yield "gen_ai.evaluation.result", attributes

    def _of_message(
        self,
        number: int,
        steps: Sequence[TimedRequest | TimedCall],
        conversation: dict[str, Any],
        place: int,
        words: _Words | None,
    ) -> Iterator[Span]:
        speaker = next(one for one in self.result.transcript.speakers if one.name == steps[0].speaker)
        common = {**conversation, **_provider(speaker), "gen_ai.agent.name": speaker.name}
        around = 0
        if speaker.tools:
            usages = [step.usage for step in steps if isinstance(step, TimedRequest) and step.usage]
            attributes = {
                **common,
                "gen_ai.operation.name": "invoke_agent",
                **usage_attributes(sum(usages, Usage())),
            }
            error = steps[-1].error
            ended_ns = max(step.ended_ns for step in steps)
            yield Span(
                f"invoke_agent {speaker.name}", 0, steps[0].began_ns, ended_ns, attributes, error=error
            )
            around = place
        n_request = 0
        for step in steps:
            if isinstance(step, TimedCall):
                yield self._of_call(step, speaker, around, conversation)
            else:
                n_request += 1
                said = words.of_request(number, n_request, speaker, step.finish) if words else {}
                yield self._of_request(step, speaker, around, {**common, **said})

    def _of_request(
        self, step: TimedRequest, speaker: TranscriptSpeaker, around: int, more: dict[str, Any]
    ) -> Span:
        model = _model(speaker)
        attributes = {
            **more,
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            **{f"gen_ai.request.{name}": value for name, value in step.knobs.items()},
            "gen_ai.response.model": step.model,
            "gen_ai.response.finish_reasons": [step.finish] if step.finish else None,
            **usage_attributes(step.usage),
            **_replayed(step),
            **({"duolog.recorded_latency_ms": step.latency_ms} if step.is_replayed else {}),
        }
        is_client = more["gen_ai.provider.name"] not in INSIDE
        return _span(f"chat {model}", around, step, attributes, is_client=is_client)

    def _of_call(
        self, step: TimedCall, speaker: TranscriptSpeaker, around: int, conversation: dict[str, Any]
    ) -> Span:
        messages = self.result.transcript.messages
        done = messages[step.message - 1].tool_calls if step.message <= len(messages) else ()
        call = next((call for call in done if call.id == step.id), None)
        definition = next((tool for tool in speaker.tools if tool.name == step.name), None)
        attributes = {
            **conversation,
            "gen_ai.agent.name": speaker.name,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": step.name,
            "gen_ai.tool.call.id": step.id,
            "gen_ai.tool.type": "function",
            **_replayed(step),
        }
        if self.has_content:
            attributes |= {
                "gen_ai.tool.description": definition.description if definition else "",
                "gen_ai.tool.call.arguments": call.arguments if call else "",
                "gen_ai.tool.call.result": call.result if call else "",
            }
        error = step.error or ("tool_error" if call and call.is_error else "")
        return replace(_span(f"execute_tool {step.name}", around, step, attributes), error=error)


class _Words:
    """What was said, for each request of a dialogue; requests are asked about in their order."""

    def __init__(self, transcript: Transcript, stub: str) -> None:
        self._transcript = transcript
        self._perspectives = {
            speaker.name: Perspective(speaker.name, stub=stub, has_tools=bool(speaker.tools))
            for speaker in transcript.speakers
        }
        self._n_heard = 0
        self._n_calls = 0

    def of_request(
        self, number: int, n_request: int, speaker: TranscriptSpeaker, finish: str
    ) -> dict[str, Any]:
        """The attributes with the words of request `n_request`, from 1, for message `number`."""
        self._hear_before(number)
        names = (
            speaker.name,
            next((one.name for one in self._transcript.speakers if one.name != speaker.name), ""),
        )
        asked = list(self._perspectives[speaker.name].history())
        answered: list[Any] = []
        if number <= len(self._transcript):
            message = self._transcript.messages[number - 1]
            if speaker.tools:
                rounds = rounds_as_entries(message, self._n_calls)
                asked += [entry for entries in rounds[: n_request - 1] for entry in entries]
                answered = rounds[n_request - 1][:1] if n_request <= len(rounds) else []
            else:
                rounds = rounds_as_entries(message, self._n_calls)
                answered = [entry for entries in rounds for entry in entries]
        return {
            "gen_ai.system_instructions": instructions_json(speaker.system) if speaker.system else "",
            "gen_ai.tool.definitions": definitions_json(speaker.tools) if speaker.tools else "",
            "gen_ai.input.messages": messages_json(asked, names=names),
            "gen_ai.output.messages": messages_json(answered, names=names, finish=finish) if answered else "",
        }

    def _hear_before(self, number: int) -> None:
        """Add the messages before this one to both perspectives."""
        while self._n_heard < min(number - 1, len(self._transcript)):
            message = self._transcript.messages[self._n_heard]
            calls = numbered_calls(message.tool_calls, self._n_calls)
            for perspective in self._perspectives.values():
                perspective.add(message.speaker, message.content, calls)
            self._n_heard += 1
            self._n_calls += len(calls)


def usage_attributes(usage: Usage | None) -> dict[str, Any]:
    """The tokens of a reply; in the conventions, those of the cache are among those that were read."""
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.known_read,
        "gen_ai.usage.output_tokens": usage.known_written,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }


def _provider(speaker: TranscriptSpeaker) -> dict[str, Any]:
    provider, colon, _ = (speaker.model or "").partition(":")
    return {"gen_ai.provider.name": PROVIDERS.get(provider, provider) if colon else FUNCTION}


def _model(speaker: TranscriptSpeaker) -> str:
    return (speaker.model or "").partition(":")[2] or speaker.model or ""


def _replayed(step: TimedRequest | TimedCall) -> dict[str, Any]:
    return {"duolog.replayed": step.is_replayed}


def _span(
    name: str,
    around: int,
    step: TimedRequest | TimedCall,
    attributes: dict[str, Any],
    *,
    is_client: bool = False,
) -> Span:
    return Span(name, around, step.began_ns, step.ended_ns, attributes, is_client=is_client, error=step.error)
