"""The ways in which a message adds nothing, apart from how they are found: who only keeps them needs no detector."""

from __future__ import annotations

from enum import StrEnum


class Stale(StrEnum):
    """The way in which a message adds nothing."""

    REPEAT = "repeat"
    REPHRASED = "rephrased"
    EMPTY = "empty"
    RITUAL = "ritual"
    VAGUE = "vague"
    LISTENING = "listening"
