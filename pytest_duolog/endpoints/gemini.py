"""The `generateContent` protocol of Gemini.

Source: https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.protocol import ChatProtocol, system_of, without_system
from pytest_duolog.endpoints.reading import (
    fields_of,
    less,
    object_in,
    objects_in,
    text_in,
    token_count,
    tool_calls,
)
from pytest_duolog.transcripts.perspective import ChatMessage
from pytest_duolog.transcripts.transcript import FinishReason, Usage

KNOBS = {"temperature": "temperature", "top_p": "topP", "max_tokens": "maxOutputTokens", "seed": "seed"}

FINISH_REASONS: Mapping[str, FinishReason] = {
    "STOP": "end",
    "MAX_TOKENS": "truncated",
    "SAFETY": "filtered",
    "RECITATION": "filtered",
    "BLOCKLIST": "filtered",
    "PROHIBITED_CONTENT": "filtered",
    "SPII": "filtered",
    "LANGUAGE": "filtered",
    "MODEL_ARMOR": "filtered",
    "MALFORMED_FUNCTION_CALL": "tool",
    "UNEXPECTED_TOOL_CALL": "tool",
    "MALFORMED_RESPONSE": "error",
}


class Gemini(ChatProtocol):
    """One model behind a `generateContent` address."""

    history_name = "contents"
    volatile_fields = ("responseId", "createTime")
    model_name = "modelVersion"
    key_header = "x-goog-api-key"  # never `?key=`, which would be part of the address

    def path(self, request: ChatRequest) -> str:
        """The model is part of the address; a tuned one comes with its folder (`tunedModels/...`)."""
        name = request.model if "/" in request.model else f"models/{request.model}"
        return f"/{quote(name)}:generateContent"

    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """The system prompt and the knobs, which share `generationConfig` with the user's own."""
        extra = dict(request.extra)
        settings = {KNOBS.get(name, name): value for name, value in request.knobs.items()}
        if request.schema is not None:
            settings |= {"responseMimeType": "application/json", "responseJsonSchema": request.schema}
        settings |= extra.pop("generationConfig", {})
        system = system_of(request.messages)
        return {
            **({"systemInstruction": {"parts": [{"text": system}]}} if system else {}),
            **({"generationConfig": settings} if settings else {}),
            **extra,
        }

    def history(self, request: ChatRequest) -> Sequence[ChatMessage]:
        """All but the system prompt."""
        return without_system(request.messages)

    def entry(self, message: ChatMessage) -> dict[str, Any]:
        """A message with its text as the only part; the model's own role is called `model`."""
        role = "model" if message.role == "assistant" else message.role
        return {"role": role, "parts": [{"text": message.content}]}

    def read(self, body: Mapping[str, Any], answer: Answer) -> Reply:
        """The first candidate; a prompt that was blocked has none and is a filtered reply."""
        blocked = object_in(body, "promptFeedback").get("blockReason")
        candidates = objects_in(body, "candidates")
        usage = _usage(object_in(body, "usageMetadata"))
        if blocked and not candidates:
            return Reply("", finish="filtered", raw_finish=str(blocked), usage=usage)
        if not candidates:
            raise answer.fault(f"the answer has no candidates; it has {fields_of(body)}", is_passing=True)
        parts = objects_in(object_in(candidates[0], "content"), "parts")
        raw_finish = str(candidates[0].get("finishReason") or "")
        return Reply(
            content=_joined(part for part in parts if not part.get("thought")),
            finish=FINISH_REASONS.get(raw_finish, "other" if raw_finish else "end"),
            raw_finish=raw_finish,
            reasoning=_joined(part for part in parts if part.get("thought")) or None,
            tool_calls=tool_calls(
                [object_in(part, "functionCall") for part in parts if "functionCall" in part],
                arguments="args",
            ),
            usage=usage,
            model=text_in(body, "modelVersion"),
        )


def _joined(parts: Iterable[Mapping[str, Any]]) -> str:
    return "".join(str(part.get("text") or "") for part in parts)


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    """`promptTokenCount` includes what was cached, `candidatesTokenCount` is without what was thought."""
    if not usage:
        return None
    cached = token_count(usage, "cachedContentTokenCount")
    return Usage(
        prompt_tokens=less(token_count(usage, "promptTokenCount"), cached),
        cache_read_tokens=cached,
        reply_tokens=token_count(usage, "candidatesTokenCount"),
        reasoning_tokens=token_count(usage, "thoughtsTokenCount"),
    )
