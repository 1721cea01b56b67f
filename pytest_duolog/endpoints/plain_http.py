"""Heads of HTTP/1.1 messages: requests that are alike are written by h11 once, plain responses are read without it.

A head is plain if nothing about it is in doubt: every line is well-formed ASCII, one length is given, and the
connection stays. h11 reads all others. With it, a reply takes a tenth more time.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

import h11
import httpx

_HEAD = re.compile(
    rb"HTTP/1\.1 (?P<status>[2-5][0-9][0-9]) (?P<reason>[!-~]++(?: [!-~]++)*+)?\r\n"
    rb"(?P<lines>(?:[!#$%&'*+.^_`|~0-9A-Za-z-]++:[ \t]*+(?:[!-~]++(?:[ \t]++[!-~]++)*+)?\r\n)++)\r\n"
)
_LINE = re.compile(rb"([^:]++):[ \t]*+([^\r]*+)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,15}")

# Responses with these statuses have no body, whatever their length says.
WITHOUT_BODY = (b"204", b"304")
# Headers about the length of a request, whose body is written at once.
LENGTHS = (b"content-length", b"transfer-encoding")


class Head(NamedTuple):
    """Status and headers of a response."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]


class PlainHead(NamedTuple):
    """A head, its own length, and the length of the body after it."""

    head: Head
    n_bytes: int
    n_body: int


def plain_head(received: bytes | bytearray) -> PlainHead | None:
    """The head at the beginning of `received`; None if it is not complete, or not plain."""
    found = _HEAD.match(received)
    if found is None or found["status"] in WITHOUT_BODY:
        return None
    headers = _LINE.findall(found["lines"])
    n_body = None
    for name, value in headers:
        match name.lower():
            case b"content-length" if n_body is None and _LENGTH.fullmatch(value):
                n_body = int(value)
            case b"content-length" | b"transfer-encoding" | b"upgrade":
                return None
            case b"connection" if value.lower() != b"keep-alive":
                return None
    if n_body is None:
        return None
    return PlainHead(Head(int(found["status"]), found["reason"] or b"", headers), found.end(), n_body)


class Asked(NamedTuple):
    """A request without its body and the length of it."""

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]

    @classmethod
    def of(cls, request: httpx.Request) -> Self:
        """What requests that differ only in their bodies have in common."""
        headers = [pair for pair in request.headers.raw if pair[0].lower() not in LENGTHS]
        return cls(request.method, request.url.raw_path, headers)

    def event(self) -> h11.Request:
        """The request for h11. Raises h11.LocalProtocolError for what HTTP does not allow."""
        return h11.Request(method=self.method, target=self.target, headers=self.headers)

    def written(self) -> bytes:
        """The head in bytes. Raises the errors of `event`."""
        return h11.Connection(our_role=h11.CLIENT).send(self.event()) or b""


def with_length(head: bytes, n_bytes: int) -> bytes:
    """The head of a request with the length of its body."""
    return b"%bcontent-length: %d\r\n\r\n" % (head[:-2], n_bytes)
