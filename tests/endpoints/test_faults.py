"""Every known way for a model to fail, against a real socket: without a recording, and with one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_duolog.endpoints.base import ChatRequest, Reply
from pytest_duolog.endpoints.live import LiveTransport
from pytest_duolog.endpoints.providers import PROVIDERS, destination
from pytest_duolog.endpoints.registry import open_endpoint
from pytest_duolog.endpoints.retrying import Patience, RetryingTransport
from pytest_duolog.errors import CassetteMismatch, DialogueError, EndpointError
from pytest_duolog.recording.journal_file import read_journal
from pytest_duolog.recording.record_mode import RecordMode
from pytest_duolog.running.dialogue import Dialogue
from pytest_duolog.running.dialogue import TestSite as Site
from pytest_duolog.running.session import Session
from pytest_duolog.scenarios.values import ScenarioValues, Source
from pytest_duolog.settings import Settings
from pytest_duolog.transcripts.perspective import ChatMessage
from tests.chat_server import completion
from tests.endpoints.asking import reply_over
from tests.fault_server import Connection, Fault, FaultServer, LoopTime

KEY = "a-key-of-no-account"
PATIENCE = Patience(timeout_s=20, backoff_s=0, longest_wait_s=5, largest_reply_bytes=100_000)


def answers(*args: Any, **options: Any) -> Fault:
    return lambda connection: connection.answer(*args, **options)


def error(status: int, message: str = "Oh.", headers: dict[str, str] | None = None, **details: Any) -> Fault:
    return answers({"error": {"message": message, **details}}, status=status, headers=headers)


def said(text: str | None, finish: str = "stop", **message: Any) -> Fault:
    content = {"role": "assistant", "content": text, **message}
    return answers(completion({"model": "m"}, text, message=content, finish_reason=finish))


def cut_short(connection: Connection) -> None:
    connection.answer(b'{"choices": [', length=500)


def reset_inside(connection: Connection) -> None:
    connection.answer(b'{"choices": [', length=500)
    connection.reset()


def endless(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 -\r\ncontent-type: application/json\r\n\r\n")
    connection.flood(b" " * 65536)


def dripping(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 -\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n")
    connection.drip(b" " * 99999, PATIENCE.silence_s / 10)


def split_header(connection: Connection) -> None:
    connection.answer(headers={"x-note": "a\r\nset-cookie: b=c"})


def not_http(connection: Connection) -> None:
    connection.send(b"SSH-2.0-OpenSSH_9.2\r\n")


OK = answers()
OK_BODY = completion({"model": "m"}, "Fine.")
BOMB = gzip.compress(b" " * 10_000_000)
HTML = b"<html><head><title>502</title></head><body><h1>Bad\n Gateway</h1></body></html>"
DEEP = completion({"model": "m"}, "Fine.")[:-1] + b', "deep": ' + b"[" * 500 + b"]" * 500 + b"}"
PORTAL = b"<!doctype html><p>Sign in to <b>Free WiFi</b></p>"


@dataclass
class Row:
    """Faults, one a request; how often is asked; the reply's text, or a pattern of what is said instead."""

    faults: Sequence[Fault]
    n_asked: int
    reply: str | None = None
    says: str = ""


