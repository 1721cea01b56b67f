"""What the models of a run were asked for, by arm and role: the same replies and votes that its budget counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_duolog.results.arm import AnyArm, Arm, Pairing
from pytest_duolog.results.record import RunRecord
from pytest_duolog.transcripts.usage import Gaps, Usage

JUDGE = "judge"


@dataclass
class Cost:
    """The replies of one model in one role; for a judge, its votes.

    Replays cost nothing and are not counted. `seconds` is model time: the sum of what the replies took.
    """

    arm: AnyArm
    role: str
    model: str
    replies: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    gaps: Gaps = field(default_factory=Gaps)

    def add(self, replies: int, usage: Usage | None, latency_ms: float | None, gaps: Gaps) -> None:
        """Count further replies."""
        self.replies += replies
        self.gaps += gaps
        self.usage += usage or Usage()
        self.seconds += (latency_ms or 0) / 1000


def costs_of(record: RunRecord) -> list[Cost]:
    """A row for each arm, role and model that was asked, in this order; empty if everything was replayed."""
    found: dict[tuple[AnyArm, str, str], Cost] = {}
    places: dict[str, int] = {}
    for sample in record.samples:
        for dialogue in () if sample.is_stored else sample.dialogues:
            models = {speaker.name: speaker.model or "" for speaker in dialogue.transcript.speakers}
            for name in models:
                places.setdefault(name, len(places))
            for message in dialogue.fresh_messages:
                cost = _cost(found, sample.arm, message.speaker, models[message.speaker])
                cost.add(1, message.usage, message.latency_ms, Gaps.of(message.usage))
            for judge in dialogue.judges:
                cost = _cost(found, sample.arm, JUDGE, judge.model)
                cost.add(judge.votes, judge.usage, judge.latency_ms, judge.gaps)
    arms = [*Arm, *Pairing]
    return sorted(
        found.values(),
        key=lambda cost: (arms.index(cost.arm), cost.role == JUDGE, places.get(cost.role, len(places))),
    )


def _cost(found: dict[tuple[AnyArm, str, str], Cost], arm: AnyArm, role: str, model: str) -> Cost:
    return found.setdefault((arm, role, model), Cost(arm, role, model))
