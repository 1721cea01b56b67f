"""A chat-completions server on loopback that answers from the request alone, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import pytest

Server = TypeVar("Server", bound="ChatServer")


def plain_answer(body: dict[str, Any]) -> str:
    """A sentence that depends on model, knobs and the whole history."""
    last = body["messages"][-1]["content"]
    return f"{body['model']} hears {last[:30]!r} after {len(body['messages'])} messages."


class ChatServer:
    """`answer` makes the reply's text, or a (status, body bytes) pair, or one with headers besides.

    `requests` are the bodies received, `paths` and `headers` are those of the requests.
    """

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Any] = plain_answer
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: two would wait 40 ms for each other

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.requests.append(body)
                server.headers.append(dict(self.headers))
                server.paths.append(self.path)
                answer = server.answer(body)
                status, content, *more = (
                    answer if isinstance(answer, tuple) else (200, completion(body, answer))
                )
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.send_header("set-cookie", "session=very-private")
                for name, value in more[0].items() if more else ():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._httpd.daemon_threads = True
        self._httpd.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients are killed on purpose
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._httpd.server_port}/v1"

    def close(self) -> None:
        """Doing it twice is harmless."""
        self._httpd.shutdown()
        self._thread.join()
        self._httpd.server_close()


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
