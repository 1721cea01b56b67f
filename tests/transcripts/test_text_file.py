"""Files that are not UTF-8 say what they are and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_duolog import Transcript
from pytest_duolog.cli import main
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.text_file import decode_text

TEXTS = {
    "chat": '{"messages": [{"role": "user", "content": "Grüß Gott."}]}',
    "by hand": "Alice: Hi.\nBob: Hello.\n",
    "Chinese": "李明：你好。\n王芳：你好！\n" * 3,
    "Chinese chat": '{"messages": [{"role": "user", "content": "' + "你好" * 50 + '"}]}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16LE"),
        ("utf-16-be", "UTF-16BE"),
        ("utf-32", "UTF-32"),
    ],
)
def test_another_encoding_is_named_with_what_to_do(text: str, encoding: str, name: str):
    data = text.encode(encoding)
    with pytest.raises(TranscriptError) as raised:
        decode_text(data, "talk.json")
    assert str(raised.value) == (
        f"talk.json: not a text file in UTF-8: it is {name}; save it as UTF-8, in an editor or with "
        f"iconv -f {name} -t UTF-8"
    )
    assert data.decode(name) == text or name in ("UTF-16", "UTF-32")


@pytest.mark.parametrize("text", [*TEXTS.values(), "", "a\0b", "\0", "Ann: a\0\0b\0c\0\nBen: \0" + "x" * 99])
def test_utf_8_is_read(text: str):
    assert decode_text(text.encode(), "x") == text
    assert decode_text(text.encode("utf-8-sig"), "x") == text


def test_the_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "talk.json"
    path.write_bytes(TEXTS["chat"].encode("utf-16-le"))
    assert main(["check", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"duolog: {path}:1: not a text file in UTF-8: it is UTF-16LE; save it as UTF-8, in an editor or with "
        f"iconv -f UTF-16LE -t UTF-8\n"
    )
    with pytest.raises(TranscriptError, match="it is UTF-16LE"):
        Transcript.from_json(path)
