"""Which heads of responses are read without h11, and that h11 would read the same in them."""

from __future__ import annotations

import h11
import httpx
import pytest

from pytest_duolog.endpoints.plain_http import Asked, plain_head, with_length

LENGTH = b"content-length: 5\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 200 \r\nContent-Length:5\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nx-empty:\r\nX-Two: a\tb  c\r\n\r\n",
        b"HTTP/1.1 429 Too Many Requests\r\nset-cookie: a=b\r\nset-cookie:   c=d\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /a:b\r\nconnection: Keep-Alive\r\ncontent-length: 5\r\n\r\n",
    ],
)
def test_h11_reads_the_same_in_a_plain_head(head):
    http = h11.Connection(our_role=h11.CLIENT)
    http.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    http.send(h11.EndOfMessage())
    http.receive_data(head + b"Fine.")
    event = http.next_event()
    plain = plain_head(head + b"Fine.")
    assert isinstance(event, h11.Response)
    assert plain is not None
    assert plain.n_bytes == len(head)
    assert plain.head == (event.status_code, event.reason, event.headers.raw_items())
    assert plain.n_body == int(httpx.Headers(plain.head.headers)["content-length"])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 304 Not Modified\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 20 OK\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\n" + LENGTH.replace(b"\r", b"") + b"\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5 \r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"x: folded\r\n over lines\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"x: caf\xe9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"x: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"x: a\rb\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b": no name\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"Connection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"upgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"connection: keep-alive, upgrade\r\n\r\n",
    ],
)
def test_a_head_with_any_doubt_is_not_plain(head):
    assert plain_head(head) is None


@pytest.mark.parametrize("line", [b"x:" + b" \t" * 50_000, b"x: " + b"a " * 50_000, b"x" * 100_000])
def test_a_head_that_is_made_to_be_slow_is_refused_at_once(line):
    assert plain_head(b"HTTP/1.1 200 OK\r\n" + line + b"\x00\r\n\r\n") is None


def test_a_request_is_written_with_the_length_of_its_body_only():
    headers = {"content-length": "7", "transfer-encoding": "chunked", "x-a": "b"}
    request = httpx.Request("POST", "http://lab.example/a?b=c", headers=headers)
    lines = with_length(Asked.of(request).written(), 12).split(b"\r\n")
    assert lines[0] == b"POST /a?b=c HTTP/1.1"
    assert sorted(lines[1:]) == [b"", b"", b"Host: lab.example", b"content-length: 12", b"x-a: b"]


def test_what_http_does_not_allow_is_not_written():
    request = httpx.Request("GET", "http://lab.example/", headers={"x": "a\r\nhost: evil.example"})
    with pytest.raises(h11.LocalProtocolError):
        Asked.of(request).written()
