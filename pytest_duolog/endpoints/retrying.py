"""Asking until there is an answer, within limits.

This stands below the recording: a try that failed is no part of a cassette, and a replay waits for nothing. What
counts as an answer, the protocol says: it leaves a function with the request (`duolog_read`) that makes a Reply of a
response, or raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import httpx

from pytest_duolog.endpoints.base import Reply
from pytest_duolog.endpoints.bodies import bounded_body
from pytest_duolog.endpoints.line import HttpAnswer
from pytest_duolog.endpoints.line_client import TOLD, http_answer
from pytest_duolog.endpoints.network import certificate_advice
from pytest_duolog.endpoints.rate_limiter import Limit, RateLimiter
from pytest_duolog.endpoints.session_ids import with_real_id, with_recorded_id
from pytest_duolog.errors import EndpointError
from pytest_duolog.genuine import CLOCK, RANDOM

PASSING_FAULTS = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ProxyError)
LONGEST_BACKOFF_S = 8.0
CONNECT_TIMEOUT_S = 10.0

# What the transport did to a body that is now whole and plain.
WIRE_HEADERS = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"connection"})


@dataclass(frozen=True)
class Patience:
    """How long one message is tried for; `[tool.duolog.requests]` in pyproject.toml sets it.

    `timeout_s` covers all tries and the waits between them; a server that is silent for half of it is given up
    earlier, for another try. Between tries the wait doubles from `backoff_s` up to 8 s, unless the provider names
    one; if that is above `longest_wait_s` there is no other try. A body above `largest_reply_bytes`, unpacked, is
    not read.

    A callable asks with a client of its own, and has `function_timeout_s` for a reply.
    """

    tries: int = 3
    timeout_s: float = 120.0
    backoff_s: float = 0.5
    longest_wait_s: float = 60.0
    largest_reply_bytes: int = 8 * 1024 * 1024
    function_timeout_s: float = 600.0  # what the clients of OpenAI and Anthropic wait by themselves

    @property
    def silence_s(self) -> float:
        """How long a server may send nothing."""
        return self.timeout_s / 2

    @property
    def connect_s(self) -> float:
        """How long a connection may take."""
        return min(CONNECT_TIMEOUT_S, self.silence_s)

    def wait_s(self, n_tries: int, error: EndpointError) -> float:
        """How long to wait after `n_tries` tries, the last of which ended in `error`."""
        if error.wait_s is not None:
            return error.wait_s
        longest = min(LONGEST_BACKOFF_S, self.backoff_s * 2 ** (n_tries - 1))
        return RANDOM.uniform(longest / 2, longest)  # only to keep many dialogues out of step


class RetryingTransport(httpx.AsyncBaseTransport):
    """Sends through `live`, again after faults that may pass; what it returns is a whole answer."""

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
        """The answer to one request, read to its end.

        Raises EndpointError with what happened at the last try, and how often it was tried.
        """
        rate_limiter = self.rate_limiter_to(request.url.host)
        async with rate_limiter.place():  # waiting for it is no part of the time that the provider has
            tries = _Tries(self, with_real_id(request), rate_limiter)
            with anyio.move_on_after(self.patience.timeout_s):
                return await tries.until_answered()
        raise tries.out_of_time()

    async def aclose(self) -> None:
        """Close what is below."""
        await self.live.aclose()


@dataclass
class _Tries:
    """The tries at one answer."""

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

    async def until_answered(self) -> httpx.Response:
        read: Callable[[HttpAnswer], Reply | None] = self.request.extensions.get("duolog_read", _nothing)
        while True:
            self.n += 1
            try:
                response = await self._try()
                reply = read(http_answer(response, response.content))
            except EndpointError as error:
                await self._wait_after(error)
                continue
            # Silence is an answer in the end; but now and then a model only stumbles.
            if reply is None or reply.content.strip() or reply.finish != "end" or self.n > 1:
                return response

    async def _try(self) -> httpx.Response:
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
        return httpx.Response(
            response.status_code,
            headers=[pair for pair in response.headers.raw if pair[0].lower() not in WIRE_HEADERS],
            content=with_recorded_id(self.request, content),
            extensions={
                "duolog_latency_ms": CLOCK.ms_since(started_s),
                **{name: response.extensions.get(name) for name in TOLD},
            },
        )

    def _count(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes

    async def _wait_after(self, error: EndpointError) -> None:
        """Wait for the next try; raises what is to be said if there will be none."""
        if not error.is_passing or self.n >= self._patience.tries:
            raise self._after_tries(error) from None
        wait_s, limit_s = self._patience.wait_s(self.n, error), self._patience.longest_wait_s
        if wait_s > limit_s:
            raise EndpointError(
                f"{error.problem}; asks to wait {wait_s:.0f} s, over the limit of {limit_s:g} s",
                model=error.model,
                status=error.status,
                advice="run it later, or raise longest_wait_s in [tool.duolog.requests]",
            ) from None
        if CLOCK.seconds() + wait_s >= self.ends_at:
            raise EndpointError(
                f"{error.problem} ({self._history()}); a try after another {wait_s:.0f} s would come too late, "
                f"there are {self._patience.timeout_s:g} s for an answer",
                model=error.model,
                status=error.status,
                advice="run it later, or raise timeout_s in [tool.duolog.requests]",
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
        """Who is asked, as people write it; empty where no model is named."""
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
        """What to say when the time for this answer is over."""
        return EndpointError(
            f"no whole answer from {self._origin} within {self._patience.timeout_s:g} s ({self._history()}, "
            f"{self.n_bytes} bytes of the last one)"
            + (f"; the try before: {self.last_error.problem}" if self.last_error else ""),
            model=self._label,
            advice="raise timeout_s in [tool.duolog.requests] if the model is only slow",
        )

    def _transport_fault(self, error: httpx.TransportError) -> EndpointError:
        proxy = self.request.extensions.get("duolog_proxy")
        details, advice = (
            str(error) or "no details",
            f"is {self._origin.rpartition(' ')[2]} up, and the right address?",
        )
        is_passing = isinstance(error, PASSING_FAULTS)
        if isinstance(error, httpx.ConnectTimeout):
            details = f"no connection within {self._patience.connect_s:g} s"
        elif isinstance(error, httpx.TimeoutException):
            details = f"silent for {self._patience.silence_s:g} s"
            advice = "raise timeout_s in [tool.duolog.requests] if the model is only slow"
        elif said := certificate_advice(error):
            advice, is_passing = said, False
        elif isinstance(error, httpx.ProxyError) and details.startswith("407"):
            advice, is_passing = f"{proxy} wants a name and a password: http://name:password@host:port", False
        if proxy:
            details += f", through {proxy}"
        so_far = f" after {self.n_bytes} bytes of the answer" if self.n_bytes else ""
        return EndpointError(
            f"{type(error).__name__} while asking {self._origin}{so_far}: {details}",
            model=self._label,
            advice=advice,
            is_passing=is_passing,
        )


def _nothing(answer: HttpAnswer) -> None:
    """Whatever comes is an answer: the protocol of this request has left no function to tell."""
