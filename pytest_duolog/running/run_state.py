"""What a run came to, in a form that can go to another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_duolog.dataclass import dataclass
from pytest_duolog.transcripts.transcript import Message, StopReason
from pytest_duolog.transcripts.usage import Usage


@dataclass(frozen=True)
class RunState:
    """What a run came to, as plain values that can go to another process; see `DialogueRun`.

    `reached` is `Progress.reached`, `timed` are the steps of the timeline.
    """

    messages: tuple[Message, ...]
    stop_reason: StopReason | None
    n_asked: int
    spent: Usage
    reached: Mapping[int, int]
    timed: tuple[Any, ...]
