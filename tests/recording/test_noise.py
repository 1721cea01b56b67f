"""What HTTP libraries put into a request by chance: the same request, sent again, is found in its recording."""

from __future__ import annotations

import gzip
import json
import uuid

# Imported here once, so that every inner run finds them.
import aiohttp  # noqa: F401
import httpx2  # noqa: F401
import openai  # noqa: F401
import pytest
import requests  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.recording.interaction import Body
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.recording.noise import BOUNDARY
from pytest_duolog.recording.redaction import Redactor
from tests.chat_server import ChatServer


def strange(content: bytes, **headers: str) -> Body:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Body.of_stranger(content, named, Redactor({}))[0]


def form(boundary: str, *parts: str) -> bytes:
    lines = "".join(f"--{boundary}\r\nContent-Disposition: form-data\r\n\r\n{part}\r\n" for part in parts)
    return f"{lines}--{boundary}--\r\n".encode()


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary={}", 'Multipart/Mixed; charset=utf-8; Boundary="{}"; x=y']
)
def test_boundaries_are_no_part_of_a_request(kind: str) -> None:
    one, other = "0a" * 16, "-----x+'y"
    left = strange(form(one, "words", "more"), content_type=kind.format(one))
    assert left.same_as(strange(form(other, "words", "more"), content_type=kind.format(other)))
    assert not left.same_as(strange(form(other, "words", "less"), content_type=kind.format(other)))
    _, headers = Body.of_stranger(form(one, "words"), {"Content-Type": kind.format(one)}, Redactor({}))
    assert one not in str(headers)
    assert BOUNDARY in str(headers)


def test_a_boundary_in_another_kind_of_body_is_text() -> None:
    assert not strange(b"--a", content_type="text/plain; boundary=a").same_as(
        strange(b"--b", content_type="text/plain; boundary=b")
    )


def test_packing_is_no_part_of_a_request() -> None:
    body = json.dumps({"messages": [{"content": "Hello."}]}).encode()
    packed = [gzip.compress(body, mtime=mtime) for mtime in (1, 2_000_000_000)]
    assert packed[0] != packed[1]
    assert all(strange(one, content_encoding="gzip").same_as(strange(body)) for one in packed)
    assert strange(packed[0][:-9], content_encoding="gzip").raw == packed[0][:-9]
    assert strange(b"no gzip", content_encoding="gzip").raw == b"no gzip"


def test_a_secret_in_a_packed_body_is_taken_out() -> None:
    key = "sk-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
    assert key.encode() not in strange(gzip.compress(key.encode()), content_encoding="gzip").content()


@pytest.mark.parametrize(
    "name",
    [
        "idempotency_key",
        "idempotencyKey",
        "Idempotency-Key",
        "clientToken",
        "clientRequestToken",
        "idempotentId",
    ],
)
def test_tokens_of_repeated_requests_are_noise_where_they_are_random(name: str) -> None:
    def sent(token: object) -> Body:
        return strange(json.dumps({"a": [{name: token}], "words": "Hello."}).encode())

    assert sent(str(uuid.uuid4())).same_as(sent(str(uuid.uuid4())))
    assert sent(uuid.uuid4().hex).same_as(sent(uuid.uuid4().hex))
    assert not sent("order-5").same_as(sent("order-6"))
    assert not sent(5).same_as(sent(6))


def test_ids_of_rpc_are_noise_where_they_are_random() -> None:
    def sent(number: object, **more: object) -> Body:
        return strange(json.dumps({"jsonrpc": "2.0", "id": number, **more}).encode())

    assert sent(str(uuid.uuid4())).same_as(sent(str(uuid.uuid4())))
    assert not sent(1).same_as(sent(2))
    assert not sent(str(uuid.uuid4()), method="a").same_as(sent(str(uuid.uuid4()), method="b"))


@pytest.mark.parametrize("name", ["id", "order_id", "request_id", "session", "message"])
def test_other_ids_matter(name: str) -> None:
    one, other = (strange(json.dumps({name: str(uuid.uuid4())}).encode()) for _ in range(2))
    assert not one.same_as(other)


