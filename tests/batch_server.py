"""A server with the batch APIs of OpenAI and Anthropic on loopback, which does what their documentation says.

It answers single requests as well. What it can be told to do wrong is in `faults` and `mangled`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.loopback import LoopbackServer, QuietHandler

# What a fault does: answers with (status, body), drops the connection before or after the request was done.
DROP, DROP_AFTER = "drop", "drop after it is done"
KEY = "sk-a-key-of-no-account-0123456789"


class BatchServer(LoopbackServer):
    """`answer` makes the text for the body of a request, or the (status, body) of an error.

    A batch is over at the look number `looks`, and ends in `ends` ("completed", "expired", ...), with an answer to each
    request that `has_answer`. `faults` are looked at before each request, by method and path: the first that fits is
    used once. `mangled` changes the files of results. `log` are the requests that came, `batches` those that were made.
    """

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Any] = lambda body: (
            f"Answer {len(self.log)} of {body['model']}."
        )
        self.looks = 1
        self.ends = "completed"
        self.has_answer: Callable[[int], bool] = lambda _: True
        self.faults: list[tuple[str, Any]] = []
        self.mangled: Callable[[list[bytes]], bytes] = lambda lines: b"".join(line + b"\n" for line in lines)
        self.log: list[str] = []
        self.bodies: list[Any] = []
        self.keys: set[str | None] = set()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        server = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                self.reply(self.body())

            def do_GET(self) -> None:
                self.reply(b"")

            def reply(self, content: bytes) -> None:
                with server._lock:
                    fault = server.begin(f"{self.command} {self.path}", dict(self.headers.items()))
                    if fault == DROP:
                        self.close_connection = True
                        return
                    done = (
                        fault
                        if isinstance(fault, tuple)
                        else server.handle(self.command, self.path, content, self)
                    )
                if fault == DROP_AFTER:
                    self.close_connection = True
                    return
                status, body, *more = done
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send(status, body, more[0].items() if more else ())

        super().__init__(Handler)

    def n(self, wanted: str) -> int:
        """How many requests came whose method and path fit the pattern."""
        return sum(bool(re.fullmatch(wanted, one)) for one in self.log)

    def begin(self, what: str, headers: dict[str, str]) -> Any:
        self.log.append(what)
        given = {name.lower(): value for name, value in headers.items()}
        self.keys.add(given.get("x-api-key") or given.get("authorization", "").removeprefix("Bearer "))
        for index, (wanted, fault) in enumerate(self.faults):
            if re.fullmatch(wanted, what):
                del self.faults[index]
                return fault
        return None

    def handle(self, method: str, path: str, content: bytes, handler: Any) -> tuple[Any, ...]:  # noqa: PLR0911
        at = (method, path.partition("?")[0])
        if method == "POST" and at[1] in ("/v1/chat/completions", "/v1/messages"):
            return self._single(at[1], json.loads(content))
        if at == ("POST", "/v1/files"):
            return self._file(content, handler.headers["content-type"])
        if at == ("POST", "/v1/batches"):
            return self._openai_batch(json.loads(content))
        if at == ("POST", "/v1/messages/batches"):
            return self._anthropic_batch(json.loads(content))
        if at[1] in ("/v1/batches", "/v1/messages/batches"):
            kind = "msgbatch_" if "messages" in at[1] else "batch_"
            listed = [self._shown(name) for name in reversed(self.batches) if name.startswith(kind)]
            return 200, {
                "object": "list",
                "data": listed,
                "has_more": False,
                "first_id": None,
                "last_id": None,
            }
        if found := re.fullmatch(r"/v1/files/([^/]+)/content", at[1]):
            return (200, self.files[found[1]]) if found[1] in self.files else _missing(path)
        if found := re.fullmatch(r"/v1/messages/batches/([^/]+)/results", at[1]):
            return 200, self.mangled(self.batches[found[1]]["lines"])
        if found := re.fullmatch(r"/v1/(?:messages/)?batches/([^/]+)", at[1]):
            if found[1] not in self.batches:
                return _missing(path)
            self.batches[found[1]]["looks"] += 1
            return 200, self._shown(found[1])
        return _missing(path)

    def _single(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        said = self.answer(body)
        if isinstance(said, tuple):
            return said
        return 200, (_completion if path.endswith("completions") else _message)(body, said, len(self.log))

    def _file(self, content: bytes, kind: str) -> tuple[int, Any]:
        boundary = kind.partition("boundary=")[2].encode()
        parts = [part.strip(b"\r\n") for part in content.split(b"--" + boundary)]
        fields = {}
        for part in parts:
            head, _, value = part.partition(b"\r\n\r\n")
            if found := re.search(rb'name="(\w+)"', head):
                fields[found[1].decode()] = value
        if fields.get("purpose") != b"batch" or "file" not in fields:
            return _refused("a batch file needs a purpose and a file")
        name = f"file-in{len(self.files)}"
        self.files[name] = fields["file"]
        file = {
            "id": name,
            "object": "file",
            "bytes": len(fields["file"]),
            "created_at": 1,
            "purpose": "batch",
        }
        return 200, {**file, "filename": "duolog.jsonl", "status": "processed"}

    def _openai_batch(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body.get("completion_window") != "24h" or body.get("input_file_id") not in self.files:
            return _refused("no such file, or no such window")
        self.bodies.append(body)
        lines = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        ids, models = {line["custom_id"] for line in lines}, {line["body"]["model"] for line in lines}
        name = f"batch_{len(self.batches)}"
        batch: dict[str, Any] = {"request": body, "lines": [], "errors": [], "looks": 0, "total": len(lines)}
        self.batches[name] = batch
        if (
            len(ids) < len(lines)
            or len(models) != 1
            or any(line["url"] != body["endpoint"] for line in lines)
        ):
            batch["problem"] = "duplicate ids, several models, or another endpoint"
            return 200, self._shown(name)
        for index, line in enumerate(lines):
            response, error = None, None
            if self.has_answer(index):
                status, said = self._single(body["endpoint"], line["body"])
                response = {"status_code": status, "request_id": "r", "body": _as_json(said)}
            else:
                error = {
                    "code": f"batch_{self.ends}",
                    "message": "This request could not be executed in time.",
                }
            is_good = response is not None and response["status_code"] == 200
            row = {"id": f"r{index}", "custom_id": line["custom_id"], "response": response, "error": error}
            batch["lines" if is_good else "errors"].append(json.dumps(row).encode())
        return 200, self._shown(name)

    def _anthropic_batch(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.bodies.append(body)
        name = f"msgbatch_{len(self.batches)}"
        lines = []
        for index, asked in enumerate(body["requests"]):
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", asked["custom_id"]):
                return _refused("custom_id")
            result: dict[str, Any] = {"type": {"completed": "expired"}.get(self.ends, self.ends)}
            if self.has_answer(index):
                status, said = self._single("/v1/messages", asked["params"])
                ok, bad = {"type": "succeeded", "message": said}, {"type": "errored", "error": _as_json(said)}
                result = ok if status == 200 else bad
            lines.append(json.dumps({"custom_id": asked["custom_id"], "result": result}).encode())
        self.batches[name] = {"lines": lines, "errors": [], "looks": 0, "total": len(lines)}
        return 200, self._shown(name)

    def _shown(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        is_over, total = batch["looks"] >= self.looks, batch["total"]
        if name.startswith("msg"):
            counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
            counts["succeeded" if is_over else "processing"] = total
            times = {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"}
            end = {
                "ended_at": times["created_at"],
                "results_url": f"{self.root}/v1/messages/batches/{name}/results",
            }
            return {
                "id": name,
                "type": "message_batch",
                "processing_status": "ended" if is_over else "in_progress",
                "request_counts": counts,
                **times,
                **(end if is_over else {"ended_at": None, "results_url": None}),
            }
        shown = {
            "id": name,
            "object": "batch",
            "endpoint": batch["request"]["endpoint"],
            "input_file_id": batch["request"]["input_file_id"],
            "completion_window": "24h",
            "created_at": 1,
            "status": "in_progress",
            "request_counts": {"total": total, "completed": 0, "failed": 0},
        }
        if "problem" in batch:
            error = {"code": "invalid_request", "message": batch["problem"], "line": None, "param": None}
            return {**shown, "status": "failed", "errors": {"object": "list", "data": [error]}}
        if not is_over:
            return shown
        for kind in ("lines", "errors"):
            if batch[kind]:
                self.files[f"file-{kind}-{name}"] = self.mangled(batch[kind])
                shown[{"lines": "output_file_id", "errors": "error_file_id"}[kind]] = f"file-{kind}-{name}"
        counts = {"total": total, "completed": len(batch["lines"]), "failed": len(batch["errors"])}
        return {**shown, "status": self.ends, "request_counts": counts}


def _as_json(said: Any) -> Any:
    return json.loads(said) if isinstance(said, bytes) else said


def _refused(words: str) -> tuple[int, Any]:
    return 400, {"error": {"type": "invalid_request_error", "message": words}}


def _missing(path: str) -> tuple[int, Any]:
    return 404, {"error": {"type": "not_found_error", "message": f"nothing at {path}"}}


def _completion(body: dict[str, Any], text: str, n: int) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    counts = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
    kind = {"id": f"chatcmpl-{n}", "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**kind, "choices": [choice], "usage": counts}


def _message(body: dict[str, Any], text: str, n: int) -> dict[str, Any]:
    said = {"type": "text", "text": text, "citations": None}
    end = {
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 3},
    }
    kind = {"id": f"msg_{n}", "type": "message", "role": "assistant", "model": body["model"]}
    return {**kind, "content": [said], **end}


@contextmanager
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    """A server that models of `openai:` and `anthropic:` are asked at, whose batches are looked at without a wait."""
    server = BatchServer()
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.root}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.root)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setattr("pytest_duolog.running.batch_queue.FIRST_WAIT_S", 0.0)
    yield server
    server.close()
