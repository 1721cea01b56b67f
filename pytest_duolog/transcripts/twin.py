"""Reads and writes the JSON form of the first published two-model dialogues, which also had a Markdown form.

    {"timestamp": "...", "model_a": "...", "model_b": "...", "system_prompt": "...", "opener": "...", "turns": 50,
     "conversation": [{"speaker": "Model A", "model": "...", "content": "...", "turn": 0, "reasoning": "..."}, ...]}

Written files have these keys and further ones, so that they read back as the same transcript: `speakers`, `stop_reason`
and `topic`, and in each message `finish`, `usage`, `latency_ms` and `tool_calls`. A turn is one reply from each side,
counted from 1; the opener is in turn 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_duolog.transcripts.transcript import DEFAULT_NAMES, Message, Transcript

SIDES = "ab"
# Fields of a message that the original format does not have.
FURTHER = ("finish", "usage", "latency_ms", "tool_calls")


def to_twin(transcript: Transcript) -> str:
    """The text of a JSON file in this format, for a transcript with at most two speakers."""
    models = [speaker.model for speaker in transcript.speakers]
    prompts = {speaker.system for speaker in transcript.speakers}
    dumped = transcript.model_dump(mode="json", exclude_none=True)
    value: dict[str, Any] = {
        "timestamp": dumped.get("recorded_at"),
        **{f"model_{side}": model for side, model in zip(SIDES, models, strict=False)},
        "system_prompt": prompts.pop() if len(prompts) == 1 else None,
        "opener": transcript.opener,
        "turns": transcript.turns,
        "conversation": list(_entries(transcript)),
        **{name: dumped[name] for name in ("speakers", "stop_reason", "topic") if name in dumped},
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _entries(transcript: Transcript) -> Iterator[Mapping[str, Any]]:
    models = {speaker.name: speaker.model for speaker in transcript.speakers}
    n_given = int(transcript.opener is not None)
    for number, message in transcript.numbered():
        yield {
            "speaker": message.speaker,
            "model": models.get(message.speaker),
            "content": message.content,
            "turn": (number - n_given + 1) // 2,
            **_further(message),
        }


def _further(message: Message) -> dict[str, Any]:
    dumped = message.model_dump(mode="json", exclude_none=True, include={"reasoning", *FURTHER})
    return {name: value for name, value in dumped.items() if value not in ([], "")}


def fields_of_twin(value: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a transcript from such a file, which names its speakers by side or as in the Markdown form.

    Raises KeyError or TypeError if it does not have this format.
    """
    names = dict(zip(SIDES, DEFAULT_NAMES, strict=True))
    spellings = {spelling: name for side, name in names.items() for spelling in (side, side.upper(), name)}
    prompt = value.get("system_prompt") or None
    speakers = value.get("speakers") or [
        {"name": name, "model": value.get(f"model_{side}"), "system": prompt} for side, name in names.items()
    ]
    if "speakers" in value:
        spellings = {}
    said = value["conversation"]
    if not (isinstance(said, list) and all(isinstance(entry, dict) for entry in said)):
        raise TypeError("its conversation is not a list of objects")
    messages = [
        {
            "speaker": spellings.get(str(entry.get("speaker")), entry.get("speaker")),
            "content": entry.get("content"),
            "reasoning": entry.get("reasoning") or None,
            **{name: entry[name] for name in FURTHER if name in entry},
        }
        for entry in said
    ]
    return {
        "speakers": speakers,
        "messages": messages,
        "turns": value.get("turns"),
        "opener": value.get("opener") or None,
        "recorded_at": value.get("timestamp"),
        "stop_reason": value.get("stop_reason"),
        "topic": value.get("topic"),
    }
