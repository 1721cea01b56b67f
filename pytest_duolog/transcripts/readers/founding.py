"""The JSON form of the first published two-model dialogues, whose Markdown form `markdown` reads."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.chat_entries import is_chat_log
from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    return isinstance(value, dict) and "conversation" in value


def _read(value: Any) -> Transcript:
    said = value["conversation"]
    is_of_others = is_chat_log(said) and any(
        "speaker" not in entry or "content" not in entry for entry in said
    )
    return transcript_of(said, value) if is_of_others else Transcript.from_value(value)


READER = Reader(("conversation",), _accepts, _read)
