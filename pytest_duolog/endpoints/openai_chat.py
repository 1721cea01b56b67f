"""The chat-completions protocol of OpenAI, which most servers support.

Source: https://platform.openai.com/docs/api-reference/chat; additions of gateways are from their own documentation
(OpenRouter: `reasoning`, `provider`, `usage.cost`, errors in a 200; Mistral: `model_length`, `random_seed`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.reading import (
    NOT_THERE,
    lacking,
    less,
    needs_words,
    object_at,
    object_in,
    objects_at,
    said_in,
    served_by,
    split_thinking,
    text_at,
    text_in,
    thinking_parts,
    token_count,
    tool_calls,
    wrong,
)
from pytest_duolog.endpoints.tool_entries import (
    declared,
    opaque_text,
    opaque_value,
    results_one_by_one,
    sent_arguments_text,
    sent_name,
)
from pytest_duolog.transcripts.perspective import Entry
from pytest_duolog.transcripts.rounds import CallsEntry, ResultsEntry
from pytest_duolog.transcripts.transcript import FinishReason, ToolDefinition
from pytest_duolog.transcripts.usage import Usage

# A higher cost, or an infinite one, is a mistake.
HIGHEST_COST = 1e9

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "end",
    "eos": "end",
    "length": "truncated",
    "model_length": "truncated",
    "content_filter": "filtered",
    "sensitive": "filtered",
    "tool_calls": "tool",
    "function_call": "tool",
    "error": "error",
    "network_error": "error",
    "insufficient_system_resource": "error",
}

# What some servers want back with the results of calls: reasoning (DeepSeek), signed reasoning (OpenRouter), and in
# each call the signature of a thought (Gemini behind this protocol).
WANTED_BACK = ("reasoning_content", "reasoning_details")
WANTED_BACK_IN_CALLS = ("extra_content",)

# All other servers use the usual names.
RENAMED_KNOBS: Mapping[str, Mapping[str, str]] = {
    "openai": {"max_tokens": "max_completion_tokens"},
    "azure": {"max_tokens": "max_completion_tokens"},
    "mistral": {"seed": "random_seed"},
}


class OpenAIChat(ChatProtocol):
    """One model with an address for chat completions."""

    volatile_fields = (
        "id",
        "created",
        "system_fingerprint",
        "timings",
        "x_groq",
    )  # the last two: llama.cpp, Groq
    takes_tools = True

    def path(self, request: ChatRequest) -> str:
        """The path is the same for all models."""
        return "/chat/completions"

    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """Model and settings, each under the provider's name for it."""
        names = RENAMED_KNOBS.get(self._config.provider, {})
        knobs = {names.get(name, name): value for name, value in request.knobs.items()}
        return {
            "model": request.model,
            **knobs,
            **function_tools(request.tools),
            **_response_format(request.schema),
            **request.extra,
        }

    def history(self, request: ChatRequest) -> Sequence[Entry]:
        """The messages; each result of a tool is one."""
        return list(results_one_by_one(request.history)) if request.entries else request.messages

    def entry(self, message: Entry) -> dict[str, Any]:
        """A message, the calls of a round, or the result of a call."""
        if isinstance(message, CallsEntry):
            return _calls_entry(message)
        if isinstance(message, ResultsEntry):
            [call] = message.calls
            return {"role": "tool", "tool_call_id": call.id, "content": call.result or ""}
        return message._asdict()

    def served_model(self, body: Mapping[str, Any]) -> str | None:
        """The model, with the provider behind the gateway if it is named (OpenRouter)."""
        return served_by(body)

    def read(self, body: Mapping[str, Any], answer: Answer) -> Reply:
        """The reply of the first choice."""
        choices = body.get("choices")
        if not (isinstance(choices, list) and choices and isinstance(choices[0], Mapping)):
            raise lacking(body, "choices")
        choice, message = choices[0], object_at(choices[0], "message", "choices[0].")
        where = "choices[0].message."
        raw_finish = text_at(choice, "finish_reason", "choices[0].") or ""
        refusal = text_at(message, "refusal", where)
        calls = objects_at(message, "tool_calls", where)
        finish = "refused" if refusal else FINISH_REASONS.get(raw_finish, "other" if raw_finish else "end")
        said = said_in(message["content"], f"{where}content") if "content" in message else None
        if said is None and not calls and needs_words(finish):
            raise wrong(f"{where}content", message.get("content", NOT_THERE), "text")
        content, thinking = split_thinking(said or "")
        return Reply(
            content=refusal if refusal and not content else content,
            finish=finish,
            raw_finish=raw_finish,
            reasoning=text_at(message, "reasoning_content", where)
            or text_at(message, "reasoning", where)
            or thinking_parts(message.get("content"))
            or thinking,
            tool_calls=tool_calls(
                [object_at(call, "function", f"{where}tool_calls[].") for call in calls],
                arguments="arguments",
            ),
            usage=_usage(object_in(body, "usage")),
            model=text_in(body, "model"),
            opaque=_wanted_back(message, calls),
        )


def _wanted_back(message: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> str | None:
    """What the server wants back of a message with calls, by field; that of the calls is under `tool_calls`."""
    if not calls:
        return None
    beside = {name: message[name] for name in WANTED_BACK if message.get(name)}
    in_calls = [{name: call[name] for name in WANTED_BACK_IN_CALLS if call.get(name)} for call in calls]
    return opaque_text({**beside, **({"tool_calls": in_calls} if any(in_calls) else {})})


def _calls_entry(entry: CallsEntry) -> dict[str, Any]:
    beside = opaque_value(entry.opaque) or {}
    in_calls = beside.pop("tool_calls", [{}] * len(entry.calls))
    return {
        "role": "assistant",
        "content": entry.content or None,
        "tool_calls": [
            {
                **more,
                "id": call.id,
                "type": "function",
                "function": {"name": sent_name(call), "arguments": sent_arguments_text(call)},
            }
            for call, more in zip(entry.calls, in_calls, strict=False)
        ],
        **beside,
    }


def function_tools(tools: Sequence[ToolDefinition]) -> dict[str, Any]:
    """The field of a request body that offers tools, in this protocol and in Ollama's; empty without any."""
    functions = [{"type": "function", "function": declared(tool, "parameters")} for tool in tools]
    return {"tools": functions} if functions else {}


def _response_format(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The field of a request body that asks for JSON by a schema; empty without one."""
    if schema is None:
        return {}
    form = {"name": "reply", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    """The usage; `prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning."""
    if not usage:
        return None
    cached = token_count(usage, "prompt_tokens_details", "cached_tokens")
    written = token_count(usage, "prompt_tokens_details", "cache_write_tokens")
    reasoning = token_count(usage, "completion_tokens_details", "reasoning_tokens")
    cost = usage.get("cost")
    is_price = isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost <= HIGHEST_COST
    return Usage(
        prompt_tokens=less(token_count(usage, "prompt_tokens"), cached, written),
        cache_read_tokens=cached,
        cache_write_tokens=written,
        reply_tokens=less(token_count(usage, "completion_tokens"), reasoning),
        reasoning_tokens=reasoning,
        cost=cost if is_price else None,
    )
