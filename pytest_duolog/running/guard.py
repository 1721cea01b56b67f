"""Stops a running dialogue after a goodbye or in a loop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pytest_duolog.detectors.loops import LoopDetector
from pytest_duolog.transcripts.transcript import StopKind


@dataclass
class Guard:
    """Reads the messages as they come, with the same detectors that judge finished transcripts.

    `stop_on` names what stops a dialogue: `goodbye`, `loop`. `grace` is how many more messages it gets after a goodbye
    was answered or a loop was found. A new question after a goodbye reopens the dialogue.
    """

    stop_on: Collection[str]
    grace: int
    _detector: LoopDetector = field(default_factory=LoopDetector)
    _n_read: int = 0
    _n_after: dict[str, int] = field(default_factory=dict)

    def read(self, speaker: str, content: str) -> tuple[StopKind, str] | None:
        """Read the next message; returns the reason to stop here with its details, or None."""
        if not self.stop_on:
            return None
        self._detector.read(speaker, content)
        self._n_read += 1
        seen = {"goodbye": self._detector.is_over, "loop": self._detector.is_looping}
        self._n_after = {kind: self._n_after.get(kind, -1) + 1 for kind in self.stop_on if seen[kind]}
        due = [kind for kind, n_after in self._n_after.items() if n_after >= self.grace]
        if "goodbye" in due:
            return StopKind.GOODBYE, f"message {(self._detector.closings.closing or 0) + 1} says goodbye"
        # Goodbyes may look like a loop, but the part after the polite answer can still be too short for one.
        loops = self._detector.loops() if "loop" in due else []
        if loops and loops[-1].end >= self._n_read - 2:  # one message of a loop may be new
            loop = loops[-1]
            return StopKind.LOOP, f"nothing new since message {loop.onset + 1} ({loop.kind})"
        return None
