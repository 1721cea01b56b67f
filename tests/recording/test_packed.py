"""Packed answers to a user's own code: recorded as plain text, in whole or not at all."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.errors import DialogueError, UnreadableCassette
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.recording.redaction import Redactor
from pytest_duolog.recording.vcr_yaml import read_yaml
from pytest_duolog.running.dialogue import Dialogue
from pytest_duolog.running.dialogue import TestSite as Site
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.values import ScenarioValues, Source
from pytest_duolog.settings import Settings
from tests.fault_server import FaultServer, LoopTime

TEXT = "A lamp for Zoë, 李, and many more words than fit into the first block. " * 20


def brotli(content: bytes) -> bytes:
    return pytest.importorskip("brotli").compress(content)


def zstd(content: bytes) -> bytes:
    return pytest.importorskip("zstandard").ZstdCompressor().compress(content)


PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli, "zstd": zstd}


def with_requests(url: str) -> Callable[..., str]:
    requests = pytest.importorskip("requests")
    return lambda messages: requests.get(url, timeout=30).content.decode("utf-8", "replace")


def with_httpx(url: str, name: str = "httpx") -> Callable[..., str]:
    httpx = pytest.importorskip(name)
    return lambda messages: httpx.get(url).text


def with_httpx2(url: str) -> Callable[..., str]:
    return with_httpx(url, "httpx2")


def with_aiohttp(url: str) -> Callable[..., Any]:
    aiohttp = pytest.importorskip("aiohttp")

    async def speak(messages: object) -> str:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return (await response.read()).decode()

    return speak


LIBRARIES = {"requests": with_requests, "httpx": with_httpx, "httpx2": with_httpx2, "aiohttp": with_aiohttp}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes, str], FaultServer]]:
    running = []

    def start(body: bytes, encoding: str) -> FaultServer:
        headers = {"content-type": "text/plain; charset=utf-8", "content-encoding": encoding}
        server = FaultServer(
            lambda connection: connection.answer(body, headers=headers), loop_time=LoopTime(monkeypatch)
        )
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


def hold(speaker: Callable[..., Any], folder: Path, mode: RecordMode) -> Dialogue:
    given = {"a": "scripted:echo", "b": speaker, "turns": 1, "stop_on": ()}
    values = ScenarioValues.of([Source("the test", given)])
    session = Session(Settings(record_mode=mode), {})
    return Dialogue(Site(session, folder, "test_packed", values, {}, "test_packed.py", lambda _: ()), values)


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_packed_answer_is_recorded_as_plain_text(serve, tmp_path, library, encoding):
    server = serve(PACKERS[encoding](TEXT.encode()), encoding)
    speaker = LIBRARIES[library](server.url)
    if library == "aiohttp" and encoding == "zstd" and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")  # aiohttp takes no other
    dialogue = hold(speaker, tmp_path, RecordMode.ONCE)
    if dialogue.messages[1].content != TEXT.strip():
        pytest.skip(f"{library} does not unpack {encoding} here")
    assert dialogue.cassette_path is not None
    [one] = read_journal(dialogue.cassette_path).interactions
    assert one.response.content == TEXT.encode()
    assert "content-encoding" not in one.response.headers
    server.close()
    assert hold(speaker, tmp_path, RecordMode.NONE).messages == dialogue.messages


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_packed_answer_that_is_cut_short_is_not_taken_as_whole(serve, tmp_path, library, encoding):
    packed = PACKERS[encoding](TEXT.encode())
    speaker = LIBRARIES[library](serve(packed[:-6], encoding).url)
    if library == "aiohttp" and encoding == "zstd" and sys.version_info < (3, 14):
        pytest.importorskip("backports.zstd")  # aiohttp takes no other
    dialogue = hold(speaker, tmp_path, RecordMode.ONCE)
    with pytest.raises(
        DialogueError, match=r"the response .*is incomplete: it ends before its packed|deflate"
    ):
        dialogue.messages  # noqa: B018
    assert list(tmp_path.rglob("*.jsonl")) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_answer_in_two_parts_is_recorded_in_whole(serve, tmp_path, library):
    packed = gzip.compress(TEXT[:70].encode()) + gzip.compress(TEXT[70:].encode())
    speaker = LIBRARIES[library](serve(packed, "gzip").url)
    dialogue = hold(speaker, tmp_path, RecordMode.ONCE)
    assert dialogue.messages[1].content
    assert dialogue.cassette_path is not None
    [one] = read_journal(dialogue.cassette_path).interactions
    assert one.response.content == TEXT.encode()


def test_packed_answer_in_a_yaml_cassette_is_in_whole_or_refused(tmp_path):
    yaml = pytest.importorskip("yaml")
    path = tmp_path / "c.yaml"
    for packed, is_whole in ((gzip.compress(b"Fine."), True), (gzip.compress(b"Fine.")[:-3], False)):
        interaction = {
            "request": {"method": "GET", "uri": "https://h/", "body": None, "headers": {}},
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {"Content-Encoding": ["gzip"]},
                "body": {"string": packed},
            },
        }
        path.write_text(yaml.safe_dump({"version": 1, "interactions": [interaction]}))
        if is_whole:
            [one] = read_yaml(path, base_urls=(), redactor=Redactor({})).interactions
            assert one.response.content == b"Fine."
        else:
            with pytest.raises(UnreadableCassette, match="is incomplete"):
                read_yaml(path, base_urls=(), redactor=Redactor({}))
