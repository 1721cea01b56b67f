"""A response as it is kept: without secrets, and without what changes every time and means nothing."""

from __future__ import annotations

from typing import Any

from pytest_duolog.recording.interaction import Response
from pytest_duolog.recording.redaction import RESPONSE_HEADERS, Redactor, kept_headers
from pytest_duolog.storage.json_text import canonical, parsed

VOLATILE_FIELDS = frozenset(
    {
        *("id", "created", "timings", "system_fingerprint"),  # OpenAI and its kind
        *("created_at", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),  # Ollama
        *("responseId", "createTime"),  # Gemini
    }
)

# A failed try is no answer: it is repeated or reported, never replayed.
FAILED_TRIES = frozenset({401, 403, 407, 408, 409, 425, 429})


def is_answer(response: Response, *, is_ours: bool) -> bool:
    """Whether a response is worth keeping.

    A function of the user's may live with a 404 and have to find it again in a replay; to an endpoint of this
    package every error status is a failed try.
    """
    if is_ours:
        return response.status < 400
    return response.status not in FAILED_TRIES and response.status < 500


def kept_response(response: Response, redactor: Redactor, *, is_ours: bool) -> Response:
    """The response that is stored, and the one that a caller gets: a replay must not differ from the recording."""
    headers = kept_headers(response.headers, RESPONSE_HEADERS)
    if "location" in headers:
        headers["location"] = [redactor.uri(uri) for uri in headers["location"]]
    return Response(
        response.status, response.reason, headers, _kept_content(response.content, redactor, is_ours=is_ours)
    )


def _kept_content(content: bytes, redactor: Redactor, *, is_ours: bool) -> bytes:
    try:
        value = parsed(content)
    except ValueError:
        return redactor.bytes(content)
    if not is_ours:  # its reader may pass it on as it is, and must find the same text in a replay
        redacted = redactor.json(value)
        return content if redacted == value else canonical(redacted)
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name not in VOLATILE_FIELDS}
        if "model" in value:
            value["model"] = _without_folder(value["model"])
    return canonical(redactor.json(value))


def _without_folder(model: Any) -> Any:
    """Some servers name the file of the weights as the model, with the folders of this machine."""
    is_path = isinstance(model, str) and ("\\" in model or model.startswith("/"))
    return model.replace("\\", "/").rpartition("/")[2] if is_path else model


def served_model(response: Response) -> str | None:
    """The model that a response says it is from, with the provider behind a gateway that names it (OpenRouter)."""
    try:
        body = parsed(response.content)
        model, provider = body.get("model") or body.get("modelVersion"), body.get("provider")
    except (ValueError, AttributeError):
        return None
    if not isinstance(model, str):
        return None
    return f"{model} at {provider}" if provider and isinstance(provider, str) else model