MATRIX = {
    "429 with Retry-After in seconds": Row([error(429, headers={"retry-after": "0"}), OK], 2, "Fine."),
    "429 with Retry-After as a date": Row(
        [error(429, headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}), OK], 2, "Fine."
    ),
    "429 with retry-after-ms": Row([error(429, headers={"retry-after-ms": "1.5"}), OK], 2, "Fine."),
    "429 again and again": Row(
        [error(429)], 3, says=r"HTTP 429: 'Oh\.' \(3 tries, 0\.0 s of waiting between them\)"
    ),
    "429 with an hour to wait": Row(
        [error(429, headers={"retry-after": "3600"})],
        1,
        says=r"asks to wait 3600 s, more than the limit of 5 s[\s\S]*longest_wait_s in \[tool\.duolog\.requests\]",
    ),
    "429 without quota": Row(
        [error(429, code="insufficient_quota")], 1, says="the quota is used up, waiting does not help"
    ),
    "402": Row([error(402)], 1, says="HTTP 402.*the quota is used up"),
    "500": Row([error(500), OK], 2, "Fine."),
    "502 as HTML": Row(
        [answers(HTML, status=502, headers={"content-type": "text/html"})],
        3,
        says=r"HTTP 502, but not JSON \(text/html\): '502 Bad Gateway'",
    ),
    "529": Row([error(529), error(529), OK], 3, "Fine."),
    "501": Row([error(501)], 1, says="HTTP 501"),
    "401": Row([error(401)], 1, says=r"HTTP 401[\s\S]*check the key in OPENAI_API_KEY"),
    "403": Row([error(403)], 1, says=r"HTTP 403[\s\S]*check the key in OPENAI_API_KEY"),
    "400 about a setting": Row(
        [error(400, "`temperature` is deprecated for this model.")], 1, says="leave it unset"
    ),
    "400 about the limit": Row(
        [error(400, "Use 'max_completion_tokens' instead.")], 1, says="leave max_tokens unset"
    ),
    "400 about the roles": Row(
        [error(400, "Conversation roles must alternate")], 1, says="`user` first; see `stub`"
    ),
    "400 about the length": Row(
        [error(400, "maximum context length is 4096")], 1, says="does not fit the model"
    ),
    "404": Row([error(404, "The model `m` does not exist")], 1, says="check the model's name"),
    "422 without a message": Row(
        [answers({"detail": [{"loc": ["body"]}]}, status=422)], 1, says="HTTP 422: .*detail"
    ),
    "400 the server wants repeated": Row([error(400, headers={"x-should-retry": "true"}), OK], 2, "Fine."),
    "500 the server wants not repeated": Row(
        [error(500, headers={"x-should-retry": "false"})], 1, says="500"
    ),
    "reset before the answer": Row([Connection.reset, OK], 2, "Fine."),
    "reset for ever": Row(
        [Connection.reset], 3, says=r"(ReadError|RemoteProtocolError) while asking openai at http://127"
    ),
    "reset inside the answer": Row([reset_inside, OK], 2, "Fine."),
    "answer cut short": Row(
        [cut_short],
        3,
        says=r"RemoteProtocolError while asking openai at .* after 13 bytes of the response: .*received 13 bytes",
    ),
    "not HTTP": Row([not_http], 3, says="RemoteProtocolError"),
    "a hang": Row(
        [Connection.hang],
        2,
        says=r"no complete response from openai at .* within 20 s \(2 tries, .*\); the try before: "
        r"ReadTimeout.*silent for 10 s",
    ),
    "a hang, then an answer": Row([Connection.hang, OK], 2, "Fine."),
    "a slow drip": Row(
        [dripping],
        1,
        says=r"no complete response from openai at .* within 20 s \(1 try, \d+ bytes of the last response\)",
    ),
    "an error, then a slow drip": Row(
        [error(500), dripping],
        2,
        says=r"no complete response from openai at .* \(2 tries, .*\); the try before: HTTP 500: 'Oh\.'",
    ),
    "malformed JSON": Row([answers(b'{"choices": ['), OK], 2, "Fine."),
    "empty body": Row([answers(b"")], 3, says=r"HTTP 200, but not JSON \(application/json\): ''"),
    "latin-1": Row([answers(completion({"model": "m"}, "Fine.") + b"\xe9")], 3, says="but not JSON"),
    "captive portal": Row(
        [answers(PORTAL, headers={"content-type": "text/html"})],
        3,
        says=r"HTTP 200, but not JSON \(text/html\): 'Sign in to Free WiFi'[\s\S]*check the provider's base_url",
    ),
    **{
        f"JSON {depth} deep": Row([answers(b'{"error": ' * depth + b"1" + b"}" * depth), OK], 2, "Fine.")
        for depth in (150, 400, 960, 2000)
    },
    "JSON too deep beside the reply": Row(
        [answers(DEEP)], 3, says="HTTP 200, but its JSON is nested more than 100 deep"
    ),
    "429 with a date that no calendar has": Row(
        [error(429, headers={"retry-after": "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"}), OK], 2, "Fine."
    ),
    "a price without an end": Row(
        [answers(completion({}, "Fine.")[:-1] + b', "usage": {"cost": 1e999}}')], 1, "Fine."
    ),
    "JSON but no object": Row([answers(b"[1]")], 3, says="JSON but not an object: '\\[1\\]'"),
    "200 with an error that stays": Row(
        [answers({"error": {"code": 400, "message": "No.", "metadata": {"provider_name": "Acme"}}})],
        1,
        says="HTTP 200 with error 400 in it from 'Acme': 'No.'",
    ),
    "200 with an error that passes": Row(
        [answers({"error": {"code": 503, "message": "Busy."}}), OK], 2, "Fine."
    ),
    "no choices": Row([answers({"choices": [], "id": "x"}), OK], 2, "Fine."),
    "silence once": Row([said(""), OK], 2, "Fine."),
    "silence twice": Row([said(None), said("  ")], 2, ""),
    "thinking used up the limit": Row(
        [said(None, "length", reasoning_content="Hm.")],
        1,
        says=r"token limit in reasoning before its first word \('length'\)[\s\S]*raise max_tokens",
    ),
    "cut at the limit": Row([said("Fine", "length")], 1, "Fine"),
    "filtered": Row([said("", "content_filter")], 1, ""),
    "refused": Row([said(None, refusal="No, sorry.")], 1, "No, sorry."),
    "a tool call unasked": Row(
        [said(None, "tool_calls", tool_calls=[{"function": {"name": "refund", "arguments": "{}"}}])],
        1,
        says="called a tool instead of replying: 'refund'",
    ),
    "a model that broke off": Row([said("Fi", "error"), OK], 2, "Fine."),
    "an endless answer": Row(
        [endless],
        1,
        says=r"larger than 100000 bytes[\s\S]*largest_reply_bytes",
    ),
    "a decompression bomb": Row(
        [answers(BOMB, headers={"content-encoding": "gzip"})], 1, says="larger than 100000 bytes"
    ),
    "an answer packed unasked": Row(
        [answers(gzip.compress(completion({}, "Fine.")), headers={"content-encoding": "gzip"})], 1, "Fine."
    ),
    "packed in a way nobody asked for": Row(
        [answers(b"?", headers={"content-encoding": "compress"})],
        1,
        says="has the encoding 'compress', which cannot be unpacked, although the request asked for an unpacked body",
    ),
    "packed in two parts": Row(
        [
            answers(
                gzip.compress(OK_BODY[:40]) + gzip.compress(OK_BODY[40:]),
                headers={"content-encoding": "gzip"},
            )
        ],
        1,
        "Fine.",
    ),
    "packed and cut short": Row(
        [answers(gzip.compress(OK_BODY)[:-5], headers={"content-encoding": "gzip"}), OK], 2, "Fine."
    ),
    "packed and cut short again and again": Row(
        [answers(gzip.compress(OK_BODY)[:-5], headers={"content-encoding": "gzip"})],
        3,
        says="the response from openai at .* is incomplete: it ends before its packed content ends",
    ),
    "packed as nothing": Row([answers(headers={"content-encoding": ""})], 1, "Fine."),
    "packed and damaged": Row([answers(b"\x1f\x8b?", headers={"content-encoding": "gzip"}), OK], 2, "Fine."),
    "a redirect": Row(
        [answers(b"", status=302, headers={"location": "https://elsewhere.example/v1"})],
        1,
        says=r"HTTP 302: redirected to 'https://elsewhere\.example/v1'[\s\S]*check the provider's base_url",
    ),
    "thinking in the content": Row([said("<think>Hm.</think>Fine.")], 1, "Fine."),
    "a wrong content type": Row([answers(headers={"content-type": "text/plain"})], 1, "Fine."),
    "half a character": Row([answers(completion({}, "Fine \ud83d"))], 1, "Fine ?"),
    "headers beyond ASCII": Row(
        [answers(headers={"content-type": "application/json; by=J\xf8rgen", "x-note": "\xff"})], 1, "Fine."
    ),
    "an injected header": Row([split_header], 1, "Fine."),
}

