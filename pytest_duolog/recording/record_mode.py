"""When models are asked."""

from __future__ import annotations

from enum import StrEnum


class RecordMode(StrEnum):
    """When models are asked; the names are vcrpy's.

    `none` never asks. `once` records dialogues without a recording and finishes incomplete recordings. `new_episodes`
    replays what still matches and asks for the rest. `all` and `rewrite` ask for everything again; the old recording is
    kept until the new one is complete.
    """

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"
    REWRITE = "rewrite"

    @property
    def is_anew(self) -> bool:
        """Whether everything is asked for again."""
        return self in (RecordMode.ALL, RecordMode.REWRITE)
