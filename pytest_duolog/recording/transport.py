"""The httpx transport through which our own endpoints are recorded and replayed.

Each dialogue has one of its own, with its own cassette, so any number of them can run at once. Nothing below
it is reached, or even built, for a reply that is in the cassette.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from pytest_duolog.endpoints.history import HistoryBody, HistoryEncoder
from pytest_duolog.recording.interaction import Body, Response, SentRequest
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.recording.redaction import REQUEST_HEADERS, kept_headers


class RecordingTransport(httpx.AsyncBaseTransport):
    """Plays from a cassette, or sends through `live` and records."""

    def __init__(self, cassette: Recorder, live: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._cassette = cassette
        self._make_live = live
        self._live: httpx.AsyncBaseTransport | None = None
        self._encoders: dict[Any, HistoryEncoder] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The recorded response, or a fresh one.

        Raises CassetteMismatch if there is none and the record mode does not allow asking.
        """
        sent = self._cassette.hooks.request(await self._sent(request))
        if sent is None:
            return await self._live_transport().handle_async_request(request)
        response = self._cassette.play(sent) or await self._ask(request, sent)
        return httpx.Response(
            response.status,
            headers=[
                (name.encode(), value.encode("utf-8", "replace"))  # httpx itself takes only ASCII
                for name, values in response.headers.items()
                for value in values
            ],
            content=response.content,
            extensions={"duolog_latency_ms": self._cassette.last_latency_ms()},
        )

    async def _ask(self, request: httpx.Request, sent: SentRequest) -> Response:
        request.headers["accept-encoding"] = "identity"
        started = time.perf_counter()
        live = await self._live_transport().handle_async_request(request)
        content = await live.aread()
        await live.aclose()
        latency_ms = live.extensions.get("duolog_latency_ms") or _ms_since(started)
        headers = {name: live.headers.get_list(name) for name in live.headers if name != "content-encoding"}
        return self._cassette.record(
            sent, Response(live.status_code, live.reason_phrase, headers, content), latency_ms
        )

    async def _sent(self, request: httpx.Request) -> SentRequest:
        redactor = self._cassette.redactor
        structure = request.extensions.get("duolog_body")
        body = self._body(structure) if structure else Body.parse(await request.aread(), redactor)
        return SentRequest(
            request.method,
            self._cassette.uri(str(request.url)),
            kept_headers(request.headers, REQUEST_HEADERS),
            body,
            answers=structure.answers if structure else None,
        )

    def _body(self, parts: HistoryBody) -> Body:
        redact = self._cassette.redactor.json
        if parts.entry not in self._encoders:
            self._encoders[parts.entry] = HistoryEncoder(
                parts.history_name, lambda message: redact(parts.entry(message))
            )
        return Body(
            redact(parts.fields), parts.history_name, self._encoders[parts.entry].pieces(parts.messages)
        )

    def _live_transport(self) -> httpx.AsyncBaseTransport:
        if self._live is None:
            self._live = self._make_live()
        return self._live

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._live is not None:
            await self._live.aclose()


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
