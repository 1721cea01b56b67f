"""From a model's name to its endpoint, its address and its key."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pytest_duolog.endpoints import published, registry
from pytest_duolog.endpoints.base import EndpointConfig, Reply
from pytest_duolog.endpoints.functions import FunctionEndpoint
from pytest_duolog.endpoints.line_client import TransportLine
from pytest_duolog.endpoints.openai_chat import OpenAIChat
from pytest_duolog.endpoints.protocol import ChatProtocol
from pytest_duolog.endpoints.providers import PROVIDERS, Destination, Provider, base_urls, destination
from pytest_duolog.endpoints.registry import (
    all_providers,
    check_model,
    known_providers,
    open_endpoint,
    provider_named,
)
from pytest_duolog.errors import ConfigurationError, EndpointError
from pytest_duolog.recording.redaction import Redactor
from tests.endpoints.asking import Wire, ask

LAB = {"lab": Provider("https://llm.example.org/v1/", api_key_env="LAB_API_KEY", needs_key=True)}


class Point:
    """An entry point of another package."""

    dist = None

    def __init__(self, name: str, factory) -> None:
        self.name = name
        self._factory = factory

    def load(self):
        return self._factory


class AcmeEndpoint:
    def __init__(self, config: EndpointConfig) -> None:
        self.config = config

    async def reply(self, request):
        raise NotImplementedError


@pytest.fixture
def acme(monkeypatch):
    """Publishes a factory as another package would."""

    def publish(factory, name="acme"):
        points = {name: [Point(name, factory)]}
        for module in (published, registry):
            monkeypatch.setattr(module, "published_points", lambda: points)

    return publish


def opened(model, configured=LAB):
    return open_endpoint(
        model, line=TransportLine(httpx.MockTransport(lambda _: httpx.Response(200))), configured=configured
    )


# Addresses and keys.


@pytest.mark.parametrize(
    ("name", "environ", "expected"),
    [
        (
            "openai",
            {"OPENAI_API_KEY": "k"},
            Destination("https://api.openai.com/v1", {"authorization": "Bearer k"}, "OPENAI_API_KEY"),
        ),
        (
            "openai",
            {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://proxy.example/v1/"},
            Destination("https://proxy.example/v1", {"authorization": "Bearer k"}, "OPENAI_API_KEY"),
        ),
        (
            "openai",
            {"OPENAI_API_KEY": " k\n"},
            Destination("https://api.openai.com/v1", {"authorization": "Bearer k"}, "OPENAI_API_KEY"),
        ),
        ("ollama", {}, Destination("http://127.0.0.1:11434", {})),
        ("ollama", {"OLLAMA_HOST": "", "OLLAMA_API_KEY": ""}, Destination("http://127.0.0.1:11434", {})),
        ("ollama", {"OLLAMA_HOST": "0.0.0.0"}, Destination("http://127.0.0.1:11434", {})),
        ("ollama", {"OLLAMA_HOST": "gpu:80"}, Destination("http://gpu:80", {})),
        ("ollama", {"OLLAMA_HOST": "https://gpu/"}, Destination("https://gpu", {})),
        (
            "anthropic",
            {"ANTHROPIC_API_KEY": "k"},
            Destination("https://api.anthropic.com", {"x-api-key": "k"}, "ANTHROPIC_API_KEY"),
        ),
        (
            "gemini",
            {"GOOGLE_API_KEY": "k", "GEMINI_API_KEY": "other"},
            Destination(PROVIDERS["gemini"].base_url, {"x-goog-api-key": "k"}, "GOOGLE_API_KEY"),
        ),
        (
            "gemini",
            {"GEMINI_API_KEY": "k"},
            Destination(PROVIDERS["gemini"].base_url, {"x-goog-api-key": "k"}, "GEMINI_API_KEY"),
        ),
        (
            "azure",
            {"AZURE_OPENAI_ENDPOINT": "https://lab.openai.azure.com/", "AZURE_OPENAI_API_KEY": "k"},
            Destination("https://lab.openai.azure.com/openai/v1", {"api-key": "k"}, "AZURE_OPENAI_API_KEY"),
        ),
        (
            "azure",
            {"AZURE_OPENAI_ENDPOINT": "https://lab.example/openai/v1/", "AZURE_OPENAI_API_KEY": "k"},
            Destination("https://lab.example/openai/v1", {"api-key": "k"}, "AZURE_OPENAI_API_KEY"),
        ),
        (
            "vllm",
            {"VLLM_API_KEY": "k", "VLLM_BASE_URL": "http://gpu:8000/v1"},
            Destination("http://gpu:8000/v1", {"authorization": "Bearer k"}, "VLLM_API_KEY"),
        ),
    ],
)
def test_address_and_key_are_read_from_the_environment(name, environ, expected):
    assert destination(name, PROVIDERS[name], environ) == expected


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": " \n"}])
def test_missing_key_names_its_variable(environ):
    with pytest.raises(EndpointError) as caught:
        destination("openai", PROVIDERS["openai"], environ)
    assert str(caught.value) == (
        "no key for provider 'openai': the environment variable OPENAI_API_KEY is not set\n"
        "  to fix:  set OPENAI_API_KEY; only recorded messages need no model"
    )


def test_each_missing_piece_names_its_variables():
    with pytest.raises(EndpointError, match=r"no key.*GOOGLE_API_KEY or GEMINI_API_KEY is not set"):
        destination("gemini", PROVIDERS["gemini"], {})
    with pytest.raises(EndpointError, match=r"no address.*AZURE_OPENAI_ENDPOINT is not set"):
        destination("azure", PROVIDERS["azure"], {"AZURE_OPENAI_API_KEY": "k"})
    with pytest.raises(EndpointError, match=r"a header is incomplete.*LAB_TEAM is not set"):
        destination("lab", Provider("https://x", headers={"x-team": "${LAB_TEAM}"}), {})


def test_headers_are_filled_in_from_the_environment():
    provider = Provider(
        "https://x", api_key_env="K", key_header="x-lab-key", headers={"x-team": "team ${LAB_TEAM}, $5"}
    )
    reached = destination("lab", provider, {"K": "k", "LAB_TEAM": "red"})
    assert reached.headers == {"x-lab-key": "k", "x-team": "team red, $5"}


@pytest.mark.parametrize("value", ["red\r\nx-admin: yes", "r\x00ed"])
def test_a_variable_cannot_add_a_header(value):
    with pytest.raises(EndpointError, match="LAB_TEAM contains a character that no key can have"):
        destination("lab", Provider("https://x", headers={"x-team": "${LAB_TEAM}"}), {"LAB_TEAM": value})


@pytest.mark.parametrize("key", ["sk-very\nprivate", "sk-very-privaté", "sk-very\x00private"])
def test_key_that_no_header_can_hold_is_named_and_not_shown(key):
    with pytest.raises(EndpointError) as caught:
        destination("openai", PROVIDERS["openai"], {"OPENAI_API_KEY": key})
    assert str(caught.value) == (
        "the key in OPENAI_API_KEY contains a character that no key can have (a line break, or one outside ASCII)"
    )


def test_key_is_redacted_without_its_blank_space_too():
    assert (
        Redactor({"LAB_API_KEY": "very-private\n"}).text("not very-private") == "not [redacted LAB_API_KEY]"
    )


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://gpu/v1", "/v1", "https://", "sk-very-private"])
def test_address_that_is_none_names_its_variable_and_shows_nothing(url):
    with pytest.raises(EndpointError) as caught:
        destination("vllm", PROVIDERS["vllm"], {"VLLM_BASE_URL": url})
    assert str(caught.value) == "VLLM_BASE_URL is not an http:// or https:// address"


def test_addresses_of_today_come_before_the_usual_ones():
    pairs = base_urls(PROVIDERS | LAB, {"OPENAI_BASE_URL": "https://proxy.example/v1/"})
    assert pairs.index(("openai", "https://proxy.example/v1")) < pairs.index(
        ("openai", "https://api.openai.com/v1")
    )
    assert ("lab", "https://llm.example.org/v1") in pairs
    assert "local" not in dict(pairs)
    assert len(set(pairs)) == len(pairs)


# Names.


@pytest.mark.parametrize(
    "model",
    ["openai:anything", "lab:anything", "scripted:echo", "local:smollm2-135m-instruct", "acme:anything"],
)
def test_known_models_pass(model, acme):
    acme(AcmeEndpoint)
    check_model(model, LAB)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (
            "opnai:gpt",
            r"model 'opnai:gpt': unknown provider 'opnai' \(known: .*lab, .*openai, .*scripted.*\)",
        ),
        ("OpenAI:gpt", r"model 'OpenAI:gpt': unknown provider 'OpenAI' \(known: .*\)"),
        ("scripted:parrot", r"unknown model 'scripted:parrot' \(known: .*echo.*"),
        ("local:llama", r"model 'local:llama': unknown local model \(known: smollm2-135m-instruct\)"),
        ("gpt", "model 'gpt' is not 'provider:model'"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(model, problem):
    with pytest.raises(ConfigurationError, match=problem):
        check_model(model, LAB)


def test_known_providers_are_sorted_and_named_once(acme):
    acme(AcmeEndpoint)
    names = known_providers({**LAB, "openai": LAB["lab"]})
    assert names == sorted(set(names))
    assert {"acme", "lab", "local", "openai", "scripted"} <= set(names)


# Endpoints.


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("openai:gpt", OpenAIChat),
        ("lab:gpt", OpenAIChat),
        ("local:smollm2-135m-instruct", OpenAIChat),
        ("scripted:echo", FunctionEndpoint),
        (lambda messages: "Hi.", FunctionEndpoint),
    ],
)
def test_model_opens_its_kind_of_endpoint(model, kind):
    assert isinstance(opened(model), kind)


def test_factory_of_another_package_gets_a_logical_address(acme):
    acme(AcmeEndpoint)
    made = []
    acme(lambda config: made.append(config) or AcmeEndpoint(config))
    opened("acme:large:2")
    [config] = made
    assert (config.provider, config.model, config.base_url, config.key_env) == (
        "acme",
        "large:2",
        "duolog://acme",
        "ACME_API_KEY",
    )


def test_configured_provider_goes_before_one_of_another_package(acme):
    acme(AcmeEndpoint)
    assert isinstance(opened("acme:x", {"acme": LAB["lab"]}), OpenAIChat)


class AcmeTalk(ChatProtocol):
    """A protocol of another package, with a provider of its own."""

    history_name = "lines"
    volatile_fields = ("ticket",)
    model_name = "engine"
    key_header = "x-acme-pass"

    def path(self, request):
        return "/talk"

    def fields(self, request):
        return {"engine": request.model}

    def read(self, body, answer):
        return Reply(body["said"], model=body["engine"])


class AcmeAtHome(AcmeTalk):
    provider = Provider("https://acme.example/api", api_key_env="ACME_PASS", headers={"x-team": "red"})


@pytest.mark.parametrize(
    ("factory", "environ", "expected"),
    [
        (
            AcmeTalk,
            {"ACME_BASE_URL": "https://x.example/", "ACME_API_KEY": "k"},
            Destination("https://x.example", {"x-acme-pass": "k"}, "ACME_API_KEY"),
        ),
        (
            AcmeAtHome,
            {"ACME_PASS": "k"},
            Destination("https://acme.example/api", {"x-team": "red", "x-acme-pass": "k"}, "ACME_PASS"),
        ),
        (
            AcmeEndpoint,
            {"ACME_BASE_URL": "https://x.example", "ACME_API_KEY": "k"},
            Destination("https://x.example", {"authorization": "Bearer k"}, "ACME_API_KEY"),
        ),
    ],
)
def test_a_published_protocol_says_where_its_provider_is(acme, factory, environ, expected):
    acme(factory)
    reached = destination("acme", provider_named("acme", {}), environ)
    assert (reached.base_url, reached.headers, reached.key_env) == (
        expected.base_url,
        expected.headers,
        expected.key_env,
    )
    assert "acme" in all_providers({})


def test_an_address_that_nobody_knows_is_named(acme):
    acme(AcmeTalk)
    with pytest.raises(EndpointError, match=r"no address for provider 'acme': .*ACME_BASE_URL is not set"):
        destination("acme", provider_named("acme", {}), {})


@pytest.mark.parametrize(
    ("name", "factory", "problem"),
    [
        ("acme", 5, "entry point 'acme' is '5', which cannot be called"),
        (
            "Acme",
            AcmeEndpoint,
            "the name of a provider may have only lower-case letters, digits, - and _, not 'Acme'",
        ),
        (
            "openai",
            AcmeEndpoint,
            "publishes a protocol named 'openai', which is the name of a built-in provider",
        ),
        (
            "acme",
            type("Wrong", (AcmeTalk,), {"provider": "https://x.example"}),
            "its attribute 'provider' is .*, not a Provider",
        ),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_runs(acme, name, factory, problem):
    acme(factory, name)
    with pytest.raises(ConfigurationError, match=problem):
        check_model(f"{name}:x", {})


def test_a_package_that_cannot_be_imported_is_named(monkeypatch, acme):
    acme(AcmeEndpoint)
    point = published.published_points()["acme"][0]
    monkeypatch.setattr(point, "load", lambda: 1 / 0)
    with pytest.raises(
        ConfigurationError, match="'acme' cannot be loaded: 'ZeroDivisionError: division by zero'"
    ):
        check_model("acme:x", {})
    assert "acme" not in all_providers({})
    check_model("openai:x", {})


def test_a_name_that_two_packages_publish_is_refused(monkeypatch):
    points = {"acme": [Point("acme", AcmeEndpoint), Point("acme", AcmeTalk)]}
    for module in (published, registry):
        monkeypatch.setattr(module, "published_points", lambda: points)
    with pytest.raises(ConfigurationError, match="both publish a protocol named 'acme'"):
        check_model("acme:x", {})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"engine": "e"}, r"the response cannot be read \(KeyError: 'said'\); it has engine"),
        ({"said": 5, "engine": "e"}, "the response cannot be read: the reply is 5, not text"),
        ({"said": None, "engine": "e"}, "the response cannot be read: the reply is null, not text"),
    ],
)
def test_what_a_published_protocol_cannot_read_is_shown(acme, body, says):
    acme(AcmeTalk)
    wire = Wire(body)
    with pytest.raises(EndpointError, match=says):
        ask("acme:x", wire)
    assert len(wire.requests) == 3


class Plain:
    """An endpoint whose `reply` is no coroutine function."""

    def __init__(self, config: EndpointConfig) -> None:
        self.answer: Any = Reply("Fine.")

    def reply(self, request):
        return self.answer


def test_reply_may_be_a_plain_function(acme):
    acme(Plain)
    assert ask("acme:x", Wire({})).content == "Fine."


@pytest.mark.parametrize("answer", [None, "Fine.", 5])
def test_what_is_no_reply_is_shown(acme, answer):
    acme(lambda config: SimpleNamespace(reply=lambda request: answer))
    with pytest.raises(EndpointError, match=r"entry point 'acme' returned .*, not a pytest_duolog\.Reply"):
        ask("acme:x", Wire({}))


def test_factory_that_makes_no_endpoint_is_named(acme):
    acme(lambda config: "nothing")
    with pytest.raises(
        ConfigurationError, match="the entry point 'acme' returned 'nothing', which has no method 'reply'"
    ):
        opened("acme:x")
