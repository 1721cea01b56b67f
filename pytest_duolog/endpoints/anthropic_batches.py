"""The Message Batches API of Anthropic: all requests in one body, and one file of results.

Source: https://docs.anthropic.com/en/docs/build-with-claude/batch-processing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_duolog.display import cut
from pytest_duolog.endpoints.batches import BatchApi, BatchRequest, BatchState, Made, as_answer, in_path
from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.reading import object_in, text_in, token_count

PATH = "/v1/messages/batches"
ENDED = ("succeeded", "errored", "canceled", "expired")
# The body around the requests.
AROUND = b'{"requests":[%s]}'


class AnthropicBatches(BatchApi):
    """Batches of messages."""

    most_requests = 100_000
    most_bytes = 256_000_000 - len(AROUND)
    looks_before = True  # a batch has no name, and no file

    def entry(self, request: BatchRequest) -> bytes:
        """A request in the list."""
        return b'{"custom_id":"%s","params":%s}' % (request.id.encode(), request.body)

    def upload(self, entries: Sequence[bytes]) -> None:  # they go into the batch
        """Nothing is uploaded."""

    def creation(self, entries: Sequence[bytes], path: str, upload: str) -> HttpQuestion:  # only messages
        """A batch with all requests."""
        return self.question("POST", PATH, AROUND % b",".join(entries))

    def listing(self) -> HttpQuestion:
        """The latest batches."""
        return self.question("GET", f"{PATH}?limit=100")

    def is_made(self, body: Mapping[str, Any], made: Made) -> bool:
        """Whether a batch was not there before, and has as many requests."""
        return body.get("id") not in made.before and _n(body, "processing", *ENDED) == made.n_requests

    def status(self, batch: str) -> HttpQuestion:
        """How far a batch is."""
        return self.question("GET", f"{PATH}/{in_path(batch)}")

    def state(self, body: Mapping[str, Any]) -> BatchState:
        """The status; the answers are read from the batch, not from the address that the server names."""
        status = text_in(body, "processing_status") or "unknown"
        is_over = status == "ended"
        results = f"{PATH}/{in_path(str(body.get('id')))}/results"
        has_results = bool(text_in(body, "results_url"))
        archived = "its results are no longer kept" if is_over and not has_results else ""
        return BatchState(
            cut(status, 40),
            _n(body, *ENDED),
            _n(body, "processing", *ENDED),
            is_over=is_over,
            results=(results,) if is_over and has_results else (),
            problem=archived,
        )

    def outcome(self, line: Mapping[str, Any]) -> HttpAnswer | str:
        """The message of a request that succeeded, the error of one that did not, or that it was not tried."""
        result = object_in(line, "result")
        kind = text_in(result, "type")
        if kind == "succeeded":
            return as_answer(200, result.get("message"))
        if kind == "errored":
            return as_answer(400, result.get("error"))
        return f"{cut(kind, 40)}, without an answer" if kind else "a result without its kind"


def _n(body: Mapping[str, Any], *names: str) -> int:
    counts = object_in(body, "request_counts")
    return sum(token_count(counts, name) or 0 for name in names)
