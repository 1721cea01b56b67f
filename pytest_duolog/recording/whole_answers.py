"""Detects incomplete responses for libraries that unpack them first and accept incomplete ones as complete.

An incomplete response is not recorded (`hooks.plain_response`). Only the packed bytes show that it is incomplete:
urllib3, requests on top of it, and aiohttp return what they could unpack of gzip, Brotli and Zstandard, without an
error.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial, wraps
from io import BytesIO
from typing import Any
from unittest import mock

from pytest_duolog.endpoints.encodings import CutShort, PackedWrongly, unpacked
from pytest_duolog.recording.hooks import MOST_UNPACKED_BYTES, plain_response

# The attribute in which aiohttp's buffers keep their input.
PACKED = "duolog_packed"


def packed_from(connection: Any, getresponse: Callable[..., Any]) -> Any:
    """The response of one of vcrpy's connections: recorded as it was sent, but unpacked for its reader.

    Works around urllib3 2, whose connections unpack a body while they read it (before, its pools did so later). To be
    dropped when it raises an error for a body that ends too early.
    """
    real, is_live = connection.real_connection, []

    def request(send: Callable[..., Any], *args: Any, **options: Any) -> Any:
        is_live.append(True)
        return send(*args, decode_content=False, **options)

    if "decode_content" not in inspect.signature(type(real).request).parameters:
        return getresponse()
    with mock.patch.object(real, "request", partial(request, real.request)):
        response = getresponse()
    if is_live and response.recorded_response["body"]["string"]:
        try:
            content = plain_response(response.recorded_response).content
        except PackedWrongly:  # the speaker got an error already
            return response
        response.recorded_response = {**response.recorded_response, "body": {"string": content}}
        response._content = BytesIO(content)  # noqa: SLF001  # where the stub reads from (9.4)
    return response


def refusing_buffers(is_idle: Callable[[], bool]) -> Iterator[Any]:
    """Patches that make aiohttp refuse every incomplete body, as it does for `deflate`.

    Works around aiohttp (all versions, 3.14 too). While it `is_idle`, they do nothing. To be dropped when aiohttp
    raises an error itself.
    """
    parser = sys.modules.get("aiohttp.http_parser")
    buffers = getattr(parser, "DeflateBuffer", None)
    if buffers is None:
        return
    feed_data, feed_eof = buffers.feed_data, buffers.feed_eof

    @wraps(feed_data)
    def remember(buffer: Any, chunk: bytes, *args: Any) -> Any:
        if not is_idle():
            vars(buffer).setdefault(PACKED, bytearray()).extend(chunk)
        return feed_data(buffer, chunk, *args)

    @wraps(feed_eof)
    def check(buffer: Any) -> None:
        content = bytes(vars(buffer).pop(PACKED, b""))
        try:
            unpacked(content, buffer.encoding or "", MOST_UNPACKED_BYTES)
        except CutShort as error:
            raise sys.modules["aiohttp.http_exceptions"].ContentEncodingError(
                f"the response {error}"
            ) from None
        except PackedWrongly:
            pass
        feed_eof(buffer)

    yield mock.patch.object(buffers, "feed_data", remember)
    yield mock.patch.object(buffers, "feed_eof", check)
