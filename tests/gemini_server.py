"""A server that speaks `generateContent` as strictly as the real one is known to."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.chat_server import ChatServer

ACCEPTED = {"contents", "systemInstruction", "generationConfig", "safetySettings", "tools"}
TEXT = {"text": "-"}
KEY = "a-key-of-no-account"


class GeminiServer(ChatServer):
    """Answers `Reply N.` to the N-th message of a history, or a 400 that says which rule was broken."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = self._answer

    @property
    def url(self) -> str:
        return super().url + "beta"

    def _answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        wrong = self._broken_rule(body)
        if wrong:
            error = {"code": 400, "message": wrong, "status": "INVALID_ARGUMENT"}
            return 400, json.dumps({"error": error}).encode()
        content = {"role": "model", "parts": [{"text": f"Reply {len(body['contents'])}."}]}
        answer = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10},
            "modelVersion": "gemini-flash-001",
            "responseId": "changes-every-time",
        }
        return 200, json.dumps(answer).encode()

    def _broken_rule(self, body: dict[str, Any]) -> str:
        contents = body.get("contents") or []
        roles = [content.get("role") for content in contents]
        in_turn = [("user", "model")[at % 2] for at in range(len(roles))]
        parts = [
            content.get("parts") for content in (*contents, body.get("systemInstruction", {"parts": [TEXT]}))
        ]
        rules = {
            "no such method": re.fullmatch(r"/v1beta/models/[\w.-]+:generateContent", self.paths[-1]),
            "API key not valid. Please pass a valid API key.": self.headers[-1].get("x-goog-api-key") == KEY,
            "Unknown name: Cannot find field.": set(body) <= ACCEPTED,
            "multiturn requests alternate between user and model": roles == in_turn and len(roles) % 2 == 1,
            "contents.parts must not be empty.": all(parts),
            "it must have a text parameter": all(part.get("text") for some in parts for part in some or ()),
        }
        return next((rule for rule, is_kept in rules.items() if not is_kept), "")
