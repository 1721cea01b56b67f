"""Retries failed requests, within limits.

It works below the recording: failed tries are not in a cassette, and a replay never waits. The protocol decides what
counts as a valid response: its function in the request (`duolog_read`) makes a Reply from a response, or raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import httpx

from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.bodies import bounded_body
from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.line_client import http_request, http_response
from pytest_duolog.endpoints.network import certificate_advice
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.endpoints.rate_limiter import Limit, RateLimiter
from pytest_duolog.endpoints.session_ids import with_real_id, with_recorded_id
from pytest_duolog.errors import EndpointError
from pytest_duolog.genuine import CLOCK

PASSING_FAULTS = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ProxyError)

# Headers about transport encodings, which do not apply to the complete, unpacked body.
WIRE_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


class RetryingTransport(httpx.AsyncBaseTransport):
    """Sends requests through `live`, retries temporary errors, and returns a complete response.

    It is a line, too: `post` answers questions.
    """

    def __init__(
        self,
        live: httpx.AsyncBaseTransport,
        patience: Patience,
        rate_limiter_to: Callable[[str], RateLimiter] = lambda _: RateLimiter(Limit()),
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.live = live
        self.patience = patience
        self.rate_limiter_to = rate_limiter_to
        self.sleep = sleep

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The complete response to one request; raises EndpointError as `post` does."""
        return http_response(await self._answered(request))

    async def post(self, question: HttpQuestion) -> HttpAnswer:
        """The complete answer to one question.

        Raises EndpointError with the error of the last try and the number of tries.
        """
        return await self._answered(http_request(question))

    async def _answered(self, request: httpx.Request) -> HttpAnswer:
        rate_limiter = self.rate_limiter_to(request.url.host)
        async with rate_limiter:  # waiting here does not count towards the provider's timeout
            tries = _Tries(self, with_real_id(request), rate_limiter)
            with anyio.move_on_after(self.patience.timeout_s):
                return await tries.until_answered()
        raise tries.out_of_time()

    async def aclose(self) -> None:
        """Close the transport."""
        await self.live.aclose()


