"""An object with the messages of a chat under another common key, as many programs that let models talk write it."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.chat_entries import CONTENT_KEYS, is_chat_log
from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript

KEYS = ("conversation_history", "chat_history", "dialogue", "dialog", "transcript", "turns", "utterances")


def _messages(value: Any) -> Any:
    """The one list of messages with text in the object, or None."""
    lists = [value[key] for key in KEYS if key in value] if isinstance(value, dict) else []
    found = [said for said in lists if is_chat_log(said) and said]
    has_text = len(found) == 1 and all(any(key in entry for key in CONTENT_KEYS) for entry in found[0])
    return found[0] if has_text else None


def _accepts(value: Any) -> bool:
    return _messages(value) is not None


def _read(value: Any) -> Transcript:
    return transcript_of(_messages(value), value)


READER = Reader(KEYS, _accepts, _read, is_vague=True)
