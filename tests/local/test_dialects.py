"""The protocols against a real server: llama.cpp speaks two of them, here with a template that has strict rules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.live import LiveTransport
from pytest_duolog.endpoints.providers import Destination, Provider, destination
from pytest_duolog.endpoints.registry import open_endpoint
from pytest_duolog.endpoints.retrying import Patience, RetryingTransport
from pytest_duolog.errors import EndpointError
from pytest_duolog.local.server import LocalServer
from pytest_duolog.local.weights import find_weights
from pytest_duolog.transcripts.perspective import ChatMessage
from tests.dialogues import seen_by
from tests.endpoints.asking import reply_over
from tests.local.test_server import MODEL, needs_model

pytestmark = [needs_model, pytest.mark.local]

# The rules of Gemma's template: no system role, user first, roles in turn.
STRICT_TEMPLATE = """\
{%- set system = messages[0].content ~ '\\n\\n' if messages[0].role == 'system' else '' -%}
{%- set said = messages[1:] if system else messages -%}
{%- for message in said -%}
{%- if message.role != ('assistant' if loop.index0 % 2 else 'user') -%}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif -%}
<|im_start|>{{ message.role }}
{{ (system if loop.first else '') ~ message.content | trim }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}
"""

SAID = (("Ann", "Hello."), ("Ben", "Hello to you."))


@pytest.fixture(scope="module")
def strict() -> Iterator[LocalServer]:
    server = LocalServer(MODEL, find_weights(MODEL), chat_template=STRICT_TEMPLATE)
    yield server
    server.stop()


def ask(server: LocalServer, protocol: str, history: Sequence[ChatMessage], key: str = "") -> Reply:
    base_url = server.base_url.removesuffix("/v1") if protocol == "anthropic" else server.base_url
    provider = Provider(base_url, protocol=protocol, api_key_env="LLAMA_KEY")
    environ = {**os.environ, "LLAMA_KEY": key or server.api_key}

    def reached(name: str, model: str) -> Destination:
        return destination(name, provider, environ)

    return reply_over(
        RetryingTransport(LiveTransport(reached), Patience(tries=1)),
        lambda line: open_endpoint("llama:any", line=line, configured={"llama": provider}),
        ChatRequest("any", tuple(history), {"max_tokens": 8}),
    )


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("speaker", ["Ann", "Ben"])
def test_every_perspective_passes_a_strict_template(strict: LocalServer, protocol: str, speaker: str) -> None:
    said = SAID if speaker == "Ann" else SAID[:1]
    reply = ask(strict, protocol, seen_by(speaker, said, system="Be brief."))
    assert reply.content
    assert reply.finish in ("end", "truncated")
    assert reply.usage is not None
    assert reply.usage.tokens_read > 0
    assert 1 <= reply.usage.tokens_written <= 8


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_a_broken_rule_of_the_template_is_told_with_a_hint(strict: LocalServer, protocol: str) -> None:
    own_words_first = [ChatMessage("assistant", "Hello."), ChatMessage("user", "Hello to you.")]
    with pytest.raises(EndpointError, match=r"HTTP [45]00: .*must alternate[\s\S]*`user` first"):
        ask(strict, protocol, own_words_first)


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_a_wrong_key_names_its_variable(strict: LocalServer, protocol: str) -> None:
    with pytest.raises(EndpointError, match=r"HTTP 401[\s\S]*LLAMA_KEY") as refused:
        ask(strict, protocol, seen_by("Ben", SAID[:1]), key="wrong-key-12345678")
    assert "wrong-key-12345678" not in str(refused.value)


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_the_history_of_a_growing_dialogue_comes_from_the_cache(strict: LocalServer, protocol: str) -> None:
    said = [*SAID, ("Ann", "Shall we talk about the weather in the mountains?")]
    first = ask(strict, protocol, seen_by("Ben", said, system=f"You are Ben ({protocol})."))
    said += [("Ben", first.content or "Yes."), ("Ann", "And at sea?")]
    second = ask(strict, protocol, seen_by("Ben", said, system=f"You are Ben ({protocol})."))
    assert first.usage is not None
    assert second.usage is not None
    assert (second.usage.cache_read_tokens or 0) >= first.usage.tokens_read - 8


def test_a_history_too_long_for_the_model_is_told_with_a_hint(strict: LocalServer) -> None:
    with pytest.raises(EndpointError, match=r"HTTP 400[\s\S]*does not fit"):
        ask(strict, "openai", [ChatMessage("user", "word " * 9000)])
