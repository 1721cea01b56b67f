"""Responses as they are stored: without secrets, and without the volatile fields of their protocol."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_duolog.endpoints.answers import PASSING_STATUSES
from pytest_duolog.endpoints.history import AnswerForm
from pytest_duolog.endpoints.reading import served_by
from pytest_duolog.errors import SecretInRecording
from pytest_duolog.recording.interaction import Response, SentRequest
from pytest_duolog.recording.journal import newly_said
from pytest_duolog.recording.redaction import RESPONSE_HEADERS, Redactor, kept_headers
from pytest_duolog.recording.stream_redaction import without_secrets_in_list, without_secrets_in_stream
from pytest_duolog.storage.json_text import CanonicalJson, canonical

# Statuses of failed tries, which are retried or reported, but never recorded.
FAILED_TRIES = PASSING_STATUSES | {401, 403, 407}


def is_answer(response: Response, sent: SentRequest) -> bool:
    """Whether the response to `sent` is recorded.

    A user's function may handle a 404, so that a replay must return it; for a protocol every error status is a failed
    try.
    """
    if sent.answers:
        return response.status < 400
    return response.status not in FAILED_TRIES and response.status < 500


def kept_response(response: Response, redactor: Redactor, *, answers: AnswerForm | None = None) -> Response:
    """The response to store and also to return to the caller, so that a replay does not differ from the recording.

    `answers` describes the responses of the protocol.
    """
    headers = kept_headers(response.headers, RESPONSE_HEADERS)
    if "location" in headers:
        headers["location"] = [redactor.uri(uri) for uri in headers["location"]]
    return Response(response.status, response.reason, headers, _kept_content(response, redactor, answers))


def _kept_content(response: Response, redactor: Redactor, answers: AnswerForm | None) -> bytes:
    content = response.content
    try:
        value = response.value
    except ValueError:
        return redactor.bytes(_without_secrets_in_stream(content, redactor))
    if answers is None:  # its reader may use the text itself, so a replay must return the same text
        is_stream = isinstance(value, list)
        redacted = without_secrets_in_list(value, redactor) if is_stream else redactor.json(value)
        return content if redacted == value else canonical(redacted)
    return CanonicalJson(canonical(redactor.json(answers.kept(value) if isinstance(value, dict) else value)))


def refuse_secrets(
    lines: Iterable[str], redactor: Redactor, *, what: str, cassette_path: Path, test: str
) -> None:
    """Raises SecretInRecording for lines that still have a secret before they are written.

    Redaction missed it, or a hook added it. `what` is what the lines are, for the error.
    """
    if any(_holds_secret(line, redactor) for line in lines):
        raise SecretInRecording(
            f"{what} contains something that looks like a key and cannot be replaced; it was not written",
            cassette_path=cassette_path,
            test=test,
            facts=[("to fix", "remove it with 'before_save_interaction' in duolog_vcr_config")],
        )


def _holds_secret(line: str, redactor: Redactor) -> bool:
    said = newly_said(line)
    if redactor.finds_secret(line, said):
        return True
    text = said.get("response", {}).get("text", "")  # most responses are JSON
    return bool(text) and without_secrets_in_stream(text, redactor) != text


def _without_secrets_in_stream(content: bytes, redactor: Redactor) -> bytes:
    try:
        return without_secrets_in_stream(content.decode("utf-8"), redactor).encode("utf-8")
    except UnicodeError:  # not a stream of text
        return content


def served_model(response: Response, sent: SentRequest) -> str | None:
    """The model that the response to `sent` names; None if it names none."""
    try:
        body = response.value
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    return sent.answers.served_model(body) if sent.answers else served_by(body)
