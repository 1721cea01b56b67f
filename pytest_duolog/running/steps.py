"""Where a dialogue in steps is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_duolog.scenarios.steps import Check, Say, Step, Talk


class Progress:
    """The step that a dialogue has come to; it hears of every message, those of a history included."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._at = 0
        self._n_talked = 0
        self._reached: dict[int, int] = {}

    @property
    def is_over(self) -> bool:
        """Whether all steps are done."""
        return self._at >= len(self._steps)

    @property
    def fixed_text(self) -> str | None:
        """What the next side says, if its words are fixed."""
        step = None if self.is_over else self._steps[self._at]
        return step.text if isinstance(step, Say) else None

    @property
    def begins_talk(self) -> bool:
        """Whether the next message is the first one of a free part."""
        return not self.is_over and not self._n_talked and isinstance(self._steps[self._at], Talk)

    def said(self, n_said: int, *, ends_talk: bool) -> None:
        """Go on after a message, the last of `n_said`; `ends_talk` says that a free part ends with it."""
        if self.is_over:
            return
        step = self._steps[self._at]
        self._n_talked += 1
        if not isinstance(step, Talk) or ends_talk or self._n_talked >= 2 * step.turns:
            self._go_on(n_said)

    def end(self, n_said: int) -> None:
        """A persona ends the dialogue after `n_said` messages: a free part is done."""
        if not self.is_over and isinstance(self._steps[self._at], Talk):
            self._go_on(n_said)

    def _go_on(self, n_said: int) -> None:
        self._at, self._n_talked = self._at + 1, 0
        while not self.is_over and isinstance(self._steps[self._at], Check):
            self._reached[self._at] = n_said
            self._at += 1

    @property
    def reached(self) -> Mapping[int, int]:
        """After how many messages each check was reached, by its index."""
        return self._reached

    def has_reached(self, reached: Mapping[int, int]) -> None:
        """The dialogue ran elsewhere, and came to these checks."""
        self._at, self._reached = len(self._steps), dict(reached)

    def checks(self) -> Iterator[tuple[int, Any, int | None]]:
        """The number of each check from 1, what it checks, and after how many messages; None if it was not reached."""
        for at, step in enumerate(self._steps):
            if isinstance(step, Check):
                yield at + 1, step.part, self._reached.get(at)
