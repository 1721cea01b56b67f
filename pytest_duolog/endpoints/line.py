"""The line to a provider: a question in, the bytes of the answer out.

What an endpoint of this package asks is posted to a logical address (`duolog://provider/...`). A line may have the
answer at hand, when it is recorded, or has to wait for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.history import HistoryBody

if TYPE_CHECKING:
    from pytest_duolog.endpoints.providers import Destination

JSON_HEADERS: Mapping[str, str] = {"accept": "*/*", "content-type": "application/json"}


@dataclass(frozen=True)
class HttpAnswer:
    """A whole answer; `headers` have names in lower case.

    What comes from the network tells its errors what was `asked`, and which variables address and key are from.
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
    """What is posted to `url`.

    `content` gives the body's bytes, which a replay does not need where `body` has the same in parts. `read` makes a
    Reply of an answer, or raises EndpointError if it is none. `model` is the model asked, `session` the id that stands
    below the recording in place of the recorded one, `destination_of` a way of its own from the logical address to the
    real one. `asked_in` are the names of headers that are part of what is asked.
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
    """Where questions are posted."""

    def post(self, question: HttpQuestion) -> HttpAnswer | Awaitable[HttpAnswer]:
        """The answer, at once if it is at hand.

        Raises EndpointError if there is none, and CassetteError as the recording raises it.
        """
        ...