Server = Callable[..., FaultServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running: list[FaultServer] = []
    loop_time = LoopTime(monkeypatch)

    def start(*faults: Fault) -> FaultServer:
        running.append(FaultServer(*faults, loop_time=loop_time))
        return running[-1]

    yield start
    for server in running:
        server.close()


def environ(server: FaultServer) -> dict[str, str]:
    return {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": KEY}


def ask(server: FaultServer, patience: Patience) -> Reply:
    def reached(name: str, model: str) -> Any:
        return destination(name, PROVIDERS[name], environ(server))

    transport = RetryingTransport(LiveTransport(reached), patience)
    request = ChatRequest("m", (ChatMessage("user", "Hello."),))
    return reply_over(transport, lambda line: open_endpoint("openai:m", line=line, configured={}), request)


def hold(
    server: FaultServer, folder: Path, mode: RecordMode, patience: Patience, *, turns: int = 1
) -> Dialogue:
    session = Session(Settings(record_mode=mode, patience=patience), environ(server))
    given = {"a": "scripted:echo", "b": "openai:m", "turns": turns, "stop_on": ()}
    values = ScenarioValues.of([Source("the test", given)])
    site = Site(session, folder, "test_fault", values, {}, "test_fault.py", lambda _: ())
    return Dialogue(site, values)


@pytest.mark.parametrize("row", MATRIX.values(), ids=MATRIX.keys())
def test_fault_without_a_recording(row: Row, serve: Server) -> None:
    server = serve(*row.faults)
    if row.reply is None:
        with pytest.raises(EndpointError, match=row.says) as failed:
            ask(server, PATIENCE)
        assert KEY not in str(failed.value)
        assert failed.value.model == "openai:m"
    else:
        assert ask(server, PATIENCE).content.encode("utf-8", "replace").decode().strip() == row.reply
    assert len(server.heads) == row.n_asked


@pytest.mark.parametrize("row", MATRIX.values(), ids=MATRIX.keys())
def test_fault_with_a_recording(row: Row, serve: Server, tmp_path: Path) -> None:
    server = serve(*row.faults)
    dialogue = hold(server, tmp_path, RecordMode.ONCE, PATIENCE)
    if row.reply is None:
        with pytest.raises(DialogueError, match=f"no message 2 from Model B: [\\s\\S]*{row.says}"):
            dialogue.messages  # noqa: B018
        assert not list(tmp_path.rglob("*.jsonl"))
    else:
        contents = [message.content for message in dialogue.messages]
        assert contents[1 : 2 if row.reply else None] == ([row.reply] if row.reply else [])
        assert len(read_journal(dialogue.cassette_path).interactions) == 1
        assert KEY not in dialogue.cassette_path.read_text("utf-8")
    n_asked = len(server.heads)
    replayed = hold(server, tmp_path, RecordMode.NONE, PATIENCE)
    if row.reply is None:
        with pytest.raises(CassetteMismatch):
            replayed.messages  # noqa: B018
    else:
        assert replayed.messages == dialogue.messages
        assert replayed.stop_reason == dialogue.stop_reason
    assert len(server.heads) == n_asked


def test_a_redirect_does_not_take_the_key_along(serve: Server) -> None:
    elsewhere = serve(OK)
    server = serve(answers(b"", status=307, headers={"location": f"{elsewhere.url}/chat/completions"}))
    with pytest.raises(EndpointError, match="HTTP 307"):
        ask(server, PATIENCE)
    assert f"Bearer {KEY}" in server.heads[0]
    assert elsewhere.heads == []


ESCAPE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
HOSTILE = {
    "an error": error(400, f"No {ESCAPE}", metadata={"provider_name": ESCAPE}),
    "a body": answers(f"<p>{ESCAPE}".encode(), headers={"content-type": "text/\x9b31m"}),
    "names of fields": answers({ESCAPE: 1, "x" * 5000: 2}),
    "a redirect": answers(b"", status=302, headers={"location": "https://x/\x9b31m"}),
    "a finish reason": answers(completion({}, "", finish_reason=ESCAPE)),
    "a tool": said(None, "tool_calls", tool_calls=[{"function": {"name": ESCAPE, "arguments": "{}"}}]),
    "an error that is a list": answers({"error": [ESCAPE]}),
}


@pytest.mark.parametrize("fault", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_a_server_says_reaches_a_terminal_raw(fault: Fault, serve: Server, tmp_path: Path) -> None:
    dialogue = hold(serve(fault), tmp_path, RecordMode.ONCE, PATIENCE)
    try:
        shown = str(dialogue.stop_reason)
    except DialogueError as failed:
        shown = str(failed)
    assert shown.replace("\n", "").isprintable()
    assert "raised" not in shown, "an error of ours, not one from below"
    assert len(shown) < 1500


def test_a_speaker_that_two_hosts_answered_for_is_named(serve: Server, tmp_path: Path) -> None:
    def host(name: str) -> Fault:
        return answers({**json.loads(completion({"model": "m"}, f"I am {name}.")), "provider": name})

    dialogue = hold(serve(host("Acme"), host("Bolt")), tmp_path, RecordMode.ONCE, PATIENCE, turns=2)
    assert len(dialogue.messages) == 5
    assert dialogue.result.notices == ("Model B was answered by 2 models: m at Acme, m at Bolt",)
    assert read_journal(dialogue.cassette_path).end["served"] == ["m at Acme", "m at Bolt"]
