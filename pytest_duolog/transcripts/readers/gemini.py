"""Requests to Gemini: an object with `contents`, whose parts are text, function calls and function responses."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.chat_entries import text_of
from pytest_duolog.transcripts.chat_log import transcript_of
from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    return isinstance(value, dict) and "contents" in value and "messages" not in value


def _read(value: Any) -> Transcript:
    contents = value["contents"]
    entries = contents if isinstance(contents, list) else [contents]
    named = [
        {"role": "user", **entry} if isinstance(entry, dict) else {"role": "user", "parts": entry}
        for entry in entries
    ]
    system = value.get("systemInstruction") or value.get("system_instruction")
    return transcript_of(named, {"system": text_of(system), **value})


READER = Reader(("contents",), _accepts, _read)
