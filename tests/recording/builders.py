"""Interactions for the tests of recording."""

from __future__ import annotations

import json
from typing import Any

from pytest_duolog.recording.interaction import Body, Interaction, Response, SentRequest
from pytest_duolog.recording.journal import FORMAT
from pytest_duolog.storage.json_text import canonical

HEADER = {"duolog": FORMAT, "test": "test_x.py::test_y", "sample": 1}
URI = "duolog://openai/chat/completions"


def interaction(number: int, body: Any, reply: Any = "Certainly.") -> Interaction:
    """Message `number` of a dialogue; `body` and `reply` are JSON values or bytes."""
    content = reply if isinstance(reply, bytes) else canonical(reply)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Interaction(
        SentRequest("POST", URI, {"content-type": ["application/json"]}, Body.parse(raw)),
        Response(200, "OK", {"content-type": ["application/json"]}, content),
        message_number=number,
        speaker="Ann" if number % 2 else "Ben",
    )


def chat(
    n_replies: int, *, words: str = "which is a long text that is stored only once"
) -> list[Interaction]:
    """A dialogue whose every request holds the whole history."""
    made = []
    history = [{"role": "user", "content": f"Message 1, {words}"}]
    for number in range(2, n_replies + 2):
        reply = {"role": "assistant", "content": f"Message {number}, {words}"}
        made.append(
            interaction(number, {"model": "m", "messages": history}, {"choices": [{"message": reply}]})
        )
        history = [*history, reply]
    return made


def facts(interactions: list[Interaction]) -> list[tuple[Any, ...]]:
    """What must survive a file."""
    return [
        (
            one.request.method,
            one.request.uri,
            dict(one.request.headers),
            one.request.body.content(),
            one.response,
            one.message_number,
            one.speaker,
            one.latency_ms,
        )
        for one in interactions
    ]
