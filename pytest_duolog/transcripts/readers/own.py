"""The JSON that `Transcript.to_json` writes."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("format"), int) and "conversation" not in value


READER = Reader(("messages",), _accepts, Transcript.from_value)
