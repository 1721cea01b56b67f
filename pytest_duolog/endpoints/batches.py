"""Base class of batch APIs: they take many requests at once and answer all of them within a day, at a lower price.

A batch API is a subclass that says how a batch is made, looked at and read. It only makes requests and reads what
comes back; whoever uses it sends them (`running/batch_queue.py`). A row in `BATCH_APIS` of `registry.py` makes it
known.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from pytest_duolog.display import shorten
from pytest_duolog.endpoints.answers import Answer
from pytest_duolog.endpoints.line import JSON_HEADERS, HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.reading import text_in
from pytest_duolog.errors import EndpointError
from pytest_duolog.storage.json_text import parsed

LONGEST_ID = 512


class BatchRequest(NamedTuple):
    """One request of a batch: the id under which its answer comes back, its path, and its JSON body."""

    id: str
    path: str
    body: bytes


class BatchState(NamedTuple):
    """What a provider says of a batch: its own word for it, how many of how many are answered, and where they are.

    `results` are the paths to read, if the batch `is_over`. `problem` is why none of its requests was answered.
    """

    status: str
    n_answered: int
    n_requests: int
    is_over: bool
    results: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Made:
    """What is known of a batch when its creation may have failed: to find it among all batches.

    `upload` is the id of its file, `before` are the batches that were there before, `n_requests` is its size.
    """

    upload: str
    before: tuple[str, ...]
    n_requests: int


@dataclass(frozen=True)
class BatchApi(ABC):
    """The batch API of one provider. `headers` are those of the requests, without the key.

    A batch has at most `most_requests` in `most_bytes`. With `looks_before`, the batches that are there are looked at
    before a new one is made, because nothing else tells it from others.
    """

    most_requests: ClassVar[int]
    most_bytes: ClassVar[int]
    looks_before: ClassVar[bool] = False

    provider: str
    headers: Mapping[str, str]

    @abstractmethod
    def entry(self, request: BatchRequest) -> bytes:
        """A request as it stands in a batch."""

    @abstractmethod
    def upload(self, entries: Sequence[bytes]) -> HttpQuestion | None:
        """The request that stores the entries at the provider; None if they are a part of `creation`."""

    @abstractmethod
    def creation(self, entries: Sequence[bytes], path: str, upload: str) -> HttpQuestion:
        """The request that makes the batch; `upload` is the id of its file, empty if it has none."""

    @abstractmethod
    def listing(self) -> HttpQuestion:
        """The request for the latest batches."""

    @abstractmethod
    def is_made(self, body: Mapping[str, Any], made: Made) -> bool:
        """Whether one of the listed batches is the one that was to be made."""

    @abstractmethod
    def status(self, batch: str) -> HttpQuestion:
        """The request that asks how far a batch is."""

    @abstractmethod
    def state(self, body: Mapping[str, Any]) -> BatchState:
        """What the answer to that says."""

    @abstractmethod
    def outcome(self, line: Mapping[str, Any]) -> HttpAnswer | str:
        """The answer in a line of the results, as the provider would have given it at once, or why there is none."""

    def results(self, path: str) -> HttpQuestion:
        """The request for a file of results."""
        return self.question("GET", path)

    def question(
        self, method: str, path: str, content: bytes = b"", *, headers: Mapping[str, str] = JSON_HEADERS
    ) -> HttpQuestion:
        """A request to the provider."""
        return HttpQuestion(
            f"duolog://{self.provider}{path}",
            lambda: content,
            method=method,
            headers={**headers, **self.headers},
        )

    def body_of(self, answered: HttpAnswer) -> dict[str, Any]:
        """The JSON object in an answer. Raises EndpointError if it is an error or not one."""
        return Answer.of(answered, model=self.provider).json_object()

    def id_in(self, body: Mapping[str, Any]) -> str:
        """The id in an answer. Raises EndpointError if there is none that can be used."""
        found = usable_id(text_in(body, "id"))
        if not found:
            raise EndpointError(
                f"{self.provider} made something without a usable id: {shorten(str(body))}",
                is_passing=True,
            )
        return found


def batches_in(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The batches in a list of them, the latest first."""
    listed = body.get("data")
    for batch in listed if isinstance(listed, list) else ():
        if isinstance(batch, Mapping) and usable_id(batch.get("id")):
            yield batch


def usable_id(text: object) -> str:
    """An id that may stand in a path; empty if it is none."""
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_ID or not text.isprintable():
        return ""
    return "" if set(text) == {"."} else text


def in_path(text: str) -> str:
    """An id as a part of a path, whatever a server has put into it."""
    return quote(text, safe="")


class Results(NamedTuple):
    """What was read of files of results: the first line of each id, and how many lines had no id or were no JSON.

    `n_twice` lines have an id that a line before them has.
    """

    lines: Mapping[str, Mapping[str, Any]]
    n_damaged: int
    n_twice: int


def read_results(contents: Sequence[bytes]) -> Results:
    """The lines of files of results, in any order."""
    lines: dict[str, Mapping[str, Any]] = {}
    n_damaged = n_twice = 0
    for text in (line for content in contents for line in content.split(b"\n") if line.strip()):
        try:
            line = parsed(text)
        except ValueError:
            line = None
        name = text_in(line, "custom_id") if isinstance(line, dict) else None
        n_damaged += name is None
        if name is not None:
            n_twice += name in lines
            lines.setdefault(name, line)
    return Results(lines, n_damaged, n_twice)


def as_answer(status: object, body: object) -> HttpAnswer:
    """The answer that a provider would have given at once."""
    code = status if isinstance(status, int) and 100 <= status < 600 else 502
    reason = "OK" if code == 200 else ""
    return HttpAnswer(code, {"content-type": "application/json"}, json.dumps(body).encode(), reason)
