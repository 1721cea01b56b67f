"""Reports of `duolog check` as JSON Lines, one object for each dialogue; docs/check.md describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pytest_duolog.detectors.closings import CLEAN_TAIL
from pytest_duolog.detectors.loops import Loop
from pytest_duolog.properties.endings import find_closing
from pytest_duolog.properties.loops import find_loops
from pytest_duolog.results.examination import Examination
from pytest_duolog.topics.assess import assess_topic
from pytest_duolog.topics.boundaries import find_boundaries
from pytest_duolog.transcripts.sources import Unreadable
from pytest_duolog.transcripts.transcript import DEFAULT_NAMES, Transcript

# The speaker names of the first published dialogues, which are sides.
_SIDES = dict(zip(DEFAULT_NAMES, "AB", strict=True))


def part_of(examination: Examination) -> list[str]:
    """What the report says of one dialogue: one line, in ASCII."""
    return [inert_json(facts(examination))]


def report_lines(
    parts: Iterable[Sequence[str]],
    unreadable: Sequence[Unreadable],  # noqa: ARG001  # a report is given both
) -> Iterator[str]:
    """The lines of the report; dialogues that could not be read are left out."""
    return (line for part in parts for line in part)


def inert_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text in ASCII; `##[` and `##vso[`, which Azure Pipelines would execute, are escaped."""
    return json.dumps(value, indent=indent).replace("##", r"#\u0023")


def facts(examination: Examination) -> dict[str, Any]:
    """The facts about one dialogue, as JSON values."""
    transcript = examination.source.transcript
    stop = transcript.stop_reason
    return {
        "id": examination.source.id,
        "file": examination.source.file,
        "messages": len(transcript),
        "stop_reason": stop.kind.value if stop else None,
        "closing": _closing(transcript),
        "loops": [_loop(loop) for loop in find_loops(transcript)],
        "boundaries": [position + 1 for position in find_boundaries(transcript.messages)],
        "topic": _topic(transcript),
        "verdicts": [
            {
                "property": verdict.property,
                "outcome": verdict.outcome.value,
                "explanation": verdict.explanation,
            }
            for verdict in examination.verdicts
        ],
    }


def _closing(transcript: Transcript) -> dict[str, Any] | None:
    closing = find_closing(transcript)
    if closing is None:
        return None
    after = len(transcript) - 1 - closing
    return {"message": closing + 1, "clean": after <= CLEAN_TAIL, "messages_after": after}


def _loop(loop: Loop) -> dict[str, Any]:
    return {
        "onset": loop.onset + 1,
        "end": loop.end + 1,
        "period": loop.period,
        "speakers": [_SIDES.get(name, name) for name in loop.speakers],
        "kind": loop.kind,
        "evidence": [position + 1 for position in range(loop.onset, min(loop.onset + 3, loop.end + 1))],
    }


def _topic(transcript: Transcript) -> dict[str, Any] | None:
    if transcript.topic is None:
        return None
    topic = assess_topic(transcript, transcript.topic)
    drift = topic.first_drift
    return {
        "statement": transcript.topic,
        "score": topic.score,
        "method": topic.method,
        "first_drift": None if drift is None else drift + 1,
    }
