"""Addresses as people paste them, and what the environment says of proxies and certificates."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.endpoints.addresses import Address, azure_roots, ollama_address
from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.http_target import HttpTarget
from pytest_duolog.endpoints.live import LiveTransport
from pytest_duolog.endpoints.network import Surroundings, proxy_for
from pytest_duolog.endpoints.providers import PROVIDERS, Provider, destination
from pytest_duolog.endpoints.registry import open_endpoint
from pytest_duolog.endpoints.retrying import Patience, RetryingTransport
from pytest_duolog.errors import ConfigurationError, EndpointError
from pytest_duolog.scenarios.speaker import ModelName
from pytest_duolog.settings.project_table import ProjectTable, configured_providers
from tests.chat_server import ChatServer, completion
from tests.endpoints.asking import HISTORY, reply_over

LOOPBACK = "http://127.0.0.1"


class Caught(httpx.AsyncBaseTransport):
    """Stands in for the network: remembers the address that is asked, and answers as a model does."""

    def __init__(self, answer: httpx.Response | None = None) -> None:
        self.urls: list[str] = []
        self._answer = answer or httpx.Response(200, content=completion({}, "Fine."))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url))
        return self._answer


def ask(
    model: str,
    environ: dict[str, str],
    *,
    through: httpx.AsyncBaseTransport | None = None,
    tries: int = 1,
    configured: dict[str, Provider] | None = None,
) -> Reply:
    """The reply of a model, asked by way of the real addresses."""
    rows = {**PROVIDERS, **(configured or {})}
    environ = {"OPENAI_API_KEY": "k", "AZURE_OPENAI_API_KEY": "k", **environ}
    live = LiveTransport(
        lambda name, asked: destination(name, rows[name], environ, asked),
        through=through,
    )

    return reply_over(
        RetryingTransport(live, Patience(tries=tries, backoff_s=0)),
        lambda line: open_endpoint(model, line=line, configured=configured or {}),
        ChatRequest(ModelName.parse(model).model, HISTORY),
    )


def asked_at(model: str, **environ: str) -> str:
    caught = Caught()
    assert ask(model, environ, through=caught).content == "Fine."
    [url] = caught.urls
    return url


# What stands around an address, and behind it


@pytest.mark.parametrize("before", ["", " ", "\n", "\t "])
@pytest.mark.parametrize("after", ["", "/", " ", "/ \n", "//"])
def test_blank_space_and_slashes_around_an_address_mean_nothing(before: str, after: str) -> None:
    url = asked_at("openai:m", OPENAI_BASE_URL=f"{before}https://gw.example/v1{after}")
    assert url == "https://gw.example/v1/chat/completions"


def test_an_address_of_blank_space_is_none() -> None:
    assert asked_at("openai:m", OPENAI_BASE_URL=" \n") == "https://api.openai.com/v1/chat/completions"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (
            "https://gw.example/v1?api-version=2024-10-21",
            "https://gw.example/v1/chat/completions?api-version=2024-10-21",
        ),
        ("https://gw.example/v1/?a=1&b=x%2Fy", "https://gw.example/v1/chat/completions?a=1&b=x%2Fy"),
        ("https://gw.example/v1/chat/completions", "https://gw.example/v1/chat/completions"),
        ("https://gw.example/v1/chat/completions?a=1", "https://gw.example/v1/chat/completions?a=1"),
        ("https://gw.example?a=1", "https://gw.example/chat/completions?a=1"),
        ("HTTPS://GW.example:8443/v1", "https://gw.example:8443/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
    ],
)
def test_a_query_goes_with_each_request_behind_its_path(given: str, asked: str) -> None:
    assert asked_at("openai:m", OPENAI_BASE_URL=given) == asked
    lab = {"lab": Provider(f" {given}\n")}
    caught = Caught()
    ask("lab:m", {}, through=caught, configured=lab)
    assert caught.urls == [asked]


@pytest.mark.parametrize(
    "text",
    ["", "gpu", "ftp://gpu", "http://", "http:///v1", "http://gpu:port", "http://gpu:99999", "http://[::1",
     "http://a b", "http://gpu/\x00", "http://gpu\nhttp://other", "sk-very-private"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert Address.parse(text) is None
    if text:
        with pytest.raises(EndpointError, match=r"^VLLM_BASE_URL is not an http:// or https:// address$"):
            ask("vllm:m", {"VLLM_BASE_URL": text})


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    for found in (Address.parse(text), Address.parse(f"http://{text}"), Address.parse(ollama_address(text))):
        if found:
            httpx.URL(found.url)
            assert not found.url.endswith("/")


def test_a_wrong_address_of_a_chatbot_is_refused_at_once() -> None:
    assert HttpTarget(" http://bot.example/chat\n").url == "http://bot.example/chat"
    with pytest.raises(ConfigurationError, match="'http://bot:port/chat' is not an address"):
        HttpTarget("http://bot:port/chat")


# Ollama's own rules: the table of its tests, and more


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("example.com", "http://example.com:11434"),
        ("example.com:1234", "http://example.com:1234"),
        (":66000", "http://127.0.0.1:11434"),
        (":-1", "http://127.0.0.1:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("[fe80::5]:1337/x", "http://[fe80::5]:1337/x"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        (' " 1.2.3.4 " \n', "http://1.2.3.4:11434"),
        ("'1.2.3.4'", "http://1.2.3.4:11434"),
        ("http://1.2.3.4", "http://1.2.3.4"),
        ("http://1.2.3.4:4321", "http://1.2.3.4:4321"),
        ("https://1.2.3.4", "https://1.2.3.4"),
        ("https://example.com/ollama", "https://example.com/ollama"),
        ("https://[::1]/ollama/", "https://[::1]/ollama"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("http://0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("gpu/ollama", "http://gpu:11434/ollama"),
        ("gpu:80/a/b/", "http://gpu:80/a/b"),
        ("gpu:", "http://gpu:11434"),
        ("ollama.com", "https://ollama.com"),
    ],
)
def test_ollama_host_means_what_it_means_to_ollama(given: str, meant: str) -> None:
    assert destination("ollama", PROVIDERS["ollama"], {"OLLAMA_HOST": given}).base_url == meant


# Azure

V1 = "https://lab.openai.azure.com/openai/v1/chat/completions"
CLASSIC = "https://lab.openai.azure.com/openai/deployments/gpt/chat/completions?api-version="


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("https://lab.openai.azure.com", V1),
        ("https://lab.openai.azure.com/", V1),
        ("https://lab.openai.azure.com/openai", V1),
        (" https://lab.openai.azure.com/openai/ \n", V1),
        ("https://lab.openai.azure.com/openai/v1/", V1),
        ("https://lab.openai.azure.com//openai", V1),
        ("https://lab.openai.azure.com/OpenAI", V1),
        ("https://lab.openai.azure.com//OpenAI//V1//Chat/Completions", V1),
        ("https://lab.openai.azure.com/openai/v1/models", V1),
        (
            "https://lab.openai.azure.com//OpenAI//Deployments/gpt?API-Version=2024-10-21",
            f"{CLASSIC}2024-10-21",
        ),
        ("https://lab.openai.azure.com/openai/v1/chat/completions", V1),
        ("https://lab.openai.azure.com/openai/v1?api-version=preview", f"{V1}?api-version=preview"),
        ("https://lab.openai.azure.com?api-version=preview", f"{V1}?api-version=preview"),
        ("https://lab.openai.azure.com?api-version=2024-10-21", f"{CLASSIC}2024-10-21"),
        (
            "https://lab.openai.azure.com/openai?api-version=2025-04-01-preview",
            f"{CLASSIC}2025-04-01-preview",
        ),
        (
            "https://lab.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
            f"{CLASSIC}2024-10-21",
        ),
        (
            "https://lab.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21",
            f"{CLASSIC}2024-10-21",
        ),
        (
            "https://lab.openai.azure.com/openai/deployments/gpt/?api-version=2024-10-21",
            f"{CLASSIC}2024-10-21",
        ),
        # the address that the portal shows for newer models
        (
            "https://lab.openai.azure.com/openai/responses?api-version=2025-04-01-preview",
            f"{CLASSIC}2025-04-01-preview",
        ),
        # the address names another deployment than the test does
        (
            "https://lab.openai.azure.com/openai/deployments/old?api-version=2024-10-21",
            f"{CLASSIC}2024-10-21",
        ),
        (
            "https://apim.example/team/openai/deployments/gpt?api-version=2024-10-21",
            "https://apim.example/team/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://lab.services.ai.azure.com/api/projects/p",
            "https://lab.services.ai.azure.com/api/projects/p/openai/v1/chat/completions",
        ),
        (
            "https://lab.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
            "https://lab.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
    ],
)
def test_azures_endpoint_may_be_pasted_in_any_form(given: str, asked: str) -> None:
    assert asked_at("azure:gpt", AZURE_OPENAI_ENDPOINT=given) == asked
    address = Address.parse(given)
    assert address
    assert any(asked.startswith(f"{root}/") for root in azure_roots(address))  # it is recorded as Azure's


@pytest.mark.parametrize("variable", ["AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"])
@pytest.mark.parametrize("given", ["", "/openai", "/openai/deployments/gpt"])
def test_a_dated_version_in_a_variable_means_the_classic_api(variable: str, given: str) -> None:
    environ = {"AZURE_OPENAI_ENDPOINT": f"https://lab.openai.azure.com{given}", variable: " 2024-06-01 "}
    assert asked_at("azure:gpt", **environ) == f"{CLASSIC}2024-06-01"


def test_a_deployment_without_a_version_says_what_it_lacks() -> None:
    environ = {"AZURE_OPENAI_ENDPOINT": "https://lab.openai.azure.com/openai/deployments/gpt"}
    with pytest.raises(
        EndpointError, match=r"lacks its api-version\n.*AZURE_OPENAI_API_VERSION or OPENAI_API_VERSION"
    ):
        ask("azure:gpt", environ)


def test_a_deployments_name_stays_one_part_of_the_path() -> None:
    url = asked_at("azure:a/b c", AZURE_OPENAI_ENDPOINT="https://lab.example?api-version=2024-10-21")
    assert url == "https://lab.example/openai/deployments/a%2Fb%20c/chat/completions?api-version=2024-10-21"


# What is not there


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("body", [b'{"error": {"message": "Nothing"}}', b"<html>nginx</html>", b""])
def test_what_is_not_there_names_the_address_and_its_variable(status: int, body: bytes) -> None:
    through = Caught(httpx.Response(status, content=body, headers={"content-type": "text/html"}))
    with pytest.raises(EndpointError) as caught:
        ask(
            "openai:m",
            {"OPENAI_BASE_URL": "http://ann:very-private@gpu:8000?key=very-private"},
            through=through,
        )
    assert "(POST http://gpu:8000/chat/completions, from OPENAI_BASE_URL)" in str(caught.value)
    assert "under /v1" in str(caught.value)
    assert "very-private" not in str(caught.value)


def test_what_is_not_there_names_the_table_of_its_address() -> None:
    table = ProjectTable.model_validate({"providers": {"lab": {"base_url": "http://gpu:8000/v1"}}})
    with pytest.raises(
        EndpointError, match=r"POST http://gpu:8000/v1/chat/completions, from \[tool.duolog.providers.lab\]"
    ):
        ask("lab:m", {}, through=Caught(httpx.Response(404)), configured=configured_providers(table))


def test_a_model_that_is_not_there_is_named_beside_the_address() -> None:
    body = b'{"error": {"message": "The model `m` does not exist or is not found"}}'
    with pytest.raises(EndpointError) as caught:
        ask("openai:m", {}, through=Caught(httpx.Response(404, content=body)))
    assert "check the model's name\n" in str(caught.value)
    assert "(POST https://api.openai.com/v1/chat/completions)" in str(caught.value)


# Proxies


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("http", "https", "all", "no"):
        for name in (f"{kind}_proxy", f"{kind}_proxy".upper()):
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("proxy.example:3128", "http://proxy.example:3128"),
        (" proxy.example:3128\n", "http://proxy.example:3128"),
        ("proxy.example", "http://proxy.example"),
        ("//proxy.example:3128", None),
        ("HTTP://proxy.example:3128", "http://proxy.example:3128"),
        ("ann:secret@proxy.example:3128", "http://ann:secret@proxy.example:3128"),
        ("socks5://proxy.example:1080", "socks5://proxy.example:1080"),
        ("[::1]:3128", "http://[::1]:3128"),
    ],
)
@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_a_proxy_needs_no_scheme(
    monkeypatch: pytest.MonkeyPatch, given: str, meant: str | None, variable: str
) -> None:
    monkeypatch.setenv(variable, given)
    if meant is None:
        with pytest.raises(EndpointError, match=f"{variable} is not the address of a proxy"):
            proxy_for(httpx.URL("https://api.example"), Surroundings.of_now())
    else:
        found = proxy_for(httpx.URL("https://api.example"), Surroundings.of_now())
        assert found is not None
        assert (found.url, found.variable) == (meant, variable)
        assert "secret" not in repr(found)


@pytest.mark.parametrize("given", ["ftp://proxy", "http://", "proxy:port", "a b"])
def test_what_is_no_proxy_names_its_variable(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", given)
    with pytest.raises(EndpointError, match="HTTPS_PROXY is not the address of a proxy"):
        ask("openai:m", {})


@pytest.mark.parametrize("given", ["", " "])
def test_a_blank_proxy_is_none(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", given)
    assert proxy_for(httpx.URL("https://api.example"), Surroundings.of_now()) is None


@pytest.mark.parametrize(
    "listed", ["api.example", "api.example:8443", " other, api.example ", ".example", "*"]
)
def test_hosts_without_a_proxy(monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", listed)
    assert proxy_for(httpx.URL("https://api.example:8443/v1"), Surroundings.of_now()) is None


def test_requests_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ChatServer()
    monkeypatch.setenv("http_proxy", server.url.removeprefix("http://").removesuffix("/v1"))
    reply = ask("openai:m", {"OPENAI_BASE_URL": "http://llm.example.invalid/v1"})
    server.close()
    assert "m hears" in reply.content
    assert server.paths == ["http://llm.example.invalid/v1/chat/completions"]


def test_a_proxy_that_is_down_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "ann:very-private@127.0.0.1:9")
    with pytest.raises(
        EndpointError, match=r"through the proxy http://127\.0\.0\.1:9 \(http_proxy\)"
    ) as caught:
        ask("openai:m", {"OPENAI_BASE_URL": "http://llm.example.invalid/v1"})
    assert "very-private" not in str(caught.value)


# Certificates


class Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        content = completion({}, "Fine.")
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def private_authority(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a server whose certificate is from an authority of its own, and the file with that authority's."""
    authority = pytest.importorskip("trustme").CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that do not trust it hang up
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port, path
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_private_authority_is_named_in_a_variable(
    monkeypatch: pytest.MonkeyPatch, private_authority: tuple[int, Path], variable: str
) -> None:
    port, path = private_authority
    environ = {"OPENAI_BASE_URL": f"https://localhost:{port}/v1"}
    with pytest.raises(EndpointError) as caught:
        ask("openai:m", environ, tries=3)
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)
    assert "SSL_CERT_FILE (or REQUESTS_CA_BUNDLE)" in str(caught.value)
    assert "tries" not in str(caught.value)
    monkeypatch.setenv(variable, f" {path}\n")
    assert ask("openai:m", environ).content == "Fine."


def test_a_certificate_for_another_host_is_no_matter_of_authorities(
    monkeypatch: pytest.MonkeyPatch, private_authority: tuple[int, Path]
) -> None:
    port, path = private_authority
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(EndpointError, match="is for another host than the one in the address"):
        ask("openai:m", {"OPENAI_BASE_URL": f"https://127.0.0.1:{port}/v1"}, tries=3)


def test_a_server_without_tls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ChatServer()
    with pytest.raises(EndpointError, match="should it begin with http://"):
        ask("openai:m", {"OPENAI_BASE_URL": server.url.replace("http:", "https:")}, tries=3)
    server.close()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_certificates_that_cannot_be_read_name_their_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, content: str | None
) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv(variable, str(path))
    with pytest.raises(
        EndpointError, match=f"the certificates of {variable} cannot be read: .*authority.pem"
    ):
        ask("openai:m", {})
