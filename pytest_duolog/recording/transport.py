"""The line that records and replays this package's endpoints.

Each dialogue has its own line with its own cassette, so any number of dialogues can run at once. For a recorded reply,
nothing below the line is called or built.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pytest_duolog.endpoints.base import then
from pytest_duolog.endpoints.history import HistoryBody, HistoryEncoder
from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion, Line
from pytest_duolog.recording.interaction import Body, Response, SentRequest
from pytest_duolog.recording.mocks import NotMocked, is_httpx_mocked
from pytest_duolog.recording.recorder import Recorder
from pytest_duolog.recording.redaction import REQUEST_HEADERS, kept_headers
from pytest_duolog.recording.secret_names import kind_of
from pytest_duolog.storage.json_text import canonical
from pytest_duolog.transcripts.perspective import Entry

if TYPE_CHECKING:
    from pytest_duolog.recording.mocked_line import MockedLine


class RecordedLine:
    """Replays from a cassette, or sends requests over `live` and records them."""

    def __init__(
        self, cassette: Recorder, live: Line, *, mocks: Callable[[], MockedLine] | None = None
    ) -> None:
        """`mocks` makes the line that asks the mocks of the test; None if they do not apply to this dialogue."""
        self._cassette = cassette
        self._live = live
        self._mocks = mocks
        self._encoders: dict[Any, HistoryEncoder] = {}
        self._kept_headers: dict[tuple[Any, ...], dict[str, list[str]]] = {}

    def post(self, question: HttpQuestion) -> HttpAnswer | Awaitable[HttpAnswer]:
        """The response of a test's mock, or the recorded one, or a live one.

        Raises CassetteMismatch if there is none and the record mode forbids asking.
        """
        if self._mocks is not None and is_httpx_mocked():
            return self._mocked(question, self._mocks())
        return self._recorded(question)

    async def _mocked(self, question: HttpQuestion, mocks: MockedLine) -> HttpAnswer:
        try:
            answer = await mocks.post(question)
        except NotMocked:
            recorded = self._recorded(question)
            return await recorded if inspect.isawaitable(recorded) else recorded
        self._cassette.note_mock()
        return answer

    def _recorded(self, question: HttpQuestion) -> HttpAnswer | Awaitable[HttpAnswer]:
        sent = self._cassette.hooks.request(self._sent(question))
        if sent is None:
            return self._live.post(question)
        recorded = self._cassette.play(sent)
        if recorded is not None:
            return self._as_answer(recorded)

        def taken(answer: HttpAnswer) -> HttpAnswer:
            headers = {name: [value] for name, value in answer.headers.items() if name != "content-encoding"}
            response = Response(answer.status_code, answer.reason, headers, answer.content)
            return self._as_answer(self._cassette.record(sent, response, answer.latency_ms))

        return then(self._live.post(question), taken)

    def _as_answer(self, response: Response) -> HttpAnswer:
        headers = {name.lower(): ", ".join(values) for name, values in response.headers.items()}
        latency_ms = self._cassette.last_latency_ms()
        return HttpAnswer(response.status, headers, response.content, latency_ms=latency_ms)

    def _sent(self, question: HttpQuestion) -> SentRequest:
        uri, names = self._cassette.address(question.url)
        if question.body is None:
            body, headers = Body.of_stranger(question.content(), question.headers, self._cassette.redactor)
            return SentRequest(question.method, uri, self._headers(question) | headers, body, names=names)
        return SentRequest(
            question.method,
            uri,
            self._headers(question),
            self._body(question.body),
            names=names,
            answers=question.body.answers,
        )

    def _headers(self, question: HttpQuestion) -> dict[str, list[str]]:
        """The headers that are compared and stored, without those that have the name of a key."""
        given = (*question.headers.items(), *question.asked_in)
        if given not in self._kept_headers:  # all requests of a speaker have the same
            asked_in = {name.lower() for name in question.asked_in if kind_of(name) is None} - {"cookie"}
            kept = kept_headers(question.headers, REQUEST_HEADERS | asked_in)
            redact = self._cassette.redactor.json
            self._kept_headers[given] = {name: redact(values) for name, values in kept.items()}
        return self._kept_headers[given]

    def _body(self, parts: HistoryBody) -> Body:
        redact = self._cassette.redactor.json
        if parts.entry not in self._encoders:
            self._encoders[parts.entry] = _RedactingEncoder(parts, redact)
        return Body(
            redact(parts.fields), parts.history_name, self._encoders[parts.entry].pieces(parts.messages)
        )


class _RedactingEncoder(HistoryEncoder):
    """Encodes messages without their secrets; those that have none are encoded as they are sent, only once."""

    def __init__(self, parts: HistoryBody, redact: Callable[[Any], Any]) -> None:
        super().__init__(parts.history_name, parts.entry)
        self._sent = parts.encoder
        self._redact = redact

    def __missing__(self, message: Entry) -> bytes:
        entry = self._entry(message)
        shown = self._redact(entry)
        piece = self[message] = self._sent[message] if shown == entry else canonical(shown)
        return piece
