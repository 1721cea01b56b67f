"""A chat-completions server on loopback that answers from the request alone, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from tests.loopback import LoopbackServer, QuietHandler

Server = TypeVar("Server", bound="ChatServer")


def plain_answer(body: dict[str, Any]) -> str:
    """A sentence that depends on model, knobs and the whole history."""
    last = body["messages"][-1]["content"]
    return f"{body['model']} hears {last[:30]!r} after {len(body['messages'])} messages."


class ChatServer(LoopbackServer):
    """`answer` makes the reply's text, or a (status, body bytes) pair, or one with headers besides.

    `requests` are the bodies received, `paths` and `headers` are those of the requests.
    """

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Any] = plain_answer
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        server = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = json.loads(self.body())
                server.requests.append(body)
                server.headers.append(dict(self.headers))
                server.paths.append(self.path)
                answer = server.answer(body)
                status, content, *more = (
                    answer if isinstance(answer, tuple) else (200, completion(body, answer))
                )
                more_headers = more[0].items() if more else ()
                self.send(status, content, [("set-cookie", "session=very-private"), *more_headers])

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return f"{self.root}/v1"


def completion(body: dict[str, Any], text: str | None, **choice: Any) -> bytes:
    """A chat completion with `text` as the answer."""
    return json.dumps(
        {
            "id": f"chatcmpl-{threading.get_ident()}",
            "created": 1,
            "model": body.get("model"),
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
                | choice
            ],
            "usage": {
                "prompt_tokens": 10 * len(body.get("messages", ())),
                "completion_tokens": len((text or "").split()),
            },
        }
    ).encode()


@contextmanager
def asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, which `openai:` models are asked at until it is closed."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-account")
    yield server
    server.close()
