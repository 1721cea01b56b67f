"""The Batch API of OpenAI, which Groq and some gateways also have: a file of requests, and files of answers.

Source: https://platform.openai.com/docs/guides/batch and https://platform.openai.com/docs/api-reference/batch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.display import cut
from pytest_duolog.endpoints.batches import (
    BatchApi,
    BatchRequest,
    BatchState,
    Made,
    as_answer,
    in_path,
    usable_id,
)
from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.reading import object_in, objects_in, text_in, token_count
from pytest_duolog.genuine import uuid4

# The only window that there is.
WINDOW = "24h"
OVER = ("completed", "failed", "expired", "cancelled")


class OpenAIBatches(BatchApi):
    """Batches of chat completions."""

    most_requests = 50_000
    most_bytes = 200_000_000

    def entry(self, request: BatchRequest) -> bytes:
        """A line of the file."""
        head = json.dumps({"custom_id": request.id, "method": "POST", "url": f"/v1{request.path}"})
        return b'%s, "body": %s}\n' % (head[:-1].encode(), request.body)

    def upload(self, entries: Sequence[bytes]) -> HttpQuestion:
        """The file with all lines."""
        boundary = uuid4().hex
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"\r\n%s\r\n'
        content = b"".join(
            (
                (part % ("purpose", "")).encode(),
                b"batch\r\n",
                (part % ('file"; filename="duolog.jsonl', "Content-Type: application/jsonl\r\n")).encode(),
                *entries,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        kind = {"accept": "*/*", "content-type": f"multipart/form-data; boundary={boundary}"}
        return self.question("POST", "/files", content, headers=kind)

    def creation(self, entries: Sequence[bytes], path: str, upload: str) -> HttpQuestion:  # in the file
        """A batch of the requests in an uploaded file."""
        body = {"input_file_id": upload, "endpoint": f"/v1{path}", "completion_window": WINDOW}
        return self.question("POST", "/batches", json.dumps(body).encode())

    def listing(self) -> HttpQuestion:
        """The latest batches."""
        return self.question("GET", "/batches?limit=100")

    def is_made(self, body: Mapping[str, Any], made: Made) -> bool:
        """Whether a batch is that of a file."""
        return body.get("input_file_id") == made.upload

    def status(self, batch: str) -> HttpQuestion:
        """How far a batch is."""
        return self.question("GET", f"/batches/{in_path(batch)}")

    def state(self, body: Mapping[str, Any]) -> BatchState:
        """The status, and the files of answers and of errors, either of which may be missing."""
        status = text_in(body, "status") or "unknown"
        counts = object_in(body, "request_counts")
        n_answered = sum(token_count(counts, name) or 0 for name in ("completed", "failed"))
        files = [usable_id(body.get(name)) for name in ("output_file_id", "error_file_id")]
        errors = [_error_words(error) for error in objects_in(object_in(body, "errors"), "data")]
        return BatchState(
            cut(status, 40),
            n_answered,
            token_count(counts, "total") or 0,
            is_over=status in OVER,
            results=tuple(f"/files/{in_path(file)}/content" for file in files if file),
            problem="; ".join(errors[:3]),
        )

    def outcome(self, line: Mapping[str, Any]) -> HttpAnswer | str:
        """The answer in a line, or its error, which has none if the batch expired or was cancelled."""
        response = object_in(line, "response")
        if response:
            return as_answer(response.get("status_code"), response.get("body"))
        return _error_words(object_in(line, "error"))


def _error_words(error: Mapping[str, Any]) -> str:
    words = [text_in(error, "code"), text_in(error, "message")]
    return cut(": ".join(filter(None, words)) or "an error without a reason", 300)
