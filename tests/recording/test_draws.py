"""When the same words are a new draw of a model, and when they are a copy."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_duolog.endpoints.base import EndpointConfig
from pytest_duolog.endpoints.gemini import Gemini
from pytest_duolog.endpoints.ollama import OllamaChat
from pytest_duolog.endpoints.openai_chat import OpenAIChat
from pytest_duolog.recording.draws import draw_of
from pytest_duolog.recording.interaction import Body, Response, SentRequest
from pytest_duolog.recording.journal import JournalCodec
from tests.recording.builders import interaction

CONFIG = EndpointConfig("x", "m", "duolog://x", line=SimpleNamespace())  # type: ignore[arg-type]


def draw(
    body: Any, asked: dict[str, Any] | None = None, protocol: Any = OpenAIChat, **headers: str
) -> str | None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    listed = {name.replace("_", "-"): [value] for name, value in headers.items()}
    sent = SentRequest("POST", "duolog://x", {}, Body(fields=asked or {}), answers=protocol(CONFIG))
    return draw_of(Response(200, "OK", listed, content), sent)


def test_replies_with_ids_of_their_own_are_different_draws() -> None:
    one, two = draw({"id": "chatcmpl-1"}), draw({"id": "chatcmpl-2"})
    assert one
    assert two
    assert one != two
    assert one == draw({"id": "chatcmpl-1", "created": 5})
    assert draw({"responseId": "r1"}, protocol=Gemini) != draw({"responseId": "r2"}, protocol=Gemini)
    assert draw({"created_at": "2026-03-01T12:00:00.123456789Z"}, protocol=OllamaChat)


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": 5}, [], b"data: {}", b"\xff", b""])
def test_a_reply_without_an_id_is_no_known_draw(body: Any) -> None:
    assert draw(body) is None


@pytest.mark.parametrize(
    ("name", "value", "is_copy"),
    [
        ("cf_aig_cache_status", "HIT", True),
        ("Helicone_Cache", "HIT", True),
        ("x_litellm_cache_hit", "True", True),
        ("X_Cache", "Hit from cloudfront", True),
        ("cf_aig_cache_status", "MISS", False),
        ("cache_control", "no-store", False),
        ("x_served_by", "hit", False),
    ],
)
def test_reply_that_a_cache_says_is_its_own_is_no_known_draw(name: str, value: str, is_copy: bool) -> None:
    assert (draw({"id": "1"}, **{name: value}) is None) is is_copy


def test_replies_to_one_seed_are_one_draw() -> None:
    seeded = [draw({"id": n}, {"seed": seed}) for n, seed in (("1", 7), ("2", 7), ("3", 8))]
    assert seeded[0] == seeded[1] != seeded[2]
    nested = [draw({"responseId": n}, {"generationConfig": {"seed": 7}}, Gemini) for n in "12"]
    assert nested[0] == nested[1]


def test_temperature_0_gives_no_draws() -> None:
    assert draw({"id": "1"}, {"temperature": 0}) is None
    assert draw({"id": "1"}, {"temperature": 0.0}) is None
    assert draw({"id": "1"}, {"temperature": 0.2}) is not None
    assert draw({"responseId": "1"}, {"generationConfig": {"temperature": 0}}, Gemini) is None


def test_a_cassette_keeps_the_draw() -> None:
    drawn = replace(interaction(2, {"model": "m", "messages": []}), draw="abc123")
    line = JournalCodec().encode(drawn)
    assert line["draw"] == "abc123"
    assert JournalCodec().decode(line).draw == "abc123"
    assert "draw" not in JournalCodec().encode(interaction(2, {"model": "m", "messages": []}))
