"""Ollama's own chat protocol. Unlike its OpenAI protocol, it accepts the size of the context with the request.

Ollama silently cuts a longer prompt; `extra={"options": {"num_ctx": 16384}}` makes room for a long dialogue. Source:
https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, Reply
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
from pytest_duolog.transcripts.transcript import FinishReason, Usage

KNOBS = {"max_tokens": "num_predict"}

# `load` is the finish reason of a request that only loaded the model.
FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "end", "length": "truncated", "load": "error"}


class OllamaChat(ChatProtocol):
    """One model with Ollama's address for chats."""

    volatile_fields = (
        "created_at",
        "total_duration",
        "load_duration",
        "prompt_eval_duration",
        "eval_duration",
    )

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
            **({"format": request.schema} if request.schema is not None else {}),
            **extra,
        }

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
        )
