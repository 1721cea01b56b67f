"""The JSON twin of the founding Markdown."""

from __future__ import annotations

from typing import Any

from pytest_duolog.transcripts.readers import Reader
from pytest_duolog.transcripts.transcript import Transcript


def _accepts(value: Any) -> bool:
    return isinstance(value, dict) and "conversation" in value


READER = Reader(("conversation",), _accepts, Transcript.from_value)
