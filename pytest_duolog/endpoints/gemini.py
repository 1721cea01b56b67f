"""The `generateContent` protocol of Gemini.

Source: https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.protocol import ChatProtocol, system_of, without_system
from pytest_duolog.endpoints.reading import (
    NOT_THERE,
    joined,
    lacking,
    less,
    needs_words,
    object_at,
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
    result_object,
    sent_arguments,
    sent_name,
)
from pytest_duolog.transcripts.perspective import Entry
from pytest_duolog.transcripts.rounds import CallsEntry, ResultsEntry
from pytest_duolog.transcripts.transcript import FinishReason, ToolCall, ToolDefinition
from pytest_duolog.transcripts.usage import Usage

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
    """One model with an address for `generateContent`."""

    history_name = "contents"
    volatile_fields = ("responseId", "createTime")
    model_name = "modelVersion"
    id_name = "responseId"
    key_header = "x-goog-api-key"  # not `?key=`, which would be part of the address
    takes_tools = True

    def path(self, request: ChatRequest) -> str:
        """The path with the model; the name of a tuned one includes its folder (`tunedModels/...`)."""
        name = request.model if "/" in request.model else f"models/{request.model}"
        return f"/{quote(name)}:generateContent"

    def fields(self, request: ChatRequest) -> Mapping[str, Any]:
        """The system prompt and the settings, merged into the user's own `generationConfig`."""
        extra = dict(request.extra)
        settings = {KNOBS.get(name, name): value for name, value in request.knobs.items()}
        if request.schema is not None:
            settings |= {"responseMimeType": "application/json", "responseJsonSchema": request.schema}
        settings |= extra.pop("generationConfig", {})
        system = system_of(request.messages)
        return {
            **({"systemInstruction": {"parts": [{"text": system}]}} if system else {}),
            **({"generationConfig": settings} if settings else {}),
            **_tools(request.tools),
            **extra,
        }

    def history(self, request: ChatRequest) -> Sequence[Entry]:
        """The messages without the system prompt."""
        return without_system(request.history)

    def entry(self, message: Entry) -> dict[str, Any]:
        """A message with its text as the only part; the model's own messages have the role `model`.

        The calls of a round are one content, and so are their results.
        """
        if isinstance(message, CallsEntry):
            return {"role": "model", "parts": _calls_parts(message)}
        if isinstance(message, ResultsEntry):
            return {"role": "user", "parts": [_result_part(call) for call in message.calls]}
        role = "model" if message.role == "assistant" else message.role
        return {"role": role, "parts": [{"text": message.content}]}

    def read(self, body: Mapping[str, Any], answer: Answer) -> Reply:
        """The reply of the first candidate; a blocked prompt has no candidate and gives a filtered reply."""
        blocked = text_at(object_in(body, "promptFeedback"), "blockReason", "promptFeedback.")
        candidates = body.get("candidates")
        usage = _usage(object_in(body, "usageMetadata"))
        if blocked and not candidates:
            return Reply("", finish="filtered", raw_finish=blocked, usage=usage)
        if not (isinstance(candidates, list) and candidates and isinstance(candidates[0], Mapping)):
            raise lacking(body, "candidates")
        candidate, where = candidates[0], "candidates[0]."
        raw_finish = text_at(candidate, "finishReason", where) or ""
        finish = FINISH_REASONS.get(raw_finish, "other" if raw_finish else "end")
        is_told = needs_words(finish) or candidate.get("content") is not None
        content = object_at(candidate, "content", where) if is_told else {}
        parts = objects_at(content, "parts", f"{where}content.")
        calls = [object_at(part, "functionCall", "parts[].") for part in parts if "functionCall" in part]
        said = _joined([part for part in parts if not part.get("thought")])
        if said is None and not calls and needs_words(finish):
            raise wrong(f"{where}content.parts", content.get("parts", NOT_THERE), "a list with a text")
        return Reply(
            content=said or "",
            finish=finish,
            raw_finish=raw_finish,
            reasoning=_joined([part for part in parts if part.get("thought")]) or None,
            tool_calls=tool_calls(calls, arguments="args"),
            usage=usage,
            model=text_in(body, "modelVersion"),
            opaque=opaque_text(parts) if calls else None,
        )


def _calls_parts(entry: CallsEntry) -> list[dict[str, Any]]:
    """The provider's own parts, because it refuses a call without the signature of its thought, or parts of our own."""
    parts = opaque_value(entry.opaque)
    if parts is None:
        said = [{"text": entry.content}] if entry.content else []
        return [*said, *({"functionCall": _call(call)} for call in entry.calls)]
    calls = iter(entry.calls)
    return [
        {**part, "functionCall": {**part["functionCall"], "id": call.id}}
        if "functionCall" in part and (call := next(calls, None))
        else part
        for part in parts
    ]


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": sent_name(call), "args": sent_arguments(call)}


def _result_part(call: ToolCall) -> dict[str, Any]:
    answer = {"id": call.id, "name": sent_name(call), "response": result_object(call)}
    return {"functionResponse": answer}


def _tools(tools: Sequence[ToolDefinition]) -> dict[str, Any]:
    """The field of a request body that offers tools; empty without any."""
    declarations = [declared(tool, "parametersJsonSchema") for tool in tools]
    return {"tools": [{"functionDeclarations": declarations}]} if tools else {}


def _joined(parts: Sequence[Mapping[str, Any]]) -> str | None:
    return joined([part for part in parts if "text" in part], "text", "candidates[0].content.parts")


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    """The usage; `promptTokenCount` includes cached tokens, `candidatesTokenCount` excludes reasoning."""
    if not usage:
        return None
    cached = token_count(usage, "cachedContentTokenCount")
    return Usage(
        prompt_tokens=less(token_count(usage, "promptTokenCount"), cached),
        cache_read_tokens=cached,
        reply_tokens=token_count(usage, "candidatesTokenCount"),
        reasoning_tokens=token_count(usage, "thoughtsTokenCount"),
    )
