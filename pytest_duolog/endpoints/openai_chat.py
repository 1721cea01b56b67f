"""The chat-completions protocol of OpenAI, which most servers speak.

Source: https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.endpoints.base import ChatRequest, EndpointConfig, Reply
from pytest_duolog.errors import EndpointError, shorten
from pytest_duolog.jsontext import HistoryEncoder
from pytest_duolog.transcript import FinishReason, Usage

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

THINKING = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)


class OpenAIChat:
    """One model behind a chat-completions address."""

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._encoder = HistoryEncoder("messages")
        self._label = f"{config.provider}:{config.model}"

    async def reply(self, request: ChatRequest) -> Reply:
        """The first choice of the server's answer."""
        fields = {
            "model": request.model,
            **self._renamed(request.knobs),
            **response_format(request.schema),
            **request.extra,
        }
        response = await self._config.client.post(
            f"{self._config.base_url}/chat/completions",
            content=self._encoder.encode(fields, request.messages),
            headers={"content-type": "application/json"},
            extensions={"duolog_body": (fields, request.messages), "duolog_model": request.model},
        )
        body = self._usable_body(response.status_code, response.content)
        return self._read(body, response.extensions.get("duolog_latency_ms"))

    def _renamed(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """OpenAI itself wants `max_completion_tokens`; every other server knows `max_tokens`."""
        if self._config.provider == "openai" and "max_tokens" in knobs:
            rest = {name: value for name, value in knobs.items() if name != "max_tokens"}
            return {**rest, "max_completion_tokens": knobs["max_tokens"]}
        return dict(knobs)

    def _usable_body(self, status: int, content: bytes) -> dict[str, Any]:
        try:
            body = json.loads(content)
        except ValueError:
            snippet = shorten(
                re.sub(r"<[^>]{0,200}>|\s+", " ", content[:2000].decode("utf-8", "replace")).strip()
            )
            raise self._problem(f"HTTP {status}, but not JSON: {snippet}", status=status) from None
        error = body.get("error") if isinstance(body, dict) else None
        if status >= 400 or error:
            said = error.get("message") if isinstance(error, dict) else error
            raise self._problem(f"HTTP {status}: {shorten(str(said or body), 400)}", status=status)
        if not isinstance(body, dict):
            raise self._problem(f"the answer is JSON but not an object: {shorten(str(body))}", status=status)
        return body

    def _read(self, body: Mapping[str, Any], latency_ms: float | None) -> Reply:
        choices = body.get("choices")
        if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
            raise self._problem(f"the answer has no choices; it has {', '.join(sorted(body)) or 'nothing'}")
        choice = choices[0]
        message = choice.get("message") or {}
        raw_finish = str(choice.get("finish_reason") or "")
        content, reasoning = split_thinking(joined_text(message.get("content")))
        refusal = message.get("refusal")
        return Reply(
            content=str(refusal) if refusal and not content else content,
            finish="refused" if refusal else FINISH_REASONS.get(raw_finish, "other" if raw_finish else "end"),
            raw_finish=raw_finish,
            reasoning=message.get("reasoning_content") or message.get("reasoning") or reasoning,
            usage=_usage(body.get("usage")),
            model=body.get("model") if isinstance(body.get("model"), str) else None,
            latency_ms=latency_ms,
        )

    def _problem(self, problem: str, *, status: int | None = None) -> EndpointError:
        refused = status in (401, 403) and self._config.key_env
        advice = f"the key was read from {self._config.key_env}; check it" if refused else ""
        return EndpointError(problem, model=self._label, status=status, advice=advice)


def response_format(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The field of a request body that asks for JSON by a schema; empty without one."""
    if schema is None:
        return {}
    form = {"name": "reply", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def joined_text(content: Any) -> str:
    """The text of a `content` field: a string, null, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(part.get("text") or "" for part in content if isinstance(part, Mapping))
    return ""


def split_thinking(content: str) -> tuple[str, str | None]:
    """The content without a leading `<think>` block, and that block's text."""
    found = THINKING.match(content)
    return (content[found.end() :], found[1].strip() or None) if found else (content, None)


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, Mapping):
        return None
    counts = {
        ours: value
        for ours, theirs in (("prompt_tokens", "prompt_tokens"), ("reply_tokens", "completion_tokens"))
        if isinstance(value := usage.get(theirs), int) and value >= 0
    }
    return Usage(**counts)
