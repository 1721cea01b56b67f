"""Ollama's own chat protocol. Unlike its OpenAI protocol, it accepts the size of the context with the request.

Ollama silently cuts a longer prompt; `extra={"options": {"num_ctx": 16384}}` makes room for a long dialogue. Source:
https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.openai_chat import function_tools
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.reading import (
    NOT_THERE,
    lacking,
    needs_words,
    object_at,
    objects_at,
    split_thinking,
    text_at,
    text_in,
    token_count,
    tool_calls,
    wrong,
)
from pytest_duolog.endpoints.tool_entries import (
    opaque_text,
    opaque_value,
    results_one_by_one,
    sent_arguments,
    sent_name,
)
from pytest_duolog.transcripts.perspective import Entry
from pytest_duolog.transcripts.rounds import CallsEntry, ResultsEntry
from pytest_duolog.transcripts.transcript import FinishReason
from pytest_duolog.transcripts.usage import Usage

KNOBS = {"max_tokens": "num_predict"}

# `load` is the finish reason of a request that only loaded the model.
FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "end", "length": "truncated", "load": "error"}


class OllamaChat(ChatProtocol):
    """One model with Ollama's address for chats."""

    id_name = "created_at"  # to the nanosecond
    volatile_fields = (
        "created_at",
        "total_duration",
        "load_duration",
        "prompt_eval_duration",
        "eval_duration",
    )
    takes_tools = True

    def path(self, request: ChatRequest) -> str:
        """The path is the same for all models."""
        return "/api/chat"

    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """Model and settings, merged into the user's own `options`."""
        extra = dict(request.extra)
        options = {KNOBS.get(name, name): value for name, value in request.knobs.items()}
        options |= extra.pop("options", {})
        return {
            "model": request.model,
            "stream": False,
            **({"options": options} if options else {}),
            **function_tools(request.tools),
            **({"format": request.schema} if request.schema is not None else {}),
            **extra,
        }

    def history(self, request: ChatRequest) -> Sequence[Entry]:
        """The messages; each result of a tool is one."""
        return list(results_one_by_one(request.history)) if request.entries else request.messages

    def entry(self, message: Entry) -> dict[str, Any]:
        """A message, the calls of a round with their reasoning, or the result of a call."""
        if isinstance(message, CallsEntry):
            calls = [
                {"id": call.id, "function": {"name": sent_name(call), "arguments": sent_arguments(call)}}
                for call in message.calls
            ]
            thought = opaque_value(message.opaque) or {}
            return {"role": "assistant", "content": message.content, "tool_calls": calls, **thought}
        if isinstance(message, ResultsEntry):
            [call] = message.calls
            told = {"tool_name": sent_name(call), "tool_call_id": call.id, "content": call.result or ""}
            return {"role": "tool", **told}
        return message._asdict()

    def read(self, body: Mapping[str, Any], answer: Answer) -> Reply:
        """The reply in the message."""
        message = body.get("message")
        if not (isinstance(message, Mapping) and message):
            raise lacking(body, "message")
        raw_finish = text_at(body, "done_reason", "") or ""
        finish = FINISH_REASONS.get(raw_finish, "other" if raw_finish else "end")
        calls = objects_at(message, "tool_calls", "message.")
        if "content" not in message and not calls and needs_words(finish):
            raise wrong("message.content", NOT_THERE, "text")
        content, thinking = split_thinking(text_at(message, "content", "message.") or "")
        return Reply(
            content=content,
            finish=finish,
            raw_finish=raw_finish,
            reasoning=text_at(message, "thinking", "message.") or thinking,
            tool_calls=tool_calls(
                [object_at(call, "function", "message.tool_calls[].") for call in calls],
                arguments="arguments",
            ),
            usage=Usage(
                prompt_tokens=token_count(body, "prompt_eval_count"),
                reply_tokens=token_count(body, "eval_count"),
            ),
            model=text_in(body, "model"),
            opaque=opaque_text({"thinking": message["thinking"]})
            if calls and message.get("thinking")
            else None,
        )
