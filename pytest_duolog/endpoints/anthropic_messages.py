"""The Messages protocol of Anthropic; llama.cpp, vLLM and LM Studio also support it.

Source: https://docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.protocol import ChatProtocol, system_of, without_system
from pytest_duolog.endpoints.reading import (
    NOT_THERE,
    joined,
    lacking,
    less,
    needs_words,
    object_in,
    objects_at,
    text_at,
    text_in,
    token_count,
    tool_calls,
    wrong,
)
from pytest_duolog.endpoints.tool_entries import (
    declared,
    opaque_text,
    opaque_value,
    sent_arguments,
    sent_name,
)
from pytest_duolog.transcripts.perspective import Entry
from pytest_duolog.transcripts.rounds import CallsEntry, ResultsEntry
from pytest_duolog.transcripts.transcript import FinishReason, ToolCall, ToolDefinition
from pytest_duolog.transcripts.usage import Usage

# The newer version refuses a request with a sampling setting, even if it has the default value.
VERSION = "2026-10-21"
VERSION_WITH_SAMPLING = "2023-06-01"
SAMPLING = ("temperature", "top_p", "top_k")

# The protocol requires a limit. This one is more than a chat message needs and less than any model's maximum.
DEFAULT_MAX_TOKENS = 4096

FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "tool_use": "tool",
    "refusal": "refused",
}


class AnthropicMessages(ChatProtocol):
    """One model with an address for messages."""

    volatile_fields = ("id",)
    key_header = "x-api-key"
    unsent_knobs = ("seed",)
    takes_tools = True

    def path(self, request: ChatRequest) -> str:
        """The path is the same for all models; the base URL has no version, as in the vendor's own variable."""
        return "/v1/messages"

    def headers(self, request: ChatRequest) -> Mapping[str, str]:
        """The version of the protocol: the old one only if the user sets a sampling setting."""
        wants_sampling = any(name in request.knobs or name in request.extra for name in SAMPLING)
        return {"anthropic-version": VERSION_WITH_SAMPLING if wants_sampling else VERSION}

    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """Model, system prompt and settings; the protocol has no seed, so none is sent."""
        knobs = {name: value for name, value in request.knobs.items() if name not in self.unsent_knobs}
        system = system_of(request.messages)
        return {
            "model": request.model,
            "max_tokens": DEFAULT_MAX_TOKENS,
            **({"system": system} if system else {}),
            **knobs,
            **_tools(request.tools),
            **_output_format(request.schema),
            **request.extra,
        }

    def history(self, request: ChatRequest) -> Sequence[Entry]:
        """The messages without the system prompt."""
        return without_system(request.history)

    def entry(self, message: Entry) -> dict[str, Any]:
        """A message, the blocks of a round with calls, or the results of its calls."""
        if isinstance(message, CallsEntry):
            return {"role": "assistant", "content": _calls_blocks(message)}
        if isinstance(message, ResultsEntry):
            return {"role": "user", "content": [_result_block(call) for call in message.calls]}
        return message._asdict()

    def read(self, body: Mapping[str, Any], answer: Answer) -> Reply:
        """The reply: the joined text blocks; thinking and tool blocks are kept for the transcript."""
        if not isinstance(body.get("content"), list):
            raise lacking(body, "content")
        blocks = objects_at(body, "content", "")
        raw_finish = text_at(body, "stop_reason", "") or ""
        category = object_in(body, "stop_details").get("category")
        finish = FINISH_REASONS.get(raw_finish, "other" if raw_finish else "end")
        calls = _of_kind(blocks, "tool_use")
        said = _joined(blocks, "text")
        if said is None and not calls and needs_words(finish):
            raise wrong("content", body["content"], "a list with a text block")
        return Reply(
            content=said or "",
            finish=finish,
            raw_finish=f"{raw_finish} ({category})" if category else raw_finish,
            reasoning=_joined(blocks, "thinking") or None,
            tool_calls=tool_calls(calls, arguments="input"),
            usage=_usage(object_in(body, "usage")),
            model=text_in(body, "model"),
            opaque=opaque_text(blocks) if calls else None,
        )


def _calls_blocks(entry: CallsEntry) -> list[dict[str, Any]]:
    """The provider's own blocks, because it refuses a round without its signed reasoning, or blocks of our own."""
    blocks = opaque_value(entry.opaque)
    if blocks is None:
        said = [{"type": "text", "text": entry.content}] if entry.content else []
        return [*said, *map(_call_block, entry.calls)]
    calls = iter(entry.calls)
    return [
        {**block, "id": call.id} if block.get("type") == "tool_use" and (call := next(calls, None)) else block
        for block in blocks
        if block.get("type") != "text" or (block.get("text") or "").strip()
    ]


def _call_block(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": sent_name(call), "input": sent_arguments(call)}


def _result_block(call: ToolCall) -> dict[str, Any]:
    failed = {"is_error": True} if call.is_error else {}
    return {"type": "tool_result", "tool_use_id": call.id, "content": call.result or "", **failed}


def _tools(tools: Sequence[ToolDefinition]) -> dict[str, Any]:
    """The field of a request body that offers tools; empty without any."""
    return {"tools": [declared(tool, "input_schema") for tool in tools]} if tools else {}


def _of_kind(blocks: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [block for block in blocks if block.get("type") == kind]


def _output_format(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The field of a request body that asks for JSON by a schema; empty without one."""
    return {} if schema is None else {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def _joined(blocks: Sequence[Mapping[str, Any]], kind: str) -> str | None:
    """The joined text of the blocks of a kind; None if there are none. Raises Malformed if one is not text."""
    found = _of_kind(blocks, kind)
    for block in found:
        if not isinstance(block.get(kind, NOT_THERE), str | None):
            raise wrong(f"content[].{kind}", block.get(kind, NOT_THERE), "text")
    return joined(found, kind, "content")


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    """The usage; `input_tokens` excludes cached tokens, `output_tokens` includes reasoning."""
    if not usage:
        return None
    reasoning = token_count(usage, "output_tokens_details", "thinking_tokens")
    return Usage(
        prompt_tokens=token_count(usage, "input_tokens"),
        cache_read_tokens=token_count(usage, "cache_read_input_tokens"),
        cache_write_tokens=token_count(usage, "cache_creation_input_tokens"),
        reply_tokens=less(token_count(usage, "output_tokens"), reasoning),
        reasoning_tokens=reasoning,
    )
