"""The interface between endpoints and the network or the recording: a request in, the bytes of the response out.

Endpoints of this package post to a logical address (`duolog://provider/...`). A line returns a recorded response at
once; for a live one it returns an awaitable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

from pytest_duolog.dataclass import dataclass
from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.history import HistoryBody

if TYPE_CHECKING:
    from pytest_duolog.endpoints.providers import Destination

JSON_HEADERS: Mapping[str, str] = {"accept": "*/*", "content-type": "application/json"}


@dataclass(frozen=True)
class HttpAnswer:
    """A complete response; `headers` have names in lower case.

    `latency_ms` is None if it was not measured, as for an answer out of a batch. For error messages, a response from
    the network has the request in `asked`, and the variables of its address and key.
    """

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    reason: str = ""
    latency_ms: float | None = None
    asked: str = ""
    address_env: str | None = None
    key_env: str | None = None


@dataclass(frozen=True)
class HttpQuestion:
    """A request to `url`.

    `content` returns the bytes of the body; a replay does not need them if `body` has it in parts. `read` makes a Reply
    from a response, or raises EndpointError. `model` is the label of the model, `session` the real session id, which is
    sent instead of the recorded one, and `destination_of` a function from the logical address to the real one.
    `asked_in` are names of headers that a replay compares.
    """

    url: str
    content: Callable[[], bytes]
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)
    body: HistoryBody | None = None
    read: Callable[[HttpAnswer], Reply | None] = lambda _: None
    model: str = ""
    session: str | None = None
    asked_in: Collection[str] = ()
    destination_of: Callable[[str, str], Destination | Awaitable[Destination]] | None = None


class Line(Protocol):
    """Something that answers requests."""

    def post(self, question: HttpQuestion) -> HttpAnswer | Awaitable[HttpAnswer]:
        """The response, or an awaitable if it is not available yet.

        Raises EndpointError if there is none, and the CassetteError of the recording.
        """
        ...
