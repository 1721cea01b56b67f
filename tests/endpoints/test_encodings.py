"""Packed bodies: whole ones come back, and what is cut, damaged or too much is said to be so."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.endpoints import encodings
from pytest_duolog.endpoints.encodings import (
    CutShort,
    PackedWrongly,
    TooLarge,
    UnknownEncoding,
    is_packed,
    unpacked,
)

TEXT = '{"text": "A lamp for Zoë, 李."}'.encode() * 20


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def brotli(content: bytes) -> bytes:
    return pytest.importorskip("brotli").compress(content)


def zstd(content: bytes) -> bytes:
    return pytest.importorskip("zstandard").ZstdCompressor().compress(content)


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli,
    "zstd": zstd,
}

each_packer = pytest.mark.parametrize(
    ("encoding", "pack"),
    [*PACKERS.items(), ("deflate", raw_deflate)],
    ids=[*PACKERS, "deflate without a header"],
)


@each_packer
def test_what_was_packed_comes_back(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    for content in (TEXT, b"x", TEXT * 1000):
        packed = pack(content)
        assert unpacked(packed, encoding, len(content)) == content
        assert unpacked(packed, f" {encoding.upper()} ", len(content)) == content
        assert is_packed(packed, encoding)
    assert unpacked(b"", encoding, 10) == b""  # the answer to a HEAD request


@each_packer
def test_what_is_cut_anywhere_is_cut_short(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(TEXT)
    for cut in range(1, len(packed)):
        with pytest.raises(CutShort, match="is incomplete"):
            unpacked(packed[:cut], encoding, 10_000)


@each_packer
def test_no_more_than_the_limit_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b" " * 50_000_000)
    assert len(packed) < 100_000
    with pytest.raises(TooLarge, match="unpacks to more than 1000 bytes"):
        unpacked(packed, encoding, 1000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@given(st.binary(min_size=1))
def test_anything_else_is_said_to_be_wrong(encoding: str, content: bytes) -> None:
    pytest.importorskip("brotli")
    pytest.importorskip("zstandard")
    with contextlib.suppress(CutShort, TooLarge, PackedWrongly):
        assert len(unpacked(content, encoding, 100_000)) <= 100_000


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("padding", [b"", b"\0" * 7])
def test_several_parts_are_one_body(encoding: str, padding: bytes) -> None:
    pack = PACKERS[encoding]
    packed = padding.join([pack(TEXT), pack(b""), pack(b"The end.")]) + padding
    if encoding == "zstd" and padding:
        pytest.skip("frames are not padded")
    assert unpacked(packed, encoding, 10_000) == TEXT + b"The end."
    with pytest.raises(CutShort):
        unpacked(pack(TEXT) + pack(TEXT)[:-3], encoding, 10_000)
    with pytest.raises(TooLarge):
        unpacked(pack(TEXT) * 3, encoding, 2 * len(TEXT))


def test_zeros_are_no_body() -> None:
    with pytest.raises(PackedWrongly):
        unpacked(bytes(20), "gzip", 100)


def test_what_follows_a_body_is_wrong() -> None:
    with pytest.raises(PackedWrongly, match="cannot be unpacked"):
        unpacked(gzip.compress(TEXT) + b"more", "gzip", 10_000)


def test_encodings_are_undone_in_the_order_in_which_they_were_applied() -> None:
    assert unpacked(gzip.compress(zlib.compress(TEXT)), "deflate, identity, gzip", 10_000) == TEXT


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_plain_text_is_left_alone(encoding: str) -> None:
    assert unpacked(TEXT, encoding, 1) == TEXT


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(encodings, "import_module", nothing)
    with pytest.raises(
        UnknownEncoding, match="has the encoding 'br'; to unpack it, install one of brotli, brotlicffi"
    ):
        unpacked(b"?", "br", 10)
    with pytest.raises(UnknownEncoding, match=r"install one of .*zstandard"):
        unpacked(b"?", "zstd", 10)
    with pytest.raises(UnknownEncoding, match="has the encoding 'compress'"):
        unpacked(b"?", "compress", 10)


@pytest.mark.parametrize("library", ["compression.zstd", "backports.zstd", "zstandard"])
def test_each_library_for_zstd_does(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(library)
    packed = zstd(TEXT)

    def only(name: str) -> object:
        if name != library:
            raise ImportError(name)
        return importlib.import_module(name)

    monkeypatch.setattr(encodings, "import_module", only)
    assert unpacked(packed * 2, "zstd", 10_000) == TEXT * 2
    with pytest.raises(CutShort):
        unpacked(packed[:-4], "zstd", 10_000)
    with pytest.raises(TooLarge):
        unpacked(packed, "zstd", 10)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("content", [b"", TEXT, b"{}", b"x^2 is a square", "Größe".encode()])
def test_text_is_not_packed(encoding: str, content: bytes) -> None:
    assert not is_packed(content, encoding)
