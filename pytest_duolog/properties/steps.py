"""The check of a step: a property of the messages up to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pytest_duolog.properties.base import Check, Property, check_name, judge
from pytest_duolog.properties.verdict import Verdict
from pytest_duolog.transcripts.transcript import Transcript

_WRITTEN = re.compile(r"step (\d{1,9}), check\((.*)\), (?:after message (\d{1,9})|not reached)", re.DOTALL)


@dataclass(frozen=True)
class StepCheck(Property):
    """What step number `step` of a dialogue checks, after its first `after` messages; None if it was not reached."""

    step: int
    part: Check
    after: int | None

    def asking(self, ask: Callable[[Any], str]) -> Property:
        """The same with `ask` for what it checks."""
        return replace(self, part=self.part.asking(ask)) if isinstance(self.part, Property) else self

    def check(self, transcript: Transcript) -> Verdict:
        """The verdict on the messages up to the step; could not be measured if the dialogue ended before."""
        if self.after is None or self.after > len(transcript):
            ended = f"stopped by {transcript.stop_reason}" if transcript.stop_reason else "it is over"
            return self.verdict(None, f"the dialogue ended before this step: {ended}")
        if self.after < len(transcript):
            so_far = {"messages": transcript.messages[: self.after], "stop_reason": None, "turns": None}
            transcript = transcript.model_copy(update=so_far)
        found = judge(self.part, transcript)
        return Verdict(str(self), found.outcome, found.explanation, found.evidence)

    def __str__(self) -> str:
        where = "not reached" if self.after is None else f"after message {self.after}"
        return f"step {self.step}, check({check_name(self.part)}), {where}"


def is_unreached(written: str) -> bool:
    """Whether a property is the check of a step before which the dialogue ended.

    It could not be measured, but it says something of the speakers: so it fails a sample, as it fails a test.
    """
    step = WrittenStep.of(written)
    return step is not None and step.after is None


class WrittenStep(NamedTuple):
    """A check of a step as `str` writes it."""

    step: int
    part: str
    after: int | None

    @classmethod
    def of(cls, written: str) -> WrittenStep | None:
        """None for another text."""
        found = _WRITTEN.fullmatch(written)
        return cls(int(found[1]), found[2], int(found[3]) if found[3] else None) if found else None
