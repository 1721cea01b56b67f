"""The JSON form of the first published two-model dialogues, whose Markdown form `markdown` reads."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    return isinstance(value, dict) and "conversation" in value


READER = Reader(("conversation",), _accepts, Transcript.from_value)