@dataclass
class _Tries:
    """The tries to get one response."""

    transport: RetryingTransport
    request: httpx.Request
    rate_limiter: RateLimiter
    n: int = 0
    waited_s: float = 0.0
    n_bytes: int = 0
    last_error: EndpointError | None = None

    def __post_init__(self) -> None:
        self.ends_at = CLOCK.seconds() + self._patience.timeout_s

    @property
    def _patience(self) -> Patience:
        return self.transport.patience

    @property
    def _origin(self) -> str:
        return str(self.request.extensions.get("duolog_origin") or self.request.url.host)

    async def until_answered(self) -> HttpAnswer:
        read: Callable[[HttpAnswer], Reply | None] = self.request.extensions.get("duolog_read", _nothing)
        while True:
            self.n += 1
            try:
                answer = await self._try()
                reply = read(answer)
            except EndpointError as error:
                await self._wait_after(error)
                continue
            # An empty reply is accepted in the end, but sometimes a retry gives a real one.
            if reply is None or reply.content.strip() or reply.tool_calls:
                return answer
            if reply.finish != "end" or self.n > 1:
                return answer

    async def _try(self) -> HttpAnswer:
        started_s = CLOCK.seconds()
        self.n_bytes = 0
        silence_s = self._patience.silence_s
        connect_s = self._patience.connect_s
        self.request.extensions["timeout"] = {"connect": connect_s, "read": silence_s, "write": silence_s}
        try:
            response = await self.transport.live.handle_async_request(self.request)
            try:
                limit = self._patience.largest_reply_bytes
                content = await bounded_body(
                    response, limit, origin=self._origin, model=self._label, on_bytes=self._count
                )
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise self._transport_fault(error) from error
        told = response.extensions
        return HttpAnswer(
            response.status_code,
            {name: value for name, value in response.headers.items() if name not in WIRE_HEADERS},
            with_recorded_id(self.request, content),
            reason=httpx.codes.get_reason_phrase(response.status_code),
            latency_ms=CLOCK.ms_since(started_s),
            asked=told.get("duolog_asked") or "",
            address_env=told.get("duolog_address_env"),
            key_env=told.get("duolog_key_env"),
        )

    def _count(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes

    async def _wait_after(self, error: EndpointError) -> None:
        """Wait for the next try; raises the final error if there is none."""
        if not error.is_passing or self.n >= self._patience.tries:
            raise self._after_tries(error) from None
        wait_s, limit_s = self._patience.wait_s(self.n, error), self._patience.longest_wait_s
        if wait_s > limit_s:
            raise EndpointError(
                f"{error.problem}; the provider asks to wait {wait_s:.0f} s, more than the limit of "
                f"{limit_s:g} s",
                model=error.model,
                status=error.status,
                advice="run again later, or raise longest_wait_s in [tool.duolog.requests]",
            ) from None
        if CLOCK.seconds() + wait_s >= self.ends_at:
            raise EndpointError(
                f"{error.problem} ({self._history()}); another try after {wait_s:.0f} s would "
                f"exceed the limit of {self._patience.timeout_s:g} s",
                model=error.model,
                status=error.status,
                advice="run again later, or raise timeout_s in [tool.duolog.requests]",
            ) from None
        self.last_error = error
        if error.wait_s is None:
            self.waited_s += wait_s
            await self.transport.sleep(wait_s)
        else:
            self.rate_limiter.close_for(wait_s)
        self.waited_s += await self.rate_limiter.leave_to_ask_again()

    @property
    def _label(self) -> str:
        """The model of the request as `provider:model`; empty if it is not known."""
        model = self.request.extensions.get("duolog_model", "")
        return f"{self.request.url.host}:{model}" if model else ""

    def _after_tries(self, error: EndpointError) -> EndpointError:
        if self.n == 1:
            return error
        what, line_feed, more = error.problem.partition("\n")
        problem = f"{what} ({self._history()}){line_feed}{more}"
        return EndpointError(
            problem, model=error.model, status=error.status, advice=error.advice, is_outcome=error.is_outcome
        )

    def _history(self) -> str:
        tries = "1 try" if self.n == 1 else f"{self.n} tries"
        return f"{tries}, {self.waited_s:.1f} s of waiting between them" if self.n > 1 else tries

    def out_of_time(self) -> EndpointError:
        """The error when the time for this response is over."""
        return EndpointError(
            f"no complete response from {self._origin} within {self._patience.timeout_s:g} s "
            f"({self._history()}, {self.n_bytes} bytes of the last response)"
            + (f"; the try before: {self.last_error.problem}" if self.last_error else ""),
            model=self._label,
            advice="if the model is only slow, raise timeout_s in [tool.duolog.requests]",
        )

    def _transport_fault(self, error: httpx.TransportError) -> EndpointError:
        proxy = self.request.extensions.get("duolog_proxy")
        details, advice = (
            str(error) or "no details",
            f"check that {self._origin.rpartition(' ')[2]} is the right address and is running",
        )
        is_passing = isinstance(error, PASSING_FAULTS)
        if isinstance(error, httpx.ConnectTimeout):
            details = f"no connection within {self._patience.connect_s:g} s"
        elif isinstance(error, httpx.TimeoutException):
            details = f"silent for {self._patience.silence_s:g} s"
            advice = "if the model is only slow, raise timeout_s in [tool.duolog.requests]"
        elif said := certificate_advice(error):
            advice, is_passing = said, False
        elif isinstance(error, httpx.ProxyError) and details.startswith("407"):
            advice, is_passing = (
                f"{proxy} requires a name and a password: http://name:password@host:port",
                False,
            )
        if proxy:
            details += f", through {proxy}"
        so_far = f" after {self.n_bytes} bytes of the response" if self.n_bytes else ""
        return EndpointError(
            f"{type(error).__name__} while asking {self._origin}{so_far}: {details}",
            model=self._label,
            advice=advice,
            is_passing=is_passing,
        )


def _nothing(answer: HttpAnswer) -> None:
    """Accept every response: the request has no function that checks it."""
