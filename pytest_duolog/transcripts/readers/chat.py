"""The most common chat format: an object with `messages`, or only the list of messages."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.chat_entries import is_chat_log
from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    if isinstance(value, dict):
        is_ours = isinstance(value.get("format"), int)
        return "messages" in value and "conversation" not in value and not is_ours
    return is_chat_log(value)


def _read(value: Any) -> Transcript:
    return transcript_of(value["messages"], value) if isinstance(value, dict) else transcript_of(value, {})


READER = Reader(("messages",), _accepts, _read)
