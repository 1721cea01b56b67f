"""The Responses API of OpenAI: items of `input` and `output`, including function calls and their outputs."""

from __future__ import annotations

from typing import Any

from pytest_duolog.display import shorten
from pytest_duolog.errors import TranscriptError
from pytest_duolog.transcripts.chat_entries import is_chat_log, text_of
from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    asked, answered = value.get("input"), value.get("output")
    return any(is_chat_log(items) and items for items in (asked, answered))


def _read(value: Any) -> Transcript:
    items = [*_items(value, "input", "user"), *_items(value, "output", "assistant")]
    return transcript_of(items, {"system": text_of(value.get("instructions")), **value})


def _items(value: dict[str, Any], key: str, role: str) -> list[Any]:
    found = value.get(key)
    if isinstance(found, str):
        return [{"role": role, "content": found}]
    if found is not None and not isinstance(found, list):
        raise TranscriptError(f"{key} is neither text nor a list of items: {shorten(repr(found), 60)}")
    return found or []


# Files of evaluations may have `input` and `output` next to the `messages` of a chat.
READER = Reader(("input", "output"), _accepts, _read, is_vague=True)
