"""A server whose model calls tools, in each protocol's form, and which refuses histories that real providers refuse."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.chat_server import ChatServer


class Round(NamedTuple):
    """What the model says, and the tools that it calls with what arguments; arguments may be text that is no JSON."""

    says: str = ""
    calls: Sequence[tuple[str, Any]] = ()


def signature(number: int) -> str:
    """The signature of a thought, as long and as random as real ones."""
    digests = [hashlib.sha256(f"{number}.{part}".encode()).digest() for part in range(12)]
    return base64.b64encode(b"".join(digests)).decode()


class Refused(Exception):
    """The provider answers 400."""


class ToolServer(ChatServer):
    """Answers a request that offers tools with the next of `rounds`, by the number of rounds in its history.

    Another request gets a plain sentence. `base_url` is the address for the protocol's provider.
    """

    variable = "OPENAI_BASE_URL"
    model = "openai:m"

    def __init__(self, *rounds: Round) -> None:
        super().__init__()
        self.rounds = rounds
        self.answer = self._answer

    @property
    def base_url(self) -> str:
        return self.url

    def _answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        entries = self.entries(body)
        n_own = sum(entry["role"] in ("assistant", "model") for entry in entries)
        try:
            if "tools" not in body:
                made = Round(f"Please go on, {n_own}.")
            else:
                self.check(entries)
                made = self.rounds[min(n_own, len(self.rounds) - 1)]
        except Refused as error:
            return 400, json.dumps(
                {"error": {"message": str(error), "type": "invalid_request_error"}}
            ).encode()
        return 200, json.dumps(self.reply(made, n_own)).encode()

    @property
    def tool_requests(self) -> list[dict[str, Any]]:
        return [body for body in self.requests if "tools" in body]

    def entries(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        return [entry for entry in body["messages"] if entry["role"] != "system"]

    def check(self, entries: list[dict[str, Any]]) -> None:
        """Each call has its result after it, in order, under its id, before anything else is said."""
        open_calls: list[str] = []
        for entry in entries:
            if entry["role"] == "tool":
                if not open_calls or entry["tool_call_id"] != open_calls.pop(0):
                    raise Refused("messages with role 'tool' must be a response to a preceding 'tool_calls'")
                continue
            if open_calls:
                raise Refused("tool_calls must be followed by tool messages")
            for call in entry.get("tool_calls", ()):
                json.loads(call["function"]["arguments"])
                open_calls.append(call["id"])

    def reply(self, made: Round, number: int) -> dict[str, Any]:
        calls = [
            {
                "id": f"provider_{number}_{at}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": given if isinstance(given, str) else json.dumps(given),
                },
            }
            for at, (name, given) in enumerate(made.calls)
        ]
        message = {
            "role": "assistant",
            "content": made.says or None,
            **({"tool_calls": calls} if calls else {}),
        }
        finish = "tool_calls" if calls else "stop"
        usage = {"prompt_tokens": 10, "completion_tokens": 3}
        return {"model": "m", "choices": [{"message": message, "finish_reason": finish}], "usage": usage}


class ReasoningServer(ToolServer):
    """As DeepSeek: refuses a round whose reasoning is gone."""

    def check(self, entries: list[dict[str, Any]]) -> None:
        super().check(entries)
        for number, entry in enumerate(entry for entry in entries if entry["role"] == "assistant"):
            if entry.get("tool_calls") and entry.get("reasoning_content") != f"Hm, {number}.":
                raise Refused("The reasoning_content in the thinking mode must be passed back to the API")

    def reply(self, made: Round, number: int) -> dict[str, Any]:
        reply = super().reply(made, number)
        reply["choices"][0]["message"]["reasoning_content"] = f"Hm, {number}."
        return reply


class AnthropicServer(ToolServer):
    """As Anthropic: refuses a round without its signed reasoning, and results that are not all in the next message."""

    variable = "ANTHROPIC_BASE_URL"
    model = "anthropic:m"

    @property
    def base_url(self) -> str:
        return self.url.removesuffix("/v1")

    def check(self, entries: list[dict[str, Any]]) -> None:
        roles = [entry["role"] for entry in entries]
        if roles != [("user", "assistant")[at % 2] for at in range(len(roles))]:
            raise Refused("roles must alternate")
        own = 0
        for entry, following in zip(entries, [*entries[1:], None], strict=True):
            if entry["role"] != "assistant":
                continue
            blocks = entry["content"] if isinstance(entry["content"], list) else []
            calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
            results = following["content"] if following and isinstance(following["content"], list) else []
            if calls != [block["tool_use_id"] for block in results]:
                raise Refused("`tool_use` ids were found without `tool_result` blocks immediately after")
            if calls and blocks[0] != self.thinking(own):
                raise Refused("Expected `thinking`, but found `tool_use`: start with a thinking block")
            if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
                raise Refused("text content blocks must contain non-whitespace text")
            own += 1

    @staticmethod
    def thinking(number: int) -> dict[str, Any]:
        return {"type": "thinking", "thinking": f"Hm, {number}.", "signature": signature(number)}

    def reply(self, made: Round, number: int) -> dict[str, Any]:
        content = [
            self.thinking(number),
            *([{"type": "text", "text": made.says}] if made.says else []),
            *(
                {"type": "tool_use", "id": f"toolu_{number}_{at}", "name": name, "input": given}
                for at, (name, given) in enumerate(made.calls)
            ),
        ]
        usage = {"input_tokens": 10, "output_tokens": 3}
        stop = "tool_use" if made.calls else "end_turn"
        return {"model": "m", "role": "assistant", "content": content, "stop_reason": stop, "usage": usage}


class GeminiToolServer(ToolServer):
    """As Gemini 3: refuses a call without the signature of its thought."""

    variable = "GEMINI_BASE_URL"
    model = "gemini:m"

    @property
    def base_url(self) -> str:
        return self.url + "beta"

    def entries(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        return list(body["contents"])

    def check(self, entries: list[dict[str, Any]]) -> None:
        roles = [entry["role"] for entry in entries]
        if roles != [("user", "model")[at % 2] for at in range(len(roles))]:
            raise Refused("multiturn requests alternate between user and model")
        for number, entry in enumerate(entry for entry in entries if entry["role"] == "model"):
            calls = [part for part in entry["parts"] if "functionCall" in part]
            if calls and calls[0].get("thoughtSignature") != signature(number):
                raise Refused("Function call is missing a thought_signature in functionCall parts")
            if any(part.keys() == {"text"} and not part["text"] for part in entry["parts"]):
                raise Refused("it must have a text parameter")
        for entry, following in zip(entries, [*entries[1:], {"parts": []}], strict=True):
            calls = [part["functionCall"] for part in entry["parts"] if "functionCall" in part]
            results = [part["functionResponse"] for part in following["parts"] if "functionResponse" in part]
            keys = [[(one["id"], one["name"]) for one in some] for some in (calls, results)]
            if keys[0] != keys[1]:
                raise Refused("the number of function response parts must equal that of function call parts")
            if not all(isinstance(one["response"], dict) for one in results):
                raise Refused("Invalid value at response")

    def reply(self, made: Round, number: int) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [{"text": f"Hm, {number}.", "thought": True}]
        parts += [{"text": made.says}] if made.says else []
        parts += [{"functionCall": {"name": name, "args": given}} for name, given in made.calls]
        if made.calls:
            first = next(part for part in parts if "functionCall" in part)
            first["thoughtSignature"] = signature(number)
        content = {"role": "model", "parts": parts}
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 3}
        return {
            "candidates": [{"content": content, "finishReason": "STOP"}],
            "usageMetadata": usage,
            "modelVersion": "m",
        }


class OllamaServer(ToolServer):
    """As Ollama: arguments are objects; a result names its tool."""

    variable = "OLLAMA_HOST"
    model = "ollama:m"

    @property
    def base_url(self) -> str:
        return self.url.removesuffix("/v1")

    def check(self, entries: list[dict[str, Any]]) -> None:
        open_calls: list[str] = []
        for entry in entries:
            if entry["role"] == "tool":
                if not open_calls or entry["tool_name"] != open_calls.pop(0):
                    raise Refused("a result without its call")
                continue
            if open_calls:
                raise Refused("a call without its result")
            for call in entry.get("tool_calls", ()):
                if not isinstance(call["function"]["arguments"], dict):
                    raise Refused("json: cannot unmarshal string into arguments")
                open_calls.append(call["function"]["name"])

    def reply(self, made: Round, number: int) -> dict[str, Any]:
        calls = [{"function": {"name": name, "arguments": given}} for name, given in made.calls]
        message = {"role": "assistant", "content": made.says, "thinking": f"Hm, {number}."}
        message |= {"tool_calls": calls} if calls else {}
        counts = {"prompt_eval_count": 10, "eval_count": 3}
        return {"model": "m", "message": message, "done": True, "done_reason": "stop", **counts}


SERVERS = (ToolServer, ReasoningServer, AnthropicServer, GeminiToolServer, OllamaServer)
