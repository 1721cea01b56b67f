"""Checksums of lines: what was written is right, and every change is found and named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_duolog.storage.checksums import REACH, with_checksum, without_checksum, wrong_lines


def written(n_lines: int) -> list[bytes]:
    return [
        with_checksum(b'{"line":%d,"text":"some words"}' % place, place) for place in range(1, n_lines + 1)
    ]


OBJECTS = st.dictionaries(st.text(), st.text() | st.integers(), min_size=1).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
)


@given(st.lists(OBJECTS, max_size=8))
def test_what_was_written_is_right(texts):
    lines = [with_checksum(text, place) for place, text in enumerate(texts, start=1)]
    assert list(wrong_lines(lines)) == []
    assert [without_checksum(line) for line in lines] == texts
    assert list(wrong_lines([line + b"\r" for line in lines])) == []
    for line, text in zip(lines, texts, strict=True):
        assert json.loads(line).keys() == {*json.loads(text), "sum"}
        assert len(line) == len(text) + 17


@given(
    st.integers(0, 3), st.data(), st.binary(min_size=1, max_size=1).filter(lambda byte: not byte.isspace())
)
def test_any_other_byte_is_found(number, data, byte):
    lines = written(4)
    line = lines[number]
    # The name of the first line's checksum says that there are checksums.
    at = data.draw(
        st.integers(0, len(line) - (1 if number else 19)).filter(lambda at: line[at : at + 1] != byte)
    )
    lines[number] = line[:at] + byte + line[at + 1 :]
    assert list(wrong_lines(lines)) == [(number + 1, None)]


A, B, C, D, E = written(5)


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([A, B, C, D, E], []),
        ([A, b"", B, b"  ", C, D, E], []),
        ([A, B, C], []),
        ([A, C, D, E], [(2, 3)]),
        ([A, D, E], [(2, 4)]),
        ([A, B, E], [(3, 5)]),
        ([A, C, E], [(2, 3), (3, 5)]),
        ([A, C, B, D, E], [(2, 3), (3, 2)]),
        ([A, B, B, C, D, E], [(3, 2)]),
        ([E, D, C, B, A], [(1, 5), (2, 4), (4, 2), (5, 1)]),
        ([A, B, b'{"line":3}', D, E], [(3, None)]),
        ([A, B, C.replace(b"some", b"any"), D, E], [(3, None)]),
        ([A, B, C.replace(b'"sum"', b'"mus"'), D, E], [(3, None)]),
        ([A, b'{"new":1}', B, C, D, E], [(2, None), (3, 2)]),
        ([A, b'{"torn":', C], [(2, None)]),
        ([A.replace(b"some", b"any"), B], [(1, None)]),
    ],
    ids=str,
)  # fmt: skip
def test_each_change_is_found_where_it_is(lines, wrong):
    assert list(wrong_lines(lines)) == wrong


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([], []),
        ([b'{"line":1}', b'{"line":2}'], []),
        ([b'{"line":1}', B, C], []),
        ([b'{"line":1}', B, C.replace(b"some", b"any")], [(3, None)]),
    ],
    ids=["empty", "older version", "gone on with by a newer one", "that and edited"],
)
def test_files_of_older_versions_have_no_checksums_or_get_them_later(lines, wrong):
    assert list(wrong_lines(lines)) == wrong


def test_looking_for_a_line_ends():
    lines = written(2)
    far = [lines[0], *(with_checksum(b'{"n":%d}' % n, n + 10 * REACH) for n in range(500))]
    assert [wrong.written_as for wrong in wrong_lines(far)] == [None] * 500
