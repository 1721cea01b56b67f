"""Stops a running dialogue after a goodbye or in a loop."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from pytest_duolog.dataclass import dataclass
from pytest_duolog.transcripts.transcript import StopKind, StopReason

if TYPE_CHECKING:
    from pytest_duolog.detectors.loops import LoopDetector

# Why a recorded dialogue ended with so many messages, None if it went on.
KnownStop = Callable[[int], StopReason | Literal["unknown"] | None]
Stop = tuple[StopKind, str]


def unknown_stop(_n_messages: int) -> Literal["unknown"]:
    """Nothing is known of a dialogue that is not recorded."""
    return "unknown"


def _loop_detector() -> LoopDetector:
    from pytest_duolog.detectors.loops import LoopDetector  # noqa: PLC0415  # most replays know where they end

    return LoopDetector()


@dataclass
class Guard:
    """Reads the messages as they come, with the same detectors that judge finished transcripts.

    `stop_on` names what stops a dialogue: `goodbye`, `loop`. `grace` is how many more messages it gets after a goodbye
    was answered or a loop was found. A new question after a goodbye reopens the dialogue.
    """

    stop_on: Collection[str]
    grace: int
    _detector: LoopDetector = field(default_factory=_loop_detector)
    _n_read: int = 0
    _n_after: dict[str, int] = field(default_factory=dict)

    def read(self, speaker: str, content: str) -> Stop | None:
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


@dataclass
class LateGuard:
    """A guard that does not read what it read when the dialogue was recorded, as long as it is known what came of it.

    A replay then needs no detector. Where it is not known, a guard reads all that was said.
    """

    stop_on: Collection[str]
    grace: int
    known_stop: KnownStop
    _said: list[tuple[str, str]] = field(default_factory=list)
    _guard: Guard | None = None

    def read(self, speaker: str, content: str) -> Stop | None:
        """As `Guard.read`."""
        if not self.stop_on:
            return None
        if self._guard is not None:
            return self._guard.read(speaker, content)
        self._said.append((speaker, content))
        stop = self.known_stop(len(self._said))
        if isinstance(stop, str):  # it is not known
            self._guard = Guard(self.stop_on, self.grace)
            return [self._guard.read(*message) for message in self._said][-1]
        if stop is None or stop.kind not in (StopKind.GOODBYE, StopKind.LOOP):
            return None
        return stop.kind, stop.detail
