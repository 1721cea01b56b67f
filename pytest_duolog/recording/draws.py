"""Tells a reply that a model has just drawn from one that is a copy of an earlier one.

Two dialogues with the same words are two samples if a model drew both. They are one if the second came from a cache, or
could not be different.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pytest_duolog.recording.interaction import Response, SentRequest

# Settings of a request, at any depth, that fix the reply; one with a seed is the same draw as another with that seed.
SEEDS = ("seed", "random_seed")
TEMPERATURE = "temperature"
# Values of headers with `cache` in their name that say that no model was asked (Cloudflare, Helicone, Portkey).
FROM_CACHE = ("hit", "true")
# So many hexadecimal digits tell the replies of a run apart.
DIGITS = 12


def draw_of(response: Response, sent: SentRequest) -> str | None:
    """A text that is equal for two replies if they are one draw; None if it cannot be told whether it is a new one.

    `response` has its own headers and its whole body. It cannot be told of a reply without an id, of one that a cache
    says is its own, and at temperature 0.
    """
    settings = _settings(sent.body.fields)
    if settings.get(TEMPERATURE) == 0 or _is_from_cache(response.headers):
        return None
    seeds = [settings[name] for name in SEEDS if settings.get(name) is not None]
    identity = f"seed {seeds}" if seeds else _id(response, sent)
    return hashlib.sha256(identity.encode()).hexdigest()[:DIGITS] if identity else None


def _settings(fields: Any) -> dict[str, Any]:
    """The settings of a request by name; some protocols nest them."""
    found: dict[str, Any] = {}
    if isinstance(fields, Mapping):
        for name, value in fields.items():
            found |= _settings(value) if isinstance(value, Mapping) else {str(name): value}
    return found


def _is_from_cache(headers: Mapping[str, list[str]]) -> bool:
    return any(
        "cache" in name.lower() and value.strip().lower().startswith(FROM_CACHE)
        for name, values in headers.items()
        for value in values
    )


def _id(response: Response, sent: SentRequest) -> str | None:
    try:
        body = response.value
    except ValueError:
        return None
    return sent.answers.response_id(body) if sent.answers and isinstance(body, dict) else None
