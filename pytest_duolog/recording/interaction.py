"""Requests and responses in the form in which they are compared and stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints.history import AnswerForm
from pytest_duolog.recording.addresses import is_same_address, without_key_parameters
from pytest_duolog.recording.noise import without_noise, without_random_ids
from pytest_duolog.recording.redaction import FORM_HEADERS, REQUEST_HEADERS, Redactor, kept_headers
from pytest_duolog.storage.json_text import canonical, parsed

# The method and the scheme of the address of an interaction that is a call of a speaker's tool.
CALL = "CALL"
TOOL_SCHEME = "duolog-tool://"


@dataclass(frozen=True)
class Body:
    """A request body in a form that can be compared quickly.

    For JSON with a history under `history_name`, `pieces` has the messages of the history in canonical form and
    `fields` the rest. Other JSON is in `fields`; a body that is not JSON is in `raw`.
    """

    fields: Any = None
    history_name: str | None = None
    pieces: Sequence[bytes] = ()
    raw: bytes | None = None

    @classmethod
    def parse(
        cls,
        raw: bytes,
        redactor: Redactor | None = None,
        *,
        history_name: str | None = None,
        is_strange: bool = False,
    ) -> Body:
        """The body for the bytes of a client or a file; `redactor` removes its secrets.

        With `is_strange` it comes from a user's own code and may contain random ids.
        """
        try:
            value = without_random_ids(parsed(raw)) if is_strange else parsed(raw)
            return cls.of_json(redactor.json(value) if redactor else value, history_name)
        except ValueError:
            return cls(raw=redactor.bytes(raw) if redactor else raw)

    @classmethod
    def of_stranger(
        cls, raw: bytes, headers: Mapping[str, Any], redactor: Redactor
    ) -> tuple[Body, dict[str, list[str]]]:
        """The body of a request of a user's own code without noise and secrets, and the headers that are kept."""
        content, plain = without_noise(raw, headers)
        return cls.parse(content, redactor, is_strange=True), kept_headers(plain, REQUEST_HEADERS)

    @classmethod
    def of_json(cls, value: Any, history_name: str | None = None) -> Body:
        """The body for a JSON value; if `history_name` is not given, the history is searched."""
        if not isinstance(value, dict):
            return cls(value)
        name = history_name or _longest_list(value)
        if name is None or not isinstance(value.get(name), list):
            return cls(value)
        fields = {key: item for key, item in value.items() if key != name}
        return cls(fields, name, [canonical(item) for item in value[name]])

    @cached_property
    def fields_key(self) -> bytes:
        """`fields` as canonical JSON."""
        return canonical(self.fields)

    def same_as(self, other: Body) -> bool:
        """Whether both have the same canonical JSON, or the same bytes."""
        if self.raw != other.raw:
            return False
        if self.history_name != other.history_name:  # one of them was searched
            return self.content() == other.content()
        return self.pieces == other.pieces and self.fields_key == other.fields_key

    def pieces_under(self, name: str) -> Sequence[bytes]:
        """The elements of the list under a name, in canonical form; empty if there is no list."""
        if name == self.history_name:
            return self.pieces
        items = self.fields.get(name) if isinstance(self.fields, dict) else None
        return [canonical(item) for item in items] if isinstance(items, list) else []

    def history(self) -> list[Any]:
        """The messages of the history as JSON values."""
        return [json.loads(piece) for piece in self.pieces]

    def value(self) -> Any:
        """The whole body as a JSON value; None if it is not JSON."""
        return (
            self.fields if self.history_name is None else {**self.fields, self.history_name: self.history()}
        )

    def content(self) -> bytes:
        """The body as bytes, JSON in its canonical spelling."""
        return canonical(self.value()) if self.raw is None else self.raw


def _longest_list(value: Mapping[str, Any]) -> str | None:
    """The field of an unknown body that is probably the history: the longest list of objects."""
    lists = {
        name: item
        for name, item in value.items()
        if isinstance(item, list) and item and all(isinstance(part, dict) for part in item)
    }
    return max(sorted(lists), key=lambda name: len(lists[name]), default=None)


@dataclass(frozen=True)
class SentRequest:
    """A request without secrets, in the form that is compared and stored.

    `names` are the other names of the address `uri` (see `addresses`). `answers` describes the protocol's responses;
    None for a request of a user's own code. `is_early` says that it was stored in format 1, which left out relevant
    headers and parameters with a name like a credential.
    """

    method: str
    uri: str
    headers: Mapping[str, list[str]]
    body: Body
    names: frozenset[str] = frozenset()
    answers: AnswerForm | None = field(default=None, compare=False)
    is_early: bool = False

    def same_as(self, other: SentRequest) -> bool:
        """Whether the requests are equal for a replay: method, address, body and decisive headers."""
        return (
            self.method == other.method
            and self.has_address_of(other)
            and self.body.same_as(other.body)
            and (self.is_early or other.is_early or self.decisive_headers == other.decisive_headers)
        )

    @property
    def called_tool(self) -> str | None:
        """The name of the tool that this calls; None for a request to a model."""
        is_call = self.method == CALL and self.uri.startswith(TOOL_SCHEME)
        return unquote(self.uri.rpartition("/")[2]) if is_call else None

    @property
    def decisive_headers(self) -> Mapping[str, list[str]]:
        """The headers that can change the response, without those about the encoding of the body."""
        return {name: values for name, values in self.headers.items() if name not in FORM_HEADERS}

    def has_address_of(self, other: SentRequest) -> bool:
        """Whether this recorded request has the address of the other one."""
        if self.uri == other.uri or self.names & {other.uri, *other.names} or self.uri in other.names:
            return True
        if self.is_early:
            return self.uri == without_key_parameters(other.uri)
        return is_same_address(self.uri, other.uri)


@dataclass(frozen=True)
class Response:
    """A response: status, the allowed headers, and the unpacked body."""

    status: int
    reason: str
    headers: Mapping[str, list[str]]
    content: bytes

    @cached_property
    def value(self) -> Any:
        """The body as a JSON value, for everybody who changes nothing in it; raises ValueError if it is not JSON."""
        return parsed(self.content)


@dataclass(frozen=True)
class Interaction:
    """A request and its response, for one message of a dialogue or for a judge's vote on the dialogue.

    `message_number` is 0 if a foreign cassette does not have it. `latency_ms` is None if it was not measured. `served`
    is the model that the response names, None if it names none. `draw` is as in `recording.draws`.
    """

    request: SentRequest
    response: Response
    message_number: int = 0
    speaker: str = ""
    latency_ms: float | None = None
    served: str | None = None
    draw: str | None = None
    is_vote: bool = False