@given(st.binary(), st.sampled_from(["", "gzip", "deflate"]), st.text(max_size=20))
def test_any_body_is_read(content: bytes, encoding: str, kind: str) -> None:
    body = strange(content, content_encoding=encoding, content_type=f"multipart/form-data; boundary={kind}")
    assert body.same_as(body)


# With the libraries themselves

SPEAKERS = """
import io
import os

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests

URL = os.environ["OPENAI_BASE_URL"]
FILE = ("a.wav", b"RIFF\\xff\\x00sound", "audio/wav")

def with_httpx(words):
    return httpx.post(URL, files={"file": FILE}, data={"words": words}).text

def with_httpx2(words):
    return httpx2.post(URL, files={"file": FILE}, data={"words": words}).text

def with_requests(words):
    return requests.post(URL, files={"file": FILE}, data={"words": words}, timeout=30).text

async def with_aiohttp(words):
    form = aiohttp.FormData()
    form.add_field("file", FILE[1], filename="a.wav")
    form.add_field("words", words)
    async with aiohttp.ClientSession() as session, session.post(URL, data=form) as response:
        return await response.text()

async def with_aiohttp_file(words):
    form = aiohttp.FormData({"words": words, "file": io.BytesIO(FILE[1])})
    async with aiohttp.ClientSession() as session, session.post(URL, data=form) as response:
        return await response.text()

async def with_aiohttp_parts(words):
    with aiohttp.MultipartWriter("mixed") as parts:
        parts.append(words)
        parts.append_json({"words": words})
    async with aiohttp.ClientSession() as session, session.post(URL, data=parts) as response:
        return await response.text()

async def with_aiohttp_form(words):
    form = aiohttp.FormData({"words": words})
    async with aiohttp.ClientSession() as session, session.post(URL, data=form) as response:
        return await response.text()

def with_openai(words):
    return openai.OpenAI(max_retries=0).audio.transcriptions.create(model="m", file=FILE, prompt=words).text

async def with_async_openai(words):
    async with openai.AsyncOpenAI(max_retries=0) as client:
        return (await client.audio.transcriptions.create(model="m", file=FILE, prompt=words)).text

LIBRARIES = [
    with_httpx, with_httpx2, with_requests, with_aiohttp, with_aiohttp_file, with_aiohttp_parts, with_aiohttp_form,
    with_openai, with_async_openai,
]

@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def duolog_scenario(request):
    def speaker(messages):
        return request.param(os.environ.get("WORDS", "Hello."))
    speaker.__qualname__ = request.param.__name__
    return {"b": speaker, "a": "scripted:counter"}

@pytest.mark.dialogue(turns=1, opener="Hello.")
def test_upload(dialogue):
    assert "bytes" in dialogue.messages[1].content
"""
N_LIBRARIES = 9


@pytest.fixture
def uploads(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was uploaded."""
    received: list[bytes] = []

    def do_post(handler) -> None:
        length = handler.headers.get("content-length")
        if length is None:  # aiohttp sends some bodies in chunks
            content = b""
            while size := int(handler.rfile.readline(), 16):
                content += handler.rfile.read(size)
                handler.rfile.readline()
            handler.rfile.readline()
        else:
            content = handler.rfile.read(int(length))
        received.append(content)
        answer = json.dumps({"text": f"{len(received)} uploads of some bytes"}).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    monkeypatch.setattr(chat_server._httpd.RequestHandlerClass, "do_POST", do_post)
    return received


def test_an_upload_is_found_again_with_every_library(
    pytester: pytest.Pytester, chat_server: ChatServer, uploads: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(SPEAKERS)
    recorded = pytester.runpytest("--record-mode=once", "-p", "no:cacheprovider")
    recorded.assert_outcomes(passed=N_LIBRARIES)
    assert all(b"Hello." in content for content in uploads)
    for path in pytester.path.rglob("*.jsonl"):
        [one] = read_journal(path).interactions
        assert b"Hello." in one.request.body.content(), path
    chat_server.close()
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=N_LIBRARIES)
    monkeypatch.setenv("WORDS", "Goodbye.")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(failed=N_LIBRARIES)
