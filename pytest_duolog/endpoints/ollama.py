"""Ollama's own chat protocol: unlike its OpenAI dialect it takes the size of the context with the request.

A prompt past that size is cut silently; `extra={"options": {"num_ctx": 16384}}` makes room for a long dialogue.
Source: https://github.com/ollama/ollama/blob/main/docs/api.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.reading import (
    fields_of,
    joined_text,
    object_in,
    objects_in,
    split_thinking,
    text_in,
    token_count,
    tool_calls,
)
from pytest_duolog.transcripts.transcript import FinishReason, Usage

KNOBS = {"max_tokens": "num_predict"}

# `load` answers a request that only loaded the model.
FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "end", "length": "truncated", "load": "error"}


class OllamaChat(ChatProtocol):
    """One model behind Ollama's chat address."""

    volatile_fields = (
        "created_at",
        "total_duration",
        "load_duration",
        "prompt_eval_duration",
        "eval_duration",
    )

    def path(self, request: ChatRequest) -> str:
        """The same for all models."""
        return "/api/chat"

    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """Model and knobs, which share `options` with the user's own."""
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
        """The message."""
        message = object_in(body, "message")
        if not message:
            raise answer.fault(f"the answer has no message; it has {fields_of(body)}", is_passing=True)
        raw_finish = str(body.get("done_reason") or "")
        content, thinking = split_thinking(joined_text(message.get("content")))
        return Reply(
            content=content,
            finish=FINISH_REASONS.get(raw_finish, "other" if raw_finish else "end"),
            raw_finish=raw_finish,
            reasoning=text_in(message, "thinking") or thinking,
            tool_calls=tool_calls(
                [object_in(call, "function") for call in objects_in(message, "tool_calls")],
                arguments="arguments",
            ),
            usage=Usage(
                prompt_tokens=token_count(body, "prompt_eval_count"),
                reply_tokens=token_count(body, "eval_count"),
            ),
            model=text_in(body, "model"),
        )
