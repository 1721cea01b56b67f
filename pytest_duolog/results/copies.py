"""Copies of dialogues, which are the evidence of one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from pytest_duolog.results.filed import FiledDialogue


def distinct(dialogues: Iterable[FiledDialogue]) -> list[FiledDialogue]:
    """The first of each group of copies, in order: one test, arm, models and prompts, and the same words."""
    found: dict[Hashable, FiledDialogue] = {}
    for dialogue in dialogues:
        transcript = dialogue.source.transcript
        said = tuple((message.speaker, message.content) for message in transcript.messages)
        key = (dialogue.test, dialogue.arm, dialogue.models, systems_of(dialogue), said)
        found.setdefault(key, dialogue)
    return list(found.values())


def systems_of(dialogue: FiledDialogue) -> tuple[str, ...]:
    """The system prompts of the speakers, in order; empty text for one without."""
    return tuple(speaker.system or "" for speaker in dialogue.source.transcript.speakers)
