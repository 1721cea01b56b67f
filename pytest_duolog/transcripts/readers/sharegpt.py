"""ShareGPT: an object with `conversations`, a list of messages with `from` and `value`."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    known = ("conversation", "messages")
    return isinstance(value, dict) and "conversations" in value and not any(key in value for key in known)


def _read(value: Any) -> Transcript:
    return transcript_of(value["conversations"], value)


READER = Reader(("conversations",), _accepts, _read)
